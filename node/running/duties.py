"""Which process runs the jobs: the one that holds the lease on them (DESIGN L5), among all that serve one database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import structlog

from node.jobs import Job, Timetable
from node.sync.bulletin import Follower

_log = structlog.get_logger(__name__)
ASK_S = 2.0
"""How often the lease is asked for, and by its holder whether it still holds it."""
HERE, ELSEWHERE, UNKNOWN = "here", "elsewhere", "unknown"
Plan = Callable[[Callable[[Job], Job]], Timetable]
"""Makes the timetable; what it is given goes around each of its jobs."""


class Lease(Protocol):
    """See `node.store.lease.Lease`; each call may wait for the server, so it is made in a thread."""

    def take(self) -> bool: ...
    def held(self) -> bool: ...
    def release(self) -> None: ...


class Duties:
    """Runs the jobs, and waits for the news of the node above, for as long as this process holds the lease.

    Args:
        lease: None where one process serves, as on SQLite: then the jobs are here.
        plan: makes the timetable; anew each time, since one that was stopped stays so.
        follower: gives who waits at the node above; None where there is none.
        ask_s: see `ASK_S`.
    """

    def __init__(
        self, lease: Lease | None, plan: Plan, follower: Callable[[], Follower | None], *, ask_s: float = ASK_S
    ) -> None:
        self._lease = lease
        self._plan = plan
        self._follower = follower
        self._ask_s = ask_s
        self._under_way: set[asyncio.Task[object]] = set()
        self._lost = asyncio.Event()
        self.where = UNKNOWN
        """Where the jobs run, as this process last knew: it asks every `ask_s`."""

    async def run(self) -> None:
        """Until cancelled; then the jobs are stopped, and the lease given back."""
        try:
            while True:
                try:
                    if self._lease is None or await asyncio.to_thread(self._lease.take):
                        await self._lead()
                    else:
                        self.where = ELSEWHERE
                except Exception:
                    _log.exception("duties_broke")
                await asyncio.sleep(self._ask_s)
        finally:
            if self._lease is not None:
                await asyncio.to_thread(self._lease.release)

    async def _lead(self) -> None:
        """Run the jobs until the lease is lost."""
        _log.info("jobs_begin")
        self.where = HERE
        self._lost.clear()
        plan, follower = self._plan(self._guarded), self._follower()
        plan.start()
        following = None if follower is None else asyncio.create_task(follower.run())
        try:
            while await self._mine():
                try:
                    async with asyncio.timeout(self._ask_s):
                        await self._lost.wait()
                except TimeoutError:
                    continue
                break
            _log.warning("jobs_given_up", why="the lease is lost, so another process may run them")
            # At once, before another starts them: what a job leaves undone, the next holder's does.
            for task in self._under_way:
                task.cancel()
        finally:
            self.where = UNKNOWN
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            await plan.stop()

    async def _mine(self) -> bool:
        return self._lease is None or await asyncio.to_thread(self._lease.held)

    def _guarded(self, job: Job) -> Job:
        """The same job, run only while the lease is held, and ended when it is lost."""
        if self._lease is None:
            return job

        async def work() -> None:
            if not await self._mine():
                self._lost.set()
                return
            task = asyncio.ensure_future(job.work())
            self._under_way.add(task)
            try:
                await task
            finally:
                self._under_way.discard(task)

        return replace(job, work=work)
