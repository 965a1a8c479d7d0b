"""Records for measurements: the same seed gives the same ones, no two are alike, the publisher takes them."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from node.bench.corpus import KINDS, records
from node.domain import KINDS as RECORD_KINDS
from node.domain.identifiers import check_uscc
from node.domain.record import Draft
from node.wire import payload as payloads
from node.wire.pack import Pack, PayloadRow
from node.wire.pack import encode as encode_pack


def plain(drafts: list[Draft]) -> list[dict[str, bytes]]:
    return [{name: payloads.encode(shape) for name, shape in draft.sections.items()} for draft in drafts]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_records(kind: str) -> None:
    first, again = (list(records(kind, 300, 7, two_sections=True)) for _ in range(2))
    assert plain(first) == plain(again)
    assert [draft.key for draft in first] == [draft.key for draft in again]
    assert plain(list(records(kind, 300, 8, two_sections=True))) != plain(first)


@pytest.mark.parametrize("kind", KINDS)
def test_a_later_start_goes_on_in_the_same_row(kind: str) -> None:
    whole = [draft.key for draft in records(kind, 700, 3)]
    assert [draft.key for draft in records(kind, 200, 3, start=450)] == whole[450:650]
    assert len(set(whole)) == 700


@pytest.mark.parametrize("kind", KINDS)
def test_every_record_is_one_that_the_publisher_would_take(kind: str) -> None:
    for draft in records(kind, 60, 1):
        known = RECORD_KINDS[draft.kind]
        assert set(draft.sections) == {"main"}
        data = payloads.encode(draft.sections["main"])
        read = msgspec.msgpack.decode(data, type=known.sections["main"][0])
        assert read == draft.sections["main"] and read.made_up


def test_credit_has_a_second_section_when_asked() -> None:
    assert all(set(draft.sections) == {"main", "basis"} for draft in records("credit", 20, 1, two_sections=True))
    assert {draft.kind for draft in records("mixed", 3, 1)} == {"trade.result", "trade.listing", "credit.score"}


def test_credit_codes_are_sound() -> None:
    codes = [draft.sections["main"].body.party.uscc for draft in records("credit", 50, 1)]
    assert all(check_uscc(code).valid or check_uscc(code).reasons == ("organisation-check",) for code in codes)
    assert len(set(codes)) == 50


@pytest.mark.parametrize("kind", ["result", "listing", "credit"])
def test_records_are_not_easier_to_compress_than_real_ones(kind: str) -> None:
    """Real results, listings and scores shrink to 0.26, 0.12 and 0.10 of their bytes in a pack of 256."""
    taken = list(itertools.islice(records(kind, 256, 5), 256))
    rows = tuple(
        PayloadRow(number, "main", number.to_bytes(16, "big"), payloads.encode(draft.sections["main"]))
        for number, draft in enumerate(taken)
    )
    packed = len(encode_pack(Pack("ggzy.example/x/1", 0, 256, "public", rows)))
    assert 0.12 < packed / sum(len(row.payload) for row in rows) < 0.5
