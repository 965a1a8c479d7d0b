"""A node on a disk that can fail: how it is made, opened as `serve` does, and what it tells the world outside."""

from __future__ import annotations

import hashlib
import os
import random
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import msgpack
from alembic.script import ScriptDirectory

from node import settings as settings_module
from node.app import MakeTransport, Node
from node.errors import DiskFull, Frozen, NodeError, StorageFailed
from node.projections import fsck_views
from node.publishing import fsck
from node.store import checkpoints, db, logs, migrate
from node.trusted import audiences_for
from tests.crash.faults import Faults
from tests.interop.client import Key, Section
from tests.interop.client import header as plain_header
from tests.interop.world import FEDERATION, make, policy_note

T = TypeVar("T")
NOW_MS = 1_764_000_000_000
HUB, DISTRICT = f"{FEDERATION}/500000", f"{FEDERATION}/500999"
USES = {"witness": 4, "mirror": 4, "custody": 1, "request": 1}
_write = os.write


class Stopped(Exception):
    """The process ends itself after a failure of the disk, as `serve` does."""


class Line:
    """One way out of a process that may be killed at any moment: what was written is known outside."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __call__(self, *words: Any) -> None:
        data = msgpack.packb(words)
        data = struct.pack(">I", len(data)) + data
        while data:
            data = data[_write(self._handle, data) :]


def read_line(handle: int) -> list[list[Any]]:
    """All that a process told until it ended; a last word that was cut off counts as not said."""
    data = b""
    while chunk := os.read(handle, 1 << 16):
        data += chunk
    return list(words_of(data))


def words_of(data: bytes) -> Iterator[list[Any]]:
    at = 0
    while at + 4 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 4 + length > len(data):
            return
        yield msgpack.unpackb(data[at + 4 : at + 4 + length])
        at += 4 + length


@dataclass
class Place:
    """A node's directory, the process that works in it, and the faults it meets.

    `attempt` is 0 for the process that meets the fault, 1 for the one after the restart.
    """

    directory: Path
    seed: int
    tell: Callable[..., None]
    faults: Faults | None = None
    attempt: int = 0
    make_transport: MakeTransport | None = None
    upstream_url: str = ""
    node: Node = field(init=False)

    def random(self, what: str) -> random.Random:
        """Chance that is the same in each process, for what the workload does."""
        return random.Random(f"{self.seed} {what}")

    async def open(self) -> None:
        """Open the node as `serve` does; a full disk is told to somebody, who makes room and starts it again."""
        try:
            await self._open()
        except DiskFull as error:
            self._room(error)
            await self._open()

    async def _open(self) -> None:
        settings = settings_module.load(self.directory)
        if self.upstream_url:
            settings = settings.model_copy(update={"upstream_url": self.upstream_url})
        self.node = Node(
            settings,
            clock=lambda: NOW_MS + self.attempt,
            make_transport=self.make_transport,
            # Each copy of a node stands for one on a machine of its own, so that many can be run at a time.
            machine_lock=False,
        )
        # Chance differs from process to process, as it does in life: a record made twice must not look like one.
        self.node.publisher._random = random.Random(f"{self.seed} {self.attempt}").randbytes
        await self.node.open()

    async def step(self, work: Callable[[], Awaitable[T]]) -> T:
        """One thing that a caller asks of the node. When the disk is full, room is made and the caller asks again.

        Raises Stopped when the storage failed: a node that has seen that must refuse everything (L8).
        """
        try:
            return await work()
        except DiskFull as error:
            self._room(error)
            return await work()
        except StorageFailed as error:
            self.tell("stopped", error.code)
            await self._must_refuse(work)
            raise Stopped from error

    def _room(self, error: NodeError) -> None:
        self.tell("full", error.code)
        if self.faults is not None:
            self.faults.relieve()

    async def _must_refuse(self, work: Callable[[], Awaitable[Any]]) -> None:
        try:
            await work()
        except (StorageFailed, Frozen):
            return
        self.tell("wrong", "the node went on after its disk had failed")

    async def tell_head(self, origin: str) -> None:
        """Hand out the newest checkpoint as a page or an endpoint would: from now on somebody holds this note."""

        def work(conn: Any) -> bytes:
            state = logs.get(conn, origin)
            return checkpoints.note(conn, state.id, state.head_size, origin).encode()

        self.tell("note", await self.node.store.read(work))

    async def fsck(self) -> list[str]:
        policy, me = self.node.trusted.policy, self.node.settings.name
        found = await self.node.store.read(
            lambda conn: fsck.check(
                conn,
                keys=policy.log_keys,
                cosigners=policy.cosigner_keys(),
                audiences=lambda origin: audiences_for(self.node.trusted, me, origin),
                views=partial(fsck_views.check, self.node.projector),
            )
        )
        return [str(each) for each in found]


def seeded(name: str, kind: int = 1) -> Key:
    return Key(name, kind, hashlib.sha256(f"{name} {kind}".encode()).digest())


def member(number: int) -> str:
    """The name of a district that exists in the policy only."""
    return f"{FEDERATION}/d{number:03d}"


def hub_keys() -> dict[str, Key]:
    """Keys of a hub that tests play, for a district under test."""
    return {"log": seeded(f"{HUB}/1"), **{use: seeded(f"{HUB}/{use}", kind) for use, kind in USES.items()}}


def make_place(directory: Path, role: str) -> bytes:
    """Make a hub with three districts that tests speak for, or a district below a hub that they speak for.

    Gives the trust policy, which the node has not taken over yet.
    """
    made = make(directory, role, "500000" if role == "hub" else "500999")
    above = HUB if role == "district" else "-"
    lines = [f"node {made.settings.name} {role} {made.member.division} {above} 节点"]
    if role == "district":
        lines.insert(0, f"node {HUB} hub 500000 - 枢纽")
        lines += [f"key {HUB} {use} {key.vkey} 0-" for use, key in hub_keys().items()]
    for number in range(3):
        lines.append(f"node {member(number)} district 500103 {HUB} 区县")
        lines.append(f"key {member(number)} log {seeded(f'{member(number)}/1').vkey} 0-")
    lines += [grant.line() for grant in made.keys.grants()]
    return policy_note(seeded(f"{FEDERATION}/signer"), sorted(lines, key=lambda line: line.startswith("key ")))


def sections_of(seed: int, count: int) -> list[list[Section]]:
    """Made-up sections of the entries of another node's log: one or two each, for two audiences."""
    chance = random.Random(f"sections {seed}")
    made = []
    for index in range(count):
        each = [Section("main", "public", b"\x81\xa1n" + bytes([index % 100]), chance.randbytes(16))]
        if index % 7 == 3:
            each.append(Section("employment", "restricted", chance.randbytes(20), chance.randbytes(16)))
        made.append(each)
    return made


def headers_of(sections: Sequence[Sequence[Section]]) -> list[bytes]:
    return [plain_header(each, record=index + 1) for index, each in enumerate(sections)]


def warm() -> None:
    """What costs a process time and changes nothing is done once, not in each of thousands: the migration scripts are
    read, and statements once compiled are shared by all engines that are forked from here on."""
    scripts = ScriptDirectory.from_config(migrate.config())
    scripts.get_current_head()
    list(scripts.walk_revisions())
    vars(migrate)["ScriptDirectory"] = SimpleNamespace(from_config=lambda config: scripts)
    real, first = db.create_engine, db.create_engine("sqlite://")

    def create_engine(*args: Any, **options: Any) -> Any:
        engine = real(*args, **options)
        engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
        return engine

    vars(db)["create_engine"] = create_engine
