"""A federation of real node processes on loopback: made in a directory, started, measured, stopped by their pid."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node import keyring, provision
from node.errors import Unavailable
from node.provision import Made
from node.settings import CONFIG_NAME, Settings, load
from node.store import migrate
from node.sync.peer import HttpTransport, Request, Transport, connection
from node.wire import receipt as receipts
from node.wire.trust import TrustPolicy

ROOT = str(Path(__file__).resolve().parents[2])
"""Where `node` is imported from: children import the same."""
FEDERATION = "ggzy.example/bench"
HUB = "500000"
READY_S = 60.0
STOP_S = 20.0
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Federation:
    """The nodes of a measurement: a hub, its districts, perhaps a national node above it, under one trust policy."""

    directory: Path
    hub: Settings
    districts: tuple[Settings, ...]
    national: Settings | None
    policy: TrustPolicy


def make(
    directory: Path,
    districts: int = 1,
    *,
    hub_database: str = "",
    hub_settings: Mapping[str, Any] | None = None,
    national: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Federation:
    """Make a federation in an empty directory; needs no running event loop (call it in a thread).

    `settings` are lines for every node's config.toml, `hub_settings` for the hub's alone, `hub_database` is the address
    of its database where that is not SQLite.
    """
    ports = free_ports(2 + districts)
    roles = [("national", "national", "100000")] if national else []
    roles += [("hub", "hub", HUB)]
    roles += [(f"d{number}", "district", f"5001{number:02d}") for number in range(1, districts + 1)]
    port_of = {key: port for (key, _, _), port in zip(roles, ports, strict=False)}
    above = {"national": "", "hub": "national" if national else "", "district": "hub"}
    made: dict[str, Made] = {}
    for key, role, division in roles:
        upstream = above[role]
        made[key] = provision.make_node(
            directory / key,
            role=role,
            division=division,
            title=f"测量节点 {key}",
            federation=FEDERATION,
            upstream_url=f"http://127.0.0.1:{port_of[upstream]}" if upstream else "",
            port=port_of[key],
        )
        lines = dict(settings or {})
        if key == "hub":
            lines |= {**(hub_settings or {}), **({"database_url": hub_database} if hub_database else {})}
        _configure(directory / key, lines)
    signer = keyring.policy_signer(directory / "federation-keys", FEDERATION, create=True)
    name_of = {key: each.settings.name for key, each in made.items()}
    above_of = {name_of[key]: name_of[above[role]] for key, role, _ in roles if above[role]}
    note = provision.first_policy(FEDERATION, signer, list(made.values()), above_of)
    (directory / "trust-policy.note").write_bytes(note)
    now = {key: load(directory / key) for key in made}
    for each in now.values():
        migrate.upgrade(each.database)
        provision.adopt(each, [note])
    policy = receipts.parse_policy(note)
    assert isinstance(policy, TrustPolicy)
    members = tuple(now[key] for key, role, _ in roles if role == "district")
    return Federation(directory, now["hub"], members, now.get("national"), policy)


def _configure(directory: Path, lines: Mapping[str, Any]) -> None:
    with (directory / CONFIG_NAME).open("a", encoding="utf-8") as file:
        file.writelines(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in lines.items())


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


# --- processes --------------------------------------------------------------------------------------------------------


class Process:
    """A child process of the measurement; its standard error goes to a file."""

    def __init__(self, child: asyncio.subprocess.Process, log: Path) -> None:
        self._child = child
        self.log = log
        self.told = asyncio.Event()
        """Set when the child says `{"event": ...}` while it works on a command, and when it has answered."""

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.returncode is None

    async def ask(self, **command: Any) -> dict[str, Any]:
        """Send one command as a JSON line and wait for its answer. Raises Unavailable when the child says it failed."""
        assert self._child.stdin is not None and self._child.stdout is not None
        self.told.clear()
        try:
            self._child.stdin.write(json.dumps(command).encode() + b"\n")
            await self._child.stdin.drain()
            while line := await self._child.stdout.readline():
                answer: dict[str, Any] = json.loads(line)
                if "error" in answer:
                    raise Unavailable(f"a process of the measurement failed: {answer['error']}")
                if "event" not in answer:
                    return answer
                self.told.set()
        except ConnectionError:
            pass
        finally:
            self.told.set()
        raise self._died()

    async def ready(self, url: str) -> None:
        """Wait until a node answers /readyz. Raises Unavailable when it has ended or takes too long."""
        async with reaching(url, total_s=5) as way:
            end = time.monotonic() + READY_S
            while time.monotonic() < end:
                if not self.alive:
                    raise self._died()
                try:
                    reply = await way.send(Request("GET", "/readyz"))
                except Unavailable:
                    reply = None
                if reply is not None and reply.status == 200:
                    return
                await asyncio.sleep(0.05)
        raise Unavailable(f"{url} was not ready within {READY_S:g} s; its log is {self.log}")

    async def stop(self) -> None:
        """Close its standard input and SIGTERM; SIGKILL to one that does not go."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        if not self.alive:
            return
        self._child.terminate()
        try:
            await asyncio.wait_for(self._child.wait(), STOP_S)
        except TimeoutError:
            self._child.kill()
            await self._child.wait()

    def _died(self) -> Unavailable:
        tail = self.log.read_text("utf-8", "replace")[-600:].strip()
        return Unavailable(
            f"a process of the measurement ended: {tail}",
            zh="测量用的子进程已退出",
            advice_zh=f"请查看 {self.log}；用 --keep 可保留目录。",
            advice_en=f"Look at {self.log}; --keep keeps the directory.",
        )


