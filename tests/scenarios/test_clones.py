"""L7, L9, L10: two processes with one key. In whatever order, one history is witnessed and the other process stops."""

from __future__ import annotations

import pytest
from copies import Clone, clone_of, faults, recover
from net import Net, Running, result
from sqlalchemy import select

from node.app import Node
from node.errors import Frozen
from node.recovery import again
from node.store.tables import LogEvidence, table

EVIDENCE = table(LogEvidence)


def cut(clone: Clone, *, down: bool) -> None:
    """Cut or mend the clone's own line."""
    assert clone.line is not None
    clone.line.down = down


async def evidence(running: Running, origin: str) -> list[str]:
    state = await running.log_of(running) if running.origin == origin else None
    return await running.node.store.read(
        lambda conn: [row.reason for row in conn.execute(select(EVIDENCE)) if state is None or row.log_id == state.id]
    )


async def one_history(net: Net, east: Running) -> None:
    """What is witnessed at the hub and at national is one history, whole, and the winner's."""
    hub, national = net.nodes["hub"], net.nodes["national"]
    mine, theirs, top = await east.log_of(east), await hub.log_of(east), await national.log_of(east)
    assert (theirs.head_size, theirs.head_root) == (mine.head_size, mine.head_root)
    assert (top.head_size, top.head_root) == (mine.head_size, mine.head_root)
    assert faults(await hub.fsck()) == []
    assert faults(await east.fsck()) == []


async def begin(net: Net) -> Running:
    _, _, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"), result("K-2"), result("K-3"))
    await net.settle()
    return east


async def test_l07_two_databases_with_one_key_on_one_machine_one_stops(net: Net) -> None:
    """A copy of the whole directory has a copied lock; the lock of the machine knows the key."""
    east = await begin(net)
    async with clone_of(net, east) as clone:
        here = Node(clone.node.settings, clock=net.clock)
        with pytest.raises(Frozen, match="another process uses these keys"):
            await here.open()
    await net.nodes["east"].publish(result("K-4"))


@pytest.mark.parametrize("more", [0, 1, 3])
async def test_l10_the_clone_publishes_first(net: Net, more: int) -> None:
    """The clone is witnessed; the original has signed too, offline: it freezes, and both notes lie at both."""
    await begin(net)
    async with clone_of(net, net.nodes["east"]) as clone:
        east = net.nodes["east"]
        assert east.line is not None
        east.line.down = True
        await east.publish(result("A-1"))
        for number in range(more):
            await east.publish(result(f"A-{number + 2}"))
        await clone.node.publisher.publish([result("B-1"), result("B-2")])
        assert not (await clone.sync()).failures
        east.line.down = False
        assert (await net.sync("east")).failures
        assert (await net.sync("east")).failures
        state = await east.log_of(east)
        with pytest.raises(Frozen):
            await recover(east)
        state = await east.log_of(east)
        assert state.frozen.startswith("fork")
        with pytest.raises(Frozen):
            await east.publish(result("A-9"))
        assert "fork" in await evidence(east, east.origin)
        assert "fork" in await evidence(net.nodes["hub"], "")
        assert (await clone.state()).frozen == ""
        # Nothing of the winner is lost, and it goes on.
        await clone.node.publisher.publish([result("B-3")])
        assert not (await clone.sync()).failures
        theirs = await net.nodes["hub"].log_of(east)
        assert theirs.head_root == (await clone.state()).head_root


async def test_l10_the_clone_publishes_second(net: Net) -> None:
    await begin(net)
    async with clone_of(net, net.nodes["east"]) as clone:
        east = net.nodes["east"]
        cut(clone, down=True)
        await east.publish(result("A-1"), result("A-2"))
        await clone.node.publisher.publish([result("B-1"), result("B-2"), result("B-3")])
        await net.settle()
        cut(clone, down=False)
        assert (await clone.sync()).failures
        assert (await clone.sync()).failures
        assert (await clone.state()).frozen.startswith("fork")
        with pytest.raises(Frozen):
            await clone.node.publisher.publish([result("B-3")])
        assert "fork" in await evidence(net.nodes["hub"], "")
        assert (await east.log_of(east)).frozen == ""
        await east.publish(result("A-2"))
        await net.settle()
        await one_history(net, east)


async def test_l10_both_offline_then_both_online(net: Net) -> None:
    await begin(net)
    async with clone_of(net, net.nodes["east"]) as clone:
        east = net.nodes["east"]
        assert east.line is not None
        east.line.down = True
        cut(clone, down=True)
        await east.publish(result("A-1"))
        await clone.node.publisher.publish([result("B-1")])
        east.line.down = False
        cut(clone, down=False)
        first, second = await net.sync("east"), await clone.sync()
        assert [bool(first.failures), bool(second.failures)].count(True) == 1
        frozen = [(await east.log_of(east)).frozen, (await clone.state()).frozen]
        assert sorted(bool(reason) for reason in frozen) == [False, True]
        assert any(reason.startswith("fork") for reason in frozen)
        await net.sync("hub")
        hub = await net.nodes["hub"].log_of(east)
        winner = await east.log_of(east) if not frozen[0] else await clone.state()
        assert (hub.head_size, hub.head_root) == (winner.head_size, winner.head_root)


async def test_l09_the_clone_is_idle_then_active(net: Net) -> None:
    """It has signed nothing of its own: it asks the hub before it signs, freezes, and can be recovered."""
    await begin(net)
    async with clone_of(net, net.nodes["east"]) as clone:
        east = net.nodes["east"]
        await east.publish(result("A-1"))
        await net.settle()
        with pytest.raises(Frozen):
            await clone.node.publisher.publish([result("B-1")])
        assert (await clone.state()).frozen.startswith("restored-from-backup")
        assert (await clone.state()).stored_size == 3, "it signed nothing"
        await one_history(net, east)
        # Only with the original gone for good does it take its place.
        done = await again.recover(clone.node)
        assert (done.thawed, done.size) == (True, 4)


async def test_l09_the_original_is_idle_while_the_clone_is_active(net: Net) -> None:
    await begin(net)
    async with clone_of(net, net.nodes["east"]) as clone:
        east = net.nodes["east"]
        await clone.node.publisher.publish([result("B-1")])
        assert not (await clone.sync()).failures
        with pytest.raises(Frozen):
            await east.publish(result("A-1"))
        assert (await east.log_of(east)).stored_size == 3
        assert (await east.get("/readyz"))[0] == 503


async def test_l10_a_loser_that_is_far_ahead_is_found_out_too(net: Net) -> None:
    """Its own consistency proof shows the hub that the tree it grew from is another."""
    await begin(net)
    async with clone_of(net, net.nodes["east"]) as clone:
        east = net.nodes["east"]
        assert east.line is not None
        east.line.down = True
        await east.publish(*(result(f"A-{number}") for number in range(7)))
        await clone.node.publisher.publish([result("B-1"), result("B-2")])
        assert not (await clone.sync()).failures
        east.line.down = False
        assert (await net.sync("east")).failures
        assert (await east.log_of(east)).frozen.startswith("fork")
        assert "fork" in await evidence(net.nodes["hub"], "")
