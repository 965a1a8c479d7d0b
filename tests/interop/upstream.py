"""A node above the node under test, played by the second implementation: it mirrors strictly by the texts, and lies
when it is told to.

It holds the keys of a hub in a policy written by hand. The node under test is a real district below it.
"""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from node.app import Node, build
from node.publishing import fsck
from node.store import logs
from node.store.peers import Standing, all_standings
from node.sync.peer import HttpTransport
from node.tlog.note import VerifierKey
from node.trusted import audiences_for
from tests.interop.client import (
    EMPTY,
    Head,
    Key,
    Log,
    Note,
    Remote,
    Section,
    VKey,
    b64,
    canonical,
    check_consistency,
    decimal,
    frame,
    leaf,
    need,
    open_head,
    pack,
    tile_path,
    tiles_of,
    unb64,
    unframe,
)
from tests.interop.world import COUNT, FEDERATION, NOW_S, District, district, make, policy_note

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Held:
    """What the upstream mirrors of the log that is pushed to it."""

    key: VKey
    witnessed: Head
    note: bytes = b""
    pending: dict[int, Head] = field(default_factory=dict)
    entries: list[bytes] = field(default_factory=list)
    mirror_size: int = 0
    payload_next: int = 0
    rows: dict[tuple[int, str], Any] = field(default_factory=dict)


@dataclass
class Shown:
    """A log that the upstream offers to be pulled, up to `size`; `sections` are its payloads by index."""

    log: Log
    size: int
    sections: dict[int, list[Section]] = field(default_factory=dict)


