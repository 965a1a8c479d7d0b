"""A federation on one machine: three districts, the city hub and a national sandbox, on the packaged sample.

Five nodes of the same program in one process, each with its own keys, database, server and jobs; they talk over
loopback as they would over any network. What is shown is counted from the nodes' databases and interfaces.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import shlex
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import web
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, func, select

from node import keyring, provision, samples
from node.app import Node
from node.cli.output import result
from node.cli.progress import bar
from node.errors import Malformed, NodeError, Unavailable
from node.importing.run import import_rows
from node.provision import Made
from node.serve import configure_logging, start
from node.settings import CONFIG_NAME, load
from node.store import checkpoints, logs, payloads
from node.store.peers import all_standings
from node.store.tables import Issued, Quarantine, table
from node.tlog.proof import TlogProof
from node.wire import paths
from node.wire import receipt as receipts
from node.wire.trust import TrustPolicy

FEDERATION = "ggzy.example/cq"
FIRST_PORT = 8300
LAST_FIRST_PORT = 65535 - 4
LOCK_NAME = "demo.lock"
PATIENCE_S = 50
_POLICY_FILE = "trust-policy.note"
_issued = table(Issued)
_quarantine = table(Quarantine)
console = Console(stderr=True, highlight=False)


@dataclass
class Progress:
    """Where the federation's records stand; each number counts entries."""

    published: int = 0
    at_hub: int = 0
    at_national: int = 0
    quarantined: int = 0


@dataclass
class Federation:
    """The demo's nodes by their key in `samples.NODES`."""

    nodes: dict[str, Node]
    directory: Path
    policy: TrustPolicy

    @property
    def hub(self) -> Node:
        return self.nodes[samples.HUB]

    @property
    def national(self) -> Node:
        return self.nodes[samples.NATIONAL]


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
            advice_zh="请给出首个端口，其后连用五个，如 --port 8400。",
            advice_en="Give the first of five ports in a row, such as --port 8400.",
        )
    if records is not None and records < 1:
        raise Malformed(
            f"--records {records} is less than 1",
            zh=f"--records {records} 小于 1",
            field="--records",
            advice_zh="请给出至少 1 条，或不写此项以使用全部样例。",
            advice_en="Give at least 1, or leave it out for the whole sample.",
        )


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


async def _run(directory: Path, once: bool, port: int | None, records: int | None, started: float) -> int:
    with _alone_in(directory):
        return await _run_held(directory, once, port, records, started)


async def _run_held(directory: Path, once: bool, port: int | None, records: int | None, started: float) -> int:
    federation = await asyncio.to_thread(prepare, directory, port)
    runners: list[web.AppRunner] = []
    try:
        for node in reversed(federation.nodes.values()):
            runners.append(await start(node))
        _addresses(federation)
        await _publish(federation, records)
        done, verified = await _travel(federation)
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
        _try_it(federation)
        await _until_stopped()
        console.print(f"演示已停止，数据保留在 {directory}，再次运行即可继续。", markup=False, soft_wrap=True)
        console.print("Goodbye: the demonstration has stopped, its data is kept; run it again to go on.")
        return 0
    finally:
        for runner in reversed(runners):
            await runner.cleanup()


