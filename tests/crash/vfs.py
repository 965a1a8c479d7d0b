"""SQLite's way to the disk, with a door-keeper before it: a VFS made of the system's own, by ctypes.

The same libsqlite3 that Python's `sqlite3` is linked to gets a second VFS as its default: a copy of the first, whose
files write, truncate and sync through `Keeper`. Reading, locking and shared memory stay as they are. Layouts of the
structures: https://www.sqlite.org/c3ref/vfs.html and io_methods.html.
"""

from __future__ import annotations

import ctypes
import os
import random
import sqlite3
from collections.abc import Callable
from ctypes import CFUNCTYPE, c_char_p, c_int, c_int64, c_void_p
from typing import Protocol

OK = 0
FULL = 13
IOERR_WRITE = 10 | (3 << 8)
IOERR_FSYNC = 10 | (4 << 8)
OPEN_FILES = 0x100 | 0x800 | 0x80000  # main database, its journal, its WAL

Do = Callable[[], int]


class Keeper(Protocol):
    """Is asked before each change of a file; `do` makes it and gives SQLite's result code."""

    def write(self, path: str, offset: int, data: bytes, read: Callable[[int, int], bytes], do: Do) -> int: ...

    def truncate(self, path: str, size: int, read: Callable[[int, int], bytes], do: Do) -> int: ...

    def sync(self, path: str, do: Do) -> int: ...

    def delete(self, path: str, durably: bool, do: Do) -> int: ...


# Names stay pointers: SQLite keeps them, and what lies around such a name in memory belongs to it too.
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_Randomness = CFUNCTYPE(c_int, c_void_p, c_int, c_void_p)
_Close = CFUNCTYPE(c_int, c_void_p)
_Read = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", _Open),
        ("xDelete", _Delete),
        *((name, c_void_p) for name in ("xAccess", "xFullPathname", "xDlOpen", "xDlError", "xDlSym", "xDlClose")),
        ("xRandomness", _Randomness),
        *((name, c_void_p) for name in ("xSleep", "xCurrentTime", "xGetLastError", "xCurrentTimeInt64")),
        *((name, c_void_p) for name in ("xSetSystemCall", "xGetSystemCall", "xNextSystemCall")),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("iVersion", c_int),
        ("xClose", _Close),
        ("xRead", _Read),
        ("xWrite", _Write),
        ("xTruncate", _Truncate),
        ("xSync", _Sync),
        *((name, c_void_p) for name in ("xFileSize", "xLock", "xUnlock", "xCheckReservedLock", "xFileControl")),
        *((name, c_void_p) for name in ("xSectorSize", "xDeviceCharacteristics")),
        *((name, c_void_p) for name in ("xShmMap", "xShmLock", "xShmBarrier", "xShmUnmap", "xFetch", "xUnfetch")),
    )


