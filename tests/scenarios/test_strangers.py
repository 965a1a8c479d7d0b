"""What a node does not know: an unknown kind, a district that joins late, a caller who is nobody."""

from __future__ import annotations

import pytest
from net import Net, division, result

from node import domain
from node.domain import KINDS


async def test_an_unknown_kind_is_mirrored_quarantined_and_passed_on(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """L15: the mirror stores whatever the kind; the projection says why it cannot read it, and moves on."""
    national, hub, east = await net.start("national", "hub", "east")
    future = domain.Kind("trade.future", "未来", "Future", KINDS["trade.result"].sections)
    with monkeypatch.context() as patched:
        patched.setitem(KINDS, "trade.future", future)
        strange = result("F-1")
        (outcome,) = await east.publish(type(strange)("trade.future", strange.key, strange.sections, strange.said))
    await east.publish(result("F-2"))
    await net.settle()
    for node in (hub, national):
        assert (await node.log_of(east)).head_size == 2
        assert "F-2" in await node.page("/trades?words=F-2")
        status = await node.page("/status")
        assert "trade.future" in status
        assert not await node.fsck()
    assert outcome.record_id is not None


async def test_a_district_joins_late_and_catches_up(net: Net) -> None:
    national, hub, east = await net.start("national", "hub", "east")
    await hub.publish(*(division(f"5001{number:02d}") for number in range(1, 30)))
    await east.publish(*(result(f"J-{number}") for number in range(600)))
    await net.settle()
    north = await net.join("north")
    await north.publish(result("N-1"))
    await net.settle()
    assert national.node.trusted.policy.version == 2, "the new version travelled up by itself"
    assert east.node.trusted.policy.version == 2
    for origin in (hub, east):
        held = await north.log_of(origin)
        assert held.head_size == (await origin.log_of(origin)).head_size
    for node in (hub, national, east):
        assert (await node.log_of(north)).head_size == 1
        assert "N-1" in await node.page("/trades?words=N-1")
    assert not await north.fsck()


async def test_a_node_that_nobody_enrolled_is_refused(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    stranger = net.make("west")
    note = (await east.node.store.read(lambda conn: conn.exec_driver_sql("SELECT text FROM log_checkpoint"))).scalar
    assert note is not None
    from node.tlog.checkpoint import Checkpoint
    from node.tlog.merkle import EMPTY_ROOT
    from node.tlog.note import Note
    from node.tlog.witness import AddCheckpointRequest

    text = Checkpoint(stranger.settings.origin, 0, EMPTY_ROOT).text()
    body = AddCheckpointRequest(0, (), Note(text, (stranger.keys.log.sign_note(text),)).encode()).encode()
    import aiohttp

    async with aiohttp.ClientSession() as session:
        async with session.post(hub.server.make_url("/tlog/add-checkpoint"), data=body) as answer:
            assert answer.status == 404
