"""A hub under test whose trust policy names logs that the second implementation holds the keys of; each test takes one.

The policy is written by hand, line by line, as docs/protocol.md gives it.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer

from node import provision
from node.app import Node, build
from node.publishing import fsck
from node.store import logs, migrate
from node.trusted import audiences_for
from tests.interop import client
from tests.interop.client import Key, Log, Remote, VKey

FEDERATION = "ggzy.example/t"
NOW_S = 1_764_000_000
COUNT = 120


@dataclass(frozen=True)
class District:
    """A node that exists in the policy only: the tests speak for it."""

    name: str
    log: Key
    request: Key

    def grants(self) -> list[str]:
        return [f"key {self.name} log {self.log.vkey} 0-", f"key {self.name} request {self.request.vkey} 0-"]


def district(number: int) -> District:
    name = f"{FEDERATION}/d{number:03d}"
    return District(name, Key(f"{name}/1"), Key(f"{name}/request"))


@dataclass
class World:
    """The hub, its server, a client to it, and districts not used yet."""

    hub: Node
    server: TestServer
    remote: Remote
    vkeys: dict[str, VKey]
    seconds: list[int]
    national: District
    rest: list[District]
    nonces: Any = field(default_factory=itertools.count)

    @property
    def name(self) -> str:
        return self.hub.settings.name

    @property
    def witness(self) -> VKey:
        return self.vkeys["witness"]

    @property
    def mirror(self) -> VKey:
        return self.vkeys["mirror"]

    @property
    def now(self) -> int:
        return self.seconds[0]

    def forward(self, seconds: int) -> None:
        self.seconds[0] += seconds

    def district(self) -> District:
        return self.rest.pop()

    def log(self, size: int = 0) -> Log:
        """The log of a district that no other test uses."""
        return Log(self.district().log).grow_to(size)

    def sign(self, key: Key, method: str, target: str, body: bytes = b"", **more: Any) -> dict[str, str]:
        values = {"to": self.name, "created": self.now, "nonce": f"nonce-{next(self.nonces):016d}"}
        return client.signed(key, method, target, body, **(values | more))

    async def pending(self, log: Log, new: int, *, old: int = 0) -> None:
        """Have a head witnessed."""
        answer = await self.remote.add_checkpoint(log.checkpoint_body(old, new))
        answer.cosignature(self.witness, log.text(new))

    async def mirrored(self, log: Log, new: int, *, old: int = 0) -> None:
        """Have a head witnessed and its entries mirrored."""
        await self.pending(log, new, old=old)
        start = old
        while True:
            answer = await self.remote.add_entries(log.entries_body(start, new, first=32))
            if answer.status == 200:
                answer.cosignature(self.mirror, log.text(new))
                return
            size, start, _ = answer.info(202)
            assert size == new

    async def state(self, origin: str) -> logs.LogState | None:
        return await self.hub.store.read(lambda conn: logs.find(conn, origin))

    async def fsck(self) -> list[fsck.Finding]:
        policy = self.hub.trusted.policy
        return await self.hub.store.read(
            lambda conn: fsck.check(
                conn,
                keys=policy.log_keys,
                cosigners=policy.cosigner_keys(),
                audiences=lambda origin: audiences_for(self.hub.trusted, self.name, origin),
            )
        )


def policy_note(signer: Key, lines: Iterable[str]) -> bytes:
    text = "".join(
        f"{line}\n"
        for line in (
            "ggzy-node/trust-policy/v1",
            f"federation {FEDERATION}",
            "version 1",
            "previous none",
            "threshold 1",
            f"signer {signer.vkey}",
            *lines,
        )
    )
    return (text + "\n" + signer.line(text)).encode()


_schema: list[bytes] = []


def make(directory: Path, role: str, division: str) -> provision.Made:
    """A node's directory; the schema is made once a process and copied, because every step of it takes a moment."""
    directory.mkdir(parents=True)
    if not _schema:
        migrate.upgrade(f"sqlite:///{directory / 'node.db'}")
        _schema.append((directory / "node.db").read_bytes())
    (directory / "node.db").write_bytes(_schema[0])
    return provision.make_node(directory, role=role, division=division, title="枢纽 Hub", federation=FEDERATION)


@asynccontextmanager
async def hub_world(directory: Path, **settings: Any) -> AsyncIterator[World]:
    """A hub below a national node that exists in the policy only. `settings` are the hub's."""
    made = make(directory / "hub", "hub", "500000")
    seconds = [NOW_S]
    hub = Node(made.settings.model_copy(update=settings), clock=lambda: seconds[0] * 1000)
    name = f"{FEDERATION}/national"
    national = District(name, Key(f"{name}/1"), Key(f"{name}/request"))
    districts = [district(number) for number in range(COUNT)]
    grants = [grant.line() for grant in made.keys.grants()]
    lines = [
        f"node {national.name} national 100000 - 国家",
        f"node {hub.settings.name} hub 500000 {national.name} 枢纽",
        *(f"node {each.name} district 500103 {hub.settings.name} 区县" for each in districts),
        *grants,
        *(line for each in (national, *districts) for line in each.grants()),
    ]
    vkeys = {line.split(" ")[2]: VKey.parse(line.split(" ")[3]) for line in grants}
    server = TestServer(build(hub, jobs=False))
    await server.start_server()
    try:
        await hub.trusted.adopt([policy_note(Key(f"{FEDERATION}/signer"), lines)])
        async with aiohttp.ClientSession() as session:
            remote = Remote(session, str(server.make_url("")))
            yield World(hub, server, remote, vkeys, seconds, national, districts)
    finally:
        await server.close()
