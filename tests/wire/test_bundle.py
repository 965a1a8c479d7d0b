"""The bundle format: what is written is read, and no byte of a bad file does more than be named."""

from __future__ import annotations

import binascii
import io
import struct
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Malformed, NodeError, TooLarge
from node.wire import bundle
from node.wire.bundle import (
    MAGIC,
    BundleReader,
    CustodyFrame,
    EndFrame,
    EntriesFrame,
    Fault,
    Frame,
    HeadFrame,
    NoteFrame,
    PartFrame,
    PayloadsFrame,
    PolicyFrame,
    StandingFrame,
    Unknown,
    WrapsFrame,
    encode_frame,
    inflate,
    squeeze,
)

PART = PartFrame("ggzy.example/test", "ggzy.example/test/hub", "ggzy.example/test/east", 1_764_000_000_000, b"8" * 8, 1)

numbers = st.integers(0, 2**63 - 1)
blobs = st.binary(max_size=200)
names = st.text(max_size=40)
frames = st.one_of(
    blobs.map(PolicyFrame),
    blobs.map(StandingFrame),
    blobs.map(NoteFrame),
    blobs.map(CustodyFrame),
    st.builds(HeadFrame, blobs, st.lists(st.tuples(numbers, st.lists(blobs, max_size=3)), max_size=3)),
    st.builds(EntriesFrame, names, numbers, numbers, blobs),
    st.builds(PayloadsFrame, names, numbers, numbers, st.lists(blobs, max_size=3)),
    st.builds(WrapsFrame, names, st.lists(blobs, max_size=3)),
)


def raw_frame(body: bytes) -> bytes:
    return struct.pack(">II", len(body), binascii.crc32(body)) + body


def file_of(encoded: Sequence[bytes], *, part: PartFrame = PART, count: int = 1) -> bytes:
    data = MAGIC + encode_frame(part) + b"".join(encoded) + encode_frame(EndFrame(count))
    return data + sha256(data).digest()


def read(data: bytes) -> tuple[BundleReader, list[Frame | Unknown | Fault]]:
    reader = BundleReader(io.BytesIO(data).read)
    return reader, list(reader.frames())


def good(items: Sequence[Frame | Unknown | Fault]) -> list[Frame]:
    return [item for item in items if not isinstance(item, Unknown | Fault)]


SMALL: list[Frame] = [
    PolicyFrame(b"policy"),
    HeadFrame(b"head", [(3, [b"h" * 32])]),
    EntriesFrame("log", 0, 2, squeeze(b"entries")),
    PayloadsFrame("log", 0, 2, [b"pack"]),
    NoteFrame(b"note"),
    CustodyFrame(b"custody"),
    WrapsFrame("log", [b"wraps"]),
]
WHOLE = file_of([encode_frame(frame) for frame in SMALL], count=3)


GOLDEN = Path(__file__).resolve().parents[1] / "vectors" / "bundle.hex"


def test_the_golden_file_is_what_is_written() -> None:
    """All types of frames; what is compressed in them is any bytes here, as compressors differ by version."""
    plain = [EntriesFrame("log", 0, 2, b"zstd") if isinstance(each, EntriesFrame) else each for each in SMALL]
    made = file_of([encode_frame(frame) for frame in plain], count=3)
    assert made.hex() == GOLDEN.read_text("ascii").replace("\n", "")


@given(st.lists(frames, max_size=8), st.integers(0, 2**31))
def test_what_is_written_is_read(written: list[Frame], count: int) -> None:
    reader, items = read(file_of([encode_frame(frame) for frame in written], count=count))
    assert items == written
    assert reader.part == PART
    assert reader.whole and reader.count == count


@given(frames, st.lists(st.integers(0, 9) | st.text(max_size=5), max_size=3))
def test_fields_that_a_later_version_adds_are_passed_over(frame: Frame, more: list[object]) -> None:
    fields = msgspec.msgpack.decode(encode_frame(frame)[8:])
    reader, items = read(file_of([raw_frame(msgspec.msgpack.encode([*fields, *more]))]))
    assert items == [frame] and reader.whole


def test_unknown_frames_are_skipped_and_told() -> None:
    strange = [raw_frame(msgspec.msgpack.encode(["hologram", {"a": 1}])), encode_frame(NoteFrame(b"note"))]
    reader, items = read(file_of(strange))
    assert items == [Unknown("hologram"), NoteFrame(b"note")]
    assert reader.whole


