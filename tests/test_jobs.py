"""The timetable: a stuck or failing job is ended or told, and the loop goes on; news runs the urgent jobs at once."""

from __future__ import annotations

import asyncio

from node.errors import StorageFailed, Unavailable
from node.jobs import Job, Timetable, Wake

HOUR = 3600.0


def timetable(jobs: list[Job], news: asyncio.Event, *stages: tuple[str, ...]) -> tuple[Timetable, list[str]]:
    fatal: list[str] = []
    return Timetable(jobs, [Wake(news, stages)] if stages else [], on_fatal=lambda: fatal.append("fatal")), fatal


async def test_a_stuck_call_times_out_and_the_next_run_works() -> None:
    runs = []

    async def work() -> None:
        runs.append(len(runs))
        if len(runs) == 1:
            await asyncio.Event().wait()

    plan, _ = timetable([Job("sync", HOUR, 0.01, work)], asyncio.Event())
    await plan.run("sync")
    await plan.run("sync")
    assert runs == [0, 1]


async def test_a_failing_job_is_survived() -> None:
    async def unreachable() -> None:
        raise Unavailable("the hub is off")

    async def broken() -> None:
        raise RuntimeError("a bug")

    plan, fatal = timetable([Job("a", HOUR, 1, unreachable), Job("b", HOUR, 1, broken)], asyncio.Event())
    await plan.run("a")
    await plan.run("b")
    assert not fatal


async def test_L8_a_failed_disk_stops_the_process() -> None:
    async def work() -> None:
        raise StorageFailed("fsync failed")

    plan, fatal = timetable([Job("project", HOUR, 1, work)], asyncio.Event())
    await plan.run("project")
    assert fatal == ["fatal"]


async def test_news_runs_the_urgent_jobs_at_once_and_the_others_not() -> None:
    news, ran = asyncio.Event(), asyncio.Event()
    lazy_runs = []

    async def urgent() -> None:
        ran.set()

    async def lazy() -> None:
        lazy_runs.append(1)

    plan, _ = timetable([Job("sync", HOUR, 1, urgent), Job("audit", HOUR, 1, lazy)], news, ("sync",))
    plan.start()
    news.set()
    async with asyncio.timeout(30):
        await ran.wait()
    await plan.stop()
    assert not lazy_runs


async def test_a_job_runs_once_at_a_time() -> None:
    inside = most = 0

    async def work() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1

    plan, _ = timetable([Job("sync", HOUR, 1, work)], asyncio.Event())
    await asyncio.gather(*(plan.run("sync") for _ in range(5)))
    assert most == 1


async def test_a_stage_runs_again_while_a_later_one_is_still_at_work() -> None:
    """Pushing what is new must not wait for the read tables of what was new before."""
    news, pushed, slow = asyncio.Event(), asyncio.Event(), asyncio.Event()
    ran: list[str] = []

    async def push() -> None:
        ran.append("push")
        pushed.set()

    async def project() -> None:
        ran.append("project")
        slow.set()
        await asyncio.Event().wait()

    plan, _ = timetable(
        [Job("push", HOUR, 1, push), Job("project", HOUR, HOUR, project)], news, ("push",), ("project",)
    )
    plan.start()
    async with asyncio.timeout(30):
        news.set()
        await slow.wait()
        pushed.clear()
        news.set()
        await pushed.wait()
    assert ran == ["push", "project", "push"]
    for watcher in plan._watchers:
        watcher.cancel()
    await plan.stop()
