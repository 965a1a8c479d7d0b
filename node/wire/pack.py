"""Packs: the payloads of one stretch of a log for one audience, compressed, as they travel and as they lie (DESIGN §8).

    pack = zstd(msgpack [1, origin, start, end, audience, [[index, section, salt, payload], ...]])

Rows are sorted by (index, section). A stretch never crosses a multiple of 256. A request or answer carries packs one
after another, each behind its length as a big-endian uint32.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import lt

import msgspec
import zstandard

from node.errors import Malformed, TooLarge

FORMAT = 1
MAX_PACK_BYTES = 64 << 20  # inflated; a bundle of 256 entries with payloads of 256 KiB each
MAX_PACKED_BYTES = 32 << 20
LEVEL = 1  # level 3 costs twice the time for a few percent on real results
CONTENT_TYPE = "application/x.ggzy.packs"

_encoder = msgspec.msgpack.Encoder()


class PayloadRow(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """One section's payload with its salt, addressed by log index and section name."""

    index: int
    section: str
    salt: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Pack:
    """The payloads in `[start, end)` of `origin`'s log that `audience` may have and the sender holds."""

    origin: str
    start: int
    end: int
    audience: str
    rows: tuple[PayloadRow, ...]


_decoder = msgspec.msgpack.Decoder(tuple[int, str, int, int, str, tuple[PayloadRow, ...]], strict=True)


def encode(pack: Pack) -> bytes:
    """Compressed bytes of a pack; the frame states its inflated size, so that a reader can refuse before inflating.

    Raises TooLarge for a pack that no reader would take.
    """
    raw = _encoder.encode([FORMAT, pack.origin, pack.start, pack.end, pack.audience, pack.rows])
    if len(raw) > MAX_PACK_BYTES:
        raise TooLarge(f"a pack of {len(raw)} bytes, at most {MAX_PACK_BYTES}")
    return zstandard.ZstdCompressor(level=LEVEL, write_content_size=True).compress(raw)


def stated_size(data: bytes) -> int:
    """Inflated size that a pack states. Raises Malformed when it states none, TooLarge when it states too much."""
    try:
        # Only with a stated size can a bomb be refused before memory is given to it.
        stated = zstandard.frame_content_size(data)
    except zstandard.ZstdError as error:
        raise Malformed(f"not a pack: {error}") from None
    if stated < 0:
        raise Malformed("a pack must state its inflated size")
    if stated > MAX_PACK_BYTES:
        raise TooLarge(f"a pack of {stated} bytes, at most {MAX_PACK_BYTES}")
    return stated


def parse(data: bytes) -> Pack:
    """Inflate and read a pack. Raises Malformed, or TooLarge before a decompression bomb is inflated."""
    stated_size(data)
    try:
        raw = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompress(
            data, max_output_size=MAX_PACK_BYTES, allow_extra_data=False
        )
        fmt, origin, start, end, audience, rows = _decoder.decode(raw)
    except (zstandard.ZstdError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not a pack: {error}") from None
    if fmt != FORMAT:
        raise Malformed(f"pack format {fmt} is not known to this version")
    if not 0 <= start < end < 2**63 or start // 256 != (end - 1) // 256:
        raise Malformed("a pack must lie inside one stretch of 256 entries")
    places = [(row.index, row.section) for row in rows]
    if not all(map(lt, places, places[1:])) or (places and not start <= places[0][0] <= places[-1][0] < end):
        raise Malformed("a pack's rows must be sorted, single and inside its range")
    return Pack(origin, start, end, audience, rows)


def frame(packs: Sequence[bytes]) -> bytes:
    """Packs one after another, each behind its length."""
    return b"".join(struct.pack(">I", len(pack)) + pack for pack in packs)


def unframe(data: bytes) -> Iterator[bytes]:
    """The packs of a body. Raises Malformed on a cut or an oversize one."""
    place = 0
    while place < len(data):
        if place + 4 > len(data):
            raise Malformed("packs are cut short")
        (length,) = struct.unpack_from(">I", data, place)
        place += 4
        if length > MAX_PACKED_BYTES:
            raise TooLarge(f"a packed size of {length} bytes, at most {MAX_PACKED_BYTES}")
        if place + length > len(data):
            raise Malformed("packs are cut short")
        yield data[place : place + length]
        place += length
