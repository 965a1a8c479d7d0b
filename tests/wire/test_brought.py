"""What was brought, held against headers: whole packs, parts, what lacks, what is forged, what is too much."""

from __future__ import annotations

import msgspec
import pytest

from node.errors import BadProof, Malformed, NotAllowed, TooLarge
from node.tlog.tiles import WIDTH, encode_bundle
from node.wire import brought, pack
from node.wire import header as headers
from node.wire import payload as payload_bytes
from node.wire.brought import Brought, Entries, Found
from node.wire.header import Header, SectionRef
from node.wire.pack import Pack, PayloadRow

ORIGIN = "ggzy.example/t/d1/1"
SALT = bytes(16)
MINE = frozenset({"public", "shared", "restricted+sealed"})


def payload(index: int, section: str) -> bytes:
    return f"{section} of {index}".encode()


def entry(index: int, audiences: dict[str, tuple[str, int]]) -> bytes:
    refs = tuple(
        SectionRef(name, audience, payload_bytes.commitment(SALT, payload(index, name)), size_class)
        for name, (audience, size_class) in audiences.items()
    )
    return headers.encode(Header("trade.result", 1, index.to_bytes(16), 1, None, 5, "public", refs))


TWO = {"main": ("public", 0), "basis": ("shared", 0)}


def rows(start: int, end: int, section: str) -> tuple[PayloadRow, ...]:
    return tuple(PayloadRow(index, section, SALT, payload(index, section)) for index in range(start, end))


def packed(start: int, end: int, audience: str, given: tuple[PayloadRow, ...]) -> bytes:
    return pack.encode(Pack(ORIGIN, start, end, audience, given))


def ask(start: int, end: int, packs: list[bytes], audiences: dict[str, tuple[str, int]] = TWO) -> Found:
    """Bundles as a store gives them: full ones whole, whatever part of them is asked about."""
    full = [entry(index, audiences) for index in range(WIDTH)]
    question = Brought(ORIGIN, start, end, MINE, [Entries(0, encode_bundle(full))], packs)
    # What a process aside answers is what was asked and answered here.
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(question), type=Brought)
    found = brought.check(again)
    assert found == brought.check(question)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Found)


def test_packs_that_hold_all_that_is_due_are_whole() -> None:
    both = [packed(0, 256, "public", rows(0, 256, "main")), packed(0, 256, "shared", rows(0, 256, "basis"))]
    (bundle,) = ask(0, 256, both).bundles
    assert (bundle.n, bundle.whole, bundle.others, bundle.lacking) == (0, [("public", 0), ("shared", 1)], [], [])


def test_a_part_is_no_whole_pack() -> None:
    (bundle,) = ask(10, 20, [packed(10, 20, "public", rows(10, 20, "main"))]).bundles
    assert (bundle.whole, bundle.others) == ([], [0])
    assert bundle.lacking == [(index, "basis") for index in range(10, 20)]


def test_what_a_pack_leaves_out_is_lacking() -> None:
    given = tuple(row for row in rows(0, 256, "main") if row.index not in (3, 200))
    (bundle,) = ask(0, 256, [packed(0, 256, "public", given)], {"main": ("public", 0)}).bundles
    assert (bundle.whole, bundle.others, bundle.lacking) == ([], [0], [(3, "main"), (200, "main")])


def test_sealed_sections_are_never_whole() -> None:
    sealed = packed(0, 256, "restricted+sealed", rows(0, 256, "main"))
    (bundle,) = ask(0, 256, [sealed], {"main": ("restricted", 9)}).bundles
    assert (bundle.whole, bundle.others, bundle.lacking) == ([], [0], [])


def test_an_empty_pack_is_nothing() -> None:
    (bundle,) = ask(0, 256, [packed(0, 256, "shared", ())], {"main": ("local", 0)}).bundles
    assert (bundle.whole, bundle.others, bundle.lacking) == ([], [], [])


def test_a_forged_payload_is_named() -> None:
    given = (*rows(0, 7, "main"), PayloadRow(7, "main", SALT, b"another"), *rows(8, 256, "main"))
    refusal = ask(0, 256, [packed(0, 256, "public", given)]).refusal
    assert refusal is not None and refusal.code == BadProof.code and refusal.forged is not None
    assert (refusal.forged.index, refusal.forged.section, refusal.forged.payload) == (7, "main", b"another")


def test_a_salt_of_another_length_is_no_salt() -> None:
    """The same bytes to hash, cut elsewhere, are not what was committed to."""
    whole = payload(7, "main")
    moved = PayloadRow(7, "main", SALT + whole[:1], whole[1:])
    assert payload_bytes.commitment(moved.salt, moved.payload) == payload_bytes.commitment(SALT, whole)
    refusal = ask(7, 8, [packed(7, 8, "public", (moved,))]).refusal
    assert refusal is not None and refusal.code == BadProof.code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (packed(0, 10, "public", rows(0, 10, "strange")), BadProof.code),
        (packed(0, 10, "shared", rows(0, 10, "main")), BadProof.code),
        (packed(0, 10, "restricted", rows(0, 10, "main")), NotAllowed.code),
        (packed(0, 30, "public", rows(0, 30, "main")), Malformed.code),
        (pack.encode(Pack("ggzy.example/t/d2/1", 0, 10, "public", rows(0, 10, "main"))), Malformed.code),
        (b"no pack", Malformed.code),
    ],
)
def test_what_is_refused(data: bytes, code: str) -> None:
    found = ask(0, 20, [data])
    assert found.bundles == [] and found.refusal is not None and found.refusal.code == code


def test_the_packs_of_one_call_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(0, 256, "public", rows(0, 256, "main"))
    monkeypatch.setattr(pack, "MAX_PACK_BYTES", pack.stated_size(data) * 3 // 2)
    refusal = ask(0, 256, [data, data]).refusal
    assert refusal is not None and refusal.code == TooLarge.code
