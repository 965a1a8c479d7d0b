"""What wakes the jobs and answers who waits: in one process at once, among several workers through the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from node.sync.bulletin import Bulletin


class News(asyncio.Event):
    """Set when something arrived or was published, so that jobs run at once: here, or in the worker that runs them."""

    def __init__(self) -> None:
        super().__init__()
        self._tell: Callable[[], None] | None = None

    def tell_others(self, tell: Callable[[], None] | None) -> None:
        """From now on `set` also calls `tell`; None ends that."""
        self._tell = tell

    def set(self) -> None:
        self.wake()
        if self._tell is not None:
            self._tell()

    def wake(self) -> None:
        """Set it here, without telling anybody."""
        super().set()


class SharedBulletin(Bulletin):
    """A bulletin whose number is that of the database, so that a caller finds the same one at every worker."""

    def __init__(self) -> None:
        super().__init__(0)
        self._tell: Callable[[], None] | None = None

    def tell_all(self, tell: Callable[[], None] | None) -> None:
        """From now on `bump` calls `tell`, which has the number raised where all workers see it; None ends that."""
        self._tell = tell

    def bump(self) -> None:
        """There is news: everybody who waits at any worker is answered."""
        if self._tell is not None:
            self._tell()

    def show(self, number: int) -> None:
        """The number is this now; everybody who waits here is answered when that is another."""
        if number != self.number:
            self.number = number
            self.let_go()
