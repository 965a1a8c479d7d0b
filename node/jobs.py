"""The timetable: interval -> stage; no logic. Durable state is in our tables, so a lost tick loses nothing.

APScheduler with a memory job store; each job runs once at a time, and ticks that were missed are run once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from node.errors import NodeError, StorageFailed

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Job:
    """Something done at an interval. `limit_s` ends a run that hangs, so that the next tick is not lost."""

    name: str
    interval_s: float
    limit_s: float
    work: Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Wake:
    """Jobs that run at once when `event` is set: those of the first stage together, after them those of the next.

    A stage waits for nobody behind it: while a later one is at work, it runs again with the next event. Later ones rest
    for `pause_s` after each run, so that much news at once makes one run of them and not one each.
    """

    event: asyncio.Event
    stages: tuple[tuple[str, ...], ...]
    pause_s: float = 0


class Timetable:
    """Runs jobs at their intervals, and those of `wakes` at once when there is news."""

    def __init__(self, jobs: list[Job], wakes: Sequence[Wake], *, on_fatal: Callable[[], None]) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._wakes = tuple(wakes)
        self._on_fatal = on_fatal
        self._locks = {job.name: asyncio.Lock() for job in jobs}
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = False

    def start(self) -> None:
        for job in self._jobs.values():
            every = IntervalTrigger(seconds=job.interval_s, timezone="UTC")
            self._scheduler.add_job(
                self.run, every, args=[job.name], coalesce=True, max_instances=1, misfire_grace_time=None, id=job.name
            )
        self._scheduler.start()
        for wake in self._wakes:
            events = [wake.event, *(asyncio.Event() for _ in wake.stages[1:])]
            for place, names in enumerate(wake.stages):
                then = events[place + 1] if place + 1 < len(events) else None
                pause_s = wake.pause_s if place else 0
                self._watchers.append(asyncio.create_task(self._watch(events[place], names, then, pause_s)))

    async def stop(self) -> None:
        self._stopping = True
        if self._scheduler.running:
            self._scheduler.pause()
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        # What is running is let finish; what waits for its turn then sees that there is none.
        for lock in self._locks.values():
            with suppress(TimeoutError):
                async with asyncio.timeout(5), lock:
                    pass
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def run(self, name: str) -> None:
        """Run a job now, after the run that is under way, if any."""
        job = self._jobs[name]
        async with self._locks[name]:
            if self._stopping:
                return
            try:
                async with asyncio.timeout(job.limit_s):
                    await job.work()
            except asyncio.CancelledError:
                # Ended because the node stops; told to nobody, since the next start does the work.
                if not self._stopping:
                    raise
            except TimeoutError:
                _log.warning("job_stuck", job=name, limit_s=job.limit_s)
            except StorageFailed as error:
                _log.error("storage_failed", job=name, detail=error.detail)
                self._on_fatal()
            except NodeError as error:
                _log.warning("job_failed", job=name, code=error.code, detail=error.detail)
            except Exception:
                _log.exception("job_broke", job=name)

    async def _watch(
        self, event: asyncio.Event, names: Sequence[str], then: asyncio.Event | None, pause_s: float
    ) -> None:
        while True:
            await event.wait()
            event.clear()
            await asyncio.gather(*(self.run(name) for name in names))
            if then is not None:
                then.set()
            if pause_s:
                await asyncio.sleep(pause_s)