@dataclass
class Upstream:
    """The hub above. `lie` may answer in its stead; `packages` bounds what it takes of one upload."""

    name: str
    keys: dict[str, Key]
    policy: bytes = b""
    seconds: list[int] = field(default_factory=lambda: [NOW_S])
    held: dict[str, Held] = field(default_factory=dict)
    shown: dict[str, Shown] = field(default_factory=dict)
    lie: Handler | None = None
    packages: int | None = None
    tickets: bool = False
    ticket: bytes = b""
    calls: list[tuple[str, str, int]] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.lie is not None:
            told = await self.lie(request)
            if told is not NotImplemented:
                self.calls.append((request.method, request.path, told.status))
                return told
        body = await request.read()
        told = self.tell(request, body)
        self.calls.append((request.method, request.path, told.status))
        return told

    def tell(self, request: web.Request, body: bytes) -> web.Response:
        path = request.path
        if request.method == "POST":
            if path == "/tlog/add-checkpoint":
                return self.add_checkpoint(body)
            if path == "/tlog/add-entries":
                return self.add_entries(body)
            if path == "/api/hello":
                return web.json_response({})
            if path.endswith("/payloads"):
                return self.put_payloads(path.split("/")[3], request.query, body)
        elif path == "/api/policy":
            return web.json_response({"version": 1})
        elif path == "/api/logs":
            rows = [
                {"origin": each.log.origin, "size": each.size, "payload_next": each.size}
                for each in self.shown.values()
            ]
            return web.json_response({"logs": rows})
        elif path.startswith("/api/logs/"):
            return self.read_api(path.split("/")[3], path.split("/", 4)[4], request.query)
        elif path.startswith("/witness/"):
            held = self.held.get(path.split("/")[2])
            return web.Response(body=held.note) if held and held.note else web.Response(status=404)
        elif path.startswith("/tlog/"):
            shown = self.shown.get(path.split("/")[2])
            return web.Response(status=404) if shown is None else self.read_log(shown, path.split("/", 3)[3])
        return web.Response(status=404)

    # --- as witness and mirror --------------------------------------------------------------------------------------

    def cosign(self, use: str, text: str) -> web.Response:
        return web.Response(text=self.keys[use].line(text, time=self.seconds[0]))

    def add_checkpoint(self, body: bytes) -> web.Response:
        top, _, note = body.partition(b"\n\n")
        first, *lines = top.decode().split("\n")
        need(first.startswith("old "), "add-checkpoint begins with the old size")
        old, proof = decimal(first.removeprefix("old ")), [unb64(line) for line in lines]
        need(len(proof) < 64, "at most 63 hashes")
        text = Note.parse(note).text
        held = next(each for each in self.held.values() if each.key.name == Head.parse(text).origin)
        head, _ = open_head(note, [held.key])
        if old != held.witnessed.size:
            return web.Response(status=409, text=f"{held.witnessed.size}\n", content_type="text/x.tlog.size")
        if old == 0:
            need(not proof, "the proof from nothing is empty")
        else:
            check_consistency(old, head.size, held.witnessed.root, head.root, proof)
        held.witnessed, held.pending[head.size] = head, head
        held.note = note + self.keys["witness"].line(text, time=self.seconds[0]).encode()
        return self.cosign("witness", text)

    def add_entries(self, body: bytes) -> web.Response:
        (length,) = struct.unpack_from(">H", body)
        origin, at = body[2 : 2 + length].decode(), 2 + length
        start, end, ticket_size = struct.unpack_from(">QQH", body, at)
        ticket, at = body[at + 18 : at + 18 + ticket_size], at + 18 + ticket_size
        held = next(each for each in self.held.values() if each.key.name == origin)
        need(ticket == self.ticket, "the ticket comes back as it was given")
        self.ticket = b""
        known = end in held.pending and end >= held.mirror_size
        if not known or start > len(held.entries):
            return self.info(409, end if known else held.witnessed.size, len(held.entries))
        done = 0
        for low, high in canonical(start, end):
            if at == len(body):
                break
            need(self.packages is None or done <= self.packages + 32, "too many packages")
            entries = []
            for _ in range(high - low):
                (size,) = struct.unpack_from(">H", body, at)
                entries.append(body[at + 2 : at + 2 + size])
                at += 2 + size
            count = body[at]
            proof = [body[at + 1 + i * 32 : at + 33 + i * 32] for i in range(count)]
            at += 1 + 32 * count
            if done == self.packages:
                break
            leaves = [leaf(entry) for entry in (*held.entries[low - low % 256 : low], *entries)]
            log = Log(Key("x"))
            log.tree.leaves = leaves
            check_subtree(low - low % 256, high, end, log.tree.root(len(leaves)), proof, held.pending[end].root)
            held.entries += entries[max(0, len(held.entries) - low) :]
            done += 1
        else:
            need(at == len(body), "nothing follows the last package")
        if len(held.entries) < end:
            need(done > 0, "a request brings a package or more")
            return self.info(202, end, len(held.entries))
        held.mirror_size = end
        return self.cosign("mirror", text_of(held.pending[end]))

    def info(self, status: int, size: int, next_entry: int) -> web.Response:
        self.ticket = b"ticket %d" % next_entry if self.tickets else b""
        body = f"{size}\n{next_entry}\n{b64(self.ticket)}\n"
        return web.Response(status=status, text=body, content_type="text/x.tlog.mirror-info")

    # --- payloads and what is read ----------------------------------------------------------------------------------

    def put_payloads(self, log_hash: str, query: Any, body: bytes) -> web.Response:
        held, start, end = self.held[log_hash], int(query["start"]), int(query["end"])
        if start > held.payload_next:
            return web.json_response({"size": held.payload_next}, status=409)
        for _, _, _, audience, rows in unframe(body):
            for index, section, salt, payload in rows:
                need(start <= index < end, "a row outside the range")
                held.rows[index, section] = (audience, salt, payload)
        held.payload_next = max(held.payload_next, end)
        return web.json_response({"next": held.payload_next, "missing": []})

    def read_api(self, log_hash: str, rest: str, query: Any) -> web.Response:
        held, shown = self.held.get(log_hash), self.shown.get(log_hash)
        if rest == "payloads/state":
            position = held.payload_next if held else shown.size if shown else 0
            return web.json_response({"next": position, "missing": []})
        if rest == "custody" and held:
            head = held.pending[held.mirror_size]
            lines = ["ggzy-node/custody/v1", head.origin, str(head.size), b64(head.root), f"time {self.seconds[0]}"]
            text = "".join(f"{line}\n" for line in (*lines, f"range 0 {min(held.payload_next, head.size)}"))
            return web.Response(text=f"{text}\n{self.keys['custody'].line(text)}")
        if rest == "payloads" and shown:
            return web.Response(body=frame(packs_of(shown, int(query["start"]), int(query["end"]))))
        return web.Response(status=404)

    def read_log(self, shown: Shown, rest: str) -> web.Response:
        log, size = shown.log, shown.size
        if rest == "checkpoint":
            return web.Response(body=log.note(size, self.keys["mirror"].line(log.text(size), time=self.seconds[0])))
        for level, n, width in tiles_of(size):
            if rest == tile_path(level, n, width):
                each = 256**level
                spans = [((n * 256 + i) * each, (n * 256 + i + 1) * each) for i in range(width)]
                return web.Response(body=b"".join(log.tree.mth(a, b) for a, b in spans))
            if level == 0 and rest == tile_path("entries", n, width):
                entries = log.entries[n * 256 : n * 256 + width]
                return web.Response(body=b"".join(struct.pack(">H", len(e)) + e for e in entries))
        return web.Response(status=404)


