"""News for the nodes below: they hold a request open, and it is answered as soon as there is something to fetch (L18).

A number that rises is all there is to tell: what is new they find out in a pass of their own, which checks everything.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from node.errors import NodeError, Overloaded
from node.sync.peer import Peer

MAX_WAITING = 512
"""Requests held open at once; there are fewer members than this below any node."""
MAX_EACH = 4
"""Of these, by one caller: one that is held open, and those of earlier lines that broke unnoticed."""


class Bulletin:
    """Counts news. `first` should rise from one start of the process to the next, such as the clock's milliseconds."""

    def __init__(self, first: int) -> None:
        self.number = first
        self._changed = asyncio.Event()
        self._waiting: Counter[str] = Counter()

    def bump(self) -> None:
        """There is news: everybody who waits is answered."""
        self.number += 1
        self.let_go()

    def let_go(self) -> None:
        """Everybody who waits is answered with the number as it is."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, number: int, wait_s: float, caller: str = "") -> int:
        """The newest number, as soon as it is another than `number`, at the latest after `wait_s` seconds.

        Raises Overloaded when too many wait already, of all or of this caller.
        """
        if self.number != number or wait_s <= 0:
            return self.number
        if self._waiting.total() >= MAX_WAITING or self._waiting[caller] >= MAX_EACH:
            raise Overloaded("too many requests are held open", retry_after_s=10)
        self._waiting[caller] += 1
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting[caller] -= 1
            self._waiting += Counter()  # forgets callers of whom none is left
        return self.number


class Follower:
    """Holds a request open at the node above, and says so when there is news there.

    Args:
        peer: gives the node above; asked each time, since enrolment may come later. Raises Unavailable without one.
        on_news: called when the number has changed.
        wait_s: how long one request is held open; below the transport's own timeout.
        pause_s: least time between two requests, so that much news makes one pass a while, not one each.
        retry_s: wait after a failure.
    """

    def __init__(
        self, peer: Callable[[], Peer], on_news: Callable[[], None], *, wait_s: int, pause_s: float, retry_s: float
    ) -> None:
        self._peer = peer
        self._on_news = on_news
        self._wait_s = wait_s
        self._pause_s = pause_s
        self._retry_s = retry_s

    async def run(self) -> None:
        """Until cancelled. Failures are the ordinary passes' to tell: they meet them too."""
        number = 0
        while True:
            try:
                newest = await self._peer().news(number, self._wait_s)
            except NodeError:
                await asyncio.sleep(self._retry_s)
                continue
            if newest != number:
                number = newest
                self._on_news()
            await asyncio.sleep(self._pause_s)
