from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Malformed, TooLarge
from node.wire import pack as packs
from node.wire.pack import MAX_PACK_BYTES, MAX_PACKED_BYTES, Pack, PayloadRow
from tests.wire.test_golden import PACK


@st.composite
def made(draw: st.DrawFn) -> Pack:
    n = draw(st.integers(0, 2**40))
    start = n * 256 + draw(st.integers(0, 255))
    end = draw(st.integers(start + 1, n * 256 + 256))
    rows = draw(st.dictionaries(st.tuples(st.integers(start, end - 1), st.text(max_size=5)), st.binary(max_size=40)))
    return Pack(
        draw(st.text(max_size=20)),
        start,
        end,
        draw(st.text(max_size=10)),
        tuple(PayloadRow(index, section, bytes(16), rows[index, section]) for index, section in sorted(rows)),
    )


@given(made())
def test_what_is_packed_is_unpacked(pack: Pack) -> None:
    assert packs.parse(packs.encode(pack)) == pack


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises((Malformed, TooLarge)):
        packs.parse(data)


@given(st.integers(0, len(packs.encode(PACK)) - 1), st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_says_what_it_says(at: int, bit: int) -> None:
    data = bytearray(packs.encode(PACK))
    data[at] ^= 1 << bit
    try:
        pack = packs.parse(bytes(data))
    except (Malformed, TooLarge):
        return
    assert pack.start < pack.end


def compressed(value: Any, **options: Any) -> bytes:
    raw = value if isinstance(value, bytes) else msgspec.msgpack.encode(value)
    return zstandard.ZstdCompressor(level=1, **options).compress(raw)


ROW = [256, "main", bytes(16), b"x"]
GOOD = [1, "origin", 256, 512, "public", [ROW]]
HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "not compressed": msgspec.msgpack.encode(GOOD),
    "bytes after the frame": compressed(GOOD) + b"\x00",
    "a second frame": compressed(GOOD) * 2,
    "cut short": compressed(GOOD)[:-1],
    "no stated size": compressed(GOOD, write_content_size=False),
    "bytes after the value": compressed(msgspec.msgpack.encode(GOOD) + b"\x00"),
    "another format": compressed([2, *GOOD[1:]]),
    "an empty range": compressed([1, "origin", 256, 256, "public", []]),
    "a range backwards": compressed([1, "origin", 300, 290, "public", []]),
    "a negative range": compressed([1, "origin", -5, 5, "public", []]),
    "over two bundles": compressed([1, "origin", 255, 257, "public", []]),
    "beyond 2^63": compressed([1, "origin", 2**63, 2**63 + 1, "public", []]),
    "a row before the range": compressed([*GOOD[:5], [[255, "main", bytes(16), b""]]]),
    "a row after the range": compressed([*GOOD[:5], [[512, "main", bytes(16), b""]]]),
    "a row twice": compressed([*GOOD[:5], [ROW, ROW]]),
    "rows out of order": compressed([*GOOD[:5], [[257, "main", bytes(16), b""], ROW]]),
    "a row of three": compressed([*GOOD[:5], [ROW[:3]]]),
    "an index with a point": compressed([*GOOD[:5], [[256.0, *ROW[1:]]]]),
    "text for bytes": compressed([*GOOD[:5], [[256, "main", bytes(16), "x"]]]),
    "a map": compressed({"fmt": 1}),
    "arrays in arrays": compressed(b"\x91" * 100_000),
    "an array that is not there": compressed(b"\xdd\xff\xff\xff\xff"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_packs_are_refused(what: str) -> None:
    with pytest.raises(Malformed):
        packs.parse(HOSTILE[what])


def test_the_plain_one_is_read() -> None:
    assert packs.parse(compressed(GOOD)).rows == (PayloadRow(*ROW),)


def test_L14_a_bomb_is_refused_before_memory_is_given_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = compressed(bytes(MAX_PACK_BYTES + 1))
    assert len(bomb) < 10_000

    def never(*_: object, **__: object) -> None:
        raise AssertionError("inflated")

    monkeypatch.setattr(packs.zstandard, "ZstdDecompressor", never)
    with pytest.raises(TooLarge, match=str(MAX_PACK_BYTES)):
        packs.parse(bomb)


def test_L14_a_frame_that_lies_about_its_size_is_refused() -> None:
    """A frame that states 100 bytes and holds many more: the stated size is all that is ever inflated."""
    honest = compressed(bytes(100_000))
    at = honest.index(struct.pack("<I", 100_000))
    liar = honest[:at] + struct.pack("<I", 100) + honest[at + 4 :]
    assert zstandard.frame_content_size(liar) == 100
    with pytest.raises(Malformed):
        packs.parse(liar)


def test_no_pack_is_made_that_nobody_would_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "MAX_PACK_BYTES", 1000)
    with pytest.raises(TooLarge):
        packs.encode(replace(PACK, rows=(PayloadRow(256, "main", bytes(16), bytes(1000)),)))


# --- packs one after another ---------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_packs_are_framed_and_unframed(bodies: list[bytes]) -> None:
    assert list(packs.unframe(packs.frame(bodies))) == bodies


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=3), st.data())
def test_a_cut_body_is_refused(bodies: list[bytes], data: st.DataObject) -> None:
    whole = packs.frame(bodies)
    cut = data.draw(st.integers(1, len(whole) - 1))
    ends = [len(packs.frame(bodies[:count])) for count in range(len(bodies))]
    if cut not in ends:
        with pytest.raises(Malformed):
            list(packs.unframe(whole[:cut]))


def test_an_oversize_length_is_refused_at_once() -> None:
    with pytest.raises(TooLarge):
        list(packs.unframe(struct.pack(">I", MAX_PACKED_BYTES + 1)))
    with pytest.raises(Malformed):
        list(packs.unframe(struct.pack(">I", MAX_PACKED_BYTES)))