def test_a_file_cut_at_any_byte_gives_what_stands_before() -> None:
    head = len(MAGIC) + len(encode_frame(PART))
    ends = []
    at = head
    for frame in SMALL:
        at += len(encode_frame(frame))
        ends.append(at)
    for cut in range(len(WHOLE)):
        if cut < head:
            with pytest.raises(Malformed):
                read(WHOLE[:cut])
            continue
        reader, items = read(WHOLE[:cut])
        assert good(items) == SMALL[: sum(end <= cut for end in ends)], cut
        assert not reader.whole
        assert isinstance(items[-1], Fault) and "cut short" in items[-1].text


def test_a_flipped_bit_anywhere_is_noticed_and_changes_no_frame() -> None:
    for place in range(len(WHOLE)):
        for bit in (1, 128):
            data = bytearray(WHOLE)
            data[place] ^= bit
            try:
                reader, items = read(bytes(data))
            except NodeError:
                continue  # in what every file begins with
            assert not reader.whole, place
            assert any(isinstance(item, Fault) for item in items), place
            assert all(frame in SMALL for frame in good(items)), place


def test_a_damaged_frame_does_not_take_the_next_with_it() -> None:
    data = bytearray(WHOLE)
    data[WHOLE.index(b"custody") + 2] ^= 1
    _, items = read(bytes(data))
    assert good(items) == [frame for frame in SMALL if not isinstance(frame, CustodyFrame)]
    assert next(item.text for item in items if isinstance(item, Fault)) == "a damaged frame was skipped"


def test_bytes_after_the_end_are_a_fault() -> None:
    reader, items = read(WHOLE + b"\0")
    assert good(items) == SMALL and not reader.whole
    assert isinstance(items[-1], Fault) and items[-1].offset == len(WHOLE)


@pytest.mark.parametrize("data", [b"", b"MZ\x90", b"ggzy-node/trust-policy/v1\n", MAGIC[:-1]])
def test_what_is_no_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        read(data)


def test_a_newer_format_says_to_upgrade() -> None:
    with pytest.raises(Malformed, match="newer format") as caught:
        read(WHOLE.replace(b"/v1\n", b"/v2\n", 1))
    assert "升级" in caught.value.advice_zh


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x90",
        msgspec.msgpack.encode(["policy"]),
        msgspec.msgpack.encode(["policy", 7]),
        msgspec.msgpack.encode(["entries", "log", -1, 2, b""]),
        msgspec.msgpack.encode(["entries", "log", 0, 2**63, b""]),
        msgspec.msgpack.encode(["payloads", "x" * 2000, 0, 1, []]),
        msgspec.msgpack.encode([3, b""]),
        msgspec.msgpack.encode(["a\nb", b""]),
        msgspec.msgpack.encode({"policy": 1}),
        b"\x91" * 3000,
    ],
)
def test_a_frame_that_is_not_of_its_form_is_a_fault(body: bytes) -> None:
    reader, items = read(file_of([raw_frame(body), encode_frame(NoteFrame(b"next"))]))
    assert isinstance(items[0], Fault)
    assert good(items) == [NoteFrame(b"next")]
    assert reader.whole, "the file is what its sender wrote"


@pytest.mark.parametrize(
    "part",
    [
        msgspec.structs.replace(PART, number=0),
        msgspec.structs.replace(PART, sender="two\nlines"),
        msgspec.structs.replace(PART, addressee=""),
        msgspec.structs.replace(PART, set_id=b"short"),
    ],
)
def test_a_part_frame_must_make_sense(part: PartFrame) -> None:
    with pytest.raises(Malformed):
        read(file_of([], part=part))


def test_a_second_part_frame_is_a_fault() -> None:
    _, items = read(file_of([encode_frame(PART)]))
    assert isinstance(items[0], Fault)


def test_a_frame_that_claims_too_much_is_not_read() -> None:
    claim = struct.pack(">II", bundle.MAX_FRAME_BYTES + 1, 0)
    _, items = read(MAGIC + encode_frame(PART) + claim + b"x" * 100)
    assert len(items) == 1 and isinstance(items[0], Fault) and "claims" in items[0].text


def test_entries_are_inflated_within_bounds() -> None:
    assert inflate(squeeze(b"entries" * 1000)) == b"entries" * 1000
    bomb = zstandard.ZstdCompressor().compress(b"\0" * (bundle.MAX_ENTRIES_BYTES + 1))
    assert len(bomb) < 10_000
    with pytest.raises(TooLarge):
        inflate(bomb)
    # Without a stated size, and with a false one.
    stream = zstandard.ZstdCompressor(write_content_size=False).compress(b"\0" * 1000)
    for data in (stream, b"", b"junk", squeeze(b"x") + b"more"):
        with pytest.raises(Malformed):
            inflate(data)


def test_a_frame_that_no_reader_takes_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_FRAME_BYTES", 100)
    with pytest.raises(TooLarge):
        encode_frame(NoteFrame(b"x" * 200))
