"""Several districts in one process that do what they are told: JSON lines in, JSON lines out.

Each is the real `Node` of a directory of its own, with its own keys, database and sync pass; they share an event loop
and nothing else. A pass that the hub was too busy for is repeated when the hub has said, as the timetable would.

    {"do": "forge", "kind": ..., "records": [...], "seed": ...}   append, signed and durable; a number for each district
    {"do": "go"}                      all at once: passes until the hub holds all and its word for that is kept here
    {"do": "fresh", "kind": ..., "seed": ...}      each publishes one record and brings it up
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from node.app import Node
from node.bench.corpus import records
from node.bench.forge import forge
from node.errors import NodeError
from node.serve import configure_logging
from node.settings import load
from node.store import logs, peers
from node.sync.peer import HttpTransport, Reply, Request, Transport
from node.sync.run import Backoff

PATIENCE_S = 1200.0
LOOK_S = 0.02


class Told:
    """Carries requests, and counts how often the hub said that there is too much at once, and for how long."""

    def __init__(self, below: Transport) -> None:
        self._below = below
        self.refused: Counter[int] = Counter()
        self.retry_after_s: list[int] = []

    async def send(self, request: Request) -> Reply:
        reply = await self._below.send(request)
        if reply.status in (429, 503):
            self.refused[reply.status] += 1
            after = reply.headers.get("Retry-After", "")
            self.retry_after_s += [int(after)] if after.isdigit() else []
        return reply


class Member:
    """One district of the crowd."""

    def __init__(self, directory: Path) -> None:
        self.settings = load(directory)
        self.node = Node(self.settings, make_transport=self._over)
        self.told: Told | None = None
        self._serial = 0

    def _over(self, session: Any) -> Transport:
        settings = self.settings
        self.told = Told(
            HttpTransport(
                session,
                settings.upstream_url,
                total_s=settings.request_timeout_s,
                connect_s=settings.connect_timeout_s,
            )
        )
        return self.told

    async def go(self) -> dict[str, Any]:
        """Bring everything up; gives how long it took until the hub's word for all of it is kept here."""
        started = time.perf_counter()
        backoff = Backoff(self.node.clock, first_ms=1000, most_ms=int(self.settings.max_backoff_s * 1000))
        passes, failures = 0, Counter[str]()
        while not await self._level():
            if time.perf_counter() - started > PATIENCE_S:
                return {"error": f"{self.settings.name}: not level after {PATIENCE_S:g} s: {dict(failures)}"}
            if not backoff.due():
                await asyncio.sleep(LOOK_S)
                continue
            report = await self.node.sync_pass().run(down=False)
            backoff.note(report)
            passes += 1
            failures.update(text.partition(":")[0] for text in report.failures.values())
            if report.failures and not report.busy_s and not report.unreachable:
                await asyncio.sleep(1)
        seconds = time.perf_counter() - started
        assert self.told is not None
        told, self.told.refused, retries, self.told.retry_after_s = (
            self.told.refused,
            Counter(),
            self.told.retry_after_s,
            [],
        )
        return {
            "origin": self.settings.origin,
            "seconds": seconds,
            "passes": passes,
            "failures": dict(failures),
            "refused": {str(status): count for status, count in told.items()},
            "retry_after_s": retries,
        }

    async def fresh(self, kind: str, seed: int) -> dict[str, Any]:
        """Publish one record, and bring it up."""
        self._serial += 1
        drafts = list(records(kind, 1, seed, start=10_000_000 + self._serial))
        started = time.perf_counter()
        await self.node.publisher.publish(drafts)
        done = await self.go()
        return {**done, "seconds": time.perf_counter() - started}

    async def _level(self) -> bool:
        """Whether the hub holds our whole log with its payloads, and its custody of them is noted here."""
        state = await self.node.store.read(partial(logs.get, origin=self.settings.origin))
        hub = self.node.peer_above().name
        standing = await self.node.store.read(lambda conn: peers.get(conn, hub, state.id, "push"))
        there = min(standing.mirrored_size, standing.payload_next)
        return there >= state.head_size and bool(standing.custody)


class Crowd:
    """The districts of this process and the commands that they take."""

    def __init__(self, directories: list[Path]) -> None:
        self.members = [Member(directory) for directory in directories]

    async def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        match command.pop("do"):
            case "forge":
                sizes = command["records"]
                made = [
                    await forge(member.node, command["kind"], size, command["seed"] + place, index=False)
                    for place, (member, size) in enumerate(zip(self.members, sizes, strict=True))
                ]
                return {"ends": [each.end for each in made]}
            case "go":
                return _all(await asyncio.gather(*(member.go() for member in self.members)))
            case "fresh":
                return _all(await asyncio.gather(*(member.fresh(**command) for member in self.members)))
            case other:
                return {"error": f"unknown command {other}"}


def _all(done: list[dict[str, Any]]) -> dict[str, Any]:
    broken = [each["error"] for each in done if "error" in each]
    return {"error": "; ".join(broken)} if broken else {"members": done}


async def _serve(directories: list[Path]) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    crowd = Crowd(directories)
    try:
        for member in crowd.members:
            await member.node.open()
        while line := await reader.readline():
            try:
                answer = await crowd.answer(json.loads(line))
            except NodeError as error:
                answer = {"error": f"{error.code}: {error.detail}"}
            print(json.dumps(answer), flush=True)
    finally:
        for member in crowd.members:
            await member.node.close()


def main(arguments: list[str]) -> None:
    configure_logging("error")
    asyncio.run(_serve([Path(argument) for argument in arguments]))


if __name__ == "__main__":
    main(sys.argv[1:])
