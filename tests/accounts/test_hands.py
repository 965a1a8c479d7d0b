"""Persons' signatures under records: what counts, and what is told apart from what does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as changed
from hashlib import sha256
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from node.accounts import hands
from node.accounts.hands import finding, finding_at
from node.domain import hands as domain
from node.domain.accounts import AuditAct, AuditBatch, AuditEntry
from node.domain.hands import V1, Hand, Stated
from node.domain.record import Document, Source
from node.errors import NotAllowed, Overtaken
from node.store import payloads
from node.store.loading import Recorded
from node.store.tables import RecordView, table
from node.wire.payload import encode
from tests.trading.bench import ANNA, BORIS, Bench, Clerk, open_bench
from tests.trading.test_desk import trade_of

MALLORY = Clerk("mallory@east")


@pytest.fixture
def bench() -> Iterator[Bench]:
    with open_bench() as made:
        yield made


def known(monkeypatch: pytest.MonkeyPatch, *clerks: Clerk) -> None:
    """Accounts that the register has, with the keys of these clerks; what it makes of records is tested beside it."""
    keys = {each.account: each.key.public_key().public_bytes_raw().hex() for each in clerks}
    monkeypatch.setattr(hands.register, "find", lambda conn, account, node_of: keys.get(account))
    monkeypatch.setattr(
        hands.register, "has_key", lambda conn, account, public, node_of: keys.get(account, "") == public
    )


def worth(bench: Bench, stated: Stated, hand: Hand) -> str:
    return bench.read(finding, stated, hand, lambda origin: None)


async def signed(bench: Bench) -> tuple[Stated, Hand]:
    record = trade_of(bench, await bench.begin())[1][0]
    assert record.hand is not None
    return record.stated, record.hand


async def approved(bench: Bench) -> Recorded:
    key = await bench.begin()
    await bench.approved(key, "notice", fields=bench.noticed)
    return trade_of(bench, key)[1][1]


async def test_a_hand_counts_by_its_bytes_and_its_key(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stated, hand = await signed(bench)
    assert worth(bench, stated, hand) == "unknown", "no such account here yet"
    known(monkeypatch, ANNA, MALLORY)
    assert worth(bench, stated, hand) == "verified"
    assert worth(bench, changed(stated, main=stated.main + b"\0"), hand) == "other_bytes"
    assert worth(bench, changed(stated, main=b""), hand) == "other_bytes"


async def test_hostile_hands_are_bad(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stated, hand = await signed(bench)
    known(monkeypatch, ANNA, MALLORY)
    as_anna = replace(MALLORY.sign(stated), account=ANNA.account)
    assert worth(bench, stated, as_anna) == "other_bytes", "the account is under the signature"
    mine = hands_of(MALLORY, ANNA.account, stated)
    assert worth(bench, stated, mine) == "other_key", "sound, by a key that is not hers"
    assert worth(bench, stated, replace(hand, account=MALLORY.account)) == "other_bytes"
    assert worth(bench, stated, replace(hand, role="administrator")) == "other_bytes", "a swapped role"
    assert worth(bench, stated, replace(hand, second=BORIS.account)) == "other_bytes", "a second who was not there"
    for part in ({"signature": ""}, {"public": ""}, {"signature": "zz"}, {"public": "00"}, {"version": 3}):
        assert worth(bench, stated, replace(hand, **part)) == "other_bytes"
    assert worth(bench, stated, Hand("import", "import")) == "unsigned"


def hands_of(signer: Clerk, account: str, stated: Stated) -> Hand:
    return domain.sign(signer.key, account, "acceptance", stated)


async def test_a_hand_replayed_on_another_record_is_bad(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, ANNA)
    stated, hand = await signed(bench)
    other, _ = await signed(bench)
    assert worth(bench, other, hand) == "other_bytes"
    for record in (
        changed(stated, kind="trade.act"),
        changed(stated, key="0" * 32 + "/1"),
        changed(stated, inner=b"\x81\xa1a\x01"),
    ):
        assert worth(bench, record, hand) == "other_bytes", record


async def test_what_is_kept_back_is_under_the_signature(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, ANNA, BORIS)
    record = await approved(bench)
    assert record.hand is not None and record.hand.inner and record.stated.inner is not None
    assert worth(bench, record.stated, record.hand) == "verified"
    assert worth(bench, changed(record.stated, inner=None), record.hand) == "partial"
    assert worth(bench, changed(record.stated, inner=encode({"contact": "别人"})), record.hand) == "other_bytes"


async def test_hands_of_version_1_verify_as_what_they_are(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, ANNA)
    stated, hand = await signed(bench)
    old = Hand(hand.account, hand.role, hand.public, ANNA.key.sign(V1 + sha256(stated.main).digest()).hex())
    assert worth(bench, stated, old) == "verified_main"
    assert worth(bench, changed(stated, main=b"x"), old) == "other_bytes"
    assert worth(bench, stated, replace(hand, version=1)) == "other_bytes", "no way down"


async def test_a_forged_approver_is_bad(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the author (or his node) puts beside his own sound signature, he is not two persons."""
    known(monkeypatch, ANNA, BORIS, MALLORY)
    record = await approved(bench)
    stated, hand = record.stated, record.hand
    assert hand is not None and hand.approval is not None and worth(bench, stated, hand) == "verified"
    act, good = record.act, hand.approval
    forged = [
        None,
        replace(MALLORY.approve(act, ANNA.account), account=BORIS.account),  # not signed so
        hands_approval(MALLORY, BORIS.account, act),  # signed with another's key
        ANNA.approve(act, ANNA.account),  # her own second pair of eyes
        BORIS.approve(act, MALLORY.account),  # for another author
        BORIS.approve(replace(act, title="别的"), ANNA.account),  # of another act
        BORIS.approve(replace(act, seq=act.seq + 1), ANNA.account),  # of another number: approved once, used twice
        replace(good, signature=""),
        replace(good, open=[]),
    ]
    for approval in forged:
        second = BORIS.account if approval is None else approval.account
        said = stated.statement(ANNA.account, hand.role, second)
        made = replace(hand, second=second, approval=approval, signature=ANNA.key.sign(said).hex())
        assert made.signs(stated) and worth(bench, stated, made) == "other_approval", approval
    known(monkeypatch, ANNA)
    assert worth(bench, stated, hand) == "unknown", "an approver whom nobody here knows yet"


def hands_approval(signer: Clerk, account: str, act: Any) -> Any:
    return domain.approve(signer.key, account, "publication", act, ANNA.account, 1)


async def test_the_desk_takes_no_approval_of_something_else(bench: Bench) -> None:
    strict = Bench(bench.store, bench.clock, seed="strict", four_eyes="public")
    key = await strict.begin()
    fields = strict.noticed
    act = await strict.desk.proposed(key, "notice", fields=fields)
    for wrong in (
        BORIS.approve(replace(act, fields={**fields, "contact": "别人"}), ANNA.account),
        BORIS.approve(act, MALLORY.account),
        replace(BORIS.approve(act, ANNA.account), signature="00" * 64),
        BORIS.approve(replace(act, seq=9), ANNA.account),
    ):
        with pytest.raises(Overtaken):
            await strict.desk.act(ANNA, key, "notice", fields=fields, approval=wrong)
    stranger = Bench(bench.store, bench.clock, seed="keys", four_eyes="public", knows_key=lambda *given: False)
    with pytest.raises(NotAllowed):
        await stranger.desk.act(ANNA, key, "notice", fields=fields, approval=BORIS.approve(act, ANNA.account))
    await strict.desk.act(ANNA, key, "notice", fields=fields, approval=BORIS.approve(act, ANNA.account))


async def test_a_record_is_looked_at_by_its_place(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await signed(bench)
    known(monkeypatch, ANNA)
    row = bench.read(lambda conn: conn.execute(select(table(RecordView))).one())
    at = (row.log_id, row.idx, lambda origin: None)
    assert bench.read(finding_at, row.kind, *at) == "verified"
    assert bench.read(finding_at, "trade.result", *at) is None, "nobody signs those"
    held = payloads.get
    for lost in ("main", "hand"):
        monkeypatch.setattr(
            payloads, "get", lambda conn, log_id, index, section, lost=lost: (
                None if section == lost else held(conn, log_id, index, section)
            )
        )  # fmt: skip
        assert bench.read(finding_at, row.kind, *at) is None
    monkeypatch.setattr(payloads, "get", lambda conn, log_id, index, section: (b"", b"\xff\x01"))
    assert bench.read(finding_at, row.kind, *at) == "other_bytes"


# --- the audit trail --------------------------------------------------------------------------------------------------


def did(account: str, number: int = 1) -> AuditAct:
    return AuditAct(account=account, realm="service", action="log-in", object=account, at=number, node="n")


def entry(clerk: Clerk, key: str, act: AuditAct) -> AuditEntry:
    return AuditEntry(key=key, act=act, hand=clerk.sign(Stated(hands.BATCH, key, encode(act))))


async def test_each_entry_of_a_batch_has_a_signature_of_its_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, ANNA, BORIS, MALLORY)
    good = entry(ANNA, f"{ANNA.account}/1/a", did(ANNA.account))
    other = entry(BORIS, f"{BORIS.account}/1/b", did(BORIS.account))
    hostile = [
        good,  # again
        replace(good, key=f"{ANNA.account}/2/a"),  # replayed under another key
        replace(good, act=did(ANNA.account, 2)),  # at another time
        entry(MALLORY, f"{ANNA.account}/3/a", did(ANNA.account)),  # her act by somebody else's hand
        replace(other, key=f"{BORIS.account}/2/b", hand=good.hand),
    ]
    batch = AuditBatch(node="n", entries=[good, other, *hostile])
    found = bench.read(hands.findings_of, batch, lambda origin: None)
    assert found == ["verified", "verified", "other_bytes", "other_bytes", "other_bytes", "other_key", "other_key"]
    assert hands.worst(found[:2]) == "verified" and hands.worst(found) == "other_bytes"


async def test_an_act_is_not_done_by_whoever_signs_it_for_another(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, ANNA, MALLORY)
    main = encode(Document("k", did(ANNA.account), Source("x")))
    stated = Stated("audit.act", "k", main)
    assert worth(bench, stated, ANNA.sign(stated)) == "verified"
    assert worth(bench, stated, MALLORY.sign(stated)) == "other_key"
