"""`ggzy bench`: measurements that anyone can repeat. Each command parses, runs one measurement, shows what it found."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.options import AsJson

app = typer.Typer(
    name="bench",
    help="测量 · Measurements on this machine, ratios in one run.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Directory = Annotated[
    Path | None, typer.Option("--dir", help="工作目录（空）· an empty directory (default: one under /var/tmp).")
]
Keep = Annotated[bool, typer.Option("--keep", help="保留数据 · keep what was made.")]
Seed = Annotated[int, typer.Option(help="记录的随机种子 · seed of the records.")]
StoreKind = Annotated[str, typer.Option("--store", help="sqlite | postgres: 枢纽的数据库 · the hub's database.")]
PostgresUrl = Annotated[
    str, typer.Option(help="现有服务器 postgresql+psycopg://… · a server to use (default: a private one).")
]
Sizes = Annotated[str, typer.Option(help="日志大小，逗号分隔 · sizes of the log, with commas.")]


def measure(
    run: Callable[[], Coroutine[Any, Any, dict[str, Any]]],
    show: Callable[[dict[str, Any]], None],
    *,
    as_json: bool,
) -> None:
    """Run one measurement and show its figures; the JSON object comes last, for machines."""
    import asyncio
    import signal

    from node.cli.output import errors, result

    async def until_told() -> dict[str, Any]:
        # A measurement that is told to end stops the processes that it has started.
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await run()

    with errors(as_json=as_json):
        try:
            figures = asyncio.run(until_told())
        except asyncio.CancelledError:
            raise typer.Exit(143) from None
        show(figures)
        if as_json:
            result(figures)


def read_sizes(text: str) -> tuple[int, ...]:
    """`10000,100000` as numbers, rising. Raises BadParameter."""
    parts = text.replace("，", ",").split(",")
    if not all(part.strip().isascii() and part.strip().isdigit() and int(part) > 0 for part in parts):
        raise typer.BadParameter("应为逗号分隔的正整数，如 10000,100000 · whole numbers with commas between")
    return tuple(sorted({int(part) for part in parts}))


@app.command()
def sync(
    records: Annotated[int, typer.Option(help="每轮记录总数 · records a round, over all origins.")] = 20_000,
    store: StoreKind = "sqlite",
    origins: Annotated[int, typer.Option(help="区县节点数 · districts.")] = 1,
    workers: Annotated[int, typer.Option(help="枢纽服务进程数 · the hub's serving processes, on PostgreSQL.")] = 1,
    rounds: Annotated[int, typer.Option(help="计时轮数 · timed rounds; the median counts.")] = 5,
    kind: Annotated[str, typer.Option(help="result | listing | credit | mixed")] = "mixed",
    wire_records: Annotated[
        int, typer.Option(help="统计字节时每类记录数 · records of each kind for counting bytes.")
    ] = 4096,
    portal: Annotated[
        bool, typer.Option(help="每轮等门户显示完毕 · wait until the portal shows each round's records.")
    ] = True,
    postgres_url: PostgresUrl = "",
    directory: Directory = None,
    keep: Keep = False,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """同步速度 · How fast a hub takes in records.

    Beside it the floor: a plain copy of the same records in the same kind of database.
    """
    from node.bench import sync as measurement
    from node.cli.output import say

    options = measurement.SyncOptions(
        directory=directory,
        keep=keep,
        seed=seed,
        store=store,
        postgres_url=postgres_url,
        tell=say,
        records=records,
        origins=origins,
        workers=workers,
        rounds=rounds,
        kind=kind,
        wire_records=wire_records,
        portal=portal,
    )
    measure(lambda: measurement.run(options), measurement.show, as_json=as_json)


@app.command()
def herd(
    districts: Annotated[int, typer.Option(help="同时恢复的区县数 · districts that come back at once.")] = 40,
    records: Annotated[int, typer.Option(help="每个区县的积压 · backlog of each.")] = 2400,
    processes: Annotated[int, typer.Option(help="区县所在的进程数 · processes that the districts share.")] = 4,
    uneven: Annotated[
        bool, typer.Option("--uneven", help="积压从四分之一到四分之七 · backlogs from a quarter to seven.")
    ] = False,
    kind: Annotated[str, typer.Option(help="result | listing | credit | mixed")] = "mixed",
    workers: Annotated[int, typer.Option(help="枢纽的服务进程数 · serving processes of the hub.")] = 1,
    store: StoreKind = "sqlite",
    postgres_url: PostgresUrl = "",
    directory: Directory = None,
    keep: Keep = False,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """多区县同时恢复 · Many districts come back at once, each with a month's backlog."""
    from node.bench import herd as measurement
    from node.cli.output import say

    options = measurement.HerdOptions(
        directory=directory,
        keep=keep,
        seed=seed,
        store=store,
        postgres_url=postgres_url,
        tell=say,
        districts=districts,
        records=records,
        processes=processes,
        uneven=uneven,
        kind=kind,
        workers=workers,
    )
    measure(lambda: measurement.run(options), measurement.show, as_json=as_json)


