"""One fault at one change of a file: the process is killed there, or the power fails, or the disk says no.

Every change of a file under the node's directory is counted, whether SQLite makes it or Python does; change number N is
where the fault of the mode strikes. See `MODES`.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import threading
from collections.abc import Callable
from typing import Any

from tests.crash import vfs
from tests.crash.disk import Disk, Read

WRITES = frozenset({"write", "pwrite"})
GROWS = WRITES | {"create", "truncate"}
SYNCS = frozenset({"sync", "fsync"})
EVERY = GROWS | SYNCS | {"delete", "replace", "end"}

MODES: dict[str, frozenset[str]] = {
    "before": EVERY - {"end"},  # killed right before the change
    "after": EVERY - {"end"},  # killed right after it
    "torn": WRITES,  # killed with half of it written
    "power": EVERY,  # the power fails: all that was not synced is gone
    "scatter": EVERY,  # the power fails: of what was not synced, some pages got to the disk and some did not
    "full": GROWS,  # no room from here on, until somebody hears of it
    "eio": WRITES | {"truncate"},  # the disk refuses this write
    "fsync": SYNCS,  # the disk cannot say that it is safe; what it held back is lost when the power fails
}
"""Mode -> the sorts of change that it can strike."""

LIVES_ON = frozenset({"full", "eio", "fsync"})


class Faults:
    """The keeper of `vfs.Shim`, and of the `os` functions that write. `number` -1 never strikes: it only counts."""

    def __init__(self, directory: str, mode: str = "", number: int = -1, seed: object = 0) -> None:
        self.directory = directory
        self.mode = mode
        self.number = number
        self.trace: list[str] = []
        self.disk = Disk()
        self.struck = False
        self.failed_sync = False
        self.relieved = False
        self._chance = random.Random(repr(("scatter", seed, number)))
        self._lock = threading.RLock()
        self._handles: dict[int, str] = {}
        self._real: dict[str, Any] = {}

    # --- how it strikes ---------------------------------------------------------------------------------------------

    def relieve(self) -> None:
        """There is room again, the disk answers again."""
        self.relieved = True

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def lose_power(self) -> None:
        self.disk.lose(self._chance if self.mode == "scatter" else None)
        self.die()

    def end(self) -> None:
        """After the last change: what was said to be safe must be safe when the power fails now."""
        self._gate("end")
        if self.mode == "fsync" and self.struck:
            self.lose_power()

    def _gate(self, sort: str) -> str:
        """Count a change, die if it is time, or say how it must fail: "", "full", "eio", "torn", "fsync"."""
        number = len(self.trace)
        self.trace.append(sort)
        if self.mode == "full" and number >= self.number >= 0 and sort in GROWS and not self.relieved:
            self.struck = True
            return "full"
        if number != self.number:
            return ""
        self.struck = True
        if self.mode in ("power", "scatter"):
            self.lose_power()
        if self.mode == "before":
            self.die()
        return self.mode if sort in MODES[self.mode] else ""

    def _passed(self, how: str) -> None:
        if how == "after":
            self.die()

    # --- SQLite's changes -------------------------------------------------------------------------------------------

    def write(self, path: str, offset: int, data: bytes, read: Read, do: vfs.Do) -> int:
        with self._lock:
            how = self._gate("write")
            if how == "full":
                return vfs.FULL
            if how == "eio":
                return vfs.IOERR_WRITE
            if how == "torn":
                os.pwrite(os.open(path, os.O_WRONLY), data[: len(data) // 2], offset)
                self.die()
            self.disk.writes(path, offset, len(data), read)
            result = do()
            self._passed(how)
            return result

    def truncate(self, path: str, size: int, read: Read, do: vfs.Do) -> int:
        with self._lock:
            how = self._gate("truncate")
            if how in ("full", "eio"):
                return vfs.IOERR_WRITE
            self.disk.cuts(path, size, read)
            result = do()
            self._passed(how)
            return result

    def sync(self, path: str, do: vfs.Do) -> int:
        with self._lock:
            how = self._gate("sync")
            if how == "fsync":
                self.disk.sync_failed(path)
                self.failed_sync = True
                return vfs.IOERR_FSYNC
            # Not done: the model knows what would be safe, and these directories lie in memory.
            self.disk.synced(path)
            self._passed(how)
            return vfs.OK

    def delete(self, path: str, durably: bool, do: vfs.Do) -> int:
        with self._lock:
            how = self._gate("delete")
            self.disk.removes(path, durably=durably, read=_file_reader(path))
            result = do()
            self._passed(how)
            return result

    # --- Python's own -----------------------------------------------------------------------------------------------

    def watch_os(self) -> None:
        """Put the functions of `os` that change files below the node's directory under watch."""
        self._real = {name: getattr(os, name) for name in ("open", "write", "pwrite", "fsync", "replace", "close")}
        for name in ("open", "write", "pwrite", "fsync", "replace", "close"):
            setattr(os, name, getattr(self, f"_os_{name}"))

    def _os_open(self, path: Any, flags: int, *args: Any, **more: Any) -> int:
        name = os.fspath(path) if not isinstance(path, int) else ""
        watched = isinstance(name, str) and name.startswith(self.directory + os.sep)
        if not (watched and flags & (os.O_WRONLY | os.O_RDWR)):
            return int(self._real["open"](path, flags, *args, **more))
        with self._lock:
            fresh = bool(flags & os.O_CREAT) and not os.path.exists(name)
            self.disk.file(name)
            how = self._gate("create") if fresh else ""
            if how == "full":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
            handle = int(self._real["open"](path, flags, *args, **more))
            self._handles[handle] = name
            self._passed(how)
            return handle

    def _os_close(self, handle: int) -> None:
        self._handles.pop(handle, None)
        self._real["close"](handle)

    def _os_write(self, handle: int, data: bytes) -> int:
        name = self._handles.get(handle)
        if name is None:
            return int(self._real["write"](handle, data))
        place = os.lseek(handle, 0, os.SEEK_CUR)
        return self._put(name, handle, data, place, lambda part: self._real["write"](handle, part))

    def _os_pwrite(self, handle: int, data: bytes, offset: int) -> int:
        name = self._handles.get(handle)
        if name is None:
            return int(self._real["pwrite"](handle, data, offset))
        return self._put(name, handle, data, offset, lambda part: self._real["pwrite"](handle, part, offset))

    def _put(self, name: str, handle: int, data: bytes, offset: int, do: Callable[[bytes], int]) -> int:
        with self._lock:
            how = self._gate("pwrite")
            if how == "full":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
            if how == "eio":
                raise OSError(errno.EIO, os.strerror(errno.EIO), name)
            self.disk.writes(name, offset, len(data), _file_reader(name))
            if how == "torn":
                do(data[: len(data) // 2])
                self.die()
            result = do(data)
            self._passed(how)
            return result

    def _os_fsync(self, handle: int) -> None:
        name = self._handles.get(handle)
        if name is None:
            self._real["fsync"](handle)
            return
        with self._lock:
            how = self._gate("fsync")
            if how == "fsync":
                self.disk.sync_failed(name)
                raise OSError(errno.EIO, os.strerror(errno.EIO), name)
            self.disk.synced(name)
            self._passed(how)

    def _os_replace(self, source: Any, target: Any, **more: Any) -> None:
        if not os.fspath(target).startswith(self.directory + os.sep):
            self._real["replace"](source, target, **more)
            return
        with self._lock:
            how = self._gate("replace")
            self.disk.replaces(os.fspath(source), os.fspath(target), _file_reader(os.fspath(target)))
            self._real["replace"](source, target, **more)
            self._passed(how)


def _file_reader(path: str) -> Read:
    def read(offset: int, length: int) -> bytes:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(length)

    return read
