"""`ggzy bench sync`: how fast a hub takes in records, beside the floor of its own database, in one run.

A round begins when all records are durable, signed and not yet sent in the districts, and ends when this process has
itself seen at the hub, for each log, the head of full size with the mirror's cosignature, the last tile, and the last
entry with its payload by (origin, index). Submitting the head, proofs, verification, the hub's commits and cosignatures
lie inside. The floor (`floor.py`) copies the same records before each round.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from node.bench import machine
from node.bench.corpus import KINDS
from node.bench.options import Options, workplace
from node.bench.processes import Process, peak_rss_bytes
from node.bench.relay import counting
from node.bench.report import Figures, median, rounded
from node.bench.report import show as show_table
from node.bench.scene import Scene, scene, together
from node.bench.watching import Seen
from node.errors import Malformed

WIRE_RECORDS = 4096
WIRE_KINDS = ("result", "listing", "credit", "mixed")


@dataclass(frozen=True, slots=True)
class SyncOptions(Options):
    """`records` is the sum over all origins of one round. With `portal` a round is over when the portal shows it."""

    records: int = 20_000
    origins: int = 1
    workers: int = 1
    rounds: int = 5
    kind: str = "mixed"
    wire_records: int = WIRE_RECORDS
    portal: bool = True


@dataclass(slots=True)
class Round:
    """What one timed round found."""

    seconds: float
    portal_seconds: float | None
    hub_cpu_seconds: float
    districts_cpu_seconds: float
    floor_seconds: float
    floor_cpu_seconds: float
    payload_bytes: int
    header_bytes: int
    passes: int
    requests: int
    refused: int
    failures: int


async def run(options: SyncOptions) -> Figures:
    """Run the measurement; the figures are those of the JSON line. Raises Malformed, Unavailable, Refused."""
    _check(options)
    with workplace(options) as place:
        described = await asyncio.to_thread(machine.describe, place)
        async with scene(place, options, districts=options.origins, floor=True, workers=options.workers) as running:
            return {"bench": "sync", **await _measure(running, options), "machine": described}


def _check(options: SyncOptions) -> None:
    least = {"--records": (options.records, options.origins), "--origins": (options.origins, 1)}
    least |= {"--rounds": (options.rounds, 1), "--wire-records": (options.wire_records, 1)}
    for name, (given, at_least) in least.items():
        if given < at_least:
            raise Malformed(
                f"{name} {given} is less than {at_least}",
                field=name,
                zh=f"{name} {given} 小于 {at_least}",
                advice_zh=f"请给出至少 {at_least}。",
                advice_en=f"Give at least {at_least}.",
            )
    if options.kind not in KINDS:
        raise Malformed(
            f"--kind {options.kind} is not one of {', '.join(KINDS)}",
            field="--kind",
            zh=f"不支持的类别 {options.kind}",
            advice_zh=f"可用 {'、'.join(KINDS)}。",
            advice_en=f"Use one of {', '.join(KINDS)}.",
        )


async def _measure(running: Scene, options: SyncOptions) -> Figures:
    options.tell("预热一轮 · one round to warm up")
    await _round(running, options)
    rounds = []
    for number in range(options.rounds):
        options.tell(f"第 {number + 1}/{options.rounds} 轮 · round {number + 1} of {options.rounds}")
        rounds.append(await _round(running, options))
    peak = peak_rss_bytes(running.hub.pid)
    options.tell("统计线路字节 · counting bytes on the wire")
    wire = {kind: await wire_bytes(running, kind, options.wire_records, options.seed) for kind in WIRE_KINDS}
    records = options.records
    figures: Figures = {
        "store": options.store,
        "kind": options.kind,
        "origins": options.origins,
        "workers": options.workers,
        "records": records,
        "seconds": rounded(median(each.seconds for each in rounds)),
        "records_per_s": rounded(median(records / each.seconds for each in rounds)),
        "floor_records_per_s": rounded(median(records / each.floor_seconds for each in rounds)),
        "ratio": rounded(median(each.floor_seconds / each.seconds for each in rounds)),
        "wire_bytes_per_record": wire[options.kind]["wire_bytes_per_record"],
        "payload_bytes_per_record": rounded(sum(each.payload_bytes for each in rounds) / records / len(rounds)),
        "header_bytes_per_record": rounded(sum(each.header_bytes for each in rounds) / records / len(rounds)),
        "wire_ratio": wire[options.kind]["ratio"],
        "cpu_seconds": rounded(median(each.hub_cpu_seconds + each.districts_cpu_seconds for each in rounds)),
        "hub_cpu_seconds": rounded(median(each.hub_cpu_seconds for each in rounds)),
        "districts_cpu_seconds": rounded(median(each.districts_cpu_seconds for each in rounds)),
        "floor_cpu_seconds": rounded(median(each.floor_cpu_seconds for each in rounds)),
        "portal_seconds": rounded(median(shown)) if (shown := _known(each.portal_seconds for each in rounds)) else None,
        "hub_peak_rss_bytes": peak,
        "wire": wire,
        "refused": sum(each.refused for each in rounds),
        "failures": sum(each.failures for each in rounds),
        "max_log_requests_per_s": running.federation.hub.max_log_requests_per_s,
        "rounds": [{name: value and rounded(value) for name, value in asdict(each).items()} for each in rounds],
    }
    if running.cluster is not None:
        figures["postgres"] = running.cluster.version
        figures["postgres_cpu_counted"] = running.cluster.pid is not None
    return figures


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


# --- rounds -----------------------------------------------------------------------------------------------------------


async def _round(running: Scene, options: SyncOptions) -> Round:
    forged = await _forge(running, options.kind, options.records, options.seed)
    copied = await _floor(running, forged)
    hub, districts, started = running.hub_cpu(), running.districts_cpu(), time.perf_counter()
    going = [each.ask(do="go") for each in running.districts]
    *answers, arrived = await together(*going, _arrival(running, [made["end"] for made in forged]))
    ended, hub_then, districts_then, seen = arrived
    portal_seconds = None
    if options.portal:
        await asyncio.gather(*(running.watcher.shown(each) for each in seen))
        portal_seconds = time.perf_counter() - started
    return Round(
        seconds=ended - started,
        portal_seconds=portal_seconds,
        hub_cpu_seconds=hub_then - hub,
        districts_cpu_seconds=districts_then - districts,
        floor_seconds=copied["seconds"],
        floor_cpu_seconds=copied["cpu_seconds"],
        payload_bytes=sum(made["payload_bytes"] for made in forged),
        header_bytes=sum(made["header_bytes"] for made in forged),
        passes=max(answer["passes"] for answer in answers),
        requests=sum(answer["requests"] for answer in answers),
        refused=sum(answer["refused"] for answer in answers),
        failures=sum(len(answer["failures"]) for answer in answers),
    )


async def _arrival(running: Scene, ends: list[int]) -> tuple[float, float, float, list[Seen]]:
    """Wait until the hub serves every log up to its end: the time then, CPU seconds of hub and districts until then."""
    places = zip(running.districts, running.origins, ends, strict=True)
    seen = await asyncio.gather(*(_seen(running, *place) for place in places))
    return time.perf_counter(), running.hub_cpu(), running.districts_cpu(), list(seen)


async def _seen(running: Scene, district: Process, origin: str, end: int) -> Seen:
    """Look at the hub once the district has its answer to the last upload."""
    await district.told.wait()
    return await running.watcher.whole(origin, end)


async def _forge(running: Scene, kind: str, records: int, seed: int) -> list[dict[str, Any]]:
    """Fresh records, shared out evenly among the districts."""
    count = len(running.districts)
    shares = [records // count + (place < records % count) for place in range(count)]
    return [
        await district.ask(do="forge", kind=kind, records=share, seed=seed * 1000 + place)
        for place, (district, share) in enumerate(zip(running.districts, shares, strict=True))
    ]


async def _floor(running: Scene, forged: list[dict[str, Any]]) -> dict[str, Any]:
    """The floor's copy of the very records that are about to be synced."""
    assert running.floor is not None
    sources = [
        {"url": settings.database, "origin": settings.origin, "start": made["start"], "end": made["end"]}
        for settings, made in zip(running.federation.districts, forged, strict=True)
    ]
    await running.floor.ask(do="fill", sources=sources)
    before = running.database_cpu()
    copied = await running.floor.ask(do="copy")
    copied["cpu_seconds"] += running.database_cpu() - before
    return copied


