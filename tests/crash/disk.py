"""A model of what a disk keeps: which bytes of a file are durable, and which would be gone if the power failed now.

The files themselves stand for the page cache. For each page written since the last successful sync the model keeps what
was durable before; `lose` puts that back. A failed sync makes pages clean without making them durable, as Linux does.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field

PAGE = 4096
Read = Callable[[int, int], bytes]
"""(offset, length) -> bytes, fewer at the end of the file."""


@dataclass
class File:
    """One path. `before`: page number -> durable bytes; `dirty`: pages that the next sync would make durable."""

    exists: bool
    size: int
    before: dict[int, bytes] = field(default_factory=dict)
    dirty: set[int] = field(default_factory=set)
    new: bool = False


class Disk:
    """Follows writes, syncs and removals by path. A path not named yet is durable as it lies there."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}

    def file(self, path: str) -> File:
        found = self.files.get(path)
        if found is None:
            exists = os.path.exists(path)
            found = File(exists, os.stat(path).st_size if exists else 0, new=not exists)
            self.files[path] = found
        return found

    def writes(self, path: str, offset: int, length: int, read: Read) -> None:
        """Bytes are about to be written."""
        file = self.file(path)
        for page in range(offset // PAGE, (offset + length - 1) // PAGE + 1):
            if page not in file.before:
                file.before[page] = b"" if file.new else read(page * PAGE, PAGE)
            file.dirty.add(page)

    def cuts(self, path: str, size: int, read: Read) -> None:
        """The file is about to be truncated to `size`."""
        file = self.file(path)
        for page in range(size // PAGE, (file.size + PAGE - 1) // PAGE):
            if page not in file.before and not file.new:
                file.before[page] = read(page * PAGE, PAGE)
            file.dirty.add(page)

    def synced(self, path: str) -> None:
        file = self.file(path)
        if file.new:
            file.before.clear()
        for page in file.dirty:
            file.before.pop(page, None)
        file.dirty.clear()
        file.exists, file.new, file.size = True, False, os.stat(path).st_size

    def sync_failed(self, path: str) -> None:
        self.file(path).dirty.clear()

    def removes(self, path: str, *, durably: bool, read: Read) -> None:
        """The path is about to go; unless the directory is synced it may come back."""
        file = self.file(path)
        if durably:
            self.files[path] = File(False, 0, new=True)
            return
        if not file.new:
            for page in range((file.size + PAGE - 1) // PAGE):
                if page not in file.before:
                    file.before[page] = read(page * PAGE, PAGE)
        file.dirty.clear()
        file.new = True

    def replaces(self, source: str, target: str, read: Read) -> None:
        """`source` is about to take the place of `target`; until the directory is synced the old one may come back."""
        self.removes(target, durably=False, read=read)
        self.files.pop(source, None)

    def lose(self, chance: random.Random | None) -> None:
        """The power fails: what is not durable goes; with `chance`, each page of it may have got there all the same."""
        for path, file in self.files.items():
            _lose(path, file, chance)
            if path.endswith("-wal"):
                _unlink(path.removesuffix("-wal") + "-shm")  # shared memory, of which nothing survives


def _lose(path: str, file: File, chance: random.Random | None) -> None:
    kept = {page for page in sorted(file.dirty) if chance is not None and chance.random() < 0.5}
    there = os.path.exists(path)
    if file.new and not (there and kept):
        kept = set()
        if not file.exists:
            _unlink(path)
            return
    if not file.exists and not kept:
        _unlink(path)
        return
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    now = os.fstat(handle).st_size
    size = max([file.size if file.exists else 0, *(min(now, (page + 1) * PAGE) for page in kept)])
    for page, data in file.before.items():
        if page not in kept:
            # Within the file but never durable: the page was allocated and reads as zeros.
            os.pwrite(handle, data.ljust(min(PAGE, max(0, size - page * PAGE)), b"\0"), page * PAGE)
    os.ftruncate(handle, size)
    # Not closed: closing any handle of a file would let go of SQLite's locks, and this process ends now.


def _unlink(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)
