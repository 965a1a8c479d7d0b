"""What waits for the sequencer, and who comes next: clerks by turns, large imports in slices between them.

A call of a few records is never held up by more than one slice of an import, however many imports wait; and an import
gets on with every batch, however many clerks there are. What waits is bounded, so that a storm is told to come back
instead of making everybody slow.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from node.domain.record import Outcome
from node.errors import Overloaded
from node.publishing.batch import Item

SLICE = 128
"""Items of one call that go into one transaction together; a longer call is published in slices of this size."""
MAX_BATCH = 512
"""Items of calls no longer than a slice that share a transaction; one slice of a longer call joins them."""
MAX_WAITING = 8192
"""Items that may wait. A call that comes when nothing else waits may be longer."""
RETRY_AFTER_S = 1


@dataclass(slots=True, eq=False)
class Call:
    """One caller's items, and the outcomes of those that are published already."""

    items: Sequence[Item]
    answer: asyncio.Future[list[Outcome]]
    outcomes: list[Outcome] = field(default_factory=list)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass(slots=True)
class Turn:
    """What one transaction publishes: each call with its next items."""

    parts: list[tuple[Call, Sequence[Item]]] = field(default_factory=list)

    @property
    def items(self) -> list[Item]:
        return [item for _, part in self.parts for item in part]


class Waiting:
    """Calls that wait, short ones and long ones apart."""

    def __init__(self) -> None:
        self._short: deque[Call] = deque()
        self._long: deque[Call] = deque()
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._short or self._long)

    def add(self, call: Call) -> None:
        """Raises Overloaded when too much waits already: then nothing of the call is published."""
        if self._count and self._count + len(call.items) > MAX_WAITING:
            raise Overloaded(
                f"{self._count} records wait to be published; {len(call.items)} more were not taken",
                retry_after_s=RETRY_AFTER_S,
            )
        self._count += len(call.items)
        (self._short if len(call.items) <= SLICE else self._long).append(call)

    def next(self) -> Turn:
        """The items of the next transaction: short calls in the order of their coming, a slice of the next long one."""
        turn, count = Turn(), 0
        while self._short and (not turn.parts or count + len(self._short[0].items) <= MAX_BATCH):
            call = self._short.popleft()
            turn.parts.append((call, call.items))
            count += len(call.items)
        if self._long:
            call = self._long.popleft()
            done = len(call.outcomes)
            turn.parts.append((call, call.items[done : done + SLICE]))
            count += len(turn.parts[-1][1])
        self._count -= count
        return turn

    def settle(self, call: Call, outcomes: Sequence[Outcome]) -> None:
        """Hand a call the outcomes of its next items: it is answered with the last of them, or goes to the back.

        The rest of a long call whose caller has given up is let go.
        """
        call.outcomes += outcomes
        left = len(call.items) - len(call.outcomes)
        if left and not call.answer.done():
            self._long.append(call)
            return
        self._count -= left
        if not call.answer.done():
            call.answer.set_result(call.outcomes)

    def fail(self, turn: Turn, error: Exception) -> None:
        """Fail the calls of a turn; what was left of a long one is let go."""
        for call, part in turn.parts:
            self._count -= len(call.items) - len(call.outcomes) - len(part)
            call.fail(error)

    def fail_all(self, error: Exception) -> None:
        """Fail everybody who waits."""
        for call in (*self._short, *self._long):
            call.fail(error)
        self._short.clear()
        self._long.clear()
        self._count = 0
