"""The parent of several workers: starts them on sockets that it opened, restarts those that die, stops them all.

A worker is a fresh process, not a fork: this one has threads. It holds the fences on the keys for as long as it lives,
so that no other node gets them while workers are restarted.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import suppress

import structlog

from node.running.link import Orders
from node.running.restarts import STEADY_S, Restarts

_log = structlog.get_logger(__name__)
STORAGE_EXIT = 74  # EX_IOERR: the supervisor restarts us, and start-up verifies before anything is signed
WORKERS_EXIT = 70  # EX_SOFTWARE: every worker dies soon after its start
STOP_S = 45.0
"""How long a worker may take to end its requests and jobs; then it is killed. systemd's own limit is 90 s."""


class Parent:
    """Keeps `workers` processes of `command` alive, until `stop` or a failure that they all share.

    Args:
        command: what starts a worker; `--link N` is put after it.
        environment: of the workers.
        sockets: listen already; closed when the stopping begins, so that nobody waits in a queue that nobody serves.
    """

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], sockets: list[socket.socket], workers: int
    ) -> None:
        self._command = command
        self._environment = environment
        self._sockets = sockets
        self._workers = workers
        self._restarts = Restarts(workers)
        self._alive: dict[int, Process] = {}
        self._ready: set[int] = set()
        self._told = False
        self._stopping = asyncio.Event()
        self._status = 0

    @property
    def ready(self) -> int:
        """How many workers answer now."""
        return len(self._ready)

    def stop(self, status: int = 0) -> None:
        """End the workers; `run` then returns the first status that was given."""
        if not self._stopping.is_set():
            self._status = status
            self._stopping.set()

    async def run(self) -> int:
        """Until all workers have ended for good; gives the exit status."""
        keeping = [asyncio.create_task(self._keep(number)) for number in range(1, self._workers + 1)]
        try:
            await self._stopping.wait()
        finally:
            await self._end(keeping)
        return self._status

    async def _end(self, keeping: list[asyncio.Task[None]]) -> None:
        for each in self._sockets:
            each.close()
        self._stopping.set()
        self._signal(signal.SIGTERM)
        _, late = await asyncio.wait(keeping, timeout=STOP_S)
        if late:
            _log.error("workers_killed", workers=sorted(self._alive), after_s=STOP_S)
            self._signal(signal.SIGKILL)
        for outcome in await asyncio.gather(*keeping, return_exceptions=True):
            if isinstance(outcome, Exception):
                _log.error("worker_not_kept", error=f"{type(outcome).__name__}: {outcome}")
                self._status = self._status or WORKERS_EXIT

    def _signal(self, number: signal.Signals) -> None:
        for process in self._alive.values():
            with suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep(self, worker: int) -> None:
        """Start one worker again and again, until the stopping begins."""
        try:
            while not self._stopping.is_set():
                lived_s, status = await self._live(worker)
                if self._stopping.is_set():
                    return
                if status == STORAGE_EXIT:
                    _log.error("storage_failed", ended=worker)
                    return self.stop(STORAGE_EXIT)
                pause_s = self._restarts.after(worker, lived_s)
                if pause_s is None:
                    _log.error("workers_keep_dying", ended=worker, status=_cause(status))
                    return self.stop(WORKERS_EXIT)
                _log.warning("worker_ended", ended=worker, status=_cause(status), again_in_s=pause_s)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._stopping.wait()
        except BaseException:
            self.stop(WORKERS_EXIT)
            raise

    async def _live(self, worker: int) -> tuple[float, int]:
        """One life of a worker: how many seconds it took, and its exit status, below 0 for the signal that ended it."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = await self._spawn(worker, theirs)
            self._alive[worker] = process
            ours.setblocking(False)
            watching = asyncio.create_task(self._watch(worker, ours))
            try:
                ours.send(Orders(worker, self._workers, tuple(each.fileno() for each in self._sockets)).encode())
            except OSError:
                pass  # it is gone already
            if self._stopping.is_set():
                self._signal(signal.SIGTERM)  # it came after the others had been told
            try:
                status = await process.wait()
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
                self._alive.pop(worker, None)
                self._ready.discard(worker)
        return loop.time() - started, status

    async def _spawn(self, worker: int, theirs: socket.socket) -> Process:
        handles = [each.fileno() for each in self._sockets]
        return await asyncio.create_subprocess_exec(
            *self._command,
            "--link",
            str(theirs.fileno()),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=[theirs.fileno(), *(handle for handle in handles if handle >= 0)],
            env=self._environment,
        )

    async def _watch(self, worker: int, ours: socket.socket) -> None:
        """Notice that a worker answers, and that it goes on doing so."""
        if not await asyncio.get_running_loop().sock_recv(ours, 64):
            return
        self._ready.add(worker)
        if self.ready == self._workers and not self._told:
            self._told = True
            _log.info("workers_ready", workers=self._workers, pid=os.getpid())
        await asyncio.sleep(STEADY_S)
        self._restarts.steady(worker)


def _cause(status: int) -> str:
    """An exit status in words: a number, or the name of the signal."""
    return signal.Signals(-status).name if status < 0 else str(status)
