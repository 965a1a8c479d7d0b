"""L9: what an old database lacks comes back from the mirror, is proven, and the node goes on. Nothing is signed."""

from __future__ import annotations

from pathlib import Path

import pytest
from copies import backup, database, faults, put_back, recover, stop
from net import Net, Running, expert, result
from sqlalchemy import select, text

from node.errors import BadProof, Frozen, Refused, StorageFailed, Unavailable
from node.recovery import fresh
from node.store import checkpoints, cursors, files, logs
from node.store.db import Store
from node.store.tables import Issued, table
from node.sync.peer import Reply, Request

ISSUED = table(Issued)


async def signed_sizes(running: Running) -> list[int]:
    state = await running.log_of(running)
    return sorted(await running.node.store.read(lambda conn: checkpoints.signers(conn, state.id)))


async def agree(running: Running, *others: Running) -> None:
    mine = await running.log_of(running)
    for other in others:
        theirs = await other.log_of(running)
        assert (theirs.head_size, theirs.head_root) == (mine.head_size, mine.head_root)


@pytest.mark.parametrize("count", [3, 300])
async def test_l09_a_restored_node_recovers_and_goes_on(net: Net, count: int) -> None:
    national, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"), expert("E-1"))
    await net.settle()
    east, copy = await backup(net, east)
    later = [result(f"R-{number}") for number in range(count)] + [expert("E-2")]
    for start in range(0, len(later), 100):
        await east.publish(*later[start : start + 100])
    await east.publish(result("K-1", title="第二版"))
    await net.settle()
    whole = await east.log_of(east)
    east = await put_back(net, east, copy)
    assert (await east.log_of(east)).frozen.startswith("restored-from-backup")
    done = await recover(east)
    assert done.thawed
    assert not done.lost
    assert not done.lacking
    assert (done.before, done.size) == (2, whole.head_size)
    now = await east.log_of(east)
    assert (now.head_size, now.head_root, now.frozen, now.payload_next) == (
        whole.head_size,
        whole.head_root,
        "",
        whole.head_size,
    )
    # The same file again publishes nothing, also what was changed since, and a new record continues.
    again = await east.publish(*later, result("K-1"), result("K-1", title="第二版"), expert("E-1"))
    assert {outcome.state for outcome in again} == {"unchanged"}
    assert {outcome.state for outcome in await east.publish(*later)} == {"unchanged"}
    assert (await east.publish(result("K-1", title="第三版")))[0].version == 3
    await net.settle()
    await agree(east, hub, national)
    for running in (east, hub, national):
        assert faults(await running.fsck()) == []
    assert (await east.get("/readyz"))[0] == 200
    assert "第三版" in await east.page("/trades")
    told = await east.node.store.read(lambda conn: cursors.fact(conn, "recovered"))
    assert told is not None
    assert "restored-from-backup" in told


async def test_l09_recovery_signs_nothing(net: Net) -> None:
    _, _, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    east, copy = await backup(net, east)
    await east.publish(result("K-2"))
    await net.settle()
    east = await put_back(net, east, copy)
    signed = []
    east.node.publisher._sign = lambda *args: signed.append(args)  # type: ignore[method-assign]
    assert (await recover(east)).thawed
    assert signed == []