def prepare(directory: Path, port: int | None) -> Federation:
    """Make the five nodes, or open those that an earlier run made, under one trust policy."""
    first = _ports(directory, port)
    order = [samples.NATIONAL, samples.HUB, *samples.DISTRICTS]
    made: dict[str, Made] = {}
    for offset, key in enumerate(order):
        role = {samples.NATIONAL: "national", samples.HUB: "hub"}.get(key, "district")
        above = {"national": None, "hub": 0, "district": 1}[role]
        made[key] = provision.make_node(
            directory / key,
            role=role,
            division=key if key.isdigit() else "100000",
            title=samples.NODES[key] + ("公共资源交易中心" if key.isdigit() else ""),
            federation=FEDERATION,
            upstream_url="" if above is None else f"http://127.0.0.1:{first + above}",
            port=first + offset,
        )
        _move(directory / key, first + offset, None if above is None else first + above)
        _quicken(directory / key)
    hub, national = made[samples.HUB].settings.name, made[samples.NATIONAL].settings.name
    above_of = {hub: national} | {made[key].settings.name: hub for key in samples.DISTRICTS}
    file = directory / _POLICY_FILE
    if not file.exists():
        signer = keyring.policy_signer(directory / "federation-keys", FEDERATION, create=True)
        file.write_bytes(provision.first_policy(FEDERATION, signer, list(made.values()), above_of))
    policy = receipts.parse_policy(file.read_bytes())
    assert isinstance(policy, TrustPolicy)
    for each in made.values():
        provision.adopt(each.settings, [file.read_bytes()])
    nodes = {key: Node(load(directory / key)) for key in samples.NODES}
    return Federation(nodes, directory, policy)


def _quicken(directory: Path) -> None:
    """The demonstration syncs every two seconds instead of ten, so that a visitor sees it happen."""
    file = directory / CONFIG_NAME
    text = file.read_text("utf-8")
    if "sync_interval_s" not in text:
        file.write_text(text + "sync_interval_s = 2\nproject_interval_s = 2\n", "utf-8")


def _move(directory: Path, port: int, upstream: int | None) -> None:
    """Write the ports of this run into a node's settings; an earlier run may have had others."""
    file = directory / CONFIG_NAME
    old = file.read_text("utf-8")
    text = re.sub(r"(?m)^port = \d+$", f"port = {port}", old)
    if upstream is not None:
        text = re.sub(
            r'(?m)^upstream_url = "http://127\.0\.0\.1:\d+"$', f'upstream_url = "http://127.0.0.1:{upstream}"', text
        )
    if text != old:
        file.write_text(text, "utf-8")


def _ports(directory: Path, wanted: int | None) -> int:
    """First of five free ports in a row: those asked for, those of an earlier run, or the next free ones."""
    config = directory / samples.NATIONAL / CONFIG_NAME
    if wanted is not None:
        if not all(_free(wanted + offset) for offset in range(5)):
            raise Unavailable(
                f"ports {wanted} to {wanted + 4} are not all free",
                zh=f"端口 {wanted}–{wanted + 4} 未全部空闲",
                advice_zh="请用 --port 换一组端口。",
                advice_en="Choose others with --port.",
            )
        return wanted
    if config.exists() and all(_free(load(config.parent).port + offset) for offset in range(5)):
        return load(config.parent).port
    for first in range(FIRST_PORT, FIRST_PORT + 1000, 5):
        if all(_free(first + offset) for offset in range(5)):
            return first
    raise Unavailable(
        f"no five free ports in a row from {FIRST_PORT} on",
        zh=f"从 {FIRST_PORT} 起没有连续五个空闲端口",
        advice_zh="请用 --port 指定首个端口。",
        advice_en="Name the first one with --port.",
    )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def _publish(federation: Federation, records: int | None) -> None:
    """Every node imports its part of the sample; `records` makes it smaller, or larger with marked made-up rows."""
    work = [(node, kind, rows) for key, node in federation.nodes.items() for kind, rows in samples.rows(key)]
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


async def _travel(federation: Federation) -> tuple[Progress, int]:
    """Watch the records arrive, then fetch and verify a receipt for each; ends early when all is there."""
    deadline = time.monotonic() + PATIENCE_S
    seen = Progress()
    while True:
        now = await count(federation)
        if now != seen:
            seen = now
            console.print(
                f"  发布 published {now.published}  →  市级 hub {now.at_hub}  →  国家 national {now.at_national}"
            )
        if now.published == now.at_hub == now.at_national and await _all_cosigned(federation):
            break
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.1)
    for node in federation.nodes.values():
        await node.projector.run()
    return await count(federation), await _receipts(federation)


