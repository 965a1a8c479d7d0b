from __future__ import annotations

import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Malformed
from node.wire import header as headers
from node.wire.header import MAX_HEADER_BYTES, MAX_INTEGER, Header, SectionRef
from tests.wire.test_golden import HEADER

NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20).map(
    lambda text: unicodedata.normalize("NFC", text)
)
REFS = st.builds(SectionRef, NAMES, NAMES, st.binary(min_size=32, max_size=32), st.integers(0, 63))


@st.composite
def made(draw: st.DrawFn) -> Header:
    version = draw(st.one_of(st.just(1), st.integers(2, MAX_INTEGER)))
    return Header(
        draw(NAMES),
        draw(st.integers(1, MAX_INTEGER)),
        draw(st.binary(min_size=16, max_size=16)),
        version,
        None if version == 1 else draw(st.binary(min_size=32, max_size=32)),
        draw(st.integers(0, MAX_INTEGER)),
        draw(NAMES),
        tuple(draw(st.lists(REFS, max_size=5, unique_by=lambda ref: ref.name))),
    )


@given(made())
def test_L1_what_is_written_is_read(header: Header) -> None:
    data = headers.encode(header)
    assert headers.parse(data) == header
    assert data[0] == 0x99, "a fixed array of nine"


@given(st.binary(max_size=300))
def test_L1_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        header = headers.parse(data)
    except Malformed:
        return
    assert headers.encode(header) == data


@given(st.integers(0, len(headers.encode(HEADER)) - 1), st.integers(0, 255))
def test_L1_a_changed_byte_is_another_header_or_none(at: int, value: int) -> None:
    data = bytearray(headers.encode(HEADER))
    data[at] = value
    try:
        header = headers.parse(bytes(data))
    except Malformed:
        return
    assert (header == HEADER) == (bytes(data) == headers.encode(HEADER))


def plain(**changes: Any) -> list[Any]:
    """The nine elements of a good header of version 1, some of them changed."""
    ref = ["main", "public", bytes(32), 0]
    fields = {
        "fmt": 1,
        "kind": "code.division",
        "schema": 1,
        "record_id": bytes(16),
        "version": 1,
        "prev_leaf": None,
        "claimed_ms": 5,
        "audience": "public",
        "sections": [ref],
    }
    return list((fields | changes).values())


def pack(value: Any) -> bytes:
    return msgspec.msgpack.encode(value)


