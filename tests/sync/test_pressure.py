"""Work that can wait lets uploads go first, and is never held up for long; all in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from node.sync.pressure import QUIET_S, Pressure
from tests.simulation.virtual import run


def took(most_s: float, story: Callable[[Pressure], Coroutine[Any, Any, None]]) -> float:
    """Virtual seconds that `calm` takes while a story goes on beside it."""

    async def main() -> float:
        pressure, loop = Pressure(), asyncio.get_running_loop()
        beside = asyncio.create_task(story(pressure))
        for _ in range(3):
            await asyncio.sleep(0)  # what the story begins with is under way
        started = loop.time()
        await pressure.calm(most_s)
        waited = loop.time() - started
        await beside
        assert pressure.uploads == 0
        return waited

    return run(main)


async def uploads(pressure: Pressure, count: int, each_s: float, pause_s: float) -> None:
    for _ in range(count):
        with pressure.upload():
            await asyncio.sleep(each_s)
        await asyncio.sleep(pause_s)


def test_without_uploads_nobody_waits() -> None:
    async def nothing(pressure: Pressure) -> None:
        return

    assert took(1.0, nothing) == 0


def test_it_waits_for_the_end_of_an_upload_and_a_moment_more() -> None:
    assert abs(took(1.0, lambda pressure: uploads(pressure, 1, 0.3, 0)) - (0.3 + QUIET_S)) < 1e-9


def test_uploads_that_follow_one_another_closely_are_one_storm() -> None:
    waited = took(60.0, lambda pressure: uploads(pressure, 10, 0.1, QUIET_S / 2))
    assert abs(waited - (10 * 0.1 + 9 * QUIET_S / 2 + QUIET_S)) < 1e-9


def test_a_storm_holds_nobody_up_for_longer_than_allowed() -> None:
    for pause_s in (0.0, QUIET_S / 2):
        assert abs(took(1.0, lambda pressure, pause_s=pause_s: uploads(pressure, 50, 0.1, pause_s)) - 1.0) < 1e-9


def test_several_uploads_at_once_are_counted() -> None:
    async def two(pressure: Pressure) -> None:
        await asyncio.gather(uploads(pressure, 1, 0.2, 0), uploads(pressure, 1, 0.5, 0))

    assert abs(took(1.0, two) - (0.5 + QUIET_S)) < 1e-9


def test_an_upload_that_breaks_is_over() -> None:
    async def broken(pressure: Pressure) -> None:
        try:
            with pressure.upload():
                await asyncio.sleep(0.2)
                raise ConnectionError
        except ConnectionError:
            pass

    assert abs(took(1.0, broken) - (0.2 + QUIET_S)) < 1e-9
