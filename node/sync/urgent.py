"""Push what is new at once, beside the ordinary passes: what was published must not wait for all else that a pass does.

Each log has a task of its own, so that no log waits for another's backlog (DESIGN L18). What fails is left to the next
pass, and while the node above does not answer, everything is: passes wait longer and longer for it, news do not.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial

from node.store import logs
from node.store.db import Store
from node.store.logs import LogState

PATIENCE_S = 0.25
"""How long `look` waits for what it started; after that it goes on by itself, and the next look finds other logs."""
SETTLE_S = 0.1
"""For so long entries from below wait for their payloads, which are on their way: together they are one push."""


class Urgent:
    """Starts pushes of logs that have grown. One for each node above.

    Args:
        push: brings the node above one log as it is; must not raise.
        goes_up: whether a log is for the node above at all.
    """

    def __init__(
        self, store: Store, push: Callable[[LogState], Awaitable[None]], goes_up: Callable[[LogState], bool]
    ) -> None:
        self._store = store
        self._push = push
        self._goes_up = goes_up
        self._tried: dict[str, tuple[int, int]] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._settling: dict[str, asyncio.TimerHandle] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.silent = True
        """Nothing is pushed: the node above does not answer, or no pass has looked yet whether our log is whole."""

    def turn(self, origin: str) -> asyncio.Lock:
        """Held while a log is being pushed, by a pass too."""
        return self._turns[origin]

    def tried(self, state: LogState) -> None:
        """A pass has pushed this: it is not new any more, whatever became of it."""
        self._tried[state.origin] = _sizes(state)

    async def look(self) -> None:
        """Start pushing what is new, and wait a little for it to be done."""
        if self.silent:
            return
        for state in await self._store.read(logs.all_logs):
            if self._is_new(state) and state.origin not in self._under_way and self._goes_up(state):
                if state.own or state.payload_next >= state.head_size:
                    self._start(state)
                elif state.origin not in self._settling:
                    later = asyncio.get_running_loop().call_later(SETTLE_S, self._start, state)
                    self._settling[state.origin] = later
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=PATIENCE_S)

    async def close(self) -> None:
        """End what is under way; a pass brings the rest."""
        for timer in self._settling.values():
            timer.cancel()
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_new(self, state: LogState) -> bool:
        return self._tried.get(state.origin) != _sizes(state)

    def _start(self, state: LogState) -> None:
        if (timer := self._settling.pop(state.origin, None)) is not None:
            timer.cancel()
        if state.origin not in self._under_way:
            self._under_way[state.origin] = asyncio.create_task(self._follow(state))

    async def _follow(self, state: LogState) -> None:
        try:
            while self._is_new(state) and not self.silent:
                self.tried(state)
                async with self.turn(state.origin):
                    await self._push(state)
                state = await self._store.read(partial(logs.by_id, log_id=state.id))
        finally:
            del self._under_way[state.origin]


def _sizes(state: LogState) -> tuple[int, int]:
    return state.head_size, state.payload_next
