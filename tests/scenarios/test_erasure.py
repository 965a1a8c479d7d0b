"""Erasure by law: two nodes order it, every node carries it out, nothing brings it back, the tree still verifies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from net import Net, Running, expert, result
from people import NAME, NUMBER, PHONE, Office, files_of, found_in, person, states
from sqlalchemy import Connection, select

from node.domain.erasure import Erasure
from node.domain.record import Document, Draft, Source
from node.errors import NodeError
from node.projections import erasures
from node.publishing import erase
from node.publishing.erase import Wish
from node.store import erased, logs, payloads, wraps
from node.store.tables import Quarantine, table
from node.sync.bundle_export import Exporter
from node.sync.bundle_files import find_files
from node.sync.bundle_import import Importer
from node.tlog.note import parse_note
from node.tlog.proof import TlogProof
from node.wire import erasure
from node.wire import receipt as receipts
from node.wire.trust import Retirement, TrustPolicy

WORDS = [NAME, NUMBER, PHONE]


async def three_tiers(net: Net) -> tuple[Running, Running, Running, Running, bytes]:
    """A person's record of two versions at three tiers and a neighbour."""
    national, hub, east, west = await net.start("national", "hub", "east", "west")
    (first,) = await east.publish(person("P-1", phone="19900000000"))
    (second,) = await east.publish(person("P-1"))
    await net.settle()
    assert first.record_id == second.record_id and second.version == 2 and first.record_id is not None
    return national, hub, east, west, first.record_id


def wish(east: Running, record_id: bytes, **more: object) -> Wish:
    return replace(Wish(record_id, east.origin, "consent-withdrawn"), **more)


async def gone(running: Running, east: Running, places: set[tuple[int, str]]) -> bool:
    """Whether a node has erased just this, and holds neither payload nor wraps nor a missing line of it."""

    def look(conn: Connection) -> bool:
        log_id = logs.get(conn, east.origin).id
        return erased.of_log(conn, log_id) == places and not any(
            payloads.get(conn, log_id, *place) or wraps.get(conn, log_id, *place) for place in places
        )

    state = await running.node.custodian.payload_state(east.origin)
    return await running.node.store.read(look) and not state.missing


async def opened(running: Running, east: Running, index: int) -> bytes:
    return await running.node.store.read(lambda conn: running.node.sealer.open(conn, east.origin, index, "identity"))


async def test_l23_what_two_nodes_order_is_erased_at_every_node(net: Net) -> None:
    national, hub, east, west, record_id = await three_tiers(net)
    assert NAME.encode() in await opened(hub, east, 1)
    _, before = await east.get(f"/api/records/{record_id.hex()}/receipt")
    ciphertext = await east.node.store.read(
        lambda conn: payloads.get(conn, logs.get(conn, east.origin).id, 1, "identity")
    )
    for node in (east, hub, national):
        assert ciphertext[1] in files_of(node) and ciphertext[0] in files_of(node), node.name
    office = Office(net)
    await office.publish(east, await office.order(east, wish(east, record_id), east, hub))
    await net.settle()
    places = {(0, "identity"), (1, "identity")}
    for node in (east, hub, national, west):
        assert await gone(node, east, places), node.name
        assert not await node.fsck(), node.name
        assert (await states(node, record_id))["identity"] == "erased", node.name
        # Ciphertext and salt are out of the files too, not only out of the tables.
        assert ciphertext[1] not in files_of(node) and ciphertext[0] not in files_of(node), node.name
        with pytest.raises(NodeError):
            await opened(node, east, 1)
        assert "已依法删除" in await node.page(f"/records/{record_id.hex()}"), node.name
    # The receipt from before still holds, and so does a new one.
    policy = east.node.trusted.policy
    assert receipts.verify(TlogProof.parse(before), policy).index == 1
    _, after = await hub.get(f"/api/records/{record_id.hex()}/receipt")
    verdict = receipts.verify(TlogProof.parse(after), policy)
    assert verdict.index == 1 and verdict.custody is not None