# --- bytes ------------------------------------------------------------------------------------------------------------


async def wire_bytes(running: Scene, kind: str, records: int, seed: int) -> Figures:
    """Bytes that a district and the hub exchange for `records` records of a kind: all of the TCP streams, both ways."""
    district, settings = running.districts[0], running.federation.districts[0]
    made = await district.ask(do="forge", kind=kind, records=records, seed=seed * 1000)
    async with counting(running.federation.hub.port) as line:
        await district.ask(do="via", url=line.url)
        gone, _ = await together(district.ask(do="go"), running.watcher.whole(settings.origin, made["end"]))
        await district.ask(do="via", url=settings.upstream_url)
    return {
        "records": records,
        "requests": gone["requests"],
        "refused": gone["refused"],
        "up_bytes": line.up,
        "down_bytes": line.down,
        "wire_bytes_per_record": rounded((line.up + line.down) / records),
        "payload_bytes_per_record": rounded(made["payload_bytes"] / records),
        "header_bytes_per_record": rounded(made["header_bytes"] / records),
        "ratio": rounded((line.up + line.down) / made["payload_bytes"]),
    }


def show(figures: Figures) -> None:
    """The figures for people."""
    rows = [
        ("每轮记录 records a round", figures["records"]),
        ("用时（秒）seconds", figures["seconds"]),
        ("每秒记录 records/s", figures["records_per_s"]),
        ("底线每秒 floor records/s", figures["floor_records_per_s"]),
        ("与底线之比 ratio to the floor", figures["ratio"]),
        (
            "CPU 秒：枢纽、区县 CPU seconds: hub, districts",
            [figures["hub_cpu_seconds"], figures["districts_cpu_seconds"]],
        ),
        ("CPU 秒：底线 CPU seconds: floor", figures["floor_cpu_seconds"]),
        ("到门户可见（秒）seconds until the portal shows it", figures["portal_seconds"]),
        ("枢纽内存峰值（MB）hub's peak memory", figures["hub_peak_rss_bytes"] / 1e6),
        (
            "每条内容、头部字节 payload, header bytes a record",
            [figures["payload_bytes_per_record"], figures["header_bytes_per_record"]],
        ),
    ]
    rows += [
        (
            f"线路字节／内容字节 wire/payload bytes: {kind}",
            [each["wire_bytes_per_record"], each["payload_bytes_per_record"], each["ratio"]],
        )
        for kind, each in figures["wire"].items()
    ]
    limit = f"{figures['max_log_requests_per_s']:g}"
    notes = [f"枢纽使用默认限额 · The hub has its default limits (max_log_requests_per_s = {limit})."]
    refused = figures["refused"] + sum(each["refused"] for each in figures["wire"].values())
    if refused or figures["failures"]:
        notes.append(f"注意：{refused} 次请求被拒并重发 · Requests that were refused and made again: {refused}.")
    show_table(
        f"同步 sync · {figures['store']} · {figures['kind']} · {figures['origins']} 个来源 origins",
        rows,
        notes=notes,
    )