def packs_of(shown: Shown, start: int, end: int) -> list[bytes]:
    made = []
    for low in range(start - start % 256, end, 256):
        a, b = max(start, low), min(end, low + 256)
        for audience in ("public", "shared"):
            rows = [s.row(i) for i in range(a, b) for s in shown.sections.get(i, ()) if s.audience == audience]
            if rows:
                made.append(pack(shown.log.origin, a, b, audience, rows))
    return made


def text_of(head: Head) -> str:
    return f"{head.origin}\n{head.size}\n{b64(head.root)}\n"


def check_subtree(start: int, end: int, size: int, subtree: bytes, proof: list[bytes], root: bytes) -> None:
    """The proof of a subtree leads from its hash to the root; by the recursion of the draft, read backwards."""
    from tests.interop.client import node, split

    hashes = list(proof)

    def walk(start: int, end: int, n: int, known: bool) -> tuple[bytes, bytes]:
        """(hash of the subtree, hash of the tree) as the proof has them; takes hashes from its end."""
        if (start, end) == (0, n):
            value = subtree if known else hashes.pop()
            return value, value
        k = split(n)
        need(bool(hashes), "the proof is too short")
        if end <= k:
            right = hashes.pop()
            inner, outer = walk(start, end, k, known)
            return inner, node(outer, right)
        left = hashes.pop()
        if k <= start:
            inner, outer = walk(start - k, end - k, n - k, known)
            return inner, node(left, outer)
        inner, outer = walk(0, end - k, n - k, False)
        return node(left, inner), node(left, outer)

    inner, outer = walk(start, end, size, True)
    need(inner == subtree and outer == root and not hashes, "the proof of a package does not hold")


# --- the district below ---------------------------------------------------------------------------------------------


