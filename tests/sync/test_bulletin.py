"""News reaches whoever waits for it, at once; nobody can hold more requests open than there is room for."""

from __future__ import annotations

import asyncio

import pytest

from node.errors import NodeError, Overloaded, Unavailable
from node.sync import bulletin
from node.sync.bulletin import Bulletin, Follower


async def test_who_waits_is_answered_by_the_next_news() -> None:
    board = Bulletin(7)
    waiting = [asyncio.create_task(board.after(7, 3600)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    board.bump()
    assert await asyncio.gather(*waiting) == [8, 8, 8]


async def test_who_lags_behind_is_answered_at_once() -> None:
    board = Bulletin(7)
    assert await board.after(3, 3600) == 7
    # Another number, not a smaller one: the process may have started anew with its clock set back.
    assert await board.after(9, 3600) == 7


async def test_a_wait_ends_without_news() -> None:
    board = Bulletin(7)
    assert await board.after(7, 0.01) == 7
    assert await board.after(7, 0) == 7


async def test_too_many_waiters_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulletin, "MAX_WAITING", 1)
    board = Bulletin(1)
    first = asyncio.create_task(board.after(1, 3600))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await board.after(1, 3600)
    board.bump()
    assert await first == 2
    # The place is free again, also after a waiter that gave up.
    given_up = asyncio.create_task(board.after(2, 3600))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    assert await board.after(2, 0.01) == 2


async def test_one_caller_never_takes_all_places() -> None:
    board = Bulletin(1)
    held = [asyncio.create_task(board.after(1, 3600, "east")) for _ in range(bulletin.MAX_EACH)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await board.after(1, 3600, "east")
    other = asyncio.create_task(board.after(1, 3600, "west"))
    await asyncio.sleep(0)
    assert not other.done()
    board.bump()
    assert await asyncio.gather(*held, other) == [2] * (bulletin.MAX_EACH + 1)
    assert not board._waiting


class _Told:
    """A peer that answers with what it is given: numbers, or errors to raise."""

    def __init__(self, *answers: int | NodeError) -> None:
        self._answers = list(answers)
        self.asked: list[int] = []
        self.silent = asyncio.Event()

    async def news(self, after: int, wait_s: int) -> int:
        self.asked.append(after)
        if not self._answers:
            self.silent.set()
            await asyncio.Event().wait()
        answer = self._answers.pop(0)
        if isinstance(answer, NodeError):
            raise answer
        return answer


async def test_a_follower_tells_each_news_once_and_outlives_failures() -> None:
    peer, told = _Told(5, 5, Unavailable("down"), 6), []
    follower = Follower(lambda: peer, lambda: told.append(1), wait_s=25, pause_s=0, retry_s=0)  # type: ignore[arg-type, return-value]
    running = asyncio.create_task(follower.run())
    await peer.silent.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert peer.asked == [0, 5, 5, 5, 6]
    assert len(told) == 2