@app.command()
def growth(
    sizes: Sizes = "10000,100000,1000000",
    store: StoreKind = "sqlite",
    step: Annotated[int, typer.Option(help="每轮记录数 · records a round.")] = 4096,
    rounds: Annotated[int, typer.Option(help="每个大小的轮数 · rounds at each size.")] = 5,
    portal: Annotated[
        bool, typer.Option(help="每轮先等门户追上 · wait for the portal before each round; minutes at a million.")
    ] = True,
    postgres_url: PostgresUrl = "",
    directory: Directory = None,
    keep: Keep = False,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """日志增长 · What a record costs to take in as its log grows."""
    from node.bench import growth as measurement
    from node.cli.output import say

    options = measurement.GrowthOptions(
        directory=directory,
        keep=keep,
        seed=seed,
        store=store,
        postgres_url=postgres_url,
        tell=say,
        sizes=read_sizes(sizes),
        step=step,
        rounds=rounds,
        portal=portal,
    )
    measure(lambda: measurement.run(options), measurement.show, as_json=as_json)


@app.command()
def proofs(
    sizes: Sizes = "10000,100000,1000000",
    samples: Annotated[int, typer.Option(help="每种证明的次数 · proofs of each kind.")] = 1000,
    directory: Directory = None,
    keep: Keep = False,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """证明与回执 · Proofs and receipts, made and verified."""
    from node.bench import proofs as measurement
    from node.cli.output import say

    options = measurement.ProofOptions(
        directory=directory, keep=keep, seed=seed, tell=say, sizes=read_sizes(sizes), samples=samples
    )
    measure(lambda: measurement.run(options), measurement.show, as_json=as_json)


@app.command()
def append(
    clerks: Annotated[int, typer.Option(help="同时发布的经办人数 · clerks who publish at the same time.")] = 64,
    turns: Annotated[int, typer.Option(help="每人发布条数 · records of each clerk.")] = 100,
    kind: Annotated[str, typer.Option(help="result | listing | credit | mixed")] = "mixed",
    store: Annotated[
        str, typer.Option("--store", help="sqlite | postgres: 节点的数据库 · the node's database.")
    ] = "sqlite",
    postgres_url: PostgresUrl = "",
    directory: Directory = None,
    keep: Keep = False,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """发布速度 · Durable, signed publishes a second, and how long a clerk waits for each."""
    from node.bench import append as measurement
    from node.cli.output import say

    options = measurement.AppendOptions(
        directory=directory,
        keep=keep,
        seed=seed,
        store=store,
        postgres_url=postgres_url,
        tell=say,
        clerks=clerks,
        turns=turns,
        kind=kind,
    )
    measure(lambda: measurement.run(options), measurement.show, as_json=as_json)


@app.command()
def latency(
    publishes: Annotated[int, typer.Option(help="发布条数 · records that are published.")] = 200,
    gap_s: Annotated[float, typer.Option("--gap", help="平均间隔秒数 · seconds between them on average.")] = 0.5,
    inside: Annotated[
        bool, typer.Option("--inside", help="由服务进程自身发布 · published by the serving process itself.")
    ] = False,
    kind: Annotated[str, typer.Option(help="result | listing | credit | mixed")] = "mixed",
    directory: Directory = None,
    keep: Keep = False,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """发布到国家节点可读的时延 · From a publish at a district to readable at national, over three tiers."""
    from node.bench import latency as measurement
    from node.cli.output import say

    options = measurement.LatencyOptions(
        directory=directory, keep=keep, seed=seed, tell=say, publishes=publishes, gap_s=gap_s, kind=kind, inside=inside
    )
    measure(lambda: measurement.run(options), measurement.show, as_json=as_json)


@app.command()
def portal(
    records: Annotated[int, typer.Option(help="交易条数 · trades in the read tables.")] = 1_000_000,
    queries: Annotated[int, typer.Option(help="每轮查询数 · queries a run.")] = 1500,
    store: StoreKind = "sqlite",
    postgres_url: PostgresUrl = "",
    directory: Directory = None,
    keep: Keep = False,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """门户检索 · How long a reader of the portal waits at a million trades, cold and warm."""
    from node.bench import portal as measurement
    from node.cli.output import say

    options = measurement.PortalOptions(
        directory=directory,
        keep=keep,
        seed=seed,
        store=store,
        postgres_url=postgres_url,
        tell=say,
        records=records,
        queries=queries,
    )
    measure(lambda: measurement.run(options), measurement.show, as_json=as_json)
