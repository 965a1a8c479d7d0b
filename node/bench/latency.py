"""`ggzy bench latency`: from the publish at a district to the record being readable at national, over three tiers.

Three real node processes with their default settings. Records are published at random moments that know nothing of each
other, by another process on the district's database, as the command line does; or, with `inside`, by the process that
serves the district. Readable means: verified and durable there, cosigned, and served with its payload by log and index.
Both hops are timed. The time begins before the publish, so it holds the waiting for the district's own commit too.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from node import serve
from node.app import Node
from node.bench import machine
from node.bench.corpus import KINDS, records
from node.bench.options import Options, workplace
from node.bench.processes import Federation, Process, cpu_seconds, make, reaching, serving
from node.bench.report import Figures, latencies, percentile, rounded
from node.bench.report import show as show_table
from node.bench.watching import Watcher
from node.domain.record import Draft
from node.errors import Malformed, Unavailable
from node.settings import Settings

WARM = 5
POLL_S = 0.004
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class LatencyOptions(Options):
    """`publishes` records, `gap_s` seconds apart on average; `inside`: published by the serving process itself."""

    publishes: int = 200
    gap_s: float = 0.5
    kind: str = "mixed"
    inside: bool = False


@dataclass(slots=True)
class _Times:
    """Seconds of each part, one value a record."""

    publish: list[float] = field(default_factory=list)
    to_hub: list[float] = field(default_factory=list)
    to_national: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)


class _Tier:
    """One node above: what lies in its database, looked at without asking the process."""

    def __init__(self, settings: Settings) -> None:
        file = settings.database.removeprefix("sqlite:///")
        self._conn = sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)

    async def has(self, origin: str, size: int) -> None:
        """Wait until `size` entries of a log are mirrored and their payloads held. Raises Unavailable."""
        end = time.monotonic() + PATIENCE_S
        asked = "SELECT min(head_size, payload_next) FROM log WHERE origin = ?"
        while time.monotonic() < end:
            row = self._conn.execute(asked, (origin,)).fetchone()
            if row is not None and row[0] is not None and row[0] >= size:
                return
            await asyncio.sleep(POLL_S)
        raise Unavailable(f"{size} entries of {origin} did not arrive within {PATIENCE_S:g} s")

    def close(self) -> None:
        self._conn.close()


@dataclass(frozen=True)
class _Line:
    """The three tiers, running."""

    node: Node
    hub: _Tier
    national: _Tier
    watcher: Watcher
    processes: dict[str, Process]

    @property
    def origin(self) -> str:
        return self.node.settings.origin

    async def send(self, draft: Draft, times: _Times) -> None:
        """Publish one record and follow it up."""
        started = time.perf_counter()
        (outcome,) = await self.node.publisher.publish([draft])
        published = time.perf_counter()
        assert outcome.index is not None
        size = outcome.index + 1
        await self.hub.has(self.origin, size)
        at_hub = time.perf_counter()
        await self.national.has(self.origin, size)
        await self.watcher.whole(self.origin, size)
        readable = time.perf_counter()
        times.publish.append(published - started)
        times.to_hub.append(at_hub - published)
        times.to_national.append(readable - at_hub)
        times.total.append(readable - started)


async def run(options: LatencyOptions) -> Figures:
    """Run the measurement; the figures are those of the JSON line. Raises Malformed, Unavailable, Refused."""
    if options.publishes < 1 or not 0 < options.gap_s <= 60 or options.kind not in KINDS:
        raise Malformed(
            "at least one publish, a gap of at most 60 s, and a kind of the corpus",
            zh="发布条数应至少为 1，平均间隔应为 0 至 60 秒",
            advice_zh=f"--kind 可用：{'、'.join(KINDS)}。",
            advice_en=f"--kind is one of {', '.join(KINDS)}.",
        )
    with workplace(options) as place:
        described = await asyncio.to_thread(machine.describe, place)
        federation = await asyncio.to_thread(lambda: make(place, national=True))
        async with _line(federation, inside=options.inside) as line:
            figures = await _measure(line, options)
    return {"bench": "latency", "inside": options.inside} | figures | {"machine": described}


@asynccontextmanager
async def _line(federation: Federation, *, inside: bool) -> AsyncIterator[_Line]:
    assert federation.national is not None
    district = federation.districts[0]
    async with AsyncExitStack() as stack:
        processes = {
            "national": await stack.enter_async_context(serving(federation.national)),
            "hub": await stack.enter_async_context(serving(federation.hub)),
        }
        node = Node(district)
        if inside:
            serve.configure_logging("error")
            runner = await serve.start(node)
            stack.push_async_callback(runner.cleanup)
        else:
            processes["district"] = await stack.enter_async_context(serving(district))
            await node.open()
            stack.push_async_callback(node.close)
        way = await stack.enter_async_context(reaching(federation.national.url))
        tiers = _Tier(federation.hub), _Tier(federation.national)
        for tier in tiers:
            stack.callback(tier.close)
        yield _Line(node, *tiers, Watcher(way, federation.policy, federation.national.name), processes)


async def _measure(line: _Line, options: LatencyOptions) -> Figures:
    drafts, random = records(options.kind, WARM + options.publishes, options.seed), Random(options.seed)
    options.tell("连接三级节点 · the three tiers meet")
    for _ in range(WARM):
        await line.send(next(drafts), _Times())
    options.tell(f"随机发布 {options.publishes} 条 · publishing at random moments")
    times, under_way = _Times(), []
    started, cpu = time.perf_counter(), _cpu(line.processes)
    for draft in drafts:
        await asyncio.sleep(random.expovariate(1 / options.gap_s))
        under_way.append(asyncio.create_task(line.send(draft, times)))
    await asyncio.gather(*under_way)
    seconds, after = time.perf_counter() - started, _cpu(line.processes)
    each = {name: rounded((after[name] - cpu[name]) / options.publishes * 1000) for name in after}
    return {
        "publishes": options.publishes,
        "seconds": rounded(seconds),
        **latencies(times.total),
        "p90_ms": rounded(percentile(times.total, 0.9) * 1000),
        "publish": latencies(times.publish),
        "to_hub": latencies(times.to_hub),
        "to_national": latencies(times.to_national),
        "cpu_ms_per_publish": each,
    }


def _cpu(processes: dict[str, Process]) -> dict[str, float]:
    return {name: cpu_seconds(process.pid) for name, process in processes.items()}


def show(figures: Figures) -> None:
    """The figures for people."""
    parts: dict[str, Callable[[Figures], Figures]] = {
        "发布至国家节点可读 publish to readable at national": lambda all_of: all_of,
        "其中：本地提交 the district's commit": lambda all_of: all_of["publish"],
        "其中：区县至枢纽 district to hub": lambda all_of: all_of["to_hub"],
        "其中：枢纽至国家 hub to national": lambda all_of: all_of["to_national"],
    }
    rows = [
        (f"{title}: p50, p99, max ms", [part(figures)[name] for name in ("p50_ms", "p99_ms", "max_ms")])
        for title, part in parts.items()
    ]
    rows.append(("每条占用处理器 ms CPU a publish", figures["cpu_ms_per_publish"]))
    show_table(f"时延 latency ({figures['publishes']})", rows)
