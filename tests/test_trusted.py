from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from node import trusted
from node.errors import BadSignature, Conflict, Malformed, NotFound, Refused
from node.store.db import Store
from node.tlog.note import Ed25519Signer, Note
from node.trusted import Trusted
from node.wire.trust import TrustPolicy
from tests.publishing.made import NOW_MS, clock, memory_store
from tests.wire.test_golden import HUB, NODE, POLICY, SIGNER, key

OTHER = key("other.example/signer", 40)
FIRST = replace(POLICY, version=1, previous="none")


def note(policy: TrustPolicy, *signers: Ed25519Signer) -> bytes:
    return Note(policy.text(), tuple(each.sign_note(policy.text()) for each in signers or (SIGNER,))).encode()


def chain(length: int) -> list[TrustPolicy]:
    made = [FIRST]
    while len(made) < length:
        made.append(replace(FIRST, version=len(made) + 1, previous=made[-1].hash()))
    return made


CHAIN = chain(4)
NOTES = [note(policy) for policy in CHAIN]


@pytest.fixture
def store() -> Iterator[Store]:
    opened = memory_store()
    yield opened
    opened.close()


@pytest.fixture
def mine(store: Store) -> Trusted:
    return Trusted(store, NODE, clock)


async def test_before_any_policy_nobody_is_trusted(mine: Trusted) -> None:
    await mine.open()
    with pytest.raises(NotFound) as caught:
        _ = mine.policy
    assert "ggzy policy adopt" in caught.value.advice_en


async def test_L19_versions_are_taken_over_one_after_another(store: Store, mine: Trusted) -> None:
    assert await mine.adopt(NOTES[:2], expected_hash=FIRST.hash()) == 2
    assert mine.policy == CHAIN[1]
    assert await mine.adopt(NOTES) == 2
    assert mine.policy == CHAIN[3]
    assert await mine.adopt(NOTES) == 0, "a repeat does no harm"
    again = Trusted(store, NODE, clock)
    await again.open()
    assert again.policy == CHAIN[3]
    assert store.read_now(lambda conn: trusted.version(conn, 2)) == NOTES[1]
    assert store.read_now(lambda conn: trusted.versions_above(conn, 1)) == NOTES[1:]
    assert store.read_now(lambda conn: trusted.versions_above(conn, 1, limit=2)) == NOTES[1:3]
    assert store.read_now(lambda conn: trusted.newest(conn, 4)) is None
    with pytest.raises(NotFound):
        store.read_now(lambda conn: trusted.version(conn, 5))


async def test_L20_the_first_version_is_the_one_whose_fingerprint_was_handed_over(store: Store, mine: Trusted) -> None:
    forged = replace(FIRST, signers=(OTHER.verifier,))
    with pytest.raises(Refused, match="fingerprint"):
        await mine.adopt([note(forged, OTHER)], expected_hash=FIRST.hash())
    with pytest.raises(BadSignature):
        await mine.adopt([note(FIRST, OTHER)], expected_hash=FIRST.hash())
    with pytest.raises(Refused):
        await mine.adopt([NOTES[1]])
    assert store.read_now(trusted.newest) is None
    assert await mine.adopt(NOTES[:1], expected_hash=FIRST.hash()) == 1


async def test_L19_a_gap_a_fork_or_a_forgery_is_refused_and_what_came_before_stays(mine: Trusted) -> None:
    await mine.adopt(NOTES[:1])
    with pytest.raises(Refused):
        await mine.adopt([NOTES[2]])
    with pytest.raises(BadSignature):
        await mine.adopt([NOTES[1], note(CHAIN[2], OTHER)])
    assert mine.policy == CHAIN[1]
    fork = replace(CHAIN[2], previous=FIRST.hash())
    with pytest.raises(Refused):
        await mine.adopt([note(fork)])
    with pytest.raises(Malformed):
        await mine.adopt([b"no note"])
    assert mine.policy == CHAIN[1]