GOOD = pack(plain())
HOSTILE = {
    "nothing": b"",
    "nil": pack(None),
    "a map": pack({"fmt": 1}),
    "a byte after": GOOD + b"\x00",
    "a header after": GOOD + GOOD,
    "cut short": GOOD[:-1],
    "eight elements": pack(plain()[:8]),
    "ten elements": pack([*plain(), 0]),
    "array of 16 bits": b"\xdc\x00\x09" + GOOD[1:],
    "array of 32 bits": b"\xdd\x00\x00\x00\x09" + GOOD[1:],
    "long integer": GOOD.replace(b"\x05\xa6public", b"\xcc\x05\xa6public"),
    "longer integer": GOOD.replace(b"\x05\xa6public", b"\xcf" + bytes(7) + b"\x05\xa6public"),
    "signed integer": GOOD.replace(b"\x05\xa6public", b"\xd0\x05\xa6public"),
    "float": pack(plain(claimed_ms=5.0)),
    "short float": GOOD.replace(b"\x05\xa6public", b"\xca\x40\xa0\x00\x00\xa6public"),
    "boolean": pack(plain(version=True)),
    "number as text": pack(plain(version="1")),
    "long text": GOOD.replace(b"\xadcode.division", b"\xd9\x0dcode.division"),
    "long bytes": GOOD.replace(b"\xc4\x10" + bytes(16), b"\xc5\x00\x10" + bytes(16)),
    "text for bytes": pack(plain(record_id="0" * 16)),
    "bytes for text": pack(plain(kind=b"code.division")),
    "ext type": pack(plain(record_id=msgspec.msgpack.Ext(5, bytes(16)))),
    "not UTF-8": GOOD.replace(b"code.div", b"code.\xff\xfe\xfd"),
    "not NFC": pack(plain(kind="e\u0301")),
    "compatibility form beyond NFC": pack(plain(kind="\u212b")),
    "a newline": pack(plain(audience="public\nmissing 5 main")),
    "a space": pack(plain(kind="code division")),
    "a wide space": pack(plain(kind="code\u3000division")),
    "a control character": pack(plain(kind="code\x00division")),
    "a mark that turns the line": pack(plain(kind="code\u202edivision")),
    "no kind": pack(plain(kind="")),
    "too long a kind": pack(plain(kind="k" * 65)),
    "another format": pack(plain(fmt=2)),
    "negative": pack(plain(claimed_ms=-1)),
    "beyond 2^53": pack(plain(claimed_ms=2**53)),
    "beyond 2^64": b"\x99\x01" + GOOD[2:].replace(b"\x05\xa6public", b"\xcf" + b"\xff" * 8 + b"\xa6public"),
    "schema 0": pack(plain(schema=0)),
    "version 0": pack(plain(version=0)),
    "record id of 15": pack(plain(record_id=bytes(15))),
    "leaf of 31": pack(plain(version=2, prev_leaf=bytes(31))),
    "version 1 with a leaf": pack(plain(prev_leaf=bytes(32))),
    "version 2 without a leaf": pack(plain(version=2)),
    "commitment of 31": pack(plain(sections=[["main", "public", bytes(31), 0]])),
    "size class 64": pack(plain(sections=[["main", "public", bytes(32), 64]])),
    "size class -1": pack(plain(sections=[["main", "public", bytes(32), -1]])),
    "section of three": pack(plain(sections=[["main", "public", bytes(32)]])),
    "section as a map": pack(plain(sections=[{"main": 1}])),
    "sections as a map": pack(plain(sections={"main": ["public", bytes(32), 0]})),
    "a section twice": pack(plain(sections=[["main", "public", bytes(32), 0], ["main", "shared", bytes(32), 0]])),
    "section with a newline": pack(plain(sections=[["a\nmissing 5 b", "public", bytes(32), 0]])),
    "an array that is not there": b"\xdd\xff\xff\xff\xff",
    "arrays in arrays": b"\x91" * 4000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_L1_what_we_would_not_write_is_refused(what: str) -> None:
    assert HOSTILE[what] != GOOD
    with pytest.raises(Malformed):
        headers.parse(HOSTILE[what])


def test_the_plain_one_is_read() -> None:
    assert headers.encode(headers.parse(GOOD)) == GOOD


def test_L1_a_header_has_at_most_4_KiB() -> None:
    ref = ["x", "public", bytes(32), 0]
    count = 80
    while len(pack(plain(sections=[[f"s{n}", *ref[1:]] for n in range(count)]))) <= MAX_HEADER_BYTES:
        count += 1
    sections = [[f"s{n}", *ref[1:]] for n in range(count)]
    assert len(pack(plain(sections=sections[:-1]))) <= MAX_HEADER_BYTES
    headers.parse(pack(plain(sections=sections[:-1])))
    with pytest.raises(Malformed, match="4096"):
        headers.parse(pack(plain(sections=sections)))
    big = Header("k", 1, bytes(16), 1, None, 0, "public", tuple(SectionRef(*row) for row in sections))
    with pytest.raises(Malformed, match="4096"):
        headers.encode(big)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": ""},
        {"kind": "e\u0301"},
        {"kind": "\ud800"},
        {"schema": 0},
        {"version": 1},
        {"claimed_ms": -1},
        {"claimed_ms": 2**70},
        {"record_id": b""},
        {"prev_leaf": None},
        {"audience": "a b"},
        {"sections": (HEADER.sections[0], HEADER.sections[0])},
    ],
)
def test_L1_none_of_ours_breaks_a_rule(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        headers.encode(msgspec.structs.replace(HEADER, **change))


def test_a_section_is_found_by_its_name() -> None:
    assert HEADER.section("identity") == HEADER.sections[1]
    assert HEADER.section("none") is None