async def count(federation: Federation) -> Progress:
    """Count entries that are whole at the hub and at national: mirrored, cosigned, and with all payloads due there."""
    done = Progress()
    for node in federation.nodes.values():
        states = await node.store.read(logs.all_logs)
        done.published += next(state.head_size for state in states if state.own)
        done.quarantined += await node.store.read(_count_quarantined)
        if node in (federation.hub, federation.national):
            whole = sum([await node.store.read(partial(_whole, log_id=state.id)) for state in states])
            if node is federation.hub:
                done.at_hub = whole
            else:
                done.at_national = whole
    return done


def _whole(conn: Connection, log_id: int) -> int:
    state = logs.by_id(conn, log_id)
    end = min(state.head_size, state.payload_next)
    return end - len({index for index, _ in payloads.missing(conn, log_id, 0, end)})


def _count_quarantined(conn: Connection) -> int:
    return int(conn.execute(select(func.count()).select_from(_quarantine)).scalar_one())


async def _all_cosigned(federation: Federation) -> bool:
    """Whether every origin holds, for its own head, the cosignatures of all nodes above it, and custody of the next."""
    for node in federation.nodes.values():
        above = federation.policy.path_up(node.settings.name)
        names = [g.key.name for name in above for g in federation.policy.grants(node=name, use="mirror")]
        if not await node.store.read(partial(_cosigned, names=names)):
            return False
    return True


def _cosigned(conn: Connection, names: list[str]) -> bool:
    own = next(state for state in logs.all_logs(conn) if state.own)
    kept = not names or any(s.log_id == own.id and s.payload_next >= own.head_size for s in all_standings(conn))
    return kept and all(checkpoints.line_of(conn, own.id, own.head_size, name) is not None for name in names)


async def _receipts(federation: Federation) -> int:
    """Fetch a receipt for every published record from its origin's interface and verify it as an outsider would.

    A receipt counts when it verifies and carries the mirror cosignature of every node above its origin.
    """
    verified = 0
    total = (await count(federation)).published
    async with aiohttp.ClientSession() as session:
        with bar("核验回执 verify receipts", total) as advance:
            for node in federation.nodes.values():
                above = federation.policy.path_up(node.settings.name)
                needed = {g.key.name for name in above for g in federation.policy.grants(node=name, use="mirror")}
                for record_id, version in await node.store.read(_own_records):
                    url = node.settings.url + paths.RECORD_RECEIPT.format(record_id=record_id.hex())
                    async with session.get(url, params={"version": version, "origin": node.settings.origin}) as answer:
                        data = await answer.read()
                    if answer.status == 200 and _holds(data, federation.policy, needed):
                        verified += 1
                    advance(1)
    return verified


def _holds(data: bytes, policy: TrustPolicy, needed: set[str]) -> bool:
    try:
        verdict = receipts.verify(TlogProof.parse(data), policy)
    except NodeError as error:
        console.print(f"[red]{error.code}: {error.detail}[/red]")
        return False
    return needed <= {name for name, _ in verdict.cosigners} and (not needed or verdict.custody is not None)


def _own_records(conn: Connection) -> list[tuple[bytes, int]]:
    rows = conn.execute(select(_issued.c.record_id, _issued.c.version).order_by(_issued.c.idx))
    return [(row.record_id, row.version) for row in rows]


def _addresses(federation: Federation) -> None:
    shown = Table("节点 node", "角色 role", "网页 pages", title="公共资源交易联邦 · a federation on this machine")
    roles = {"district": "区县 district", "hub": "市级 hub", "national": "国家平台沙箱 national sandbox"}
    for node in federation.nodes.values():
        shown.add_row(node.settings.title, roles[node.settings.role], node.settings.url)
    console.print(shown)


def _try_it(federation: Federation) -> None:
    district = shlex.quote(str(federation.nodes[samples.DISTRICTS[0]].settings.directory))
    command = own_command()
    text = (
        f"\n目录 directory: {federation.directory}\n信任策略 trust policy: {federation.directory / _POLICY_FILE}\n\n"
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
    root = Path(__file__).resolve().parents[1]
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