async def start(arguments: Sequence[str], log: Path, *, piped: bool = False) -> Process:
    """Start `python ARGUMENTS`; `piped` gives it our commands on standard input."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))}
    # A night's work would fall into the measurement.
    environment["GGZY_DUMP_KEEP_DAYS"] = "0"
    pipe = asyncio.subprocess.PIPE if piped else asyncio.subprocess.DEVNULL
    with log.open("ab") as out:
        child = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=pipe, stdout=pipe, stderr=out, env=environment, limit=1 << 22
        )
    return Process(child, log)


@asynccontextmanager
async def serving(settings: Settings, *more: str) -> AsyncIterator[Process]:
    """A real node: `python -m node serve`, ready when this is entered, stopped when it is left."""
    log = settings.directory.parent / f"{settings.directory.name}.log"
    process = await start(["-m", "node", "serve", "-c", str(settings.directory), *more], log)
    try:
        await process.ready(settings.url)
        yield process
    finally:
        await process.stop()


@asynccontextmanager
async def helper(module: str, *arguments: str, log: Path) -> AsyncIterator[Process]:
    """A child that takes commands (`Process.ask`), such as `node.bench.district`; it ends with our end of the pipe."""
    process = await start(["-m", module, *arguments], log, piped=True)
    try:
        yield process
    finally:
        await process.stop()


@asynccontextmanager
async def reaching(url: str, *, total_s: float = 60) -> AsyncIterator[Transport]:
    """Requests to a node at `url`, over a session of our own."""
    async with connection(lambda session: HttpTransport(session, url, total_s=total_s, connect_s=5)) as way:
        yield way


# --- what a process used ----------------------------------------------------------------------------------------------


def family(pid: int) -> list[int]:
    """A process and all its descendants that are alive."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and its descendants so far, with children that have ended (proc(5), stat 14 to 17)."""
    ticks = 0
    for each in family(pid):
        if fields := _stat(each):
            ticks += sum(int(value) for value in fields[11:15])
    return ticks / CLOCK_TICKS


def peak_rss_bytes(pid: int) -> int:
    """Peak resident set (VmHWM) of a process; of several workers the sum of their peaks."""
    total = 0
    for each in family(pid):
        try:
            status = Path(f"/proc/{each}/status").read_text("utf-8", "replace")
        except OSError:
            continue
        total += sum(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:"))
    return total


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on (state, parent, ...); none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []
