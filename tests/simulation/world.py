"""A federation of any number of districts in one process and in virtual time, with what must always hold of it.

Each node is the real one: its own database, keys and application. What is simulated is time, the lines between the
nodes, and the moments at which a process dies.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from unittest import mock

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Connection, func, select

from node import keyring, provision
from node.app import Node, build
from node.domain.codes import Division
from node.domain.record import Document, Draft, Source
from node.errors import Frozen, NodeError, Unavailable
from node.provision import Made
from node.publishing.receipts import assemble
from node.recovery import again
from node.store import alarms, logs, payloads
from node.store.db import Store
from node.store.logs import LogState
from node.store.tables import Quarantine, RecordView, table
from node.sync.peer import Reply, Request
from node.sync.run import PassReport
from node.tlog.checkpoint import parse_checkpoint_text
from node.tlog.merkle import leaf_hash
from node.tlog.note import parse_note
from node.tlog.proof import TlogProof
from node.tlog.tiles import Edge
from node.tlog.witness import AddCheckpointRequest
from node.wire import header as headers
from node.wire import paths
from node.wire import receipt as receipts
from tests.simulation.line import FINE, Line, Weather, handle
from tests.simulation.virtual import Inline

START_MS = 1_764_000_000_000
FEDERATION = "ggzy.example/sim"
SPOILT = ("changed-header", "swapped-payload")
records, quarantine = table(RecordView), table(Quarantine)


class Broken(AssertionError):
    """Something that must always hold does not."""


@dataclass
class Truth:
    """What a log is, entry by entry, as its origin first had it; `roots[n]` is the root of its first n entries."""

    entries: list[bytes] = field(default_factory=list)
    roots: list[bytes] = field(default_factory=lambda: [Edge().root()])
    edge: Edge = field(default_factory=Edge)

    def extend(self, fresh: Sequence[bytes]) -> None:
        for entry in fresh:
            self.entries.append(entry)
            self.edge.extend([leaf_hash(entry)])
            self.roots.append(self.edge.root())


@dataclass
class Place:
    """One node's place in the federation: its directory and keys stay, its process comes and goes."""

    name: str
    made: Made
    above: Place | None
    node: Node | None = None
    app: web.Application | None = None
    weather: Weather = field(default_factory=lambda: FINE)
    skew_ms: int = 0
    handling: set[asyncio.Task[Reply]] = field(default_factory=set)
    passes: set[asyncio.Task[PassReport]] = field(default_factory=set)
    published: int = 0
    backup: Path | None = None
    restored: bool = False
    checked: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return self.made.settings.origin