def library() -> str | None:
    """Path of the libsqlite3 that Python's `sqlite3` uses; None where it is a part of Python itself."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            path = line.split(maxsplit=5)[-1].strip()
            if os.path.basename(path).startswith("libsqlite3.so"):
                return path
    return None


class Shim:
    """The VFS, made default for the life of the process. Without a keeper it only passes on."""

    def __init__(self) -> None:
        path = library()
        if path is None:
            raise RuntimeError("Python's sqlite3 is linked statically: its way to the disk cannot be watched")
        assert sqlite3.sqlite_version
        self.keeper: Keeper | None = None
        self.random = random.Random(0)
        self._lib = ctypes.CDLL(path)
        self._lib.sqlite3_vfs_find.restype = c_void_p
        self._lib.sqlite3_vfs_find.argtypes = (c_char_p,)
        self._lib.sqlite3_vfs_register.argtypes = (c_void_p, c_int)
        self._lib.sqlite3_randomness.argtypes = (c_int, c_void_p)
        self._paths: dict[int, str] = {}
        self._patched: dict[int, tuple[_Methods, _Methods]] = {}
        self._by_file: dict[int, _Methods] = {}
        self._below = _Vfs.from_address(self._lib.sqlite3_vfs_find(None))
        self._vfs = _Vfs.from_buffer_copy(self._below)
        self._vfs.zName = b"ggzy-crash"
        self._vfs.pNext = None
        self._vfs.xOpen = _Open(self._open)
        self._vfs.xDelete = _Delete(self._delete)
        self._vfs.xRandomness = _Randomness(self._randomness)
        self._calls = {
            "xClose": _Close(self._close),
            "xWrite": _Write(self._write),
            "xTruncate": _Truncate(self._truncate),
            "xSync": _Sync(self._sync),
        }
        if self._lib.sqlite3_vfs_register(ctypes.byref(self._vfs), 1) != OK:
            raise RuntimeError("SQLite took no second VFS")

    def seed(self, seed: object) -> None:
        """SQLite's own random numbers (salts of the WAL) from here on."""
        self.random = random.Random(repr(seed))
        self._lib.sqlite3_randomness(0, None)

    # --- the VFS ----------------------------------------------------------------------------------------------------

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out_flags: int) -> int:
        result: int = self._below.xOpen(vfs, name, file, flags, out_flags)
        address = c_void_p.from_address(file)
        if result != OK or name is None or not flags & OPEN_FILES or not address.value:
            return result
        if address.value not in self._patched:
            below = _Methods.from_address(address.value)
            above = _Methods.from_buffer_copy(below)
            for method, call in self._calls.items():
                setattr(above, method, call)
            self._patched[address.value] = below, above
        below, above = self._patched[address.value]
        self._paths[file], self._by_file[file] = os.fsdecode(ctypes.string_at(name)), below
        address.value = ctypes.addressof(above)
        return result

    def _delete(self, vfs: int, name: int, sync_directory: int) -> int:
        def do() -> int:
            result: int = self._below.xDelete(vfs, name, sync_directory)
            return result

        path = os.fsdecode(ctypes.string_at(name))
        if self.keeper is None or not os.path.exists(path):
            return do()
        return self.keeper.delete(path, bool(sync_directory), do)

    def _randomness(self, vfs: int, count: int, out: int) -> int:
        ctypes.memmove(out, self.random.randbytes(count), count)
        return count

    # --- a file -----------------------------------------------------------------------------------------------------

    def _close(self, file: int) -> int:
        below = self._by_file.pop(file)
        self._paths.pop(file)
        result: int = below.xClose(file)
        return result

    def _reader(self, file: int) -> Callable[[int, int], bytes]:
        def read(offset: int, length: int) -> bytes:
            buffer = ctypes.create_string_buffer(length)
            # A read beyond the end fills up with zeros, which is what is durable there.
            self._by_file[file].xRead(file, ctypes.addressof(buffer), length, offset)
            return buffer.raw

        return read

    def _write(self, file: int, data: int, length: int, offset: int) -> int:
        below = self._by_file[file]
        if self.keeper is None:
            return int(below.xWrite(file, data, length, offset))
        content = ctypes.string_at(data, length)
        path = self._paths[file]
        return self.keeper.write(
            path, offset, content, self._reader(file), lambda: int(below.xWrite(file, data, length, offset))
        )

    def _truncate(self, file: int, size: int) -> int:
        below = self._by_file[file]
        if self.keeper is None:
            return int(below.xTruncate(file, size))
        path = self._paths[file]
        return self.keeper.truncate(path, size, self._reader(file), lambda: int(below.xTruncate(file, size)))

    def _sync(self, file: int, flags: int) -> int:
        below = self._by_file[file]
        if self.keeper is None:
            return int(below.xSync(file, flags))
        return self.keeper.sync(self._paths[file], lambda: int(below.xSync(file, flags)))


_shim: list[Shim] = []


def shim() -> Shim:
    """The one shim of this process; made at the first call, before any database is opened."""
    if not _shim:
        _shim.append(Shim())
    return _shim[0]
