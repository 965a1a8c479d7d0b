"""Bundles as files: parts of limited size written so that a pulled stick leaves none half done; parts read in order."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from node.errors import NodeError, NotFound, TooLarge
from node.wire.bundle import (
    DIGEST_BYTES,
    EXTENSION,
    MAGIC,
    SET_BYTES,
    BundleReader,
    EndFrame,
    Fault,
    Frame,
    PartFrame,
    Unknown,
    encode_frame,
)

MIN_PART_BYTES = 1 << 20
MAX_PART_BYTES = (1 << 32) - 1
"""The largest file that FAT32 holds; sticks come with it."""
MAX_FAULTS = 100
_END_ROOM = 64 + DIGEST_BYTES


@dataclass
class _Part:
    """A part under way: its file, still under a hidden name, and what is hashed of it."""

    name: str
    file: Path
    hash: Any = field(default_factory=sha256)
    size: int = 0


class BundleWriter:
    """Writes frames into parts of at most `max_bytes`. Use as a context: what was not finished is taken away again.

    `part` describes the set; its number is counted here. Files appear under their names all together, in `finish`.
    """

    def __init__(self, directory: Path, stem: str, part: PartFrame, max_bytes: int) -> None:
        self._directory = directory
        self._stem = stem
        self._first = part
        self._max = max_bytes
        self._parts: list[_Part] = []
        self._out: Any = None
        self._preamble: dict[str, bytes] = {}
        self._done = False

    def __enter__(self) -> BundleWriter:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        if self._out is not None:
            self._out.close()
        if not self._done:
            for part in self._parts:
                part.file.unlink(missing_ok=True)

    @property
    def room(self) -> int:
        """Bytes that a frame may have to fit into a part of its own, behind what each part begins with."""
        start = len(encode_frame(replace_number(self._first, 2**31)))
        return self._max - len(MAGIC) - start - sum(map(len, self._preamble.values())) - _END_ROOM

    def repeat(self, name: str, frame: Frame | None, *, share: int = 4) -> None:
        """Have `frame` stand at the beginning of each later part, so that it can be read alone; None ends that.

        All that is repeated takes at most one `share`-th of a part: what goes beyond stands in the first alone.
        """
        self._preamble.pop(name, None)
        data = b"" if frame is None else encode_frame(frame)
        if data and sum(map(len, self._preamble.values())) + len(data) <= self._max // share:
            self._preamble[name] = data

    def write(self, frame: Frame) -> None:
        """Raises TooLarge for a frame that fits into no part."""
        data = encode_frame(frame)
        if self._parts[-1].size + len(data) + _END_ROOM > self._max:
            if len(data) > self.room:
                raise TooLarge(
                    f"one piece of {len(data)} bytes does not fit into a part of {self._max} bytes",
                    zh=f"有一段内容（{len(data)} 字节）放不进 {self._max} 字节的分卷",
                    advice_zh="请用更大的 --max-size 重新导出，如 64M。",
                    advice_en="Export again with a larger --max-size, such as 64M.",
                )
            self._open()
        self._put(data)

    def finish(self) -> list[Path]:
        """Close every part, make it durable, then give all of them their names; gives these."""
        for part in self._parts:
            self._out.close()
            # No file of that name is left behind by others: the hidden name is of this set alone.
            self._out = part.file.open("ab")
            end = encode_frame(EndFrame(len(self._parts)))
            part.hash.update(end)
            self._out.write(end + part.hash.digest())
            self._out.flush()
            os.fsync(self._out.fileno())
        self._out.close()
        made = [self._directory / part.name for part in self._parts]
        for part, file in zip(self._parts, made, strict=True):
            part.file.replace(file)
        _sync_directory(self._directory)
        self._done = True
        return made

    def _open(self) -> None:
        if self._out is not None:
            self._out.close()
        number = len(self._parts) + 1
        name = f"{self._stem}-{number:03d}{EXTENSION}"
        part = _Part(name, self._directory / f".{name}.tmp")
        self._parts.append(part)
        # For the operator's eyes alone: it may hold what only the addressee may see. FAT32 knows no such thing.
        self._out = os.fdopen(os.open(part.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._put(MAGIC)
        self._put(encode_frame(replace_number(self._first, number)))
        for data in self._preamble.values():
            self._put(data)

    def _put(self, data: bytes) -> None:
        part = self._parts[-1]
        self._out.write(data)
        part.hash.update(data)
        part.size += len(data)


def replace_number(part: PartFrame, number: int) -> PartFrame:
    return PartFrame(part.federation, part.sender, part.addressee, part.made_ms, part.set_id, number)


def new_set_id() -> bytes:
    return secrets.token_bytes(SET_BYTES)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that was named for reading: what its part frame claims, or why it cannot be read."""

    path: Path
    part: PartFrame | None
    fault: NodeError | None = None


def find_files(paths: Iterable[Path]) -> list[FoundFile]:
    """The bundle files among `paths`, those of directories too, in the order in which they should be read.

    Older exports come first, and a set's parts in their order; what is no bundle comes last. A file that is named
    twice is read once. Raises NotFound when there is none.
    """
    named: dict[Path, Path] = {}
    for path in paths:
        for each in sorted(path.glob(f"*{EXTENSION}")) if path.is_dir() else [path]:
            # The hidden files that other systems leave beside each file on a stick.
            if each == path or not each.name.startswith("."):
                named.setdefault(each.resolve(), each)
    found = [_look(path) for path in named.values()]
    if not found:
        raise NotFound(
            f"no {EXTENSION} file there",
            zh="没有找到数据包文件",
            advice_zh="请给出 .ggzy-bundle 文件，或装有这些文件的目录。",
            advice_en="Name .ggzy-bundle files, or a directory that holds them.",
        )
    return sorted(found, key=_order)


def _order(found: FoundFile) -> tuple[int, int, bytes, int]:
    part = found.part
    return (1, 0, b"", 0) if part is None else (0, part.made_ms, part.set_id, part.number)


def _look(path: Path) -> FoundFile:
    with path.open("rb") as file:
        try:
            return FoundFile(path, BundleReader(file.read).part)
        except NodeError as error:
            return FoundFile(path, None, error)


@contextmanager
def reading(path: Path, advance: Callable[[int], None] = lambda count: None) -> Iterator[BundleReader]:
    """A reader over one file; `advance` is told how many bytes were read."""
    with path.open("rb") as file:

        def read(count: int) -> bytes:
            data = file.read(count)
            advance(len(data))
            return data

        yield BundleReader(read)


@dataclass
class Summary:
    """What a file is, by its own words; nothing of it is verified."""

    part: PartFrame
    count: int | None
    whole: bool
    faults: list[Fault]


def describe(path: Path, look: Callable[[Frame | Unknown], None]) -> Summary:
    """Read a file to its end and have `look` see each frame. Raises Malformed when it is no bundle."""
    faults: list[Fault] = []
    with reading(path) as reader:
        for item in reader.frames():
            if not isinstance(item, Fault):
                look(item)
            elif len(faults) < MAX_FAULTS:
                faults.append(item)
        return Summary(reader.part, reader.count, reader.whole, faults)


def total_size(files: Sequence[FoundFile]) -> int:
    return sum(found.path.stat().st_size for found in files)