async def test_l23_no_sync_and_no_old_pack_brings_it_back(net: Net) -> None:
    national, hub, east, west, record_id = await three_tiers(net)

    async def packs(node: Running) -> list[bytes]:
        mine = node.node.custodian.audiences(east.origin)
        return await node.node.store.read(
            lambda conn: payloads.packed(conn, logs.get(conn, east.origin).id, east.origin, 0, 2, mine)[0]
        )

    old = {node.name: await packs(node) for node in (hub, national, west)}
    lists = await east.node.store.read(
        lambda conn: [
            row.note for row in wraps.after(conn, logs.get(conn, east.origin).id, 0, ["restricted+sealed"])[0]
        ]
    )
    office = Office(net)
    await office.publish(east, await office.order(east, wish(east, record_id), hub, east))
    await net.settle()
    places = {(0, "identity"), (1, "identity")}
    for node in (hub, national, west):
        await node.node.custodian.add_payloads(east.origin, 0, 2, old[node.name])
        took = await node.node.store.write(
            lambda conn, node=node: wraps.put(
                conn, logs.get(conn, east.origin).id, [(1, "identity", "restricted+sealed", 2**40, lists[0])]
            )
        )
        assert took == 0
    await net.settle()
    for node in (east, hub, national, west):
        await node.node.projector.rebuild()
        assert await gone(node, east, places), node.name
        assert not await node.fsck(), node.name
        assert (await states(node, record_id, 2))["identity"] == "erased"


async def test_l23_the_same_row_imported_again_does_not_bring_it_back_and_the_record_goes_on(net: Net) -> None:
    _, hub, east, _, record_id = await three_tiers(net)
    office = Office(net)
    await office.publish(east, await office.order(east, wish(east, record_id), east, hub))
    (again,) = await east.publish(person("P-1"))
    assert again.state == "rejected" and again.error is not None and again.error.field == "identity"
    assert not found_in(str(again.error.__dict__).encode(), WORDS)
    (amended,) = await east.publish(replace(expert("P-1"), said={"standing": "changed"}))
    assert (amended.state, amended.version, amended.record_id) == ("published", 3, record_id)
    await net.settle()
    assert (await states(hub, record_id, 3)).keys() == {"main", "employment"}
    assert not await hub.fsck() and not await east.fsck()
    # Somebody else's identity is taken as ever.
    (other,) = await east.publish(person("P-2"))
    assert other.state == "published"


async def test_l23_one_version_can_go_and_the_corrected_one_stays(net: Net) -> None:
    national, hub, east, _, record_id = await three_tiers(net)
    office = Office(net)
    await office.publish(hub, await office.order(hub, wish(east, record_id, versions=(1,)), hub, national))
    await net.settle()
    for node in (east, hub, national):
        assert await gone(node, east, {(0, "identity")}), node.name
    assert PHONE.encode() in await opened(hub, east, 1)
    (third,) = await east.publish(person("P-1", phone="19911111111"))
    assert third.state == "published", "its newest version was not erased, so a new one may have the section"


async def test_l23_an_open_section_goes_from_lists_and_packs(net: Net) -> None:
    """A notice whose text should never have been published: in a folded pack, in a read table, in the search."""
    national, hub, east, west = await net.start("national", "hub", "east", "west")
    done = await east.publish(*(result(f"N-{number}", title=f"工程 {number} 号") for number in range(300)))
    await net.settle()
    assert "工程 17 号" in await hub.page("/trades?words=N-17")
    record_id = done[17].record_id
    assert record_id is not None
    office = Office(net)
    order = await office.order(hub, Wish(record_id, east.origin, "unlawful", sections=("main",)), hub, east)
    await office.publish(hub, order)
    await net.settle()
    for node in (east, hub, national, west):
        assert "工程 17 号" not in await node.page("/trades?words=N-17"), node.name
        assert "工程 18 号" in await node.page("/trades?words=N-18"), node.name
        page = await node.page(f"/records/{record_id.hex()}")
        assert "已依法删除" in page and "工程 17 号" not in page
        assert not await node.fsck(), node.name
        assert await gone(node, east, {(17, "main")}), node.name
        # A trade of the whole bundle travelled and lay in one pack, which has been written anew.
        assert "工程 17 号".encode() not in files_of(node), node.name


