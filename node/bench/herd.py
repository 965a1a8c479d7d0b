"""`ggzy bench herd`: many districts come back at once, each with a month's backlog; how long does the slowest wait?

A hub as it is served, and districts that are real nodes (own keys, databases, sync passes) in a few client processes.
All begin at one moment. A district's wait ends when the hub's mirror cosignature and its custody note over the newest
record are stored in the district's database. Beside the storm a visitor asks for pages of the portal, and one district
that was level all the time publishes a record now and then. Clients and hub share the machine.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from node.bench import machine
from node.bench.corpus import KINDS
from node.bench.options import Options, workplace
from node.bench.postgres import private_cluster
from node.bench.processes import Federation, Process, cpu_seconds, helper, make, peak_rss_bytes, reaching, serving
from node.bench.report import Figures, latencies, median, rounded
from node.bench.report import show as show_table
from node.bench.watching import Watcher
from node.errors import Malformed, NodeError
from node.sync.peer import Request, Transport

PAGES = ("/trades", "/", "/credit", "/status")
PAGE_PAUSE_S = 0.1
FRESH_PAUSE_S = 0.5
AFTER = 10


@dataclass(frozen=True, slots=True)
class HerdOptions(Options):
    """`records` is each district's backlog: 80 a day for 30 days. `uneven` makes it a quarter to seven quarters."""

    districts: int = 40
    records: int = 2400
    processes: int = 4
    kind: str = "mixed"
    uneven: bool = False
    workers: int = 1


@dataclass(slots=True)
class Beside:
    """What a visitor and a level district met during the storm (seconds, statuses); `over` tells them to stop."""

    pages: list[float]
    fresh: list[float]
    statuses: Counter[int]
    fresh_refused: Counter[str]
    over: bool = False


async def run(options: HerdOptions) -> Figures:
    """Run the measurement; the figures are those of the JSON line. Raises Malformed, Unavailable, Refused."""
    _check(options)
    with workplace(options) as place:
        described = await asyncio.to_thread(machine.describe, place)
        async with AsyncExitStack() as stack:
            hub_database, database = "", None
            if options.store == "postgres":
                cluster = await stack.enter_async_context(private_cluster(place, options.postgres_url))
                database = cluster.pid
                name = f"ggzy_bench_{secrets.token_hex(4)}_herd"
                stack.push_async_callback(asyncio.to_thread, cluster.drop, name)
                hub_database = await asyncio.to_thread(cluster.database, name)
            options.tell(f"建立 {options.districts + 1} 个区县节点 · making the districts")
            of_hub = {"workers": options.workers} if options.workers > 1 else {}
            making = partial(make, place, options.districts + 1, hub_database=hub_database, hub_settings=of_hub)
            federation = await asyncio.to_thread(making)
            hub = await stack.enter_async_context(serving(federation.hub))
            crowds, level = await _clients(stack, federation, options, place)
            way = await stack.enter_async_context(reaching(federation.hub.url))
            pids = [hub.pid] if database is None else [hub.pid, database]
            figures = await _measure(federation, pids, crowds, level, way, options)
        return {"bench": "herd", **figures, "machine": described}


def _check(options: HerdOptions) -> None:
    for name, given, most in (
        ("--districts", options.districts, 90),
        ("--records", options.records, 10**7),
        ("--processes", options.processes, 64),
        ("--workers", options.workers, 64),
    ):
        if not 1 <= given <= most:
            raise Malformed(
                f"{name} {given} is not from 1 to {most}",
                field=name,
                zh=f"{name} {given} 不在 1 到 {most} 之间",
                advice_zh=f"请给出 1 到 {most}。",
                advice_en=f"Give a number from 1 to {most}.",
            )
    for name, word, known in (("--kind", options.kind, KINDS), ("--store", options.store, ("sqlite", "postgres"))):
        if word not in known:
            raise Malformed(
                f"{name} {word} is not one of {', '.join(known)}",
                field=name,
                zh=f"不支持 {name} {word}",
                advice_zh=f"可用 {'、'.join(known)}。",
                advice_en=f"Use one of {', '.join(known)}.",
            )


