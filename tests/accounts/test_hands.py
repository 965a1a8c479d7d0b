"""Persons' signatures under acts: what counts, and what is told apart from what does."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from sqlalchemy import select

from node.accounts import hands
from node.accounts.hands import finding, finding_at
from node.domain.acts import Hand
from node.store import payloads
from node.store.tables import RecordView, table
from tests.trading.bench import ANNA, Bench, Clerk, open_bench
from tests.trading.test_desk import trade_of

MALLORY = Clerk("mallory@east")


def known(monkeypatch: pytest.MonkeyPatch, *clerks: Clerk) -> None:
    """Accounts that the register has, with the keys of these clerks; what it makes of records is tested beside it."""
    keys = {each.account: each.key.public_key().public_bytes_raw().hex() for each in clerks}
    monkeypatch.setattr(hands.register, "find", lambda conn, account, node_of: keys.get(account))
    monkeypatch.setattr(
        hands.register, "has_key", lambda conn, account, public, node_of: keys.get(account, "") == public
    )


def worth(bench: Bench, main: bytes, hand: Hand) -> str:
    return bench.read(finding, main, hand, lambda origin: None)


async def signed(bench: Bench) -> tuple[bytes, Hand]:
    record = trade_of(bench, await bench.begin())[1][0]
    assert record.hand is not None
    return record.main, record.hand


async def test_a_hand_counts_by_its_bytes_and_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_bench() as bench:
        main, hand = await signed(bench)
        assert worth(bench, main, hand) == "unknown", "no such account here yet"
        known(monkeypatch, ANNA, MALLORY)
        assert worth(bench, main, hand) == "verified"
        assert worth(bench, main + b"\0", hand) == "other_bytes"
        assert worth(bench, b"", hand) == "other_bytes"


async def test_hostile_hands_are_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_bench() as bench:
        main, hand = await signed(bench)
        known(monkeypatch, ANNA, MALLORY)
        forged = MALLORY.sign(digest_of(main))
        as_anna = msgspec.structs.replace(forged, account=ANNA.account)
        assert worth(bench, main, as_anna) == "other_key", "sound, by a key that is not hers"
        assert worth(bench, main, msgspec.structs.replace(hand, account=MALLORY.account)) == "other_key"
        assert worth(bench, main, msgspec.structs.replace(as_anna, public=hand.public)) == "other_bytes"
        other = ANNA.sign(digest_of(b"another act"))
        assert worth(bench, main, other) == "other_bytes", "her own signature, from elsewhere"
        for part in ({"signature": ""}, {"public": ""}, {"signature": "zz"}, {"public": "00"}):
            assert worth(bench, main, msgspec.structs.replace(hand, **part)) == "other_bytes"
        assert worth(bench, main, Hand("import", "import")) == "unsigned"


def digest_of(main: bytes) -> bytes:
    return sha256(main).digest()


async def test_a_record_is_looked_at_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_bench() as bench:
        await signed(bench)
        known(monkeypatch, ANNA)
        row = bench.read(lambda conn: conn.execute(select(table(RecordView))).one())
        at = (row.log_id, row.idx, lambda origin: None)
        assert bench.read(finding_at, row.kind, *at) == "verified"
        assert bench.read(finding_at, "rule.package", *at) is None, "those sign something else"
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
