"""Bundles: what two nodes would say to each other over a line, in files that a person carries (DESIGN L17).

    file  = "ggzy-node/bundle/v1\n" ‖ frame ‖ frame … ‖ end frame ‖ SHA-256 of everything before it
    frame = uint32 length ‖ uint32 CRC-32 of the body ‖ body, msgpack [type, …]

The first frame is `part`, the last is `end`. One export is one set of files, its parts, each no larger than asked for.
CRC and SHA-256 tell a bad stick from a good one and are no ground for trust: every other frame carries its own proof,
signatures, Merkle proofs, commitments. Fields may be added at the end of a frame, and types of frames: readers skip
what they do not know.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec
import zstandard

from node.errors import Malformed, TooLarge

MAGIC = b"ggzy-node/bundle/v1\n"
FAMILY = b"ggzy-node/bundle/"
EXTENSION = ".ggzy-bundle"
MAX_FRAME_BYTES = 40 << 20
MAX_ENTRIES_BYTES = 34 << 20
"""Inflated, of one `entries` frame: 32 packages of 256 entries of at most 4 KiB, with their proofs."""
DIGEST_BYTES = 32
SET_BYTES = 8
_PREFIX = struct.Struct(">II")

Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, msgspec.Meta(max_length=1000)]
SetId = Annotated[bytes, msgspec.Meta(min_length=SET_BYTES, max_length=SET_BYTES)]


class PartFrame(msgspec.Struct, array_like=True, frozen=True, tag="part"):
    """What a file is: part `number`, from 1, of the set `set_id` that `sender` made for `addressee`: claims."""

    federation: Text
    sender: Text
    addressee: Text
    made_ms: Size
    set_id: SetId
    number: Size


class PolicyFrame(msgspec.Struct, array_like=True, frozen=True, tag="policy"):
    """One version of the trust policy, as signed."""

    note: bytes


class StandingFrame(msgspec.Struct, array_like=True, frozen=True, tag="standing"):
    """The sender's own standing note, for the answer."""

    note: bytes


class HeadFrame(msgspec.Struct, array_like=True, frozen=True, tag="head"):
    """A log's signed checkpoint, and consistency proofs to it: (old size, hashes) for each size its reader may hold."""

    note: bytes
    proofs: list[tuple[Size, list[bytes]]]


class EntriesFrame(msgspec.Struct, array_like=True, frozen=True, tag="entries"):
    """Entries `[start, end)` of a log: zstd of the body of an `add-entries` request (c2sp.org/tlog-mirror)."""

    origin: Text
    start: Size
    end: Size
    body: bytes


class PayloadsFrame(msgspec.Struct, array_like=True, frozen=True, tag="payloads"):
    """Packs with what the sender holds, and the addressee may hold, of `[start, end)` of a log.

    `absence` is an absence note of the sender, empty when nothing is.
    """

    origin: Text
    start: Size
    end: Size
    packs: list[bytes]
    absence: bytes = b""


class NoteFrame(msgspec.Struct, array_like=True, frozen=True, tag="note"):
    """A signed checkpoint with the lines of its cosigners: how cosignatures travel back."""

    note: bytes


class CustodyFrame(msgspec.Struct, array_like=True, frozen=True, tag="custody"):
    """A custody note of the sender."""

    note: bytes


class WrapsFrame(msgspec.Struct, array_like=True, frozen=True, tag="wraps"):
    """Lists of key wraps of sealed sections of a log, each signed by its origin (DESIGN L23)."""

    origin: Text
    notes: list[bytes]


class EndFrame(msgspec.Struct, array_like=True, frozen=True, tag="end"):
    """The end of a part: how many parts the set has. The file's SHA-256 follows."""

    count: Size


Frame = PolicyFrame | StandingFrame | HeadFrame | EntriesFrame | PayloadsFrame | NoteFrame | CustodyFrame | WrapsFrame

_encoder = msgspec.msgpack.Encoder()
_any = msgspec.msgpack.Decoder(list[msgspec.Raw])
_known = msgspec.msgpack.Decoder(Frame | PartFrame | EndFrame)
_TYPES = frozenset(kind.__struct_config__.tag for kind in (*Frame.__args__, PartFrame, EndFrame))


@dataclass(frozen=True, slots=True)
class Unknown:
    """A frame of a type that this version does not know; it was skipped."""

    type: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the file at byte `offset`: what stands before it was good, and what follows may be."""

    offset: int
    text: str


def encode_frame(frame: Frame | PartFrame | EndFrame) -> bytes:
    """The bytes of a frame with length and CRC. Raises TooLarge for one that no reader would take."""
    body = _encoder.encode(frame)
    if len(body) > MAX_FRAME_BYTES:
        raise TooLarge(f"a frame of {len(body)} bytes, at most {MAX_FRAME_BYTES}")
    return _PREFIX.pack(len(body), binascii.crc32(body)) + body


def squeeze(body: bytes) -> bytes:
    """The compressed form of an `entries` frame's body; its zstd frame states the inflated size."""
    return zstandard.ZstdCompressor(level=3, write_content_size=True).compress(body)


