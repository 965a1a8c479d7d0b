"""The directory of files: content under its SHA-256, pieces on their way, what a scan has set aside.

    <directory>/ab/cd/<sha256>        content, whole and checked
    <directory>/incoming/<name>       an upload or a transfer so far; its length is what was kept
    <directory>/quarantine/<sha256>   content that the scan refused

Content gets its name by a rename, after its bytes are on the disk; the directory follows. So whoever dies at any moment
leaves whole files and pieces, never half of a file under a hash. All functions block: call them on a thread.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from node.errors import Conflict, DiskFull, Malformed, NotFound

_HEX = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[0-9a-z-]{1,100}")
PIECE = 1 << 20


class Shelf:
    """The files of one node. `keep_free_bytes` of the disk are left to the database, which must never lack room."""

    def __init__(self, directory: Path, *, keep_free_bytes: int = 0) -> None:
        self.directory = directory
        self._keep_free = keep_free_bytes

    # --- content ------------------------------------------------------------------------------------------------------

    def path(self, sha256: str) -> Path:
        """Where content of that hash lies, or would. Raises Malformed for what is no hash."""
        if not _HEX.fullmatch(sha256):
            raise Malformed("a SHA-256 is 64 hex digits in lower case", field="sha256")
        return self.directory / sha256[:2] / sha256[2:4] / sha256

    def has(self, sha256: str, size: int | None = None) -> bool:
        """Whether content of that hash (and size) lies here; its bytes are not read."""
        try:
            found = self.path(sha256).stat().st_size
        except OSError:
            return False
        return size is None or found == size

    def open(self, sha256: str) -> BinaryIO:
        """Raises NotFound."""
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError:
            raise NotFound("the content of this file is not at this node", zh="本节点没有该文件的内容") from None

    def keep(self, name: str, sha256: str) -> None:
        """Give a whole piece its name by hash: durable when this returns; nothing changes when it lies here already."""
        target, piece = self.path(sha256), self._piece(name)
        with _room():
            target.parent.mkdir(parents=True, exist_ok=True)
            _sync(piece)
            piece.replace(target)
            # The directories too: a name that a power cut takes away is a lost file.
            for each in (target.parent, target.parent.parent, self.directory):
                _sync(each)

    def put_aside(self, name: str, sha256: str) -> None:
        """Take a whole piece into quarantine."""
        target = self.directory / "quarantine" / self.path(sha256).name
        with _room():
            target.parent.mkdir(parents=True, exist_ok=True)
            self._piece(name).replace(target)
            target.chmod(0o600)

    def drop(self, sha256: str) -> None:
        """Content, what quarantine holds of it, and what is on its way: gone. Dropping again does no harm."""
        for each in (self.path(sha256), self.directory / "quarantine" / sha256, self._piece(sha256)):
            each.unlink(missing_ok=True)

    def held(self) -> Iterator[str]:
        """The hashes of all content that lies here, by what the files are called."""
        for each in sorted(self.directory.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*")):
            if _HEX.fullmatch(each.name) and each == self.path(each.name):
                yield each.name

    # --- pieces on their way ------------------------------------------------------------------------------------------

    def length(self, name: str) -> int:
        """Bytes kept so far of an upload or a transfer; 0 when there is none."""
        try:
            return self._piece(name).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, name: str, at: int, data: bytes) -> int:
        """Append bytes that begin at `at`; gives the new length, durable.

        Raises Conflict with the length when it is another, or when somebody else is appending; DiskFull.
        """
        with self.hold(name) as file:
            length = os.fstat(file.fileno()).st_size
            if at != length:
                raise Conflict("the bytes do not follow what was kept", size=length)
            self.require_room(len(data))
            with _room():
                try:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    os.ftruncate(file.fileno(), length)
                    raise
            return length + len(data)

    @contextmanager
    def hold(self, name: str) -> Iterator[BinaryIO]:
        """The piece, open at its end, for one writer of all processes. Raises Conflict when another has it."""
        piece = self._piece(name)
        with _room():
            piece.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(piece, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict("another request is bringing this file", size=self.length(name)) from None
            yield file

    def digest(self, name: str) -> str:
        """SHA-256 of a piece."""
        return _digest(self._piece(name))

    def piece(self, name: str) -> Path:
        """Where a piece lies, for a scan."""
        return self._piece(name)

    def discard(self, name: str) -> None:
        self._piece(name).unlink(missing_ok=True)

    def pieces(self) -> dict[str, int]:
        """Name -> when it was last written (POSIX seconds) of everything on its way."""
        found = {}
        for each in (self.directory / "incoming").glob("*"):
            try:
                found[each.name] = int(each.stat().st_mtime)
            except FileNotFoundError:
                continue
        return found

    def require_room(self, size: int) -> None:
        """Raise DiskFull unless so many bytes leave the disk as free as it must stay."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.directory).free - size < self._keep_free:
            raise DiskFull("the disk has no room for this file")

    def judge(self, sha256: str, size: int) -> str:
        """What is wrong with stored content, empty when nothing is: it is read whole."""
        try:
            if (found := self.path(sha256).stat().st_size) != size:
                return f"{found} bytes instead of {size}"
            return "" if _digest(self.path(sha256)) == sha256 else "its bytes have changed"
        except FileNotFoundError:
            return "not on the disk"
        except OSError as error:
            return f"cannot be read: {error.strerror}"

    def _piece(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise Malformed("no name of an upload", field="upload")
        return self.directory / "incoming" / name


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("the disk has no room for this file") from None
        raise
