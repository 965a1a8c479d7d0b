"""`ggzy bench portal`: how long a reader of the public pages waits when the node holds a million trades.

The read tables are filled with real-shaped trades of 40 origins and three years, in the order of their days, by
the function that the projection itself writes with (`node.store.view_put.replace`), without their log entries, which no
search looks at; beside them lie records forged whole, for the record pages. Then a real node serves them, and readers
ask over HTTP what readers ask: words cut from titles that are there, company names, codes, filters, deep pages, and
what is made to hurt.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from node.bench import machine
from node.bench.options import Options, workplace
from node.bench.portal_mix import Mix, Query
from node.bench.portal_rows import Filled, drop_file_cache, fill
from node.bench.postgres import private_cluster
from node.bench.processes import helper, make, peak_rss_bytes, reaching, serving
from node.bench.report import Figures, latencies, rounded
from node.bench.report import show as show_table
from node.errors import Unavailable
from node.settings import Settings
from node.sync.peer import Request, Transport

FORGED = 2048
"""Records with entries and payloads, for the record pages."""
COLD_QUERIES = 200
CLIENTS = 8
GOAL_MS = 100
WORST = 8
SHOWN_S = 120.0


@dataclass(frozen=True, slots=True)
class PortalOptions(Options):
    """`records` trades, `queries` of a run."""

    records: int = 1_000_000
    queries: int = 1500


@dataclass(frozen=True, slots=True)
class Asked:
    """One query, how long the whole answer took, and its status."""

    query: Query
    seconds: float
    status: int


async def run(options: PortalOptions) -> Figures:
    """Run the measurement; the figures are those of the JSON line. Raises Malformed, Unavailable, Refused."""
    with workplace(options) as place:
        described = await asyncio.to_thread(machine.describe, place)
        async with AsyncExitStack() as stack:
            hub_database = ""
            if options.store == "postgres":
                cluster = await stack.enter_async_context(private_cluster(place, options.postgres_url))
                name = f"ggzy_bench_{secrets.token_hex(4)}_portal"
                stack.push_async_callback(asyncio.to_thread, cluster.drop, name)
                hub_database = await asyncio.to_thread(cluster.database, name)
            federation = await asyncio.to_thread(partial(make, place, 0, hub_database=hub_database))
            hub = federation.hub
            async with helper("node.bench.district", str(hub.directory), log=place / "forge.log") as child:
                await child.ask(do="forge", kind="result", records=FORGED, seed=options.seed)
            options.tell(f"写入 {options.records:,} 条交易 · filling the read tables")
            filled = await asyncio.to_thread(fill, hub.database, options.records, options.seed)
            await asyncio.to_thread(drop_file_cache, place)
            figures = await _measure(hub, filled, options)
        return {"bench": "portal", "store": options.store, "records": options.records, **figures, "machine": described}


async def _measure(hub: Settings, filled: Filled, options: PortalOptions) -> Figures:
    mix = Mix(filled, options.seed)
    async with serving(hub) as process, reaching(hub.url) as way:
        options.tell("冷查询 · cold")
        await _shown(way, filled.record_ids[-1])
        cold = [await _ask(way, query) for query in mix.some(COLD_QUERIES)]
        for query in mix.each():
            await _ask(way, query)  # every kind of page once
        options.tell(f"热查询 {options.queries} · warm")
        warm = [await _ask(way, query) for query in mix.some(options.queries)]
        options.tell(f"{CLIENTS} 个读者同时 · {CLIENTS} readers at once")
        crowd = await _crowd(way, mix.some(options.queries))
        peak = peak_rss_bytes(process.pid)
    return {
        "fill_seconds": rounded(filled.seconds),
        "fill_us_per_record": rounded(filled.seconds / max(1, options.records) * 1e6),
        "cold": _figures(cold),
        "warm": _figures(warm),
        "at_once": {"clients": CLIENTS, **_figures(crowd)},
        "goal_p99_ms": GOAL_MS,
        "peak_rss_mb": rounded(peak / 1e6),
    }


async def _ask(way: Transport, query: Query) -> Asked:
    started = time.perf_counter()
    reply = await way.send(Request("GET", query.address))
    return Asked(query, time.perf_counter() - started, reply.status)


async def _crowd(way: Transport, queries: Sequence[Query]) -> list[Asked]:
    """All queries, by so many readers who each ask as soon as they have their answer."""
    waiting = list(reversed(queries))
    asked: list[Asked] = []

    async def reader() -> None:
        while waiting:
            asked.append(await _ask(way, waiting.pop()))

    await asyncio.gather(*(reader() for _ in range(CLIENTS)))
    return asked


async def _shown(way: Transport, record_id: str) -> None:
    """Wait until the node has projected its own log up to this record. Raises Unavailable."""
    end = time.monotonic() + SHOWN_S
    while time.monotonic() < end:
        if (await way.send(Request("GET", f"/records/{record_id}"))).status == 200:
            return
        await asyncio.sleep(0.1)
    raise Unavailable("the forged records were not shown in time")


def _figures(asked: Sequence[Asked]) -> Figures:
    search = [each.seconds for each in asked if each.query.search]
    kinds = sorted({each.query.kind for each in asked})
    worst = sorted(asked, key=lambda each: each.seconds, reverse=True)[:WORST]
    return {
        "queries": len(asked),
        "search": latencies(search),
        "all": latencies([each.seconds for each in asked]),
        "faults": sum(each.status >= 400 for each in asked),
        "by_kind": {kind: latencies([each.seconds for each in asked if each.query.kind == kind]) for kind in kinds},
        "worst": [
            {"kind": each.query.kind, "ms": rounded(each.seconds * 1000), "address": each.query.plain} for each in worst
        ],
    }


def show(figures: Figures) -> None:
    """The figures on the screen."""
    rows: list[tuple[str, object]] = [
        ("写入查询表（秒） · filling, s", figures["fill_seconds"]),
        ("峰值内存（MB） · peak memory, MB", figures["peak_rss_mb"]),
    ]
    for name, title in (("cold", "冷 · cold"), ("warm", "热 · warm"), ("at_once", f"{CLIENTS} 人同时 · at once")):
        rows.append((f"{title}：检索 search", figures[name]["search"]))
        rows += [(f"　{kind}", found) for kind, found in figures[name]["by_kind"].items()]
    show_table(f"门户检索 · Portal, {figures['records']:,} trades, {figures['store']}", rows)
    for name in ("cold", "warm"):
        lines = [f"{each['ms']:>8} ms  {each['kind']}  {each['address']}" for each in figures[name]["worst"]]
        show_table(f"最慢 · slowest, {name}", [(line, "") for line in lines])
