"""How busy the node is with taking in, so that work which can wait lets it go first (issue of load, DESIGN §8).

What a district has sent counts as safe only once it is stored, signed and answered; the read tables may be a second
behind. So whoever makes read tables waits for a moment without uploads before each batch, but never for long.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager

QUIET_S = 0.05
"""So long no upload must have been under way: a sender's next request follows its last within milliseconds."""


class Pressure:
    """Counts uploads under way in this process. One for each node; one event loop."""

    def __init__(self) -> None:
        self._under_way = 0
        self._ended_s = -math.inf
        self._free = asyncio.Event()
        self._free.set()

    @property
    def uploads(self) -> int:
        """How many uploads are under way now."""
        return self._under_way

    @contextmanager
    def upload(self) -> Iterator[None]:
        """An upload is under way as long as this is entered."""
        self._under_way += 1
        self._free.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._ended_s = asyncio.get_running_loop().time()
                self._free.set()

    async def calm(self, most_s: float) -> None:
        """Return once no upload has been under way for `QUIET_S`, at the latest after `most_s` seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + most_s
        while (left := until - loop.time()) > 0:
            if self._under_way:
                try:
                    async with asyncio.timeout(left):
                        await self._free.wait()
                except TimeoutError:
                    return
            elif (quiet := self._ended_s + QUIET_S - loop.time()) > 0:
                await asyncio.sleep(min(quiet, left))
            else:
                return
