"""Bounds on what many may ask for at once: a gate for how many, a budget for how many bytes of memory.

So many are inside a gate, so many wait for a moment, the rest are sent back.

Places go round between those who ask ("keys": a log and an address, or an address), the one with the fewest inside
first; within one key the first comes first. When as many wait as may, it is the one with the most waiting that is sent
back, not whoever comes last. So a sender of many requests slows down itself, and no other.

A key may have several turns in a row (`turns`): what takes a few requests to finish is finished before others begin, so
that of many who come at once the first are done early and the last no later.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from math import ceil

from node.errors import Overloaded

MOST_RETRY_S = 30
REMEMBERED = 4096
_WEIGHT = 0.1
"""How much the newest stay counts in the mean stay."""


class Gate:
    """Lets `places` in at once, of one key at most `each`; of the others `waiting` wait for up to `wait_s` seconds.

    `what` names in the refusal what there is too much of, `turns` is how many visits of a key go before those of
    others, counted from the one for which it waited in its order.
    """

    def __init__(
        self, what: str, places: int, *, waiting: int, wait_s: float, each: int | None = None, turns: int = 1
    ) -> None:
        self._what = what
        self._turns = turns
        self._begun: OrderedDict[Hashable, int] = OrderedDict()
        self._places = places
        self._each = places if each is None else each
        self._most_waiting = waiting
        self._wait_s = wait_s
        self._inside: Counter[Hashable] = Counter()
        self._queues: OrderedDict[Hashable, deque[asyncio.Future[bool]]] = OrderedDict()
        self._stay_s = 0.0
        self.refused = 0
        """How many were sent back since the start."""

    @property
    def inside(self) -> int:
        return self._inside.total()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._queues.values()))

    @asynccontextmanager
    async def enter(self, key: Hashable) -> AsyncIterator[None]:
        """Be inside. Raises Overloaded, with the seconds after which there should be room, when there is no place."""
        loop = asyncio.get_running_loop()
        if not self._admits(key):
            await self._wait(key)
        else:
            self._let_in(key)
        since = loop.time()
        try:
            yield
        finally:
            self._stay_s += (loop.time() - since - self._stay_s) * _WEIGHT
            self._leave(key)

    def _admits(self, key: Hashable) -> bool:
        # Whoever waits although there is room waits for his own key alone.
        return self.inside < self._places and self._inside[key] < self._each and key not in self._queues

    async def _wait(self, key: Hashable) -> None:
        """Wait for a place; it is taken in the waiter's name before he is woken."""
        self._make_room(key)
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(key, deque()).append(turn)
        try:
            async with asyncio.timeout(self._wait_s):
                admitted = await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.result():
                self._leave(key)
            self._forget(key, turn)
            if isinstance(error, TimeoutError):
                raise self._full() from None
            raise
        if not admitted:
            raise self._full()

    def _make_room(self, key: Hashable) -> None:
        """Send back the last one of the key with the most waiting; raises Overloaded when that is `key` itself."""
        if self.waiting < self._most_waiting:
            return
        greediest = max(self._queues, key=lambda each: len(self._queues[each]), default=key)
        own = len(self._queues.get(key, ()))
        if own + 1 >= len(self._queues.get(greediest, ())):
            raise self._full()
        turn = self._queues[greediest][-1]
        self._forget(greediest, turn)
        turn.set_result(False)

    def _leave(self, key: Hashable) -> None:
        self._inside[key] -= 1
        if not self._inside[key]:
            del self._inside[key]
        if key in self._queues:
            self._queues.move_to_end(key)
        while self.inside < self._places and (following := self._next()) is not None:
            turn = self._queues[following].popleft()
            if self._queues[following]:
                self._queues.move_to_end(following)
            else:
                del self._queues[following]
            if not turn.done():
                self._let_in(following)
                turn.set_result(True)

    def _let_in(self, key: Hashable) -> None:
        self._inside[key] += 1
        if self._turns > 1:
            had = self._begun.pop(key, 0)
            self._begun[key] = 1 if had >= self._turns else had + 1
            if len(self._begun) > REMEMBERED:
                self._begun.popitem(last=False)

    def _goes_on(self, key: Hashable) -> bool:
        """Whether a key has begun and not had all its turns."""
        return 0 < self._begun.get(key, 0) < self._turns

    def _next(self) -> Hashable | None:
        """The waiting key with the fewest inside; of several one that goes on, or whose turn is longest ago."""
        open_ = [key for key in self._queues if self._inside[key] < self._each]
        return min(open_, key=lambda key: (self._inside[key], not self._goes_on(key)), default=None)

    def _forget(self, key: Hashable, turn: asyncio.Future[bool]) -> None:
        queue = self._queues.get(key)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._queues[key]

    def _full(self) -> Overloaded:
        self.refused += 1
        ahead = (self.waiting + 1) * self._stay_s / self._places
        return Overloaded(f"too many {self._what} at once", retry_after_s=min(MOST_RETRY_S, max(1, ceil(ahead))))


class Budget:
    """Bytes that may be held at once; whoever needs more than is left waits, first come, first served.

    Only for work that ends by itself, not by somebody else's sending: whoever waits here is never sent back.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def held(self) -> int:
        return self._most - self._left

    @asynccontextmanager
    async def hold(self, weight: int) -> AsyncIterator[None]:
        """Hold so many bytes; all of them when it is more than there are."""
        weight = min(weight, self._most)
        if self._queue or weight > self._left:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._queue.append((weight, turn))
            try:
                await turn
            except BaseException:
                if turn.done() and not turn.cancelled():
                    self._give_back(weight)
                self._queue = deque(each for each in self._queue if each[1] is not turn)
                self._give_back(0)
                raise
        else:
            self._left -= weight
        try:
            yield
        finally:
            self._give_back(weight)

    def _give_back(self, weight: int) -> None:
        self._left += weight
        while self._queue and self._queue[0][0] <= self._left:
            next_weight, turn = self._queue.popleft()
            if not turn.done():
                self._left -= next_weight
                turn.set_result(None)
