"""Sealed sections on three tiers: who holds ciphertext, who reads, who is let in later, who is older than all this."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from net import Net, Running
from people import NAME, NUMBER, PHONE, files_of, found_in, person
from sqlalchemy import Connection, text

from node.domain.record import Draft
from node.errors import NotAllowed, NotFound, Refused
from node.publishing.publish import Publisher
from node.store import logs, payloads, wraps
from node.sync.wraps import take
from node.tlog.note import Note, parse_note
from node.wire import sealed
from node.wire.trust import TrustPolicy

WORDS = [NAME, NUMBER, PHONE]


async def read(node: Running, origin: str, index: int = 0) -> bytes:
    return await node.node.store.read(lambda conn: node.node.sealer.open(conn, origin, index, "identity"))


async def held(node: Running, origin: str) -> tuple[bytes, bytes] | None:
    return await node.node.store.read(lambda conn: payloads.get(conn, logs.get(conn, origin).id, 0, "identity"))


async def listed(node: Running, origin: str) -> list[bytes]:
    rows, _ = await node.node.store.read(
        lambda conn: wraps.after(conn, logs.get(conn, origin).id, 0, ["restricted+sealed", "local+sealed"])
    )
    return [row.note.encode() for row in rows]


async def test_l23_origin_and_hub_read_national_holds_ciphertext_a_neighbour_nothing(net: Net) -> None:
    national, hub, east, west = await net.start("national", "hub", "east", "west")
    (done,) = await east.publish(person("P-1"))
    await net.settle()
    assert done.record_id is not None
    for node in (east, hub):
        assert found_in(await read(node, east.origin), WORDS) == WORDS, node.name
    for node in (national, west):
        with pytest.raises((NotAllowed, NotFound)):
            await read(node, east.origin)
    ciphertext = await held(national, east.origin)
    assert ciphertext is not None and len(ciphertext[1]) == 512 and ciphertext == await held(east, east.origin)
    assert await held(west, east.origin) is None and await listed(west, east.origin) == []
    for node in (national, hub, east, west):
        assert found_in(files_of(node), WORDS) == [], node.name
        assert not await node.fsck(), node.name
        assert (await node.node.custodian.payload_state(east.origin)).missing == (), node.name
    page = await hub.page(f"/records/{done.record_id.hex()}")
    assert "本节点仅存密文" in page and found_in(page.encode(), WORDS) == []


async def test_l23_a_later_reader_gets_in_by_a_wrap_alone(net: Net) -> None:
    national, hub, east, west = await net.start("national", "hub", "east", "west")
    await east.publish(person("P-1"))
    await net.settle()
    before = await held(national, east.origin)
    above = national.node.settings.name

    def share(to: str) -> None:
        east.node.store.write_now(lambda conn: east.node.sealer.share(conn, east.origin, 0, "identity", to))

    share(above)
    await net.settle()
    assert found_in(await read(national, east.origin), WORDS) == WORDS
    assert await held(national, east.origin) == before
    with pytest.raises(Refused, match="already"):
        share(above)
    with pytest.raises(Refused, match="may not hold"):
        share(west.node.settings.name)
    with pytest.raises(Refused, match="published"):
        hub.node.store.write_now(lambda conn: hub.node.sealer.share(conn, east.origin, 0, "identity", above))


async def test_l23_a_hub_without_a_seal_key_is_let_in_when_it_has_one(net: Net) -> None:
    """A hub of an older release: it stores ciphertext and reads nothing, until its key is in the policy."""
    _, hub, east = await net.start("national", "hub", "east")
    policy = east.node.trusted.policy
    name = hub.node.settings.name
    without = replace(policy, keys=tuple(g for g in policy.keys if (g.node, g.use) != (name, "seal")))
    hide(east, without)
    await east.publish(person("P-1"))
    hide(east, policy)
    await net.settle()
    with pytest.raises(NotAllowed):
        await read(hub, east.origin)
    east.node.store.write_now(lambda conn: east.node.sealer.share(conn, east.origin, 0, "identity", name))
    await net.settle()
    assert found_in(await read(hub, east.origin), WORDS) == WORDS
    hide(east, without)
    with pytest.raises(NotFound, match="no seal key"):
        east.node.store.write_now(lambda conn: east.node.sealer.share(conn, east.origin, 0, "identity", name))


def hide(node: Running, policy: TrustPolicy) -> None:
    node.node.trusted._policy = policy


async def test_l23_every_version_has_a_key_of_its_own(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(person("P-1"))
    await east.publish(person("P-1", phone="19900000000"))
    await east.publish(person("P-2"))
    await net.settle()
    first, second, third = [sealed.parse_list(parse_note(note).text) for note in await listed(hub, east.origin)]
    assert len({each.commitment for each in (first, second, third)}) == 3
    assert found_in(await read(hub, east.origin, 0), [PHONE]) == [PHONE]
    assert found_in(await read(hub, east.origin, 1), [PHONE]) == []
    key = east.node.keys.seal
    assert key is not None
    keys = set()
    for each in (first, second, third):
        wrap = each.for_key(key.verifier)
        assert wrap is not None
        keys.add(sealed.unwrap(wrap, key, each.place, each.commitment))
    assert len(keys) == 3


async def test_l23_a_repeat_is_unchanged_and_a_change_of_phone_is_a_new_version(net: Net) -> None:
    _, east = await net.start("hub", "east")
    (first,) = await east.publish(person("P-1"))
    (repeat,) = await east.publish(person("P-1"))
    (changed,) = await east.publish(person("P-1", phone="19900000000"))
    assert [each.state for each in (first, repeat, changed)] == ["published", "unchanged", "published"]
    assert changed.version == 2


async def test_l23_no_publisher_without_a_sealer_puts_it_out_in_the_open(net: Net) -> None:
    _, east = await net.start("hub", "east")
    plain = Publisher(east.node.store, east.node.keys.log, net.clock)
    (outcome,) = await plain.publish([person("P-1")])
    assert outcome.state == "rejected" and outcome.error is not None and outcome.error.field == "identity"
    assert (await east.log_of(east)).stored_size == 0


async def test_l23_a_new_database_gets_its_lists_back_from_above(net: Net) -> None:
    """What a recovery needs: the origin's own wraps come back with the first pass."""
    _, _, east = await net.start("national", "hub", "east")
    await east.publish(person("P-1"), person("P-2"))
    await net.settle()
    mine = await listed(east, east.origin)
    east.node.store.write_now(forget_wraps)
    assert await listed(east, east.origin) == []
    await net.settle()
    assert sorted(await listed(east, east.origin)) == sorted(mine)
    assert found_in(await read(east, east.origin), WORDS) == WORDS