async def test_L19_there_is_no_way_back(store: Store, mine: Trusted) -> None:
    await mine.adopt(NOTES[:3])
    assert await mine.adopt(NOTES[:1]) == 0
    other_federation = replace(FIRST, federation="evil.example", signers=(OTHER.verifier,))
    assert await mine.adopt([note(other_federation, OTHER)]) == 0
    assert mine.policy == CHAIN[2]
    assert store.read_now(lambda conn: trusted.version(conn, 1)) == NOTES[0]


async def test_a_version_that_another_process_took_over_is_noticed(store: Store, mine: Trusted) -> None:
    other = Trusted(store, NODE, clock)
    await mine.adopt(NOTES[:2])
    await other.open()
    await other.adopt(NOTES[2:3])
    assert mine.policy == CHAIN[1]
    await mine.refresh()
    assert mine.policy == CHAIN[2]


async def test_two_processes_that_take_over_the_same_version_agree(store: Store, mine: Trusted) -> None:
    other = Trusted(store, NODE, clock)
    await mine.adopt(NOTES[:1])
    await other.open()
    await mine.adopt(NOTES[:2])
    assert await other.adopt(NOTES[1:2]) == 1
    third = replace(CHAIN[2], members=tuple(reversed(CHAIN[2].members)))
    await mine.adopt(NOTES[2:3])
    with pytest.raises(Conflict):
        await other.adopt([note(third)])
    assert store.read_now(lambda conn: trusted.version(conn, 3)) == NOTES[2]


async def test_L19_two_policies_that_both_follow_are_not_both_taken(store: Store, mine: Trusted) -> None:
    one, two = CHAIN[1], replace(CHAIN[1], members=tuple(reversed(CHAIN[1].members)))
    await mine.adopt([NOTES[0], note(one)])
    assert await mine.adopt([note(two)]) == 0
    assert mine.policy == one
    assert HUB in [member.name for member in mine.policy.members]


async def test_the_time_of_taking_over_is_kept(store: Store, mine: Trusted) -> None:
    await mine.adopt(NOTES[:1])
    row = store.read_now(lambda conn: conn.exec_driver_sql("SELECT version, accepted_ms FROM policy").one())
    assert tuple(row) == (1, NOW_MS)


# --- joining a federation -------------------------------------------------------------------------------------------

ALONE = replace(
    FIRST, members=(replace(FIRST.members[1], upstream=""),), keys=FIRST.keys[4:], signers=(OTHER.verifier,)
)


async def test_L20_a_node_on_its_own_joins_with_a_fingerprint_only(mine: Trusted) -> None:
    await mine.adopt([note(ALONE, OTHER)])
    with pytest.raises(BadSignature):
        await mine.adopt(NOTES[:2])
    with pytest.raises(Refused):
        await mine.adopt(NOTES, expected_hash="00" * 32)
    assert mine.policy == ALONE
    assert await mine.adopt(NOTES[:2], expected_hash=FIRST.hash()) == 2
    assert mine.policy == CHAIN[1]
    with pytest.raises(Conflict):
        await Trusted(mine._store, NODE, clock).adopt([note(ALONE, OTHER)], expected_hash=ALONE.hash())


async def test_L20_a_fingerprint_does_not_wipe_what_another_process_took_over(store: Store, mine: Trusted) -> None:
    await mine.adopt([note(ALONE, OTHER)])
    other = Trusted(store, NODE, clock)
    await other.open()
    await other.adopt(NOTES[:3], expected_hash=FIRST.hash())
    third = replace(FIRST, federation="third.example")
    with pytest.raises(Conflict):
        await mine.adopt([note(third)], expected_hash=third.hash())
    assert store.read_now(lambda conn: trusted.versions_above(conn, 0)) == NOTES[:3]


async def test_L19_a_store_that_was_not_read_yet_is_not_wiped(store: Store, mine: Trusted) -> None:
    await mine.adopt(NOTES)
    unread = Trusted(store, NODE, clock)
    other = replace(FIRST, federation="other.example", signers=(OTHER.verifier,))
    with pytest.raises(Conflict):
        await unread.adopt([note(other, OTHER)], expected_hash=other.hash())
    assert store.read_now(lambda conn: trusted.versions_above(conn, 0)) == NOTES