async def test_l23_an_order_that_comes_before_its_record_waits_for_it(net: Net) -> None:
    """A district that joins late gets the order's log and the record's log in any order."""
    _, hub, east, _, record_id = await three_tiers(net)
    office = Office(net)
    await office.publish(hub, await office.order(hub, wish(east, record_id), hub, east))
    north = await net.join("north")
    real = north.node.upstream
    assert real is not None
    wanted = await real._puller.wanted(own_origin=north.origin)
    for summary in sorted(wanted, key=lambda each: each.origin != hub.origin):
        if summary.origin == hub.origin:
            await real._puller.pull(summary)
    await north.node.projector.run()
    assert not await north.node.store.read(lambda conn: logs.find(conn, east.origin))
    quarantined = await north.page("/status")
    await net.settle()
    assert await gone(north, east, {(0, "identity"), (1, "identity")}), quarantined
    assert not await north.fsck()


async def refused(net: Net, at: Running, node: Running, order: bytes, east: Running) -> str:
    """Publish an order and give the reason for which another node put it aside; nothing was erased."""
    quarantine = table(Quarantine)
    await Office(net).publish(at, order)
    await net.settle()
    assert not await node.node.store.read(lambda conn: erased.of_log(conn, logs.get(conn, east.origin).id))
    rows = await node.node.store.read(lambda conn: conn.execute(select(quarantine.c.code, quarantine.c.reason)).all())
    ((code, reason),) = rows
    assert code == "erasure-refused"
    return str(reason)


async def test_l23_one_signature_or_one_node_twice_does_nothing(net: Net) -> None:
    _, hub, east, _, record_id = await three_tiers(net)
    order = await Office(net).order(east, wish(east, record_id), east)
    assert "1 node" in await refused(net, east, hub, order, east)
    assert NAME.encode() in await opened(hub, east, 1)


async def test_l23_neighbours_cannot_erase_what_is_not_theirs(net: Net) -> None:
    _, hub, east, west, record_id = await three_tiers(net)
    north = await net.join("north")
    await net.settle()
    order = await Office(net).order(hub, wish(east, record_id), west, north)
    assert "among its signers" in await refused(net, east, hub, order, east)


async def test_l23_an_order_in_a_strangers_log_does_nothing(net: Net) -> None:
    _, hub, east, west, record_id = await three_tiers(net)
    order = await Office(net).order(hub, wish(east, record_id), east, hub)
    assert "has logged the order" in await refused(net, west, hub, order, east)


async def test_l23_an_order_over_another_record_does_nothing(net: Net) -> None:
    _, hub, east, _, record_id = await three_tiers(net)
    (other,) = await east.publish(person("P-9"))
    await net.settle()
    assert other.record_id is not None
    good = (await Office(net).order(east, wish(east, record_id), east)).decode()
    text = good.partition("\n\n")[0] + "\n"
    text = text.replace(f"record {record_id.hex()}", f"record {other.record_id.hex()}")
    data = erase.approve(erase.sign(text, east.node.keys), hub.node.keys)
    assert "not a version of that record" in await refused(net, east, hub, data, east)


async def test_l23_an_order_that_cannot_be_read_does_nothing(net: Net) -> None:
    _, hub, east, _, _ = await three_tiers(net)
    for number, text in enumerate(("", "no order", "ggzy-node/erasure/v1\n\n— x AAAA\n")):
        body = Document(f"o{number}", Erasure(order=text), Source("test"))
        await east.publish(Draft("record.erasure", f"o{number}", {"main": body}, {"text": text}))
    await net.settle()
    assert NAME.encode() in await opened(hub, east, 1)
    assert not await hub.node.store.read(lambda conn: erased.of_log(conn, logs.get(conn, east.origin).id))


async def test_l23_an_order_is_never_erased_itself(net: Net) -> None:
    _, hub, east, _, record_id = await three_tiers(net)
    office = Office(net)
    order = await office.order(east, wish(east, record_id, versions=(1,)), east, hub)
    (outcome,) = await east.publish(erase.draft(order, "测试中心"))
    await net.settle()
    assert outcome.record_id is not None
    cover = await office.order(east, Wish(outcome.record_id, east.origin, "unlawful", sections=("main",)), east, hub)
    await office.publish(east, cover)
    await net.settle()
    assert await gone(hub, east, {(0, "identity")})


