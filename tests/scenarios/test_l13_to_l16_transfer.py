"""L13, L15, L16 across a real federation: three statements, nothing blocks a channel, down is the same as up."""

from __future__ import annotations

import pytest
from net import Net, Running, expert, result
from sqlalchemy import Connection

from node import domain
from node.domain import KINDS
from node.store import checkpoints, payloads
from node.tlog.note import parse_note
from node.wire.custody import open_custody


async def test_l13_three_statements_under_three_names_and_keys(net: Net) -> None:
    """Witness and mirror cosign the head, custody is a note of its own: none of them can be shown as another."""
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("S-1"))
    await net.settle()
    policy = hub.node.trusted.policy
    keys = {
        use: policy.grants(node=hub.node.settings.name, use=use)[0].key
        for use in ("log", "witness", "mirror", "custody", "request")
    }
    assert len({key.public for key in keys.values()}) == len({key.name for key in keys.values()}) == len(keys)
    state = await hub.log_of(east)
    signers = await hub.node.store.read(lambda conn: checkpoints.signers(conn, state.id))
    assert {keys["witness"].name, keys["mirror"].name} <= signers[1]
    custody, _, key = open_custody((await hub.node.custodian.custody(east.origin)).encode(), [keys["custody"]])
    assert key == keys["custody"] and custody.holds(0, "main")
    note = await hub.node.store.read(lambda conn: checkpoints.note(conn, state.id, 1, east.origin))
    assert keys["custody"].name not in {line.name for line in parse_note(note.encode()).signatures}


async def test_l13_one_lost_payload_stops_no_later_receipt(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("P-1"), result("P-2"), result("P-3"))
    state = await east.log_of(east)

    def lose(conn: Connection) -> None:
        conn.exec_driver_sql(f"DELETE FROM payload_row WHERE log_id = {state.id} AND idx = 1")

    await east.node.store.write(lose)
    await net.settle()
    now = await hub.node.custodian.payload_state(east.origin)
    assert (now.next, now.missing) == (3, ((1, "main"),))
    keys = [grant.key for grant in hub.node.trusted.policy.grants(use="custody")]
    custody, _, _ = open_custody((await hub.node.custodian.custody(east.origin)).encode(), keys)
    assert [custody.holds(index, "main") for index in range(3)] == [True, False, True]


async def test_l15_what_cannot_be_read_is_stored_told_of_and_blocks_nothing(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    national, hub, east = await net.start("national", "hub", "east")
    future = domain.Kind("trade.future", "未来", "Future", KINDS["trade.result"].sections)
    with monkeypatch.context() as patched:
        patched.setitem(KINDS, "trade.future", future)
        strange = result("F-1")
        await east.publish(type(strange)("trade.future", strange.key, strange.sections, strange.said))
    await east.publish(result("F-2"))
    await net.settle()
    for node in (hub, national):
        assert (await node.log_of(east)).head_size == 2, "stored whatever the kind"
        assert "trade.future" in await node.page("/status"), "with the reason"
        assert "F-2" in await node.page("/trades?words=F-2"), "and what comes after is shown"


async def test_l16_down_is_the_same_as_up(net: Net) -> None:
    """West holds every header of east, in the same tree, and the payloads that it may have: no more, no fewer."""
    _, hub, east, west = await net.start("national", "hub", "east", "west")
    await east.publish(result("D-1"), expert("D-2"), result("D-3"))
    await net.settle()
    ours, theirs = await west.log_of(east), await east.log_of(east)
    assert (ours.head_size, ours.head_root) == (theirs.head_size, theirs.head_root) == (3, theirs.head_root)
    held = {place for place in await _held(west, east)}
    assert held == {(0, "main"), (1, "main"), (2, "main")}
    assert (1, "employment") in await _held(hub, east)
    assert (await west.node.custodian.payload_state(east.origin)).missing == ()


async def _held(node: Running, of: Running) -> set[tuple[int, str]]:
    state = await node.log_of(of)
    return set(await node.node.store.read(lambda conn: payloads.read_range(conn, state.id, 0, state.stored_size)))
