"""Hubs that lie: answers changed on the line, and a second hub with the same keys that tells another history."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer
from copies import keys_and_all, stop
from net import Net, Running, result
from watching import codes, rounds

from node.app import Node, build
from node.sync.peer import HttpTransport, Reply, Request
from node.wire import paths

Answer = Callable[[Request, Reply], bytes | None]
"""The body that stands in for an honest one, None for the honest one itself."""


async def watched(net: Net, *more: str) -> list[Running]:
    """A net that has run honestly for a while: national, hub, east and west with a record each, all observed."""
    nodes = await net.start("national", "hub", "east", "west", *more)
    for running in nodes:
        if running.name not in ("national", "hub"):
            await running.publish(result(f"{running.name}-1"), result(f"{running.name}-2"))
    await rounds(net, 4)
    for running in nodes:
        assert await codes(running) == {}, "honest so far"
    return nodes


def lie(running: Running, part: str, answer: Answer) -> None:
    """From now on the node above answers this node's calls of addresses that hold `part` with `answer`."""

    def change(request: Request, reply: Reply) -> Reply:
        if part not in request.target or reply.status != 200:
            return reply
        body = answer(request, reply)
        return reply if body is None else replace(reply, body=body)

    assert running.line is not None
    running.line.change_replies(change)


def listing(change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Answer:
    """The list of logs with each row changed, or dropped where `change` gives None."""

    def answer(request: Request, reply: Reply) -> bytes | None:
        if request.target != paths.LOGS:
            return None
        rows = [change(row) for row in json.loads(reply.body)["logs"]]
        return json.dumps({"logs": [row for row in rows if row is not None]}).encode()

    return answer


@dataclass
class Liar:
    """A second hub with the hub's keys and a copy of its database: what it signs is signed by the hub."""

    node: Node
    server: TestServer
    session: aiohttp.ClientSession

    def transport(self) -> HttpTransport:
        url = str(self.server.make_url("")).rstrip("/")
        return HttpTransport(self.session, url, total_s=10, connect_s=5)


@asynccontextmanager
async def second_face(net: Net) -> AsyncIterator[Liar]:
    """The hub's second face, as of now: it asks nobody before it signs. `net.nodes["hub"]` goes on as it was."""
    hub = net.nodes["hub"]
    await stop(hub)
    directory = keys_and_all(net, hub, "hub-second-face")
    hub = await net._run("hub")
    for running in net.nodes.values():
        if running.line is not None and running.name != "hub":
            running.line._below._base = str(hub.server.make_url("")).rstrip("/")
    line = hub.line
    node = net.open_node("hub", directory)
    server = TestServer(build(node, jobs=False))
    await server.start_server()
    node.publisher._guard = None
    hub.line = line
    try:
        async with aiohttp.ClientSession() as session:
            yield Liar(node, server, session)
    finally:
        await server.close()


def turn_to(running: Running, second: Liar, *, only: Callable[[str], bool] = lambda target: True) -> None:
    """The node's line leads to the second face, for the addresses that `only` picks; the rest stays honest."""
    assert running.line is not None
    honest, other = running.line._below, second.transport()

    class TwoFaced:
        async def send(self, request: Request) -> Reply:
            return await (other if only(request.target) else honest).send(request)

    running.line._below = TwoFaced()


def look_also_at(net: Net, running: Running, other: Running) -> None:
    """The node is set to compare heads with another one, as by `second_look_urls`."""
    node, below = running.node, None if running.line is None else running.line._below
    urls = (str(other.server.make_url("")).rstrip("/"),)
    node.settings = node.settings.model_copy(update={"second_look_urls": urls})
    node.upstream = node._oversight = None
    node.sync_pass()
    if running.line is not None:
        running.line._below = below