async def _clients(
    stack: AsyncExitStack, federation: Federation, options: HerdOptions, place: Path
) -> tuple[list[tuple[Process, list[str]]], Process]:
    """The client processes, each with the origins of its districts, and that of the one that stays level."""
    *herd, last = federation.districts
    crowds = []
    for number in range(min(options.processes, len(herd))):
        part = herd[number :: options.processes]
        directories = [str(each.directory) for each in part]
        log = place / f"crowd-{number}.log"
        child = await stack.enter_async_context(helper("node.bench.crowd", *directories, log=log))
        crowds.append((child, [each.origin for each in part]))
    level = helper("node.bench.crowd", str(last.directory), log=place / "level.log")
    return crowds, await stack.enter_async_context(level)


def backlog(options: HerdOptions) -> list[int]:
    """Records of each district; an uneven herd has from a quarter to seven quarters, the same sum."""
    count = options.districts
    if not options.uneven or count == 1:
        return [options.records] * count
    return [max(1, round(options.records * (0.25 + 1.5 * place / (count - 1)))) for place in range(count)]


async def _measure(
    federation: Federation,
    hub: Sequence[int],
    crowds: Sequence[tuple[Process, list[str]]],
    level: Process,
    way: Transport,
    options: HerdOptions,
) -> Figures:
    """`hub` are the pids of its process and, where it uses one, of its database server."""
    sizes = dict(zip((each.origin for each in federation.districts), backlog(options), strict=False))
    options.tell(f"每个区县约 {options.records} 条积压 · a backlog of {options.records} records each")
    for number, (child, origins) in enumerate(crowds):
        of_child = [sizes[origin] for origin in origins]
        await child.ask(do="forge", kind=options.kind, records=of_child, seed=options.seed * 1000 + 100 * number)
    # The one that stays level has its log there already, and every process has made each call once.
    quiet = [await _fresh(level, options) for _ in range(AFTER)]
    await _page(way, PAGES[0])
    options.tell("全部同时开始 · all at once")
    used = _cpu(hub), _cpu(child.pid for child, _ in crowds)
    beside = Beside([], [], Counter(), Counter())
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(_visit(way, beside))
        group.create_task(_publish(level, options, beside))
        answers = await asyncio.gather(*(child.ask(do="go") for child, _ in crowds))
        seconds = time.perf_counter() - started
        used = _cpu(hub) - used[0], _cpu(child.pid for child, _ in crowds) - used[1]
        beside.over = True
    after = [await _fresh(level, options) for _ in range(AFTER)]
    members = [member for answer in answers for member in answer["members"]]
    watcher = Watcher(way, federation.policy, federation.hub.name)
    options.tell("核对枢纽实际提供的内容 · looking at what the hub serves")
    seen = await asyncio.gather(*(watcher.whole(origin, size) for origin, size in sizes.items()))
    await asyncio.gather(*(watcher.shown(each) for each in seen))
    portal_seconds = time.perf_counter() - started
    figures = _figures(members, sizes, seconds, beside)
    return {
        "store": options.store,
        "kind": options.kind,
        "workers": options.workers,
        "districts": options.districts,
        "records": sum(sizes.values()),
        **figures,
        "portal_seconds": rounded(portal_seconds),
        "fresh_before": latencies([each["seconds"] for each in quiet]),
        "fresh_after": latencies([each["seconds"] for each in after]),
        "hub_cpu_seconds": rounded(used[0]),
        "clients_cpu_seconds": rounded(used[1]),
        "hub_peak_rss_bytes": peak_rss_bytes(hub[0]),
        "client_peak_rss_bytes": max(peak_rss_bytes(child.pid) for child, _ in crowds),
    }


def _cpu(pids: Iterable[int]) -> float:
    return sum(map(cpu_seconds, pids))


