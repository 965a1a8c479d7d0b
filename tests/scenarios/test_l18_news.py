"""L18: a district holds a request open at the hub, so that its neighbours' news travels at once."""

from __future__ import annotations

import asyncio

from aiohttp.test_utils import TestServer
from net import Net, result
from sqlalchemy import Connection

from node.app import build
from node.store import logs


async def test_l18_a_neighbours_record_comes_down_long_before_the_interval(net: Net) -> None:
    hub, east, west = await net.start("hub", "east", "west")
    await net.settle()
    # West runs its own timetable against the hub, with an interval that this test will not live to see.
    await west.server.close()
    west = await net._run("west")
    settings = west.node.settings.model_copy(update={"sync_interval_s": 3600.0, "project_interval_s": 3600.0})
    await west.server.close()
    node = net.open_node("west")
    node.settings = settings
    running = TestServer(build(node))
    await running.start_server()
    try:
        await east.publish(result("N-1"))
        await net.sync("east")
        await hub.node.look_around()

        def has_it(conn: Connection) -> bool:
            state = logs.find(conn, east.origin)
            return state is not None and state.head_size == 1

        async with asyncio.timeout(60):
            number = node.bulletin.number
            while not await node.store.read(has_it):
                number = await node.bulletin.after(number, 60)
    finally:
        await running.close()


async def test_l18_what_is_new_goes_up_between_two_passes(net: Net) -> None:
    """Over three tiers: nothing but the push, and no pass of its own."""
    national, hub, east = await net.start("national", "hub", "east")
    await net.settle()
    await east.publish(result("N-1"))
    for running in (east, hub):
        assert running.node.upstream is not None and running.line is not None
        running.line.log.clear()
        await running.node.upstream.push_new()
        assert not [target for _, target, _ in running.line.log if "policy" in target or target.endswith("/api/logs")]
    state = await national.log_of(east)
    assert (state.head_size, state.payload_next) == (1, 1)
    assert await national.fsck() == [] == await hub.fsck()


async def test_l18_news_do_not_knock_at_a_node_that_does_not_answer(net: Net) -> None:
    """Passes leave it alone for longer and longer; what was published meanwhile goes up with the next that works."""
    hub, east = await net.start("hub", "east")
    upstream = east.node.upstream
    assert upstream is not None and east.line is not None
    await east.publish(result("N-1"))
    await upstream.push_new()
    brought = [target for method, target, _ in east.line.log if method == "POST"]
    assert not brought, "before the first pass nobody has looked whether our log is whole"
    await net.settle()
    east.line.down = True
    await east.publish(result("N-2"))
    await upstream.push_new()
    east.line.down = False
    east.line.log.clear()
    await east.publish(result("N-3"))
    await upstream.push_new()
    assert east.line.log == []
    await net.sync("east")
    assert (await hub.log_of(east)).head_size == 3
    await east.publish(result("N-4"))
    await upstream.push_new()
    assert (await hub.log_of(east)).head_size == 4
