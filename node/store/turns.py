"""Turns of several processes that write to one SQLite database, such as a server and an import at the command line.

SQLite lets whoever finds its lock free go first and has the others sleep, up to a tenth of a second between two looks:
a process that writes without a pause would keep all others out for seconds. Here who waits takes the next turn: one
lock says who is next, one who writes, so that a writer who comes again finds the next turn taken. Both are locks of the
kernel on small files beside the database; it lets go of them when their process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from node.errors import Unavailable

LOOK_S = 0.001
SUFFIXES = ("-next", "-turn")
"""Of the two files; they hold nothing and may go when nobody has the database open."""


class Turns:
    """`database` is the path of the database file; one object for each process and database, used by one thread."""

    def __init__(self, database: str, wait_s: float) -> None:
        self._files = tuple(database + suffix for suffix in SUFFIXES)
        self._wait_s = wait_s
        self._handles: list[int] | None = None

    @contextmanager
    def mine(self) -> Iterator[None]:
        """It is this process's turn as long as this is entered. Raises Unavailable when it does not come in time.

        Where no file can be made, on a full disk perhaps, there are no turns; SQLite's own lock still keeps order.
        """
        handles = self._opened()
        if handles is None:
            yield
            return
        following, writing = handles
        until = time.monotonic() + self._wait_s
        _take(following, until)
        try:
            _take(writing, until)
        finally:
            fcntl.flock(following, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(writing, fcntl.LOCK_UN)

    def close(self) -> None:
        for handle in self._handles or ():
            os.close(handle)
        self._handles = None

    def _opened(self) -> list[int] | None:
        if self._handles is None:
            made: list[int] = []
            try:
                for file in self._files:
                    made.append(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            except OSError:
                for handle in made:
                    os.close(handle)
                return None
            self._handles = made
        return self._handles


def _take(handle: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise Unavailable("another process holds the database: its turn does not end") from None
            time.sleep(LOOK_S)
        else:
            return