def inflate(data: bytes) -> bytes:
    """What `squeeze` was given. Raises Malformed, or TooLarge before a decompression bomb is inflated."""
    try:
        stated = zstandard.frame_content_size(data)
        if stated < 0:
            raise Malformed("compressed entries must state their inflated size")
        if stated > MAX_ENTRIES_BYTES:
            raise TooLarge(f"entries of {stated} bytes, at most {MAX_ENTRIES_BYTES}")
        return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompress(
            data, max_output_size=MAX_ENTRIES_BYTES, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise Malformed(f"not compressed entries: {error}") from None


class BundleReader:
    """Reads one file front to back, a frame at a time.

    Args:
        read: gives up to that many next bytes of the file, fewer only at its end.

    Raises Malformed when the file is no bundle, of a newer format, or does not begin with a sound `part` frame.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._hash = sha256()
        self._at = 0
        self.count: int | None = None
        """Number of parts of the set; known at the file's end only."""
        self.whole = False
        """Whether the file has been read to its end and is what its sender wrote."""
        self._lost = False
        magic = self._take(len(MAGIC))
        if magic != MAGIC:
            raise _not_ours(magic)
        first = self._next()
        if not isinstance(first, PartFrame):
            raise Malformed(
                f"the bundle does not begin with its part frame: {first.text if isinstance(first, Fault) else 'none'}",
                zh="数据包开头已损坏",
                advice_zh="请换一个存储介质，重新复制该文件，或由发出节点重新导出。",
                advice_en="Copy the file again from another medium, or have the sender export it again.",
            )
        self.part = first

    def frames(self) -> Iterator[Frame | Unknown | Fault]:
        """Every frame in its order. A damaged one is a Fault, and reading goes on where the next can be found."""
        while not self._lost:
            offset = self._at
            found = self._next()
            if isinstance(found, EndFrame):
                self.count = found.count
                yield from self._check_end()
                return
            yield Fault(offset, "a second part frame") if isinstance(found, PartFrame) else found

    def _next(self) -> Frame | PartFrame | EndFrame | Unknown | Fault:
        offset = self._at
        prefix = self._take(_PREFIX.size)
        if len(prefix) < _PREFIX.size:
            return self._cut(offset)
        length, crc = _PREFIX.unpack(prefix)
        if length > MAX_FRAME_BYTES:
            self._lost = True
            return Fault(offset, f"a frame claims {length} bytes, at most {MAX_FRAME_BYTES}; what follows is lost")
        body = self._take(length)
        if len(body) < length:
            return self._cut(offset)
        if binascii.crc32(body) != crc:
            return Fault(offset, "a damaged frame was skipped")
        return _decode(offset, body)

    def _cut(self, offset: int) -> Fault:
        self._lost = True
        return Fault(offset, "the file is cut short")

    def _check_end(self) -> Iterator[Fault]:
        expected, offset = self._hash.digest(), self._at
        stated = self._read(DIGEST_BYTES)
        if len(stated) < DIGEST_BYTES:
            yield self._cut(offset)
        elif stated != expected:
            yield Fault(offset, "the file is not what its sender wrote (SHA-256 differs)")
        elif self._read(1):
            yield Fault(offset + DIGEST_BYTES, "bytes follow the end of the bundle")
        else:
            self.whole = True

    def _take(self, count: int) -> bytes:
        data = self._read(count)
        self._hash.update(data)
        self._at += len(data)
        return data


def _decode(offset: int, body: bytes) -> Frame | PartFrame | EndFrame | Unknown | Fault:
    try:
        fields = _any.decode(body)
        kind = msgspec.msgpack.decode(fields[0], type=str) if fields else ""
        if kind not in _TYPES and kind.isprintable() and 0 < len(kind) <= 64:
            return Unknown(kind)
        frame: Frame | PartFrame | EndFrame = _known.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Fault(offset, f"a frame is not of its form: {str(error)[:200]}")
    if isinstance(frame, PartFrame) and not _sound(frame):
        return Fault(offset, "the part frame holds names that do not print")
    return frame


def _sound(part: PartFrame) -> bool:
    names = (part.federation, part.sender, part.addressee)
    return part.number > 0 and all(name and name.isprintable() for name in names)


def _not_ours(magic: bytes) -> Malformed:
    if magic.startswith(FAMILY):
        return Malformed(
            "the bundle is of a newer format than this program knows",
            zh="数据包的格式比本程序新",
            advice_zh="请升级本节点的程序后再导入。",
            advice_en="Upgrade this node's program, then import it.",
        )
    return Malformed(
        "the file is no bundle",
        zh="该文件不是数据包",
        advice_zh="请给出 ggzy bundle export 写出的 .ggzy-bundle 文件。",
        advice_en="Name a .ggzy-bundle file that ggzy bundle export has written.",
    )
