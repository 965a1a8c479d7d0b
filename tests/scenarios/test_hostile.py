"""Members and hubs of bad will, found by trying: what one node may say must not cost the others more than a line."""

from __future__ import annotations

from dataclasses import replace

import aiohttp
import pytest
from copies import database, recover, stop
from liars import watched
from net import FaultyTransport, Net, Running, result
from sqlalchemy import Table, func, select
from watching import codes, rounds

from node.domain.logs import Observation
from node.domain.record import Document, Draft, Source
from node.errors import Refused
from node.recovery import fresh
from node.store import alarms, observed
from node.trusted import versions_above
from node.wire import paths


def observation(net: Net, key: str, sizes: dict[str, int], heads: list[str] | None = None) -> Draft:
    body = Observation(observed_ms=net.clock(), sizes=sizes, heads=heads or [])
    return Draft("log.observe", key, {"main": Document(key, body, Source("x"))}, {"key": key})


async def rows(running: Running, table: Table) -> int:
    count = select(func.count()).select_from(table)
    return await running.node.store.read(lambda conn: conn.execute(count).scalar_one())


async def test_l21_a_node_without_members_observes_nothing(net: Net) -> None:
    """A district that plays the observer could fill every other node's tables, and wear out the room for evidence."""
    national, hub, east, west = await watched(net)
    before = [await rows(each, observed.sizes) for each in (national, hub, west)]
    mark = "A" * 43
    many = {f"nowhere.example/{number}": number for number in range(500)} | {west.origin: 7}
    names = [f"nowhere.example/{number}" for number in range(50)]
    heads = [f"{name}\n1\n{mark}=\n\n— {name} AAAAAAAA\n" for name in names]
    await east.publish(observation(net, "flood", many, heads))
    await rounds(net, 2)
    await east.publish(observation(net, "less", {west.origin: 1}))
    await rounds(net, 2)
    for each, count in zip((national, hub, west), before, strict=True):
        assert await rows(each, observed.sizes) == count, each.name
        assert await rows(each, observed.heads) == 0, each.name
        assert await codes(each) == {}, each.name
        assert await each.node.store.read(alarms.all_evidence) == [], each.name


async def test_l21_an_observer_speaks_of_logs_that_the_policy_knows(net: Net) -> None:
    _, hub, east, west = await watched(net)
    before = await rows(west, observed.sizes)
    many = {f"nowhere.example/{number}": number for number in range(500)}
    head = f"nowhere.example/1\n1\n{'A' * 43}=\n\n— nowhere.example/1 AAAAAAAA\n"
    await hub.publish(observation(net, "flood", many | {east.origin: 2, west.origin: 2}, [head]))
    await rounds(net, 2)
    assert await rows(west, observed.sizes) == before
    assert await rows(west, observed.heads) == 0


async def test_l09_a_first_head_that_was_witnessed_and_not_mirrored_keeps_a_fresh_database_frozen(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    assert east.line is not None
    east.line.lose_requests(50, "add-entries")
    await net.sync("east")
    await stop(east)
    for file in database(east).parent.glob("node.db*"):
        file.unlink()
    (east.node.settings.keys / "log-1.signed").unlink()
    (note,) = await hub.node.store.read(lambda conn: versions_above(conn, 0))
    settings = net._made["east"].settings.model_copy(update={"upstream_url": "http://upstream.invalid"})
    (settings.directory / "trust-policy.note").write_bytes(note)
    await fresh.replace(settings, net.clock, make_transport=lambda session: net._line("east", session))
    east = await net._run("east")
    done = await recover(east)
    assert (done.thawed, done.lost) == (False, range(1))


async def test_l19_a_new_database_is_not_talked_into_an_older_policy(net: Net) -> None:
    """A hub whose key a later version revokes would like the node back at the version before."""
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    await net.settle()
    (first,) = await hub.node.store.read(lambda conn: versions_above(conn, 0))
    await net.join("west")
    await net.settle()
    assert east.node.trusted.version == 2
    await stop(east)
    settings = net._made["east"].settings.model_copy(update={"upstream_url": "http://upstream.invalid"})
    (settings.directory / "trust-policy.note").write_bytes(first)

    def line(session: aiohttp.ClientSession) -> FaultyTransport:
        made = net._line("east", session)
        older = {paths.POLICY: b'{"version": 1}', f"{paths.POLICY}/1": first}
        made.change_replies(lambda request, reply: replace(reply, body=older.get(request.target, reply.body)))
        return made

    with pytest.raises(Refused, match="held here"):
        await fresh.replace(settings, net.clock, make_transport=line)
    assert database(east).exists(), "nothing was set aside"


async def test_l09_a_hub_that_knows_nothing_leaves_an_empty_database_frozen(net: Net) -> None:
    """A wrong address of the hub, or a hub that lost its own database: nobody can say what our key has signed."""
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    await net.settle()
    await stop(east)
    for file in database(east).parent.glob("node.db*"):
        file.unlink()
    (east.node.settings.keys / "log-1.signed").unlink()
    (note,) = await hub.node.store.read(lambda conn: versions_above(conn, 0))
    settings = net._made["east"].settings.model_copy(update={"upstream_url": "http://upstream.invalid"})
    (settings.directory / "trust-policy.note").write_bytes(note)
    await fresh.replace(settings, net.clock, make_transport=lambda session: net._line("east", session))
    east = await net._run("east")
    assert east.line is not None
    east.line.change_replies(lambda request, reply: replace(reply, status=404, headers={}, body=b""))
    with pytest.raises(Refused, match="knows nothing"):
        await recover(east)
    assert (await east.log_of(east)).frozen
