"""`ggzy bench append`: how many records clerks can publish, and how long each waits for the durable, signed outcome.

A clerk publishes one record, waits until it is committed, signed and answered, and only then publishes the next. One
clerk; then many; then many beside a bulk import that hands over 500 records at a time without a pause; then many while
the same process serves the node and makes its read tables. All through the publisher as the console and the command
line use it, on the node's own database with full durability. A few rounds go before each part, outside the time.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from node import serve
from node.app import Node
from node.bench import machine
from node.bench.corpus import KINDS, records
from node.bench.options import Options, workplace
from node.bench.postgres import private_cluster
from node.bench.processes import make
from node.bench.report import Figures, latencies, rounded
from node.bench.report import show as show_table
from node.domain.record import Draft
from node.errors import Malformed
from node.settings import Settings
from node.store import logs

IMPORT_BATCH = 500
WARM_TURNS = 4


@dataclass(frozen=True, slots=True)
class AppendOptions(Options):
    """`clerks` of the parts with many, each of which publishes `turns` records; `kind` as in `corpus.records`."""

    clerks: int = 64
    turns: int = 100
    kind: str = "mixed"


@dataclass(slots=True)
class _Desk:
    """Clerks at one open node. `drafts` is an endless row, so that no record comes twice."""

    node: Node
    drafts: Iterator[Draft]
    waits_s: list[float] = field(default_factory=list)

    def stock(self, count: int) -> list[Draft]:
        return list(islice(self.drafts, count))

    async def clerks(self, clerks: int, stock: list[Draft]) -> None:
        """Have so many clerks publish the records of `stock`, as many each as there are."""
        waiting, turns = iter(stock), len(stock) // clerks

        async def clerk() -> None:
            for _ in range(turns):
                draft = next(waiting)
                started = time.perf_counter()
                (outcome,) = await self.node.publisher.publish([draft])
                self.waits_s.append(time.perf_counter() - started)
                assert outcome.state == "published"

        await asyncio.gather(*(clerk() for _ in range(clerks)))


async def run(options: AppendOptions) -> Figures:
    """Run the measurement; the figures are those of the JSON line. Raises Malformed, Unavailable, Refused."""
    _check(options)
    with workplace(options) as place:
        described = await asyncio.to_thread(machine.describe, place)
        async with AsyncExitStack() as stack:
            database, version = "", ""
            if options.store == "postgres":
                cluster = await stack.enter_async_context(private_cluster(place, options.postgres_url))
                name = f"ggzy_bench_{secrets.token_hex(4)}_append"
                stack.push_async_callback(asyncio.to_thread, cluster.drop, name)
                database, version = await asyncio.to_thread(cluster.database, name), cluster.version
            federation = await asyncio.to_thread(partial(make, place, hub_database=database))
            figures = await _parts(federation.hub, options)
    known = {"postgres": version} if version else {}
    return (
        {"bench": "append", "store": options.store, "clerks": options.clerks} | figures | known | {"machine": described}
    )


def _check(options: AppendOptions) -> None:
    if options.store not in ("sqlite", "postgres"):
        raise Malformed(
            f"--store {options.store} is neither sqlite nor postgres",
            field="--store",
            zh=f"不支持的存储 {options.store}",
            advice_zh="可用 sqlite 或 postgres。",
            advice_en="Use sqlite or postgres.",
        )
    if not (1 <= options.clerks <= 4096 and options.turns >= 1 and options.kind in KINDS):
        raise Malformed(
            "1 to 4096 clerks, at least one turn, and a kind of the corpus",
            zh="经办人数应为 1 至 4096，每人至少一条",
            advice_zh=f"--kind 可用：{'、'.join(KINDS)}。",
            advice_en=f"--kind is one of {', '.join(KINDS)}.",
        )


async def _parts(settings: Settings, options: AppendOptions) -> Figures:
    drafts = records(options.kind, 10**9, options.seed)
    found: Figures = {}
    async with _open(settings, drafts) as desk:
        await desk.clerks(options.clerks, desk.stock(options.clerks * WARM_TURNS))
        options.tell("一名经办人 · one clerk")
        found["one"] = await _timed(desk, 1, max(1, options.turns * 4))
        options.tell(f"{options.clerks} 名经办人 · {options.clerks} clerks")
        found["many"] = await _timed(desk, options.clerks, options.turns)
        options.tell("同时批量导入 · beside a bulk import")
        found["many_beside_import"] = await _beside_import(desk, options)
    options.tell("同时对外服务并更新查询表 · while the node serves and makes its read tables")
    async with _open(settings, drafts, served=True) as desk:
        await desk.node.projector.run()
        await desk.clerks(options.clerks, desk.stock(options.clerks * WARM_TURNS))
        found["many_serving"] = await _timed(desk, options.clerks, options.turns)
        state = await desk.node.store.read(partial(logs.get, origin=settings.origin))
    assert state.head_size == state.stored_size == state.payload_next
    # What one sees first: the many, alone at the node.
    return (
        {name: found["many"][name] for name in ("publishes_per_s", "p50_ms", "p99_ms")}
        | found
        | {"log_size": state.head_size}
    )


@asynccontextmanager
async def _open(settings: Settings, drafts: Iterator[Draft], *, served: bool = False) -> AsyncIterator[_Desk]:
    node = Node(settings)
    if served:
        serve.configure_logging("error")
        runner = await serve.start(node)
        try:
            yield _Desk(node, drafts)
        finally:
            await runner.cleanup()
        return
    await node.open()
    try:
        yield _Desk(node, drafts)
    finally:
        await node.close()


async def _timed(desk: _Desk, clerks: int, turns: int) -> Figures:
    stock = desk.stock(clerks * turns)
    desk.waits_s.clear()
    started, cpu = time.perf_counter(), time.process_time()
    await desk.clerks(clerks, stock)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return {
        "publishes": clerks * turns,
        "seconds": rounded(seconds),
        "publishes_per_s": rounded(clerks * turns / seconds),
        **latencies(desk.waits_s),
        "cpu_us_per_record": rounded(cpu / (clerks * turns) * 1e6),
    }


async def _beside_import(desk: _Desk, options: AppendOptions) -> Figures:
    """The clerks, while another caller hands over records by the hundred for as long as they are at it."""
    imported, calls_s = 0, [0.0]

    async def bulk() -> None:
        nonlocal imported
        while True:
            stock = await asyncio.to_thread(desk.stock, IMPORT_BATCH)  # as an import reads and parses its file
            started = time.perf_counter()
            await desk.node.publisher.publish(stock)
            imported += len(stock)
            calls_s.append(time.perf_counter() - started)

    task = asyncio.create_task(bulk())
    try:
        figures = await _timed(desk, options.clerks, options.turns)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    records_per_s = rounded(imported / figures["seconds"])
    return figures | {"imported_per_s": records_per_s, "longest_import_call_ms": rounded(max(calls_s) * 1000)}


def show(figures: Figures) -> None:
    """The figures for people."""
    clerks = figures["clerks"]
    titles = {
        "one": "1 名经办人 1 clerk",
        "many": f"{clerks} 名经办人 {clerks} clerks",
        "many_beside_import": f"{clerks} 名并有批量导入 {clerks} beside an import",
        "many_serving": f"{clerks} 名且节点对外服务 {clerks} while serving",
    }
    rows = []
    for name, title in titles.items():
        one = figures[name]
        rows.append((f"{title}: 条/秒 publishes/s", one["publishes_per_s"]))
        rows.append((f"{title}: p50, p99, max ms", [one["p50_ms"], one["p99_ms"], one["max_ms"]]))
    rows.append(("批量导入 imported/s", figures["many_beside_import"]["imported_per_s"]))
    show_table(f"发布 append ({figures['store']})", rows)
