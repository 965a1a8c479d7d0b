"""A witness outside the federation, played by the second implementation: c2sp.org/tlog-witness and nothing else.

It lies when it is told to, and like others of its kind it reads no more than ten kilobytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

from node.settings import Witness
from tests.interop.client import EMPTY, Head, Key, Note, VKey, Wrong, check_consistency, decimal, open_head, unb64

MAX_BODY = 10 * 1024
Handler = Callable[[web.Request, bytes], Awaitable[web.StreamResponse | None]]


@dataclass
class IndependentWitness:
    """`logs` are the keys by origin that it takes, `now` gives seconds; `shows`: whether it serves what it cosigned."""

    key: Key
    now: Callable[[], int]
    logs: dict[str, VKey] = field(default_factory=dict)
    held: dict[str, Head] = field(default_factory=dict)
    notes: dict[str, bytes] = field(default_factory=dict)
    shows: bool = True
    lie: Handler | None = None
    more: str = ""
    bodies: list[bytes] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    url: str = ""

    def setting(self, name: str) -> Witness:
        return Witness(name=name, url=self.url, key=str(self.key.vkey))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        told = None if self.lie is None else await self.lie(request, body)
        if told is None:
            told = self.tell(request, body)
        self.statuses.append(told.status)
        return told

    def tell(self, request: web.Request, body: bytes) -> web.Response:
        if (request.method, request.path) == ("POST", "/prefix/add-checkpoint"):
            self.bodies.append(body)
            return self.add_checkpoint(body) if len(body) <= MAX_BODY else web.Response(status=413)
        for origin, note in self.notes.items():
            named = hashlib.sha256(origin.encode()).hexdigest()
            if self.shows and (request.method, request.path) == ("GET", f"/prefix/{named}/checkpoint"):
                return web.Response(body=note)
        return web.Response(status=404)

    def add_checkpoint(self, body: bytes) -> web.Response:
        top, _, note = body.partition(b"\n\n")
        first, *lines = top.decode().split("\n")
        if not first.startswith("old ") or len(lines) > 63:
            return web.Response(status=400)
        old, proof = decimal(first.removeprefix("old ")), [unb64(line) for line in lines]
        origin = note.split(b"\n", 1)[0].decode()
        if origin not in self.logs:
            return web.Response(status=404)
        try:
            head, _ = open_head(note, [self.logs[origin]])
        except Wrong:
            return web.Response(status=403)
        held = self.held.get(origin, Head(origin, 0, EMPTY))
        if old > head.size:
            return web.Response(status=400)
        if old != held.size:
            return web.Response(status=409, body=f"{held.size}\n".encode(), content_type="text/x.tlog.size")
        try:
            check_consistency(old, head.size, held.root, head.root, proof)
        except Wrong:
            return web.Response(status=422)
        self.held[origin] = head
        line = self.key.line(Note.parse(note).text, time=self.now())
        self.notes[origin] = note + line.encode()
        return web.Response(text=self.more + line)


@asynccontextmanager
async def outside(name: str, now: Callable[[], int]) -> AsyncIterator[IndependentWitness]:
    """A running witness under this key name."""
    witness = IndependentWitness(Key(name, 4), now)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", witness.answer)
    server = TestServer(app)
    await server.start_server()
    witness.url = str(server.make_url("/prefix"))
    try:
        yield witness
    finally:
        await server.close()