@dataclass
class Below:
    """A real district, its server, and the upstream it syncs with."""

    node: Node
    server: TestServer
    remote: Remote
    upstream: Upstream
    siblings: list[District]

    @property
    def origin(self) -> str:
        return self.node.settings.origin

    @property
    def mine(self) -> Held:
        """What the upstream holds of the district's own log."""
        return self.upstream.held[Log(Key(self.origin)).hash]

    def sibling(self, size: int = 0) -> Shown:
        """A log of another district that the upstream offers from now on."""
        log = Log(self.siblings.pop().log).grow_to(size)
        return self.show(log, size)

    def show(self, log: Log, size: int) -> Shown:
        self.upstream.shown[log.hash] = Shown(log, size)
        return self.upstream.shown[log.hash]

    async def state(self, log: Log) -> logs.LogState:
        return await self.node.store.read(lambda conn: logs.ensure(conn, log.origin))

    async def standings(self) -> dict[str, Standing]:
        """Origin -> what the district knows of it at the upstream."""

        def work(conn: Any) -> dict[str, Standing]:
            names = {state.id: state.origin for state in logs.all_logs(conn)}
            return {names[standing.log_id]: standing for standing in all_standings(conn)}

        return await self.node.store.read(work)

    async def standings_of(self, peer: str) -> Standing:
        """What the district knows of its own log at one peer."""
        found = await self.node.store.read(all_standings)
        return next(standing for standing in found if standing.peer == peer)

    async def fsck(self, more: Sequence[VerifierKey] = ()) -> list[fsck.Finding]:
        """The judge's findings; `more` are keys of witnesses outside the policy."""
        policy, me = self.node.trusted.policy, self.node.settings.name
        return await self.node.store.read(
            lambda conn: fsck.check(
                conn,
                keys=policy.log_keys,
                cosigners=[*policy.cosigner_keys(), *more],
                audiences=lambda origin: audiences_for(self.node.trusted, me, origin),
            )
        )


@asynccontextmanager
async def below(directory: Path, *, total_s: float = 20, **settings: Any) -> AsyncIterator[Below]:
    """A district below a played hub; the address of the hub is a real socket."""
    made = make(directory / "east", "district", "500999")
    name = f"{FEDERATION}/500000"
    kinds = {"witness": 4, "mirror": 4, "custody": 1, "request": 1}
    keys = {"log": Key(f"{name}/1"), **{use: Key(f"{name}/{use}", kind) for use, kind in kinds.items()}}
    siblings = [district(number) for number in range(COUNT)]
    grants = [grant.line() for grant in made.keys.grants()]
    me = made.settings.name
    lines = [
        f"node {name} hub 500000 - 枢纽",
        f"node {me} district 500999 {name} 东",
        *(f"node {each.name} district 500103 {name} 区县" for each in siblings),
        *(f"key {name} {use} {key.vkey} 0-" for use, key in keys.items()),
        *grants,
        *(line for each in siblings for line in each.grants()),
    ]
    upstream = Upstream(name, keys)
    log_key = VKey.parse(next(line.split(" ")[3] for line in grants if line.split(" ")[2] == "log"))
    upstream.held[Log(Key(made.settings.origin)).hash] = Held(log_key, Head(log_key.name, 0, EMPTY))
    above = TestServer(upstream.app())
    await above.start_server()
    url = str(above.make_url("")).rstrip("/")
    east = Node(
        made.settings.model_copy(update={"upstream_url": url, **settings}),
        clock=lambda: upstream.seconds[0] * 1000,
        make_transport=lambda session: HttpTransport(session, url, total_s=total_s, connect_s=5),
    )
    server = TestServer(build(east, jobs=False))
    await server.start_server()
    try:
        upstream.policy = policy_note(Key(f"{FEDERATION}/signer"), lines)
        await east.trusted.adopt([upstream.policy])
        async with aiohttp.ClientSession() as session:
            yield Below(east, server, Remote(session, str(server.make_url(""))), upstream, siblings)
    finally:
        await server.close()
        await above.close()


def told(status: int = 200, body: bytes | str = b"", kind: str = "application/json", **headers: str) -> web.Response:
    data = body.encode() if isinstance(body, str) else body
    return web.Response(status=status, body=data, content_type=kind, headers=headers)


def as_json(value: Any, status: int = 200) -> web.Response:
    return told(status, json.dumps(value))


def squeezed(body: bytes) -> web.Response:
    """A body that inflates; the header says so."""
    return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
