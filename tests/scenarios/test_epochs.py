"""L3, L9, L10: after a real fork, lost entries or a lost key the node goes on in a new log, and its records with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from copies import backup, clone_of, database, faults, put_back, recover, stop
from net import Net, Running, expert, result

from node.errors import Frozen, Refused, Unavailable
from node.provision import sign_policy
from node.recovery import epoch, lost
from node.recovery.epoch import Asked, Opened
from node.settings import Settings, load
from node.store import logs
from node.tlog.proof import TlogProof
from node.wire import card as cards
from node.wire import receipt as receipts
from node.wire.trust import Closure
from node.wire.trust_edit import following, with_closure, with_nodes


def settings_of(net: Net, name: str) -> Settings:
    return load(net.directory / name).model_copy(update={"upstream_url": "http://upstream.invalid"})


def line(net: Net, name: str) -> Any:
    return lambda session: net._line(name, session)


async def ask(net: Net, name: str) -> Asked:
    return await epoch.request(settings_of(net, name), net.clock, make_transport=line(net, name))


async def close(net: Net, asked: Asked) -> bytes:
    """What the signer of the policy does with the card."""
    member, grants = cards.open_card(asked.card)
    hub = net.nodes["hub"].node
    held = hub.trusted.policy
    kept = held.member(member.name)
    assert kept is not None
    head = asked.closing
    draft = with_closure(
        with_nodes(following(held), [kept], grants), Closure(head.origin, head.size, head.root, asked.successor)
    )
    note = sign_policy(draft, net._signer)
    net._policies.append(note)
    await hub.trusted.adopt([note])
    return note


async def open_epoch(net: Net, name: str) -> tuple[Running, Opened]:
    opened = await epoch.open_epoch(settings_of(net, name), net.clock, make_transport=line(net, name))
    made = net._made[name]
    raised = load(net.directory / name)
    net._made[name] = type(made)(raised, made.keys, made.member)
    return await net._run(name), opened


async def fork(net: Net) -> Running:
    """East's key signs two histories: the clone's is mirrored, east's own is not."""
    national, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"), result("K-2"), expert("E-1"))
    await net.settle()
    async with clone_of(net, east) as clone:
        east = net.nodes["east"]
        assert east.line is not None
        east.line.down = True
        await east.publish(result("A-1"), result("K-1", title="只在分叉里"))
        await clone.node.publisher.publish([result("B-1"), result("K-2", title="第二版")])
        assert not (await clone.sync()).failures
        east.line.down = False
        assert (await net.sync("east")).failures
    assert (await east.log_of(east)).frozen
    assert hub
    assert national
    return east


async def test_l10_a_fork_is_left_behind_in_a_new_epoch(net: Net) -> None:
    east = await fork(net)
    hub, national = net.nodes["hub"], net.nodes["national"]
    with pytest.raises(Frozen):
        await recover(east)
    old = east.origin
    asked = await ask(net, "east")
    assert (asked.closing.origin, asked.closing.size) == (old, 5)
    assert asked.successor == "ggzy.example/test/500103/2"
    assert (await ask(net, "east")).card.text == asked.card.text, "asking again makes no other key"
    with pytest.raises(Frozen):
        await open_epoch(net, "east")  # the server is alive
    await stop(east)
    with pytest.raises(Refused, match="does not close"):
        await open_epoch(net, "east")
    assert database(east).exists()
    await close(net, asked)
    east, opened = await open_epoch(net, "east")
    assert opened.closed == ((old, 5),)
    assert opened.lacking == ()
    assert opened.aside is not None
    assert opened.aside.exists()
    assert east.origin == asked.successor
    # What only the forked database had is in a file, content included.
    rows = [json.loads(row) for row in opened.file.read_text("utf-8").splitlines()]
    assert [row["index"] for row in rows] == [3, 4]
    assert opened.lost == 2
    assert opened.file.stat().st_mode & 0o777 == 0o600
    # Known records are known, and the chain of versions goes on in the new log.
    assert [o.state for o in await east.publish(result("K-1"), result("B-1"))] == ["unchanged", "unchanged"]
    third = await east.publish(result("K-2", title="第三版"))
    assert (third[0].state, third[0].version, third[0].index) == ("published", 3, 0)
    again = await east.publish(*lost.read(opened.file))
    assert [(o.state, o.version) for o in again] == [("published", 1), ("published", 2)]
    assert {o.state for o in await east.publish(*lost.read(opened.file))} == {"unchanged"}
    await net.settle()
    for running in (east, hub, national):
        state = await running.node.store.read(lambda conn: logs.get(conn, asked.successor))
        assert state.head_size == 3
        assert faults(await running.fsck()) == []
        page = await running.page("/trades")
        assert "第三版" in page
        assert "第二版" not in page, "the row of the old log is replaced"
        assert "只在分叉里" in page
        assert (await running.get("/readyz"))[0] == 200
    record = third[0].record_id
    assert record is not None
    status, body = await hub.get(f"/api/records/{record.hex()}")
    assert status == 200
    versions = json.loads(body)["versions"]
    assert [(v["version"], v["origin"], v["state"]) for v in versions] == [
        (3, asked.successor, "current"),
        (2, old, "superseded"),
        (1, old, "superseded"),
    ]
    page = await hub.page(f"/records/{record.hex()}")
    assert "第三版" in page


async def test_l03_a_version_follows_its_predecessor_across_epochs(net: Net) -> None:
    """`prev_leaf` names a leaf of the closed log; a node that comes later reads both in order."""
    east = await fork(net)
    asked = await ask(net, "east")
    await stop(east)
    await close(net, asked)
    east, _ = await open_epoch(net, "east")
    await east.publish(result("K-1", title="跨纪元"))
    await net.settle()
    north = await net.join("north")
    await net.settle()
    page = await north.page("/trades")
    assert "跨纪元" in page
    assert "示例工程 K-1" not in page
    assert "quarantine" not in page
    assert faults(await north.fsck()) == []