def _figures(members: list[dict[str, Any]], sizes: dict[str, int], seconds: float, beside: Beside) -> Figures:
    waits = [member["seconds"] for member in members]
    refused: Counter[str] = Counter()
    for member in members:
        refused.update(member["refused"])
    retries = [after for member in members for after in member["retry_after_s"]]
    return {
        "seconds": rounded(seconds),
        "records_per_s": rounded(sum(sizes.values()) / seconds),
        "wait_first_s": rounded(min(waits)),
        "wait_median_s": rounded(median(waits)),
        "wait_worst_s": rounded(max(waits)),
        "fairness": rounded(jain([sizes[member["origin"]] / member["seconds"] for member in members])),
        "passes_most": max(member["passes"] for member in members),
        "failures": dict(sum((Counter(member["failures"]) for member in members), Counter())),
        "refused": dict(refused),
        "retry_after_s": {"median": median(retries), "most": max(retries)} if retries else {},
        "page": latencies(beside.pages) if beside.pages else {},
        "pages": {str(status): count for status, count in sorted(beside.statuses.items())},
        "fresh": latencies(beside.fresh) if beside.fresh else {},
        "fresh_count": len(beside.fresh),
        "fresh_refused": dict(beside.fresh_refused),
    }


def jain(shares: Sequence[float]) -> float:
    """Jain's fairness index: 1 when all have the same, 1/n when one has everything (Jain, Chiu, Hawe 1984).

    >>> jain([2, 2, 2]), jain([1, 0, 0, 0])
    (1.0, 0.25)
    """
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


# --- beside the storm -------------------------------------------------------------------------------------------------


async def _fresh(level: Process, options: HerdOptions) -> dict[str, Any]:
    member: dict[str, Any] = (await level.ask(do="fresh", kind=options.kind, seed=options.seed))["members"][0]
    return member


async def _publish(level: Process, options: HerdOptions, beside: Beside) -> None:
    while not beside.over:
        done = await _fresh(level, options)
        beside.fresh.append(done["seconds"])
        beside.fresh_refused.update(done["refused"])
        await asyncio.sleep(FRESH_PAUSE_S)


async def _visit(way: Transport, beside: Beside) -> None:
    number = 0
    while not beside.over:
        seconds, status = await _page(way, PAGES[number % len(PAGES)])
        beside.statuses[status] += 1
        beside.pages.append(seconds)
        number += 1
        await asyncio.sleep(PAGE_PAUSE_S)


async def _page(way: Transport, target: str) -> tuple[float, int]:
    """Seconds and status of one page; 0 when no answer came."""
    started = time.perf_counter()
    try:
        status = (await way.send(Request("GET", target, {"Accept": "text/html"}))).status
    except NodeError:
        status = 0
    return time.perf_counter() - started, status


# --- for people -------------------------------------------------------------------------------------------------------


def show(figures: Figures) -> None:
    """The figures for people."""
    rows = [
        ("区县数、积压合计 districts, records in all", [figures["districts"], figures["records"]]),
        (
            "首个、中位、最慢区县等候（秒）first, median, worst wait (s)",
            [figures["wait_first_s"], figures["wait_median_s"], figures["wait_worst_s"]],
        ),
        ("每秒记录 records/s", figures["records_per_s"]),
        ("公平指数（Jain）fairness", figures["fairness"]),
        ("被要求稍后再来 told to come back", figures["refused"] or 0),
        ("所示等候（秒）Retry-After (s)", figures["retry_after_s"] or "—"),
        ("门户页面（毫秒）portal page (ms)", figures["page"]),
        ("门户页面状态 statuses of pages", figures["pages"]),
        ("平时新发布到安全（毫秒）a fresh record before (ms)", figures["fresh_before"]),
        ("高峰时新发布到安全（毫秒）a fresh record meanwhile (ms)", figures["fresh"]),
        ("高峰后新发布到安全（毫秒）a fresh record after (ms)", figures["fresh_after"]),
        ("到门户全部可见（秒）until the portal shows all (s)", figures["portal_seconds"]),
        ("枢纽各进程内存峰值之和（MB）peak memory of the hub's processes", figures["hub_peak_rss_bytes"] / 1e6),
        (
            "CPU 秒：枢纽、全部区县 CPU seconds: hub, all districts",
            [figures["hub_cpu_seconds"], figures["clients_cpu_seconds"]],
        ),
    ]
    show_table(
        f"同时恢复 herd · {figures['store']} · {figures['kind']} · {figures['workers']} 个进程 worker(s)",
        rows,
        notes=["区县与枢纽共用本机处理器。 Districts and hub share this machine."],
    )
