"""Rules L1, L2, L4, L14 and L23 in their shortest form; the batteries are in the tests that each docstring names."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import pytest
from sqlalchemy import Connection

from node.domain.audience import AUDIENCES, HOLDINGS, audiences_of, holding
from node.domain.experts import ExpertIdentity
from node.domain.record import Draft
from node.errors import BadProof, Malformed
from node.publishing.publish import Publisher
from node.store import logs, payloads
from node.store.db import Store
from node.tlog.merkle import leaf_hash
from node.wire import header as headers
from node.wire import payload as payload_bytes
from node.wire.brought import due_sections
from node.wire.header import Header, SectionRef
from tests.publishing.made import ORIGIN, clock, division, expert, memory_store, publisher, seeded, signer

HEADER = Header("trade.result", 1, bytes(range(16)), 1, None, 5, "public", (SectionRef("main", "public", b"c" * 32),))


def entries(store: Store) -> list[bytes]:
    def read(conn: Connection) -> list[bytes]:
        log = logs.get(conn, ORIGIN)
        return list(logs.entries(conn, log.id, 0, log.stored_size))

    return store.read_now(read)


def test_l01_the_bytes_received_are_the_bytes_hashed() -> None:
    """tests/wire/test_header.py, tests/sync/test_custody.py: any other spelling of a header is read by nobody."""
    entry = headers.encode(HEADER)
    assert headers.parse(entry) == HEADER and headers.encode(headers.parse(entry)) == entry
    plain = msgpack.unpackb(entry)
    longer = msgpack.packb(plain).replace(b"\x01", b"\xcc\x01", 1)
    assert msgpack.unpackb(longer) == plain, "the same to a lax decoder"
    assert leaf_hash(longer) != leaf_hash(entry)
    with pytest.raises(Malformed):
        headers.parse(longer)
    # A mirror stores it all the same, and it owes nothing.
    assert due_sections([longer], 0, frozenset(HOLDINGS)) == {}


async def test_l02_a_header_holds_nothing_personal_or_guessable() -> None:
    """tests/scenarios/test_canaries.py hunts through three tiers."""
    store = memory_store()
    await publisher(store).publish([expert("CQ-0001", "某某设计院"), expert("CQ-0002", "某某设计院")])
    first, second = entries(store)
    for word in ("CQ-0001", "某某设计院", "A01"):
        assert word.encode() not in first
    one, two = headers.parse(first), headers.parse(second)
    # Two experts of one employer, and still no two commitments alike: a guess cannot be checked without the salt.
    assert len({ref.commitment for header in (one, two) for ref in header.sections}) == 4
    assert one.record_id[6] >> 4 == two.record_id[6] >> 4 == 7 and one.record_id != two.record_id
    store.close()


async def test_l02_the_same_key_at_another_time_has_another_id() -> None:
    ids = set()
    for seed in ("a", "b"):
        store = memory_store()
        (outcome,) = await publisher(store, seed=seed).publish([expert("CQ-0001")])
        ids.add(outcome.record_id)
        store.close()
    assert len(ids) == 2


@pytest.mark.parametrize("value", [1.0, 1.5, float("nan")])
def test_l04_no_floating_point_number_enters_a_record(value: float) -> None:
    with pytest.raises(Malformed):
        payload_bytes.encode({"fen": value})


async def test_l04_order_is_the_index_whatever_the_clock_says() -> None:
    store, times = memory_store(), [3_000, 1_000, 2_000]
    published = Publisher(store, signer(), lambda: times[0], random=seeded(0))
    for number in range(3):
        await published.publish([division(f"50010{number}")])
        times.append(times.pop(0))
    assert [headers.parse(entry).claimed_ms for entry in entries(store)] == [3_000, 1_000, 2_000]
    store.close()


async def test_l14_a_payload_is_addressed_by_its_place_and_checked_by_its_commitment() -> None:
    """tests/sync/test_custody.py, tests/sync/test_lying_peer.py: packs, missing lists, swapped payloads."""
    store = memory_store()
    await publisher(store).publish([division("500101"), division("500102")])

    def work(conn: Connection) -> None:
        log_id = logs.get(conn, ORIGIN).id
        first, second = (headers.parse(entry) for entry in logs.entries(conn, log_id, 0, 2))
        held = payloads.get(conn, log_id, 0, "main")
        assert held is not None
        payload_bytes.check(*held, first.sections[0].commitment)
        with pytest.raises(BadProof):
            payload_bytes.check(*held, second.sections[0].commitment)
        assert payloads.get(conn, log_id, 0, "other") is None and payloads.get(conn, log_id, 2, "main") is None

    store.read_now(work)
    store.close()


def test_l14_who_may_hold_what() -> None:
    def held(role: str, **where: bool) -> set[str]:
        place = {"is_origin": False, "is_above_origin": False} | where
        return set(audiences_of(role, **place))

    sealed = {audience: holding(audience, 9) for audience in AUDIENCES}
    everybody = {"public", "shared", sealed["public"], sealed["shared"]}
    assert held("district", is_origin=True) == set(HOLDINGS)
    assert held("hub", is_above_origin=True) == everybody | {"restricted", sealed["restricted"]}
    assert held("national", is_above_origin=True) == everybody | {sealed["restricted"]}
    assert held("district") == held("hub") == everybody
    for role in ("district", "hub", "national"):
        for above in (True, False):
            assert not {"local", sealed["local"], "of-a-newer-release"} & held(role, is_above_origin=above)


async def test_l23_a_personal_section_is_never_stored_in_the_open() -> None:
    """tests/scenarios/test_sealing.py, test_erasure.py, test_canaries.py: three tiers, and what erasing takes away."""
    store = memory_store()
    plain = expert("CQ-0001")
    person = ExpertIdentity(name="欧阳某某", number="11010519491231002X")
    draft: Draft = replace(plain, sections={**plain.sections, "identity": person})
    (outcome,) = await Publisher(store, signer(), clock, random=seeded(0)).publish([draft])
    assert outcome.state == "rejected" and outcome.error is not None and outcome.error.field == "identity"
    assert not store.read_now(lambda conn: logs.get(conn, ORIGIN).stored_size)
    assert "欧阳" not in repr(draft.sections) and "1101" not in repr(draft.sections)
    store.close()
