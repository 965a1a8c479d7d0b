"""A hub of several workers as real processes, for tests: started, read, killed, and gone afterwards."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import Connection

from node.app import Node
from node.bench import processes
from node.bench.processes import Federation
from node.serve import start
from node.settings import Settings
from node.store import logs
from tests.store.postgres import postgres_url

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 120
INTERVALS = {"sync_interval_s": 1, "project_interval_s": 1, "observe_interval_s": 0, "log_level": "info"}


@contextmanager
def made_federation(directory: Path) -> Iterator[Federation]:
    """A national node, a hub on a database of its own on PostgreSQL, and a district."""
    with postgres_url() as url:
        yield processes.make(directory, hub_database=url, national=True, settings=INTERVALS)


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LIMIT_S):
        for _ in itertools.count():
            if await check():
                return
            await asyncio.sleep(0.05)


class Hub:
    """The hub's parent process, and what its log lines tell."""

    def __init__(self, settings: Settings, process: Process, log: Path) -> None:
        self.settings = settings
        self.process = process
        self._log = log

    def lines(self, event: str) -> list[dict[str, Any]]:
        told = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [each for each in told if each["event"] == event]

    def serves(self) -> bool:
        """Whether all workers answer, and one runs the jobs."""
        assert self.process.returncode is None, self._log.read_text()
        return bool(self.lines("workers_ready") and self.lines("jobs_begin"))

    def pids(self) -> dict[int, int]:
        """Worker -> its newest process."""
        return {each["worker"]: each["pid"] for each in self.lines("serving")}

    def leader(self) -> int:
        """The worker that began to run the jobs last."""
        return int(self.lines("jobs_begin")[-1]["worker"])

    def everyone(self) -> list[int]:
        """All processes of this hub that are there."""
        return [pid for pid in (self.process.pid, *(each["pid"] for each in self.lines("serving"))) if alive(pid)]

    async def get(self, path: str) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        url = f"http://{self.settings.host}:{self.settings.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.read()


def alive(pid: int) -> bool:
    """Whether a process is there and is no mere entry that nobody has asked for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@asynccontextmanager
async def hub_of(federation: Federation, *, workers: int = 2) -> AsyncIterator[Hub]:
    """A hub that serves; no process of it is left afterwards."""
    settings = federation.hub
    log = settings.directory / "serve.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "node", "serve", "--workers", str(workers), "-c", str(settings.directory)),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
        )
    hub = Hub(settings, process, log)
    try:
        await until(lambda: so(hub.serves))
        yield hub
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        for pid in hub.everyone():
            os.kill(pid, signal.SIGKILL)


async def command(*words: str) -> tuple[int | None, str]:
    """A command as a process of its own; gives its exit status and what it told on standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "node", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )
    async with asyncio.timeout(LIMIT_S):
        _, told = await process.communicate()
    return process.returncode, told.decode()


async def so(check: Callable[[], bool]) -> bool:
    return check()


@asynccontextmanager
async def beside(federation: Federation) -> AsyncIterator[tuple[Node, Node]]:
    """The national node, which serves, and the district, which syncs when it is told to."""
    assert federation.national is not None
    national, district = Node(federation.national), Node(federation.districts[0])
    runner = await start(national, jobs=False)
    try:
        await district.open()
        try:
            yield national, district
        finally:
            await district.close()
    finally:
        await runner.cleanup()


def size_of(origin: str) -> Callable[[Connection], int]:
    def work(conn: Connection) -> int:
        state = logs.find(conn, origin)
        return 0 if state is None else state.payload_next

    return work
