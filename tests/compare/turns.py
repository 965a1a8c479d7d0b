"""What both comparisons share: variants that take turns, `ggzy bench sync` among them if asked, and one report.

Turns in one run, because a machine is not the same from one minute to the next: each round runs every variant once, and
a figure is the median of its rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.bench import machine, report
from node.bench.corpus import KINDS
from node.bench.options import PLACE
from node.bench.scene import STORES
from node.errors import NodeError, Unavailable
from tests.compare.rows import Row, make_rows

ROOT = Path(__file__).resolve().parents[2]
BENCH_S = 600


@dataclass(frozen=True, slots=True)
class Timed:
    """One run of one variant: seconds, CPU seconds of each side, bytes on the wire where they can be counted."""

    seconds: float
    cpu_seconds: Mapping[str, float]
    wire_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line asks for, and a directory that is removed at the end."""

    records: int
    rounds: int
    kind: str
    seed: int
    with_bench: str
    directory: Path
    more: argparse.Namespace


Run = Callable[[], Awaitable[Timed]]
Prepare = Callable[[Given, Sequence[Row], AsyncExitStack], Awaitable[tuple[dict[str, Run], dict[str, str]]]]


def main(
    prog: str,
    about: str,
    prepare: Prepare,
    *,
    best_of: Sequence[str] = (),
    arguments: Callable[[argparse.ArgumentParser], None] | None = None,
) -> int:
    """Parse, measure, print; the exit status. `best_of` names the variants that the ratio is taken with, else all."""
    parser = argparse.ArgumentParser(prog, description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the median counts (default 5)")
    parser.add_argument("--kind", choices=KINDS, default="mixed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--with-bench",
        nargs="?",
        choices=STORES,
        const="postgres",
        default="",
        help="let ggzy bench sync take turns, the hub on this store (default postgres)",
    )
    parser.add_argument("--json", action="store_true", help="the last line is JSON")
    if arguments is not None:
        arguments(parser)
    asked = parser.parse_args()
    if asked.records < 1 or asked.rounds < 1:
        parser.error("--records and --rounds are at least 1")
    place = PLACE if Path(PLACE).is_dir() else None
    try:
        with tempfile.TemporaryDirectory(prefix="ggzy-compare-", dir=place) as name:
            given = Given(asked.records, asked.rounds, asked.kind, asked.seed, asked.with_bench, Path(name), asked)
            figures = asyncio.run(measure(given, prepare, best_of))
    except NodeError as error:
        print(f"未通过 FAILED: {error}", file=sys.stderr)
        return 1
    show(prog, figures)
    if asked.json:
        print(json.dumps(figures, ensure_ascii=False))
    return 0


async def measure(given: Given, prepare: Prepare, best_of: Sequence[str] = ()) -> report.Figures:
    """Run every variant `given.rounds` times by turns; the figures of the report and of the JSON line."""
    rows, forged = await make_rows(given.directory / "rows", given.kind, given.records, given.seed)
    runs: dict[str, list[Timed]] = {}
    bench: list[report.Figures] = []
    async with AsyncExitStack() as stack:
        variants, used = await prepare(given, rows, stack)
        for number in range(1, given.rounds + 1):
            for name, run in variants.items():
                timed = await run()
                runs.setdefault(name, []).append(timed)
                _progress(f"{number}/{given.rounds} {name}", given.records / timed.seconds)
            if given.with_bench:
                bench.append(await bench_sync(given))
                _progress(f"{number}/{given.rounds} ggzy bench sync", bench[-1]["records_per_s"])
    figures: report.Figures = {
        "records": given.records,
        "kind": given.kind,
        "rounds": given.rounds,
        "payload_bytes_per_record": report.rounded(forged.payload_bytes / given.records),
        "header_bytes_per_record": report.rounded(forged.header_bytes / given.records),
        "variants": {name: _summary(taken, given.records) for name, taken in runs.items()},
    }
    best = max(best_of or runs, key=lambda name: figures["variants"][name]["records_per_s"])
    figures |= {"best": best, "records_per_s": figures["variants"][best]["records_per_s"]}
    if bench:
        ours = report.rounded(report.median(each["records_per_s"] for each in bench))
        figures |= {"bench_store": given.with_bench, "bench_records_per_s": ours}
        figures |= {"bench_cpu_seconds": report.rounded(report.median(each["cpu_seconds"] for each in bench))}
        figures |= {"ratio": report.rounded(ours / figures["records_per_s"])}
    return figures | {"used": used, "machine": machine.describe(given.directory)}


async def bench_sync(given: Given) -> report.Figures:
    """The figures of one round of ours. Raises Unavailable when the measurement fails."""
    options = ["--store", given.with_bench, "--records", str(given.records), "--kind", given.kind]
    # It warms up by itself; the bytes on the wire are for a run of its own.
    options += ["--seed", str(given.seed), "--rounds", "1", "--wire-records", "1"]
    command = [sys.executable, "-m", "node", "bench", "sync", "--json", *options]
    child = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        said, complaint = await asyncio.wait_for(child.communicate(), BENCH_S)
    except TimeoutError:
        child.send_signal(signal.SIGINT)  # it stops its nodes before it ends
        await child.wait()
        raise Unavailable(f"ggzy bench sync did not end within {BENCH_S} s") from None
    if child.returncode:
        raise Unavailable(f"ggzy bench sync failed: {(said + complaint).decode('utf-8', 'replace')[-800:]}")
    figures: report.Figures = json.loads(said.splitlines()[-1])
    return figures


def _summary(taken: Sequence[Timed], records: int) -> report.Figures:
    seconds = report.median(each.seconds for each in taken)
    sides = taken[0].cpu_seconds
    wire = next((each.wire_bytes for each in taken if each.wire_bytes is not None), None)
    return {
        "records_per_s": report.rounded(records / seconds),
        "seconds": report.rounded(seconds),
        "all_seconds": [report.rounded(each.seconds) for each in taken],
        "cpu_seconds": {
            side: report.rounded(report.median(each.cpu_seconds[side] for each in taken)) for side in sides
        },
        "wire_bytes_per_record": None if wire is None else report.rounded(wire / records),
    }


def _progress(what: str, records_per_s: float) -> None:
    print(f"· {what}: {records_per_s:,.0f} 条/秒 records/s", file=sys.stderr, flush=True)


def show(title: str, figures: report.Figures) -> None:
    """The figures for people."""
    rows: list[tuple[str, Any]] = [
        ("记录数 records", figures["records"]),
        ("载荷字节/条 payload bytes a record", figures["payload_bytes_per_record"]),
    ]
    for name, each in figures["variants"].items():
        rows.append((f"{name}: 条/秒 records/s", each["records_per_s"]))
        rows.append((f"{name}: CPU 秒 seconds", each["cpu_seconds"]))
        if each["wire_bytes_per_record"] is not None:
            rows.append((f"{name}: 线上字节/条 wire bytes a record", each["wire_bytes_per_record"]))
    if "ratio" in figures:
        rows.append(
            (f"ggzy bench sync --store {figures['bench_store']}: 条/秒 records/s", figures["bench_records_per_s"])
        )
        rows.append(("ggzy bench sync: CPU 秒 seconds", figures["bench_cpu_seconds"]))
        rows.append((f"与 {figures['best']} 之比 ratio to it", figures["ratio"]))
    report.show(title, rows + [(name, value) for name, value in figures["used"].items()])
