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
