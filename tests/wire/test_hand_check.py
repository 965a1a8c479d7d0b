"""A person's hand is checked from bytes alone: what holds, and why something does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace

from node.cli import verify as command
from node.domain.acts import Act
from node.domain.hands import V1, Hand
from node.domain.record import Document, Source
from node.domain.rulebook import parse
from node.errors import BadSignature, Malformed, Refused
from node.publishing import rules
from node.wire import hand_check
from node.wire.hand_check import stated_of
from node.wire.payload import encode
from tests.trading.bench import ANNA, BORIS, PACKAGE, open_bench
from tests.trading.test_desk import trade_of

Sections = tuple[bytes, Hand, bytes]


@pytest.fixture
async def notice() -> AsyncIterator[Sections]:
    """A notice that was approved: its sections main, hand and inner."""
    with open_bench() as bench:
        key = await bench.begin()
        await bench.approved(key, "notice", fields=bench.noticed)
        record = trade_of(bench, key)[1][1]
        assert record.hand is not None and record.stated.inner is not None
        yield record.stated.main, record.hand, record.stated.inner


def test_what_was_signed_holds(notice: Sections) -> None:
    main, hand, inner = notice
    found = hand_check.check("trade.act", main, encode(hand), inner)
    assert found.whole and found.hand.approval is not None
    assert (found.hand.account, found.hand.second) == (ANNA.account, BORIS.account)


@pytest.mark.parametrize("what", ["inner lost", "inner changed", "another kind", "main changed", "role", "approval"])
def test_what_was_not_signed_does_not(notice: Sections, what: str) -> None:
    main, hand, inner = notice
    kind, kept = "trade.act", inner
    match what:
        case "inner lost":
            kept = None
        case "inner changed":
            kept = encode({"contact": "x"})
        case "another kind":
            kind = "trade.step"
        case "main changed":
            main = main.replace("招标公告".encode(), "招标公示".encode())
        case "role":
            hand = replace(hand, role="administrator")
        case "approval":
            hand = replace(hand, approval=replace(hand.approval, at=9))
    with pytest.raises(BadSignature) as error:
        hand_check.check(kind, main, encode(hand), kept)
    assert error.value.zh and error.value.field in ("hand", "inner")


def test_an_unsigned_one_and_one_that_is_none(notice: Sections) -> None:
    main, _, inner = notice
    with pytest.raises(BadSignature, match="no person"):
        hand_check.check("trade.act", main, encode(Hand("import", "import")), inner)
    for data in (b"", b"\xff", encode([1]), encode({"account": 1})):
        with pytest.raises(Malformed):
            hand_check.check("trade.act", main, data, inner)
    with pytest.raises(Malformed):
        hand_check.check("trade.act", b"\x01", encode(Hand("a", "b")), inner)


def test_a_hand_of_version_1_covers_main_alone(notice: Sections) -> None:
    main, hand, _ = notice
    old = Hand(hand.account, hand.role, hand.public, ANNA.key.sign(V1 + sha256(main).digest()).hex(), BORIS.account)
    assert not hand_check.check("trade.act", main, encode(old)).whole


def test_under_rules_version_1_signed_the_rules_themselves() -> None:
    package = parse(PACKAGE, "test")
    main = encode(rules.document(package, "某委"))
    public = ANNA.key.public_key().public_bytes_raw().hex()
    old = Hand("anna@east", "supervisor", public, ANNA.key.sign(V1 + sha256(encode(package)).digest()).hex())
    assert not hand_check.check("rule.package", main, encode(old)).whole
    new = ANNA.sign(stated_of("rule.package", main, None))
    assert hand_check.check("rule.package", main, encode(new)).whole
    other = encode(rules.document(replace(package, zh="别的"), "某委"))
    for hand in (old, new):
        with pytest.raises(BadSignature):
            hand_check.check("rule.package", other, encode(hand))


def test_the_command_says_who_and_what(notice: Sections, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main, hand, inner = notice
    (tmp_path / "inner").write_bytes(inner)
    told = command._verify_hand("trade.act", main, encode(hand), tmp_path / "inner")
    said = capsys.readouterr()
    assert (told["account"], told["second"], told["whole"]) == (ANNA.account, BORIS.account, True)
    assert "个人签名成立" in said.out + said.err and "复核签名成立" in said.out + said.err
    with pytest.raises(Refused):
        command._verify_hand("trade.act", None, encode(hand), None)
    body = Act(trade="t", seq=1, category="c", act="a", rules="r@1", at=1, title="x")
    bare = encode(Document(body.key, body, Source("x")))
    old = Hand("a", "b", hand.public, ANNA.key.sign(V1 + sha256(bare).digest()).hex(), "second")
    command._verify_hand("trade.act", bare, encode(old), None)
    said = capsys.readouterr()
    assert "仅 main 部分" in said.out + said.err and "has signed nothing" in said.out + said.err