async def test_l14_what_was_erased_is_no_fault_of_custody(net: Net) -> None:
    _, hub, east, _, record_id = await three_tiers(net)
    office = Office(net)
    await office.publish(east, await office.order(east, wish(east, record_id), east, hub))
    await net.settle()
    note = await hub.node.custodian.custody(east.origin)
    assert "missing" not in note.text
    assert (await hub.node.custodian.payload_state(east.origin)).missing == ()


async def test_l23_a_key_counts_while_the_policy_has_it_in_use(net: Net) -> None:
    _, hub, east, _, record_id = await three_tiers(net)
    order = await Office(net).order(east, wish(east, record_id), east, hub)
    signed_s = erasure.parse(parse_note(order)).time_s
    policy, key = east.node.trusted.policy, hub.node.keys.erasure
    assert key is not None

    async def fault(changed: TrustPolicy) -> str:
        work = partial(erasures.judge, policy=changed, order_origin=east.origin, data=order)
        _, found = await east.node.store.read(work)
        return "" if found is None else found.reason

    assert await fault(policy) == ""
    without = replace(policy, keys=tuple(grant for grant in policy.keys if grant.key != key.verifier))
    assert "two different nodes" in await fault(without)
    for at_s, holds in ((signed_s - 1, False), (signed_s, True)):
        retired = replace(policy, retired=(Retirement(key.verifier, at_s),))
        assert (await fault(retired) == "") is holds, at_s


async def test_l23_what_was_put_aside_counts_once_the_policy_knows_its_signers(net: Net) -> None:
    national, hub, east, _, record_id = await three_tiers(net)
    key, policy = hub.node.keys.erasure, national.node.trusted.policy
    assert key is not None
    without = replace(policy, keys=tuple(grant for grant in policy.keys if grant.key != key.verifier))
    await Office(net).publish(east, await Office(net).order(east, wish(east, record_id), east, hub))
    for name in ("east", "hub"):
        await net.sync(name)
    places = {(0, "identity"), (1, "identity")}
    for known, done in ((without, False), (policy, True)):
        national.node.trusted._policy = known
        await national.node.projector.run()
        assert await gone(national, east, places) is done


async def test_l23_an_old_bundle_does_not_bring_it_back(net: Net) -> None:
    """Written before the first sync, carried about, and read in after the order."""
    national, hub, east = await net.start("national", "hub", "east")
    (done,) = await east.publish(person("P-1"))
    assert done.record_id is not None
    ciphertext = await east.node.store.read(
        lambda conn: payloads.get(conn, logs.get(conn, east.origin).id, 0, "identity")
    )
    assert ciphertext is not None
    old = {"hub": await export(east, hub)}
    await net.sync("east")
    old["national"] = await export(hub, national)
    # The sticks hold what will be ordered away: else this would show nothing.
    for name in old:
        stick = b"".join(file.read_bytes() for file in old[name])
        assert found_in(stick, WORDS) == [] and len(stick) > 1000
    await net.settle()
    office = Office(net)
    await office.publish(east, await office.order(east, wish(east, done.record_id), east, hub))
    await net.settle()
    for name, files in old.items():
        node = net.nodes[name]
        receiver = node.node
        importer = Importer(
            receiver.store,
            receiver.trusted,
            receiver.acceptor,
            receiver.custodian,
            receiver.clock,
            own_origin=receiver.settings.origin,
        )
        report = await importer.take(find_files(files))
        assert report.logs[east.origin].held, "the stick was read and brought what is known here"
        await receiver.projector.run()
        assert await gone(node, east, {(0, "identity")}), name
        assert ciphertext[1] not in files_of(node) and not await node.fsck(), name


async def export(sender: Running, to: Running) -> Sequence[Path]:
    node = sender.node
    exporter = Exporter(node.store, node.keys, node.trusted, node.custodian, node.clock)
    stick = node.settings.directory.parent / f"stick-{to.name}"
    return (await exporter.export(to.node.settings.name, stick, max_bytes=1 << 22)).files
