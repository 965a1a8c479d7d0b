"""Notice at once that another process of this node, such as a command line, has published.

Whoever publishes notes the size it signed beside the key (`keyring.SignedMark`); the kernel tells of each such note
(inotify(7), through the C library), so that nobody has to look again and again. Where there is no inotify, the look
around at `watch_interval_s` finds it a little later.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable
from contextlib import suppress

import structlog

from node.keyring import SignedMark

_log = structlog.get_logger(__name__)
_CLOSE_WRITE = 0x8


class Notice:
    """Calls `on_news` in the event loop when the mark tells of more than this process has signed."""

    def __init__(self, mark: SignedMark, on_news: Callable[[], None]) -> None:
        self._mark = mark
        self._on_news = on_news
        self._told = 0
        self._handle = -1

    def open(self) -> bool:
        """Begin; False where the kernel or the C library cannot."""
        self._told = self._mark.read()
        try:
            self._handle = _watch(str(self._mark.directory))
        except (OSError, AttributeError) as error:
            _log.warning("no_notice_of_other_processes", error=str(error))
            return False
        asyncio.get_running_loop().add_reader(self._handle, self._read)
        return True

    def close(self) -> None:
        if self._handle >= 0:
            asyncio.get_running_loop().remove_reader(self._handle)
            os.close(self._handle)
            self._handle = -1

    def _read(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._handle, 1 << 16)
        signed = self._mark.read()
        if signed > max(self._told, self._mark.noted):
            self._on_news()
        self._told = max(self._told, signed)


def _watch(directory: str) -> int:
    """A descriptor that becomes readable when a file in `directory` was written and closed. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if handle < 0 or libc.inotify_add_watch(handle, os.fsencode(directory), ctypes.c_uint32(_CLOSE_WRITE)) < 0:
        code = ctypes.get_errno()
        if handle >= 0:
            os.close(handle)
        raise OSError(code, os.strerror(code))
    return handle