def forget_wraps(conn: Connection) -> None:
    conn.execute(text("DELETE FROM sealed_wraps"))
    conn.execute(text("DELETE FROM cursor WHERE stage LIKE '%wraps%'"))


async def test_l23_lists_that_are_not_the_origins_or_not_of_this_ciphertext_are_left_out(net: Net) -> None:
    _, hub, east, west = await net.start("national", "hub", "east", "west")
    await east.publish(person("P-1"))
    await net.settle()
    (good,) = await listed(hub, east.origin)
    note = parse_note(good)
    found = sealed.parse_list(note.text)

    def signed(changed: sealed.WrapList, by: Running) -> bytes:
        said = changed.text()
        return Note(said, (by.node.keys.custody.sign_note(said),)).encode()

    later = replace(found, time_s=found.time_s + 100, wraps=())
    bad = [
        signed(later, west),
        signed(replace(later, commitment=bytes(32)), east),
        signed(replace(later, place=replace(found.place, record_id=bytes(16))), east),
        signed(replace(later, place=replace(found.place, version=2)), east),
        signed(replace(later, place=replace(found.place, section="employment")), east),
        signed(replace(later, place=replace(found.place, origin=west.origin)), east),
        signed(replace(later, time_s=found.time_s), east),
        b"no note at all",
        b"",
    ]
    before = await listed(hub, east.origin)
    for each in bad:
        took = hub.node.store.write_now(lambda conn, each=each: take(conn, hub.node.trusted, east.origin, [each]))
        assert took.taken == 0, each
    assert await listed(hub, east.origin) == before
    # One bad list does not keep a good one out; one of an entry that is not here yet is asked for again.
    took = hub.node.store.write_now(
        lambda conn: take(conn, hub.node.trusted, east.origin, [bad[0], signed(later, east)])
    )
    assert (took.taken, took.early) == (1, False)
    early = signed(replace(later, index=99), east)
    took = hub.node.store.write_now(lambda conn: take(conn, hub.node.trusted, east.origin, [early]))
    assert (took.taken, took.early) == (0, True)


async def test_l23_lists_are_for_enrolled_nodes_that_may_hold_the_ciphertext(net: Net) -> None:
    _, hub, east, west = await net.start("national", "hub", "east", "west")
    await east.publish(person("P-1"))
    await net.settle()
    path = f"/api/logs/{(await hub.log_of(east)).origin_hash}/wraps"
    assert (await hub.get(path))[0] == 401
    for node, count in ((east, 1), (west, 0)):
        peer = node.node.upstream
        assert peer is not None
        notes, end = await peer.peer.wraps(east.origin, 0)
        assert (len(notes), end) == (count, 1), node.name
    status, body = await hub.get("/api/logs")
    assert status == 200
    assert {row["origin"]: row["wraps"] for row in json.loads(body)["logs"]}[east.origin] == 1


async def test_l23_a_changed_ciphertext_is_refused_like_any_payload(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(person("P-1"))
    await net.settle()
    before = await held(hub, east.origin)
    assert before is not None

    def damage(conn: Connection) -> None:
        conn.execute(
            text("UPDATE payload_row SET payload = :bad WHERE section = 'identity'"), {"bad": before[1][:-1] + b"\x00"}
        )

    hub.node.store.write_now(damage)
    assert {finding.code for finding in await hub.fsck()} == {"payload-wrong"}


async def test_l04_a_sealed_section_holds_plain_data_like_any_other(net: Net) -> None:
    _, east = await net.start("hub", "east")
    plain = person("P-1")
    wrong: Draft = replace(plain, sections={**plain.sections, "identity": {"weight": 1.5}})
    (outcome,) = await east.publish(wrong)
    assert outcome.state == "rejected"