class World:
    """`seed` decides everything; two worlds of one seed do the same."""

    def __init__(self, directory: Path, seed: int, districts: int) -> None:
        self.directory = directory
        self.chance = random.Random(seed)
        self.trace: list[str] = []
        self.truth: dict[str, Truth] = {}
        self.acknowledged: list[tuple[str, int, bytes]] = []
        self.shown: list[tuple[str, int, bytes]] = []
        self.places: dict[str, Place] = {}
        self._template = directory / "template.db"
        self._names = ["national", "hub", *(f"d{number:02}" for number in range(1, districts + 1))]
        self._policies: list[bytes] = []

    # --- making ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        with self._cheap_and_seeded():
            for name in self._names:
                self._make(name)
            signer = keyring.policy_signer(self.directory / "policy", FEDERATION, create=True)
        made = [place.made for place in self.places.values()]
        above = {p.made.settings.name: p.above.made.settings.name for p in self.places.values() if p.above}
        self._policies = [provision.first_policy(FEDERATION, signer, made, above)]
        for place in self.places.values():
            await self.boot(place)

    def _make(self, name: str) -> None:
        number = self._names.index(name)
        role = name if name in ("national", "hub") else "district"
        division = {"national": "100000", "hub": "500000"}.get(name, f"{500100 + number:06}")
        made = provision.make_node(
            self.directory / name, role=role, division=division, title=name, federation=FEDERATION
        )
        above = {"national": None, "hub": self.places.get("national")}.get(name, self.places.get("hub"))
        self.places[name] = Place(name, made, above)
        self.truth[made.settings.origin] = Truth()

    @contextmanager
    def _cheap_and_seeded(self) -> Iterator[None]:
        """Databases are copies of one that was migrated, and keys come from the seed."""
        migrate = provision.migrate.upgrade

        def upgrade(url: str) -> None:
            file = Path(url.removeprefix("sqlite:///"))
            if not self._template.exists():
                self._template.touch()
                migrate(f"sqlite:///{self._template}")
                with sqlite3.connect(self._template) as database:
                    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                database.close()
            if file.stat().st_size == 0:
                shutil.copyfile(self._template, file)

        def make_key(file: Path) -> None:
            if not file.exists():
                private = Ed25519PrivateKey.from_private_bytes(self.chance.randbytes(32))
                file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
                file.chmod(0o600)

        with mock.patch.object(provision.migrate, "upgrade", upgrade), mock.patch.object(keyring, "make_key", make_key):
            yield

    async def boot(self, place: Place) -> None:
        """Start the node's process on what its directory holds."""
        settings = place.made.settings
        if place.above is not None:
            settings = settings.model_copy(update={"upstream_url": "http://above.invalid"})
        node = Node(
            settings,
            clock=partial(self._clock, place),
            make_transport=lambda _session: self._line(place),
            # Keys come from the seed, and another simulation of it may run on this machine.
            machine_lock=False,
        )
        node.store._writer = node.store._readers = Inline()
        node.publisher._random = self.chance.randbytes
        app = build(node, jobs=False)
        app.freeze()
        await app.startup()
        await node.trusted.adopt(self._policies)
        place.node, place.app = node, app

    async def crash(self, place: Place) -> None:
        """The process dies: what is under way ends where it waits, what is committed stays."""
        if place.node is None:
            return
        node, place.node, place.app = place.node, None, None
        for task in (*place.passes, *place.handling):
            task.cancel()
        await asyncio.gather(*place.passes, *place.handling, return_exceptions=True)
        await node.close()

    async def stop(self) -> None:
        for place in self.places.values():
            await self.crash(place)

    def _clock(self, place: Place) -> int:
        return START_MS + int(asyncio.get_running_loop().time() * 1000) + place.skew_ms

    # --- backups --------------------------------------------------------------------------------------------------

    def back_up(self, place: Place) -> None:
        """Keep a copy of the database as it is now, as an operator would who does not know better."""
        place.backup = self.directory / f"{place.name}.backup"
        place.backup.unlink(missing_ok=True)
        source, copy = sqlite3.connect(_file(place)), sqlite3.connect(place.backup)
        source.backup(copy)
        copy.close()
        source.close()
        self.note(f"{place.name} is backed up")

    async def restore(self, place: Place) -> None:
        """Put a district's old copy back, when nothing is lost by it: all that was signed lies at the mirror (L9).

        Not a hub's: that would lose its members' logs as well, and its cosigner keys would have to go (L11).
        """
        if place.name in ("hub", "national"):
            return
        above = place.above
        if place.backup is None or place.node is None or place.restored or above is None or above.node is None:
            return
        await self.crash(place)
        self._read_dead(place)
        mirrored = above.node.store.read_now(partial(_mirrored, origin=place.origin))
        if mirrored == len(self.truth[place.origin].entries):
            self.note(f"{place.name} is put back to its backup")
            _put_back(place)
        await self.boot(place)

    def _read_dead(self, place: Place) -> None:
        """Take notice of what a process committed in its last moment, before its database is replaced."""
        store = Store(place.made.settings.database)
        store._writer = store._readers = Inline()
        try:
            self._learn(place, store)
        finally:
            store.close()

    async def recover(self, place: Place) -> None:
        """`ggzy recover`; when the line is bad it is run again later."""
        node = place.node
        if node is None or not place.restored:
            return
        try:
            done = await again.recover(node)
        except NodeError:
            return
        if not done.thawed:
            raise Broken(f"{place.name} does not thaw though all of it is mirrored: {done}")
        place.restored = False
        self.note(f"{place.name} is recovered to {done.size}")

    # --- lines ----------------------------------------------------------------------------------------------------

    def _line(self, place: Place) -> Line:
        above = place.above
        assert above is not None
        return Line(self.chance, partial(self._serve, above), lambda: place.weather)

    async def _serve(self, place: Place, request: Request) -> Reply:
        if place.app is None:
            raise Unavailable("connection refused")
        task = asyncio.create_task(handle(place.app, request))
        place.handling.add(task)
        try:
            reply = await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise Unavailable("the other process died") from None
            raise
        finally:
            place.handling.discard(task)
        if reply.status >= 500 and reply.status not in (503, 507):
            raise Broken(f"{place.name} answered {reply.status} to {request.method} {request.target}: {reply.body!r}")
        self._remember(request, reply)
        return reply

    def _remember(self, request: Request, reply: Reply) -> None:
        """A head that somebody has cosigned must be of the one true history, for ever."""
        if request.target == paths.ADD_CHECKPOINT and reply.status == 200:
            note = parse_note(AddCheckpointRequest.parse(request.body).note)
            head = parse_checkpoint_text(note.text)
            self.shown.append((head.origin, head.size, head.root))

    # --- doing ----------------------------------------------------------------------------------------------------

    async def publish(self, place: Place, count: int) -> None:
        node = place.node
        if node is None:
            return
        drafts = [_draft(place, place.published + offset) for offset in range(count)]
        place.published += count
        try:
            outcomes = await node.publisher.publish(drafts)
        except Frozen:
            if not place.restored:
                raise Broken(f"{place.name} is frozen without a cause") from None
            return
        except NodeError:
            return
        if place.restored:
            raise Broken(f"{place.name} published from an old copy of its database")
        for outcome in outcomes:
            if outcome.index is None or outcome.record_id is None:
                raise Broken(f"{place.name} did not publish: {outcome.error}")
            self.acknowledged.append((place.origin, outcome.index, outcome.record_id))

    async def sync(self, place: Place) -> None:
        node = place.node
        if node is None or place.above is None:
            if node is not None:
                await node.projector.run()
            return
        task = asyncio.create_task(node.sync_once())
        place.passes.add(task)
        try:
            report = await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                return
            raise
        finally:
            place.passes.discard(task)
        for what, why in report.failures.items():
            if why.startswith("internal"):
                raise Broken(f"{place.name}: pass failed inside at {what}: {why}")
        self.note(f"{place.name} moved {report.moved} failed {len(report.failures)}")

    def note(self, line: str) -> None:
        self.trace.append(f"{asyncio.get_running_loop().time():.3f} {line}")

    # --- what must always hold ------------------------------------------------------------------------------------

    def check(self) -> None:
        """Prefix consistency everywhere; nothing acknowledged lost; no head cosigned that never was."""
        running = [place for place in self.places.values() if place.node is not None]
        for place in running:
            self._check_own(place)
        for place in running:
            self._check_copies(place)
        for origin, index, record_id in self.acknowledged[-64:]:
            if headers.parse(self.truth[origin].entries[index]).record_id != record_id:
                raise Broken(f"entry {index} of {origin} is not what was acknowledged")
        for origin, size, root in self.shown:
            if self.truth[origin].roots[size] != root:
                raise Broken(f"a head of {origin} of size {size} was cosigned that is not of its history")
        self.shown.clear()

    def _check_own(self, place: Place) -> None:
        assert place.node is not None
        if not place.restored:
            self._learn(place, place.node.store)

    def _learn(self, place: Place, store: Store) -> None:
        """What the origin has beyond what is known; it must go on from just that."""
        truth = self.truth[place.origin]

        def read(conn: Connection) -> tuple[LogState, list[bytes], bytes]:
            state = logs.get(conn, place.origin)
            known = len(truth.entries)
            if state.stored_size < known:
                raise Broken(f"{place.name} has lost entries: {state.stored_size} of {known}")
            fresh = logs.entries(conn, state.id, known, state.stored_size)
            return state, fresh, logs.stored_root(conn, state.id, known)

        state, entries, root = store.read_now(read)
        if root != truth.roots[-1]:
            raise Broken(f"{place.name} has another history of its own log")
        if state.frozen:
            raise Broken(f"{place.name} is frozen without a cause: {state.frozen}")
        truth.extend(entries)

    def _check_copies(self, place: Place) -> None:
        def changed(conn: Connection) -> list[tuple[LogState, bytes]]:
            found = []
            for state in logs.all_logs(conn):
                now = (state.stored_size, state.head_size)
                if place.checked.get(state.id) != now:
                    place.checked[state.id] = now
                    found.append((state, logs.stored_root(conn, state.id, state.stored_size)))
            return found

        assert place.node is not None
        for state, root in place.node.store.read_now(changed):
            truth = self.truth[state.origin]
            for what, size, have in (
                ("stores", state.stored_size, root),
                ("has signed", state.head_size, state.head_root),
                ("has witnessed", state.witnessed_size, state.witnessed_root),
            ):
                if size >= len(truth.roots) or truth.roots[size] != have:
                    raise Broken(f"{place.name} {what} a tree of {state.origin} of size {size} that never was")

    def check_receipt(self) -> bool:
        """A receipt of some acknowledged record, from a node that holds it, verifies. Gives whether one was found."""
        if not self.acknowledged:
            return False
        origin, index, _ = self.chance.choice(self.acknowledged)
        running = [place for place in self.places.values() if place.node is not None]
        if not running:
            return False
        place = self.chance.choice(running)
        assert place.node is not None
        policy = place.node.trusted.policy

        def make(conn: Connection) -> bytes:
            state = logs.get(conn, origin)
            return assemble(conn, policy, state.id, index, audiences=("public",), custody=b"")

        try:
            proof = TlogProof.parse(place.node.store.read_now(make))
        except NodeError:
            return False  # not here yet
        try:
            verdict = receipts.verify(proof, policy)
        except NodeError as error:
            if "mirror cosignature" in error.detail:
                return False
            raise Broken(f"a receipt of {place.name} for entry {index} of {origin} does not hold: {error}") from error
        if (verdict.origin, verdict.index) != (origin, index):
            raise Broken("a receipt speaks of another entry")
        return True

    # --- the end --------------------------------------------------------------------------------------------------

    async def heal(self, *, turns: int = 30) -> None:
        """All lines fine, all nodes up: sync until nothing moves, then everything must be the same everywhere."""
        for place in self.places.values():
            place.weather, place.skew_ms = FINE, 0
            if place.node is None:
                await self.boot(place)
        for place in self.places.values():
            await self.recover(place)
            if place.restored:
                raise Broken(f"{place.name} cannot be recovered over a good line")
        for _ in range(turns):
            before = len(self.trace)
            for place in sorted(self.places.values(), key=lambda p: {"hub": 1, "national": 2}.get(p.name, 0)):
                await self.sync(place)
            await asyncio.sleep(61)
            if all(line.endswith("moved 0 failed 0") for line in self.trace[before:]):
                break
        else:
            raise Broken(f"healed nodes do not settle: {self.trace[-len(self.places) :]}")
        self.check()
        self._check_converged()

    def _check_converged(self) -> None:
        for place in self.places.values():
            assert place.node is not None
            sizes, missing, unread, shown = place.node.store.read_now(_summary)
            # A byte spoilt on the line is proven to be wrong, and nobody to have changed it: that is no accusation.
            told = [each for each in place.node.store.read_now(alarms.history) if each.code not in SPOILT]
            proven = [each for each in told if each.severity == "proven"]
            if proven:
                raise Broken(f"{place.name} accuses somebody though nobody lied: {proven}")
            whole = {origin: len(truth.entries) for origin, truth in self.truth.items()}
            # A log in which nothing was ever published need not be known to others.
            if {k: v for k, v in sizes.items() if v} != {k: v for k, v in whole.items() if v}:
                raise Broken(f"{place.name} has not converged: {sizes} of {whole}")
            if missing or unread or shown != sum(whole.values()):
                raise Broken(f"{place.name}: {missing} missing, {unread} in quarantine, {shown} of {whole} shown")


def _file(place: Place) -> str:
    return place.made.settings.database.removeprefix("sqlite:///")


def _put_back(place: Place) -> None:
    assert place.backup is not None
    for leftover in ("-wal", "-shm"):
        Path(f"{_file(place)}{leftover}").unlink(missing_ok=True)
    shutil.copyfile(place.backup, _file(place))
    place.checked.clear()
    place.restored = True


def _mirrored(conn: Connection, origin: str) -> int:
    """How much of a log lies here with all its payloads."""
    state = logs.find(conn, origin)
    return 0 if state is None else min(state.head_size, state.payload_next)


def _summary(conn: Connection) -> tuple[dict[str, int], int, int, int]:
    states = logs.all_logs(conn)
    missing = sum(len(payloads.missing(conn, state.id)) for state in states)
    count = [conn.execute(select(func.count()).select_from(each)).scalar_one() for each in (quarantine, records)]
    return {state.origin: state.head_size for state in states}, missing, count[0], count[1]


def _draft(place: Place, number: int) -> Draft:
    key = f"{place.name}/{number}"
    return Draft(
        "code.division",
        key,
        {"main": Document(key, Division(code=f"{number:06}", name=f"{place.name} {number}"), Source("simulation"))},
        {"number": number},
    )
