"""The jobs run in the process that holds the lease, and nowhere else."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from node.jobs import Job, Timetable, Wake
from node.running.duties import ELSEWHERE, HERE, UNKNOWN, Duties

HOUR = 3600.0
SOON_S = 0.01


class OneLease:
    """A right that one of several holders has at a time, as the database gives it."""

    def __init__(self) -> None:
        self.holder: object = None
        self.asked = 0

    def of(self, name: str) -> HeldLease:
        return HeldLease(self, name)


class HeldLease:
    def __init__(self, one: OneLease, name: str) -> None:
        self._one, self._name = one, name

    def take(self) -> bool:
        if self._one.holder is None:
            self._one.holder = self._name
        return self.held()

    def held(self) -> bool:
        self._one.asked += 1
        return self._one.holder == self._name

    def release(self) -> None:
        if self._one.holder == self._name:
            self._one.holder = None


class Process:
    """One process: its duties, with one job that is woken by `news` and waits for `go_on`."""

    def __init__(self, lease: HeldLease | None) -> None:
        self.news, self.go_on, self.began = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.ran: list[str] = []
        self.duties = Duties(lease, self._plan, lambda: None, ask_s=SOON_S)

    def _plan(self, around: Callable[[Job], Job]) -> Timetable:
        job = around(Job("sync", HOUR, HOUR, self._work))
        return Timetable([job], [Wake(self.news, (("sync",),))], on_fatal=lambda: None)

    async def _work(self) -> None:
        self.began.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.ran.append("ended")
            raise
        self.ran.append("done")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.duties.run())
        try:
            async with asyncio.timeout(30):
                yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        for _ in itertools.count():
            if check():
                return
            await asyncio.sleep(0)


async def test_without_a_lease_the_jobs_are_here() -> None:
    process = Process(None)
    async with process.serving():
        await until(lambda: process.duties.where == HERE)
        process.go_on.set()
        process.news.set()
        await until(lambda: process.ran == ["done"])


async def test_one_of_two_runs_the_jobs_and_the_other_follows_it() -> None:
    one = OneLease()
    first, second = Process(one.of("first")), Process(one.of("second"))
    async with second.serving():
        async with first.serving():
            await until(lambda: {first.duties.where, second.duties.where} == {HERE, ELSEWHERE})
            leads, waits = (first, second) if first.duties.where == HERE else (second, first)
            for each in (leads, waits):
                each.go_on.set()
                each.news.set()
            await until(lambda: leads.ran == ["done"])
            assert waits.ran == []
        await until(lambda: second.duties.where == HERE)
        await until(lambda: second.ran == ["done"])
        assert one.holder == "second"
    assert one.holder is None, "given back at the end"
    assert second.duties.where == UNKNOWN


async def test_a_job_that_is_due_when_the_lease_is_lost_does_not_run() -> None:
    one = OneLease()
    process = Process(one.of("first"))
    process.go_on.set()
    async with process.serving():
        await until(lambda: process.duties.where == HERE)
        one.holder = "another machine"
        process.news.set()
        await until(lambda: process.duties.where == ELSEWHERE)
        assert process.ran == []


async def test_a_job_under_way_is_ended_when_the_lease_is_lost_and_runs_again_with_the_next() -> None:
    one = OneLease()
    process = Process(one.of("first"))
    async with process.serving():
        await until(lambda: process.duties.where == HERE)
        process.news.set()
        await process.began.wait()
        one.holder = "another machine"
        await until(lambda: process.duties.where == ELSEWHERE)
        assert process.ran == ["ended"]
        process.go_on.set()
        one.holder = None
        await until(lambda: process.duties.where == HERE)
        process.news.set()
        await until(lambda: process.ran == ["ended", "done"])
