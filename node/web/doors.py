"""Which gate a request goes through: each sort of work has a bound of its own, so that none crowds out the others.

| sort | bounded by |
|---|---|
| uploads of entries and payloads | `Doors.uploads`, small ones `Doors.small`: by log and address (bodies.py) |
| heads of logs | their rate, by log and address (limits.py) |
| requests held open for news | their number, of all and of one caller (node/sync/bulletin.py) |
| payloads on their way into the store | bytes that they inflate to: `Doors.memory` |
| payloads on their way out, until the reader has them | `Doors.packs`, by node; `Doors.public`, by address |
| other reads by nodes: tiles, checkpoints | `Doors.nodes`, by address |
| pages, searches, records | `Doors.pages`, by address |
| files, as long as their reader takes | `Doors.files`, by address |
| exports, which go on as long as their reader is slow | `Doors.exports`, by address |
| readiness, figures, description | `Doors.upkeep` |

A gate holds whoever asks for a moment, in a queue of bounded length, and then answers 503 with `Retry-After`: so a
burst is served in turn, and a storm grows no queue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields

from aiohttp import web

from node.settings import Settings
from node.store.db import READERS
from node.web.gate import Budget, Gate

NODES = ("/tlog/", "/witness/", "/api/logs", "/api/policy", "/api/files")
UPKEEP = ("/readyz", "/metrics", "/openapi.json")
FREE = ("/healthz", "/api/news", "/static/")
PAGES_WAITING = 128
PAGES_WAIT_S = 2.0
UPLOAD_TURNS = 4
"""What a month away takes: an upload or two of entries, and as many of payloads."""
INFLATED_BYTES = 48 << 20
"""Payloads that are inflated and checked at once."""
CALL_BYTES = INFLATED_BYTES // 4
"""What a call counts at least: so no more than four are worked on, and whoever brings little waits behind few."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Doors:
    """The gates of one node."""

    uploads: Gate
    small: Gate
    packs: Gate
    public: Gate
    nodes: Gate
    pages: Gate
    exports: Gate
    files: Gate
    upkeep: Gate
    memory: Budget

    def gates(self) -> dict[str, Gate]:
        """Every gate by its name."""
        held = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: gate for name, gate in held.items() if isinstance(gate, Gate)}


DOORS = web.AppKey("doors", Doors)


def doors(settings: Settings) -> Doors:
    """The gates of a node with these settings."""
    most, wait_s = settings.max_concurrent_uploads, settings.upload_wait_s
    # One sender of one log has use for two: his last upload may still be under way when his line has broken.
    share = max(2, most // 4)
    # Pages leave one reader of the database to the nodes: a storm of searches must not hold up taking in.
    readers = max(1, READERS - 1)
    return Doors(
        uploads=Gate("uploads", most, each=share, waiting=4 * most, wait_s=wait_s, turns=UPLOAD_TURNS),
        small=Gate("small uploads", most, each=share, waiting=4 * most, wait_s=wait_s),
        packs=Gate("readers of payloads", 8, each=2, waiting=128, wait_s=10),
        public=Gate("readers of public payloads", 4, each=2, waiting=16, wait_s=2),
        nodes=Gate("reads by nodes", 32, each=16, waiting=256, wait_s=5),
        pages=Gate("requests for pages", readers, waiting=PAGES_WAITING, wait_s=PAGES_WAIT_S),
        exports=Gate("exports", 8, each=4, waiting=0, wait_s=0),
        files=Gate("readers of files", 16, each=4, waiting=64, wait_s=5),
        upkeep=Gate("requests for upkeep", 2, waiting=32, wait_s=2),
        memory=Budget(INFLATED_BYTES),
    )


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request that reads through the gate of its sort; what writes has bounds of its own, see above."""
    gate = _gate(request)
    if gate is None:
        return await handler(request)
    async with gate.enter(request.remote or ""):
        return await handler(request)


def _gate(request: web.Request) -> Gate | None:
    path, gates = request.path, request.app[DOORS]
    # A body may come slowly: whoever sends one must not hold a place of those who only read.
    if request.method not in ("GET", "HEAD") or path.startswith(FREE):
        return None
    if path.startswith(NODES):
        return gates.nodes
    if path.startswith("/files/"):
        return gates.files
    if path.startswith(UPKEEP):
        return gates.upkeep
    return gates.exports if path.endswith((".csv", ".xlsx", ".json")) else gates.pages