async def test_l09_the_hub_alone_knows_when_the_mark_is_gone_too(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    await net.settle()
    east, copy = await backup(net, east)
    await east.publish(result("K-2"))
    await net.settle()
    east = await put_back(net, east, copy, mark=False)
    assert (await east.log_of(east)).frozen == ""
    done = await recover(east)
    assert done.thawed
    assert done.size == 2
    assert east.node.mark.read() == 2
    await east.publish(result("K-3"))
    await net.settle()
    await agree(east, hub)


async def test_l09_what_was_signed_and_never_mirrored_is_named_and_stays_frozen(net: Net) -> None:
    _, _, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    await net.settle()
    east, copy = await backup(net, east)
    await east.publish(result("K-2"))
    await net.settle()
    assert east.line is not None
    east.line.down = True
    await east.publish(result("K-3"))
    await east.publish(result("K-4"))
    east = await put_back(net, east, copy)
    done = await recover(east)
    assert not done.thawed
    assert (done.size, done.lost) == (2, range(2, 4))
    state = await east.log_of(east)
    assert "entries 2 to 3" in state.frozen
    assert state.stored_size == 2, "what the mirror holds is back, for reading"
    with pytest.raises(Frozen):
        await east.publish(result("K-5"))
    assert not (await recover(east)).thawed, "again makes no difference"


async def test_l09_a_head_that_was_witnessed_but_not_mirrored_is_lost_too(net: Net) -> None:
    _, _, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    await net.settle()
    east, copy = await backup(net, east)
    await east.publish(result("K-2"))
    assert east.line is not None
    east.line.lose_requests(50, "add-entries")
    await net.sync("east")
    east = await put_back(net, east, copy, mark=False)
    done = await recover(east)
    assert (done.thawed, done.lost) == (False, range(1, 2))


async def test_l09_recovery_may_break_off_anywhere(net: Net) -> None:
    """Every answer of the hub is lost once: the log stays frozen until all is back, and the next run goes on."""
    _, _, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    await net.settle()
    east, copy = await backup(net, east)
    for start in range(0, 700, 100):
        await east.publish(*(result(f"R-{start + number}") for number in range(100)))
    await net.settle()
    east = await put_back(net, east, copy)
    assert east.line is not None
    broken = 0
    for matching in ("checkpoint", "tile/0", "tile/entries/001", "tile/entries/002", "payload", "payload"):
        east.line.lose_answers(1, matching)
        with pytest.raises(Unavailable):
            await recover(east)
        east.line.lose_answers(0)
        state = await east.log_of(east)
        assert state.frozen
        broken += 1
        with pytest.raises(Frozen):
            await east.publish(result("no"))
    assert broken == 6
    assert (await recover(east)).thawed
    assert faults(await east.fsck()) == []


async def test_l09_a_hub_that_changes_an_entry_is_not_believed(net: Net) -> None:
    _, _, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    await net.settle()
    east, copy = await backup(net, east)
    await east.publish(result("K-2"))
    await net.settle()
    east = await put_back(net, east, copy)

    def change(request: Request, reply: Reply) -> Reply:
        if "tile/entries" in request.target:
            return Reply(reply.status, reply.headers, reply.body[:-1] + bytes([reply.body[-1] ^ 1]))
        return reply

    assert east.line is not None
    east.line.change_replies(change)
    with pytest.raises(BadProof):
        await recover(east)
    state = await east.log_of(east)
    assert state.stored_size == 1
    assert state.frozen.startswith("restored-from-backup")
    east.line.change_replies(None)
    assert (await recover(east)).thawed


async def test_l09_without_a_database_a_fresh_one_is_frozen_until_all_is_back(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"), expert("E-1"))
    await net.settle()
    await stop(east)
    for file in database(east).parent.glob("node.db*"):
        file.unlink()
    note = await hub.node.store.read(lambda conn: __import__("node.trusted", fromlist=["x"]).newest(conn))
    made = net._made["east"].settings
    settings = made.model_copy(update={"upstream_url": "http://upstream.invalid"})

    def line(session: object) -> object:
        return net._line("east", session)  # type: ignore[arg-type]

    with pytest.raises(Refused, match="vouches"):
        await fresh.replace(settings, net.clock, make_transport=line)  # type: ignore[arg-type]
    assert not database(east).exists()
    (made.directory / "trust-policy.note").write_bytes(note)
    assert await fresh.replace(settings, net.clock, make_transport=line) is None  # type: ignore[arg-type]
    east = await net._run("east")
    assert (await east.log_of(east)).frozen.startswith("restored-from-backup")
    with pytest.raises(Frozen):
        await east.publish(result("K-2"))
    assert (await recover(east)).thawed
    assert {outcome.state for outcome in await east.publish(result("K-1"), expert("E-1"))} == {"unchanged"}
    await east.publish(result("K-2"))
    await net.settle()
    await agree(east, hub)
    assert faults(await east.fsck()) == []


async def test_l09_a_damaged_database_is_set_aside_and_made_anew(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(*(result(f"R-{number}") for number in range(300)))
    await net.settle()
    await stop(east)
    store = Store(f"sqlite:///{database(east)}")
    store.write_now(lambda conn: conn.execute(text("DROP TRIGGER log_tile_no_update")))
    store.write_now(lambda conn: conn.execute(text("UPDATE log_tile SET hashes = zeroblob(8192) WHERE level = 0")))
    store.write_now(lambda conn: conn.execute(text("DROP TRIGGER log_node_no_update")))
    store.write_now(lambda conn: conn.execute(text("UPDATE log_node SET hash = zeroblob(32)")))
    store.close()
    east = await net._run("east")
    with pytest.raises(StorageFailed, match="root"):
        await recover(east)
    await stop(east)
    policy = await hub.node.store.read(lambda conn: __import__("node.trusted", fromlist=["x"]).newest(conn))
    (database(east).parent / "trust-policy-1.note").write_bytes(policy)
    settings = east.node.settings
    aside = await fresh.replace(settings, net.clock, make_transport=lambda session: net._line("east", session))
    assert aside is not None
    assert aside.exists()
    assert files.newest_aside(database(east)) == aside
    east = await net._run("east")
    done = await recover(east)
    assert done.thawed
    assert done.aside == aside
    assert faults(await east.fsck()) == []


async def test_l09_the_index_of_issued_records_is_rebuilt(net: Net) -> None:
    _, _, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    await net.settle()
    east, copy = await backup(net, east)
    await east.publish(result("K-2"))
    await east.publish(result("K-2", title="改"))
    await net.settle()

    def index(conn: object) -> list[tuple[object, ...]]:
        columns = (ISSUED.c.key_hash, ISSUED.c.version, ISSUED.c.record_id, ISSUED.c.leaf, ISSUED.c.idx)
        return [tuple(row) for row in conn.execute(select(*columns).order_by(ISSUED.c.idx))]  # type: ignore[attr-defined]

    before = await east.node.store.read(index)
    east = await put_back(net, east, copy)
    assert (await recover(east)).thawed
    assert await east.node.store.read(index) == before


async def test_recovery_of_a_whole_node_changes_nothing(net: Net) -> None:
    _, _, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    await net.settle()
    before = await east.log_of(east)
    done = await recover(east)
    assert (done.thawed, done.before, done.size, done.lost) == (True, 1, 1, range(1, 1))
    assert await east.log_of(east) == before
    assert await signed_sizes(east) == [0, 1]


async def test_the_state_of_a_frozen_log_is_told_everywhere(net: Net, tmp_path: Path) -> None:
    _, _, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    await net.settle()
    east, copy = await backup(net, east)
    await east.publish(result("K-2"))
    await net.settle()
    east = await put_back(net, east, copy)
    report = await net.sync("east")
    assert report.failures[east.origin].startswith("frozen")
    assert "冻结" in await east.page("/status")
    assert "冻结" in await east.page("/")
    status, body = await east.get("/readyz")
    assert status == 503
    assert f"frozen: {east.origin}".encode() in body
    assert b"ggzy_log_frozen" in (await east.get("/metrics"))[1]
    standing = await east.node.store.read(lambda conn: logs.get(conn, east.origin))
    assert standing.frozen
