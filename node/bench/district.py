"""A district as a process of its own that does what it is told, when it is told: JSON lines in, JSON lines out.

It opens the real `Node` of a directory, with its real sync pass; only the timetable is left out, so that a measurement
says when a pass begins.

    {"do": "forge", "kind": ..., "records": ..., "seed": ..., "index": true}   append, signed and durable, not yet sent
    {"do": "go"}                     passes until the hub holds all of it and its word for that is kept here
                                     (the hub's answer to the last upload gives an {"event": "uploaded"} before that)
    {"do": "size"}                   entries of our log
    {"do": "via", "url": ...}        talk to the hub at another address from now on
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import Connection

from node.app import Node
from node.bench.forge import forge
from node.errors import NodeError
from node.serve import configure_logging
from node.settings import load
from node.store import logs, peers
from node.store.logs import LogState
from node.sync.peer import HttpTransport, Reply, Request, Transport

MAX_IDLE_PASSES = 20
"""So many passes in a row that move nothing and fail are a fault, not a hub that is busy for a moment."""
PAUSE_S = 0.02


class Way:
    """Carries requests to whatever address it is set to: straight to the hub, or through a relay that counts."""

    def __init__(self) -> None:
        self.url = ""
        self.requests = 0
        self.refused = 0
        self.goal: int | None = None
        self._session: aiohttp.ClientSession | None = None
        self._timeouts: tuple[float, float] = (30, 5)

    def over(self, settings: Any, session: aiohttp.ClientSession) -> Transport:
        self._session = session
        self._timeouts = settings.request_timeout_s, settings.connect_timeout_s
        self.url = self.url or settings.upstream_url
        return self

    async def send(self, request: Request) -> Reply:
        assert self._session is not None
        self.requests += 1
        total_s, connect_s = self._timeouts
        reply = await HttpTransport(self._session, self.url, total_s=total_s, connect_s=connect_s).send(request)
        self.refused += reply.status >= 400
        if self.goal is not None and _accounted(request, reply) >= self.goal:
            # Whoever measures now looks for himself; until then, looking would only take the hub's time.
            self.goal = None
            print(json.dumps({"event": "uploaded"}), flush=True)
        return reply


def _accounted(request: Request, reply: Reply) -> int:
    """The index up to which the hub holds payloads, as its answer to an upload of some says; 0 for other answers."""
    if (request.method, reply.status) != ("POST", 200) or not request.target.partition("?")[0].endswith("/payloads"):
        return 0
    return int(json.loads(reply.body)["next"])


class District:
    """One district and the commands it takes."""

    def __init__(self, directory: Path) -> None:
        self._way = Way()
        settings = load(directory)
        self._node = Node(settings, make_transport=partial(self._way.over, settings))

    async def open(self) -> None:
        await self._node.open()

    async def close(self) -> None:
        await self._node.close()

    def _log(self, conn: Connection) -> LogState:
        return logs.get(conn, self._node.settings.origin)

    async def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        match command.pop("do"):
            case "forge":
                return asdict(await forge(self._node, command.pop("kind"), command.pop("records"), **command))
            case "go":
                return await self._go()
            case "size":
                return {"size": (await self._node.store.read(self._log)).stored_size}
            case "via":
                self._way.url = command["url"]
                return {}
            case other:
                return {"error": f"unknown command {other}"}

    async def _go(self) -> dict[str, Any]:
        way = self._way
        started, used, asked, refused = time.perf_counter(), time.process_time(), way.requests, way.refused
        way.goal = (await self._node.store.read(self._log)).head_size
        failures: dict[str, str] = {}
        count = idle = 0
        while idle < MAX_IDLE_PASSES:
            report = await self._node.sync_pass().run()
            failures |= report.failures
            count, idle = count + 1, 0 if report.moved else idle + 1
            if await self._level():
                return {
                    "seconds": time.perf_counter() - started,
                    "cpu_seconds": time.process_time() - used,
                    "passes": count,
                    "requests": way.requests - asked,
                    "refused": way.refused - refused,
                    "failures": failures,
                }
            await asyncio.sleep(PAUSE_S)
        return {"error": f"the hub does not hold all after {count} passes: {failures}"}

    async def _level(self) -> bool:
        """Whether the hub holds our whole log with its payloads, and its custody of them is noted here."""
        node = self._node
        state = await node.store.read(self._log)
        hub = node.peer_above().name
        standing = await node.store.read(lambda conn: peers.get(conn, hub, state.id, "push"))
        there = min(standing.mirrored_size, standing.payload_next)
        return there >= state.head_size and bool(standing.custody)


async def _serve(directory: Path) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    district = District(directory)
    await district.open()
    try:
        while line := await reader.readline():
            try:
                answer = await district.answer(json.loads(line))
            except NodeError as error:
                answer = {"error": f"{error.code}: {error.detail}"}
            print(json.dumps(answer), flush=True)
    finally:
        await district.close()


def main(arguments: list[str]) -> None:
    configure_logging("warning")
    asyncio.run(_serve(Path(arguments[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
