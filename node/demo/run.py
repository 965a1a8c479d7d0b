"""A federation on one machine on the packaged sample: three districts, city hub, department and national sandbox.

Six nodes of the same program in one process, each with its own keys, database, server and jobs; they talk over
loopback as they would over any network. What is shown is counted from the nodes' databases and interfaces.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aiohttp import web
from rich.table import Table

from node import samples
from node.cli.output import result
from node.cli.progress import bar
from node.demo import people
from node.demo.federation import LAST_FIRST_PORT, POLICY_FILE, Federation, prepare
from node.demo.watch import console, travel
from node.errors import Malformed, Unavailable
from node.importing.run import import_rows
from node.serve import configure_logging, start

LOCK_NAME = "demo.lock"


def run_demo(directory: Path | None, *, once: bool, port: int | None, records: int | None) -> int:
    """Run the demonstration; gives the exit status. With `once` it ends after one full exchange."""
    configure_logging("error")
    _check_numbers(port, records)
    started = time.monotonic()
    if directory is None and once:
        with tempfile.TemporaryDirectory(prefix="ggzy-demo-") as temporary:
            return asyncio.run(_run(Path(temporary), once, port, records, started))
    return asyncio.run(_run((directory or Path("demo")).resolve(), once, port, records, started))


def _check_numbers(port: int | None, records: int | None) -> None:
    if port is not None and not 1 <= port <= LAST_FIRST_PORT:
        raise Malformed(
            f"--port {port} is not from 1 to {LAST_FIRST_PORT}",
            zh=f"--port {port} 不在 1 到 {LAST_FIRST_PORT} 之间",
            field="--port",
            advice_zh="请给出首个端口，其后连用六个，如 --port 8400。",
            advice_en="Give the first of six ports in a row, such as --port 8400.",
        )
    if records is not None and records < 1:
        raise Malformed(
            f"--records {records} is less than 1",
            zh=f"--records {records} 小于 1",
            field="--records",
            advice_zh="请给出至少 1 条，或不写此项以使用全部样例。",
            advice_en="Give at least 1, or leave it out for the whole sample.",
        )


async def _run(directory: Path, once: bool, port: int | None, records: int | None, started: float) -> int:
    with _alone_in(directory):
        return await _run_held(directory, once, port, records, started)


async def _run_held(directory: Path, once: bool, port: int | None, records: int | None, started: float) -> int:
    federation = await asyncio.to_thread(prepare, directory, port, observe=not once)
    runners: list[web.AppRunner] = []
    try:
        for node in reversed(federation.nodes.values()):
            runners.append(await start(node))
        _addresses(federation)
        await _publish(federation, records)
        # Whoever wants so many records, wants no more.
        visitors = [] if records else await people.begin(federation)
        done, verified = await travel(federation)
        complete = done.published == done.at_hub == done.at_national == verified and done.published > 0
        if once:
            result(
                {
                    "published": done.published,
                    "at_hub": done.at_hub,
                    "at_national": done.at_national,
                    "receipts_verified": verified,
                    "quarantined": done.quarantined,
                    "seconds": round(time.monotonic() - started, 2),
                }
            )
            return 0 if complete and not done.quarantined else 1
        _try_it(federation, visitors)
        await _until_stopped()
        console.print(f"演示已停止，数据保留在 {directory}，再次运行即可继续。", markup=False, soft_wrap=True)
        console.print("Goodbye: the demonstration has stopped, its data is kept; run it again to go on.")
        return 0
    finally:
        for runner in reversed(runners):
            await runner.cleanup()


async def _publish(federation: Federation, records: int | None) -> None:
    """Every node imports its part of the sample; `records` makes it smaller, or larger with marked made-up rows."""
    work = [
        (node, kind, rows)
        for key, node in federation.nodes.items()
        if key in samples.NODES
        for kind, rows in samples.rows(key)
    ]
    total = sum(len(rows) for _, _, rows in work)
    if records is not None and records < total:
        left = records
        cut = []
        for node, kind, rows in work:
            cut.append((node, kind, rows[:left]))
            left -= len(cut[-1][2])
        work = cut
    elif records is not None and records > total:
        districts = [federation.nodes[key] for key in samples.DISTRICTS]
        more = list(samples.made_up(records - total))
        work += [(node, "credit", more[turn :: len(districts)]) for turn, node in enumerate(districts)]
    with bar("发布 publish", sum(len(rows) for _, _, rows in work)) as advance:
        for node, kind, rows in work:
            if rows:
                await import_rows(kind, rows, node.publisher.publish, name="sample")
                advance(len(rows))


def _addresses(federation: Federation) -> None:
    shown = Table("节点 node", "角色 role", "网页 pages", title="公共资源交易联邦 · a federation on this machine")
    roles = {"district": "区县 district", "hub": "市级 hub", "national": "国家平台沙箱 national sandbox"}
    roles["supervision"] = "监管部门 department"
    for node in federation.nodes.values():
        shown.add_row(node.settings.title, roles[node.settings.role], node.settings.url)
    console.print(shown)


def _try_it(federation: Federation, visitors: list[people.Visitor]) -> None:
    if visitors:
        console.print(people.shown(visitors), markup=False, soft_wrap=True)
    district = shlex.quote(str(federation.nodes[samples.DISTRICTS[0]].settings.directory))
    command = own_command()
    text = (
        f"\n目录 directory: {federation.directory}\n信任策略 trust policy: {federation.directory / POLICY_FILE}\n\n"
        "试一试 try (在另一个终端 in another terminal):\n"
        f"  {command} status --config {district}\n"
        f"  {command} fsck --config {district}\n"
        f"  curl '{federation.hub.settings.url}/api/records?limit=1'\n\n"
        "按 Ctrl-C 停止 · Ctrl-C stops"
    )
    console.print(text, markup=False, soft_wrap=True)  # a line that wraps cannot be copied


def own_command() -> str:
    """The words by which another terminal runs this very program, whatever its directory and search path."""
    script = Path(sys.argv[0])
    if script.name == "ggzy" and script.is_file():
        return shlex.quote(str(script.absolute()))
    command = f"{shlex.quote(sys.executable)} -P -m node"
    root = Path(__file__).resolve().parents[2]
    given = [Path(entry).resolve() for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if root in given or (not sys.flags.safe_path and Path.cwd() == root):
        return f"PYTHONPATH={shlex.quote(str(root))} {command}"
    return command


async def _until_stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    await stop.wait()


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Hold the directory against a second demonstration. Raises Unavailable when one runs there."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK_NAME).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(
                f"a demonstration is already running in this directory: {directory}",
                zh=f"该目录中已有演示在运行：{directory}",
                advice_zh="请在那个终端按 Ctrl-C 停止它，或用 --dir 另选目录。",
                advice_en="Stop it with Ctrl-C in its terminal, or choose another directory with --dir.",
            ) from None
        yield
