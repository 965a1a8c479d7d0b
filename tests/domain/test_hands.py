"""What persons sign, byte by byte; and that nothing of it can be changed without the signature breaking."""

from __future__ import annotations

from dataclasses import replace as changed
from hashlib import sha256

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from node.domain import hands
from node.domain.acts import Act, Attached
from node.domain.hands import Approval, Hand, Stated

KEY = Ed25519PrivateKey.from_private_bytes(sha256(b"wang").digest())
OTHER = Ed25519PrivateKey.from_private_bytes(sha256(b"li").digest())
STATED = Stated("trade.act", "00ff/2", b"main", b"inner")
LOTS = [{"number": "1", "name": "一标段"}, {"number": "2", "section_code": "S2"}]
ACT = Act(
    trade="00ff",
    seq=2,
    category="工程建设",
    act="notice",
    rules="construction@1",
    at=0,
    title="公告",
    lots=["1"],
    fields={"contact": "王先生", "lots": LOTS},
    attachments=[Attached("a.pdf", "ab" * 32, 7)],
)


def test_the_statement_of_a_hand_byte_by_byte() -> None:
    said = STATED.statement("wang@500103", "acceptance", "li@500103")
    expected = (
        b"ggzy/hand/v2\x00"
        b"\x97"
        b"\xa9trade.act"
        b"\xa600ff/2"
        b"\xabwang@500103"
        b"\xaaacceptance"
        b"\xa9li@500103"
        b"\xc4\x20" + sha256(b"main").digest() + b"\xc4\x20" + sha256(b"inner").digest()
    )
    assert said == expected
    assert sha256(said).hexdigest() == "81b349c51f63cad9eb365eebf5c4b5f875d29e377707a3ab6c174412bae2468c"
    without = changed(STATED, inner=None).statement("wang@500103", "acceptance", "")
    assert without.endswith(b"\xa0\xc4\x20" + sha256(b"main").digest() + b"\xc4\x00")


def test_the_statement_of_an_approval_byte_by_byte() -> None:
    given = Approval(account="li@500103", role="publication", author="wang@500103", at=5, act="ab" * 32, open=["at"])
    expected = (
        b"ggzy/approval/v1\x00"
        b"\x96"
        b"\xa9li@500103"
        b"\xabpublication"
        b"\xabwang@500103"
        b"\x05"
        b"\xc4\x20" + bytes.fromhex("ab" * 32) + b"\x91\xa2at"
    )
    assert given.statement() == expected


def test_a_hand_of_version_1_is_written_and_read_as_before() -> None:
    """Hands in older logs: their bytes have no version, and cover `main` alone."""
    public = KEY.public_key().public_bytes_raw().hex()
    old = Hand("wang@500103", "venue", public, KEY.sign(hands.V1 + sha256(b"main").digest()).hex())
    plain = msgspec.msgpack.decode(msgspec.msgpack.encode(old))
    assert set(plain) == {"account", "role", "public", "signature"}
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=Hand) == old and old.version == 1
    assert old.signs(STATED) and replace(old, role="administrator").signs(STATED), "the role was the node's word"
    assert not old.signs(changed(STATED, main=b"other"))
    assert not replace(old, version=2).signs(STATED) and not replace(old, version=3).signs(STATED)


TEXTS = st.text(max_size=12)


@given(
    st.builds(Stated, TEXTS, TEXTS, st.binary(max_size=9), st.none() | st.binary(max_size=9)),
    st.builds(Stated, TEXTS, TEXTS, st.binary(max_size=9), st.none() | st.binary(max_size=9)),
    st.tuples(TEXTS, TEXTS),
    st.tuples(TEXTS, TEXTS),
)
def test_any_other_statement_breaks_the_signature(
    stated: Stated, other: Stated, who: tuple[str, str], else_: tuple[str, str]
) -> None:
    made = hands.sign(KEY, *who, stated)
    assert made.signs(stated)
    assume((stated, who) != (other, else_))
    assert not replace(made, account=else_[0], role=else_[1]).signs(other)