async def test_l10_a_closed_log_takes_nothing_more(net: Net) -> None:
    """The other process is still alive somewhere: what it signs after the closure is refused."""
    await net.start("national", "hub", "east")
    await net.nodes["east"].publish(result("K-1"))
    await net.settle()
    async with clone_of(net, net.nodes["east"]) as clone:
        east = net.nodes["east"]
        assert east.line is not None
        east.line.down = True
        await east.publish(result("A-1"))
        await clone.node.publisher.publish([result("B-1")])
        assert not (await clone.sync()).failures
        east.line.down = False
        await net.sync("east")
        asked = await ask(net, "east")
        await stop(east)
        await close(net, asked)
        await clone.node.publisher.publish([result("B-2")])
        assert (await clone.sync()).failures
        held = await net.nodes["hub"].node.store.read(lambda conn: logs.get(conn, asked.closing.origin))
        assert held.head_size == asked.closing.size == 2


async def test_l09_lost_entries_are_left_behind_in_a_new_epoch(net: Net) -> None:
    """Restored, and the last entries were never mirrored: recovery names them, the epoch goes on without them."""
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    await net.settle()
    east, copy = await backup(net, east)
    await east.publish(result("K-2"))
    await net.settle()
    assert east.line is not None
    east.line.down = True
    await east.publish(result("K-3"))
    east = await put_back(net, east, copy)
    assert not (await recover(east)).thawed
    asked = await ask(net, "east")
    assert asked.closing.size == 2
    await stop(east)
    await close(net, asked)
    east, opened = await open_epoch(net, "east")
    assert opened.lost == 0
    assert {o.state for o in await east.publish(result("K-1"), result("K-2"))} == {"unchanged"}
    assert (await east.publish(result("K-3")))[0].state == "published"
    await net.settle()
    assert "K-3" in await hub.page("/trades")
    assert faults(await east.fsck()) == []


async def test_l09_a_lost_log_key_is_replaced_by_a_new_epoch(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(*(result(f"K-{number}") for number in range(300)))
    await net.settle()
    with pytest.raises(Refused, match="needs no new epoch"):
        await ask(net, "east")
    await stop(east)
    (net.directory / "east" / "keys" / "log-1.key").unlink()
    asked = await ask(net, "east")
    await close(net, asked)
    east, opened = await open_epoch(net, "east")
    assert opened.lost == 0
    await east.publish(result("K-7", title="新钥"))
    await net.settle()
    assert "新钥" in await hub.page("/trades")
    assert faults(await hub.fsck()) == []
    # A second one goes on from the second log.
    await stop(east)
    (net.directory / "east" / "keys" / "log-2.key").unlink()
    asked = await ask(net, "east")
    assert asked.closing.size == 1
    await close(net, asked)
    east, opened = await open_epoch(net, "east")
    assert [size for _, size in opened.closed] == [300, 1]
    assert (await east.publish(result("K-7", title="第三钥")))[0].version == 3
    await net.settle()
    assert "第三钥" in await hub.page("/trades")
    assert faults(await east.fsck()) == []


async def test_l10_opening_may_break_off_anywhere(net: Net) -> None:
    east = await fork(net)
    asked = await ask(net, "east")
    await stop(east)
    await close(net, asked)
    for matching in ("policy", "checkpoint", "tile/0", "tile/entries", "payload", "custody"):
        made = line(net, "east")

        def losing(session: Any, matching: str = matching, made: Any = made) -> Any:
            transport = made(session)
            transport.lose_answers(1, matching)
            return transport

        settings = settings_of(net, "east")
        if matching == "custody":
            await epoch.open_epoch(settings, net.clock, make_transport=losing)
            continue
        with pytest.raises(Unavailable):
            await epoch.open_epoch(settings, net.clock, make_transport=losing)
        assert load(net.directory / "east").epoch == 1
        assert database(east).exists()
    # Between the last two steps: the database is the new one, config.toml still says the old epoch.
    config = net.directory / "east" / "config.toml"
    config.write_text(config.read_text("utf-8").replace("epoch = 2", ""), "utf-8")
    assert load(net.directory / "east").epoch == 1
    with pytest.raises(Refused, match="epoch"):
        await net._run("east")
    east, _ = await open_epoch(net, "east")
    assert east.node.settings.epoch == 2
    await east.publish(result("K-9"))
    await net.settle()
    assert faults(await east.fsck()) == []


async def test_receipts_of_the_closed_log_stay_valid_and_new_ones_can_be_had(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    (outcome,) = await east.publish(result("K-1"))
    await net.settle()
    assert outcome.record_id is not None
    address = f"/api/records/{outcome.record_id.hex()}/receipt"
    early = (await east.get(address))[1]
    await stop(east)
    (net.directory / "east" / "keys" / "log-1.key").unlink()
    asked = await ask(net, "east")
    await close(net, asked)
    east, _ = await open_epoch(net, "east")
    (later,) = await east.publish(result("K-1", title="新"))
    assert later.version == 2
    await net.settle()
    for at in (east, hub):
        status, data = await at.get(f"{address}?version=1")
        assert status == 200
        for proof in (early, data):
            verdict = receipts.verify(TlogProof.parse(proof), at.node.trusted.policy)
            assert verdict.custody is not None
            assert verdict.custody[0].startswith(hub.node.settings.name)
        status, data = await at.get(address)
        verdict = receipts.verify(TlogProof.parse(data), at.node.trusted.policy)
        assert f"{hub.node.settings.name}/mirror" in {name for name, _ in verdict.cosigners}