@pytest.mark.parametrize("field", ["account", "role", "second"])
def test_a_swapped_role_account_or_second_breaks_it(field: str) -> None:
    approval = hands.approve(OTHER, "li@500103", "publication", ACT, "wang@500103", 5)
    made = hands.sign(KEY, "wang@500103", "acceptance", STATED, approval)
    assert made.signs(STATED) and made.second == "li@500103"
    for value in ("", "mallory@500103"):
        assert not replace(made, **{field: value}).signs(STATED)


@pytest.mark.parametrize(
    "stated",
    [
        changed(STATED, kind="trade.step"),
        changed(STATED, key="00ff/3"),
        changed(STATED, main=b"mai"),
        changed(STATED, inner=b"inne"),
        changed(STATED, inner=None),
        changed(STATED, inner=b""),
    ],
)
def test_a_hand_under_another_record_is_none(stated: Stated) -> None:
    made = hands.sign(KEY, "wang@500103", "acceptance", STATED)
    assert made.signs(STATED) and not made.signs(stated)


def test_a_hand_of_version_2_is_none_of_version_1() -> None:
    made = hands.sign(KEY, "wang@500103", "acceptance", STATED)
    assert not replace(made, version=1).signs(STATED)
    assert not replace(made, public=OTHER.public_key().public_bytes_raw().hex()).signs(STATED)
    for wrong in ("", "zz", "00"):
        assert not replace(made, signature=wrong).signs(STATED) and not replace(made, public=wrong).signs(STATED)


# --- approvals --------------------------------------------------------------------------------------------------------


def approval() -> Approval:
    return hands.approve(OTHER, "li@500103", "publication", ACT, "wang@500103", 5)


def test_what_was_left_open_may_be_given_and_nothing_else_may_change() -> None:
    given = approval()
    assert given.signs() and given.covers(ACT)
    assert given.open == ["at", "project_code", "lots/0/section_code", "lots/0/unified_code", "lots/1/unified_code"]
    numbered = [{**LOTS[0], "section_code": "S1", "unified_code": "U1"}, {**LOTS[1], "unified_code": "U2"}]
    published = replace(ACT, at=9, project_code="P", fields={**ACT.fields, "lots": numbered}, context={"owner": "x"})
    assert given.covers(published)
    for other in (
        replace(published, trade="00fe"),
        replace(published, seq=3),
        replace(published, act="result"),
        replace(published, title="别的"),
        replace(published, lots=["2"]),
        replace(published, corrects=1),
        replace(published, attachments=[]),
        replace(published, rules="construction@2"),
        replace(published, fields={**published.fields, "contact": "李先生"}),
        replace(published, fields={**published.fields, "lots": [{**numbered[0], "name": "x"}, numbered[1]]}),
        replace(published, fields={**published.fields, "lots": [numbered[0], {**numbered[1], "section_code": "S3"}]}),
        replace(published, fields={**published.fields, "lots": numbered[:1]}),
    ):
        assert not given.covers(other), other


@pytest.mark.parametrize(
    "change", [{"account": "x"}, {"role": "x"}, {"author": "x"}, {"at": 6}, {"act": "00" * 32}, {"open": []}]
)
def test_any_change_of_an_approval_breaks_its_signature(change: dict[str, object]) -> None:
    assert not replace(approval(), **change).signs()


def test_a_moment_that_was_fixed_is_approved_with_the_rest() -> None:
    given = hands.approve(OTHER, "li@500103", "publication", replace(ACT, at=7), "wang@500103", 5)
    assert given.covers(replace(ACT, at=7)) and not given.covers(replace(ACT, at=8))


@given(st.lists(st.text(max_size=24), max_size=4))
def test_hostile_paths_open_nothing_but_numbers(paths: list[str]) -> None:
    """Whoever signs an approval chooses what is open: that must never reach what the act says."""
    bare = hands.bare(ACT, [*paths, "lots/0/name", "lots/99/section_code", "fields", "title", "lots/-1/name"])
    assert bare.title == ACT.title and bare.fields["lots"][0]["name"] == "一标段"
    assert bare.fields["contact"] == "王先生"
