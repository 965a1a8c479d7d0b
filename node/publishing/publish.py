"""Publish records: check, seal into header and payload, append to our own log, sign the head: one transaction.

There is one sequencer a log (DESIGN L5). Callers that come at the same time share a transaction and a signature (group
commit); each gets its own outcomes. Nothing is answered before the commit is durable (L7).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, Row, and_, select

from node.clock import Clock
from node.domain import KINDS
from node.domain.audience import holding
from node.domain.record import Amendment, Document, Draft, Outcome
from node.errors import Frozen, Malformed, NodeError, NotFound, Rejected, StorageFailed
from node.publishing.recall import Place, Recall
from node.publishing.sealing import ListOfWraps, Sealer, StoredList, require_not_erased
from node.store import checkpoints, logs, payloads, wraps
from node.store import issued as index_rows
from node.store.db import Store
from node.store.logs import LogState
from node.store.tables import Issued, table
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import leaf_hash
from node.tlog.note import Ed25519Signer
from node.tlog.suites import Sm2Signer
from node.tlog.tiles import WIDTH, Edge
from node.wire import header as headers
from node.wire import payload as payload_bytes
from node.wire.header import Header, SectionRef
from node.wire.pack import PayloadRow
from node.wire.sealed import SealedPlace

_log = structlog.get_logger(__name__)
issued = table(Issued)
MAX_BATCH = 1024

Item = Draft | Amendment
RandomBytes = Callable[[int], bytes]


class Publisher:
    """The sequencer of this node's own log.

    Args:
        signer: the log's key; its name is the origin.
        added: keys of the suite that sign every head beside it, under the same name (DESIGN L22).
        choose: gives the key of the same name that signs a head of some size, where there are several (L19).
        sealer: seals the sections that a kind calls sealed (L23); without one, a record that has such is rejected.
        guard: awaited before this process first signs: the last moment to find that the database is an old copy (L9),
            or that this node must not publish. When it raises, nothing is published, and it is asked again.
        on_signed: called with the size of each signed head after its commit.
        on_publish: called after each commit that appended something, so that the news travels at once.
    """

    def __init__(
        self,
        store: Store,
        signer: Ed25519Signer,
        clock: Clock,
        *,
        added: Sequence[Sm2Signer] = (),
        choose: Callable[[int], Ed25519Signer] | None = None,
        sealer: Sealer | None = None,
        random: RandomBytes = os.urandom,
        guard: Callable[[], Awaitable[None]] | None = None,
        on_signed: Callable[[int], None] = lambda size: None,
        on_publish: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._signer = signer
        self._added = tuple(added)
        self._choose = choose or (lambda _size: signer)
        self._sealer = sealer
        self._clock = clock
        self._random = random
        self._on_publish = on_publish
        self._on_signed = on_signed
        self._guard = guard
        self._waiting: list[tuple[Sequence[Item], asyncio.Future[list[Outcome]]]] = []
        self._running: asyncio.Task[None] | None = None

    @property
    def origin(self) -> str:
        return self._signer.name

    async def publish(self, items: Sequence[Item]) -> list[Outcome]:
        """Publish records, or new versions of them, in one durable transaction; one outcome for each, in order.

        Raises:
            Frozen: the log must not be signed, see docs/recovery.md.
            StorageFailed: whether these items were published shows after the restart; to say them again does no harm.
            Unavailable: nothing of these items was published.
        """
        answer: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, answer))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        return await answer

    async def open_log(self) -> None:
        """Make our log and sign its empty head when there is none yet."""

        def work(conn: Connection) -> None:
            state = logs.ensure(conn, self.origin, own=True)
            # A frozen log signs nothing, not even that it is empty: it may be waiting for its entries to come back.
            if not state.frozen and checkpoints.text(conn, state.id, state.head_size) is None:
                self._sign(conn, state, [])

        await self._store.write(work)

    async def renew_head(self) -> bool:
        """Sign the head with the key that is now to sign it, where that has not: after a rotation or revocation (L19).

        Says the same of the same tree, so nothing is asked before. Gives whether it signed. Raises Refused when no key
        may sign.
        """

        def work(conn: Connection) -> bool:
            state = logs.find(conn, self.origin)
            if state is None or state.frozen or checkpoints.text(conn, state.id, state.head_size) is None:
                return False
            key = self._choose(state.head_size).verifier
            if checkpoints.line_of(conn, state.id, state.head_size, key.name, key.key_id.hex()) is not None:
                return False
            if state.stored_size != state.head_size:
                return False
            self._sign(conn, state, [])
            return True

        signed = await self._store.write(work)
        if signed:
            self._on_publish()
        return signed

    async def _drain(self) -> None:
        while self._waiting:
            if self._guard is not None:
                try:
                    await self._guard()
                except Exception as error:
                    self._fail(self._waiting, error)
                    self._waiting = []
                    return
                self._guard = None
            taken: list[tuple[Sequence[Item], asyncio.Future[list[Outcome]]]] = []
            count = 0
            while self._waiting and (not taken or count + len(self._waiting[0][0]) <= MAX_BATCH):
                taken.append(self._waiting.pop(0))
                count += len(taken[-1][0])
            together = [item for items, _ in taken for item in items]
            try:
                outcomes = await self._store.write(partial(self._publish, items=together))
            except Exception as error:
                self._fail(taken, error)
                continue
            for items, answer in taken:
                mine, outcomes = outcomes[: len(items)], outcomes[len(items) :]
                if not answer.done():
                    answer.set_result(mine)
                if published := [outcome.index for outcome in mine if outcome.state == "published"]:
                    self._announce(max(index for index in published if index is not None) + 1)

    def _announce(self, size: int) -> None:
        """Tell of a signed head. It is safe without being told of: a full disk here must not keep others waiting."""
        try:
            self._on_signed(size)
        except OSError as error:
            _log.warning("signed_head_not_noted", size=size, error=error.strerror)
        self._on_publish()

    @staticmethod
    def _fail(taken: list[tuple[Sequence[Item], asyncio.Future[list[Outcome]]]], error: Exception) -> None:
        for _, answer in taken:
            if not answer.done():
                answer.set_exception(error)

    def _publish(self, conn: Connection, items: Sequence[Item]) -> list[Outcome]:
        state = logs.ensure(conn, self.origin, own=True)
        if state.frozen:
            raise Frozen(state.frozen)
        batch = _Batch(conn, state, self._clock(), self._random, self._sealer)
        batch.look_up(items)
        outcomes = [batch.take(item) for item in items]
        if batch.entries:
            end = logs.append(conn, state.id, state.stored_size, batch.entries)
            for audience, rows in batch.payloads.items():
                payloads.put_rows(conn, state.id, audience, rows)
            wraps.put(conn, state.id, batch.wraps)
            for n in range(state.stored_size // WIDTH, end // WIDTH):
                payloads.fold(conn, state.id, self.origin, n)
            index_rows.put(conn, batch.issued)
            logs.move_payload_next(conn, state.id, end)
            self._sign(conn, state, batch.entries)
        return outcomes

    def _sign(self, conn: Connection, state: LogState, written: Sequence[bytes]) -> None:
        """Sign the head over what `state` held and what was `written` since, once it reads back so; move it (L7)."""
        size = state.stored_size + len(written)
        try:
            root = _read_back(conn, state, written)
        except (Malformed, NotFound) as error:
            raise StorageFailed(f"entries cannot be read back, nothing was signed: {error.detail}") from error
        text = Checkpoint(self.origin, size, root).text()
        lines = [self._choose(size).sign_note(text), *(signer.sign_note(text) for signer in self._added)]
        checkpoints.put(conn, state.id, size, text, lines)
        logs.move_head(conn, state, size, root)


def _read_back(conn: Connection, state: LogState, written: Sequence[bytes]) -> bytes:
    """The root to sign: over the old tree, which must still be the signed one, and what reads back as it was written.

    Raises StorageFailed when a bit has changed on the way to the disk, or lying there (L8).
    """
    start, size = state.stored_size, state.stored_size + len(written)
    # From the bundle's first entry: those of the tail were just copied into it, and this is now their only place.
    base = start - start % WIDTH
    read = logs.entries(conn, state.id, base, size)
    edge = Edge.from_tiles(logs.tile_reader(conn, state.id), base)
    leaves = [leaf_hash(entry) for entry in read]
    edge.extend(leaves[: start - base])
    old = edge.root() if state.head_size == start else logs.stored_root(conn, state.id, state.head_size)
    if old != state.head_root:
        raise StorageFailed("the stored entries no longer give the root of the signed head; nothing was signed")
    if read[start - base :] != list(written):
        raise StorageFailed("entries read back are not those that were written; nothing was signed")
    edge.extend(leaves[start - base :])
    root = edge.root()
    tiles = b"".join(
        logs.read_tile(conn, state.id, 0, n, min(WIDTH, size - n * WIDTH))
        for n in range(base // WIDTH, -(-size // WIDTH))
    )
    if tiles != b"".join(leaves) or logs.stored_root(conn, state.id, size) != root:
        raise StorageFailed("entries read back do not give the root of the stored tiles; nothing was signed")
    return root


@dataclass
class _Known:
    """The newest version of a record, and every `said` hash it ever had with the place it went to.

    The log may be one of an earlier epoch. `places` are those of all versions; `unsaid` are versions that came back
    from a mirror, of which nobody knows what their source said.
    """

    record_id: bytes
    version: int
    leaf: bytes
    log_id: int
    index: int
    said: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    document: Document[Any] | None = None
    places: dict[int, Place] = field(default_factory=dict)
    unsaid: set[int] = field(default_factory=set)


class _Batch:
    """Items on their way into one transaction: each is judged against the database and the items before it."""

    def __init__(
        self, conn: Connection, state: LogState, now_ms: int, random: RandomBytes, sealer: Sealer | None
    ) -> None:
        self.conn = conn
        self.state = state
        self.now_ms = now_ms
        self.random = random
        self.entries: list[bytes] = []
        self.payloads: dict[str, list[PayloadRow]] = {}
        self.wraps: list[StoredList] = []
        self.issued: list[dict[str, Any]] = []
        self._sealer = sealer
        self._known: dict[bytes, _Known] = {}
        self._recall = Recall(conn)

    def look_up(self, items: Sequence[Item]) -> None:
        """Load what is known of all keys at once. Raises StorageFailed when it is not what was written (L8)."""
        keys = list({_key_hash(item) for item in items})
        for start in range(0, len(keys), 500):
            rows = self.conn.execute(
                select(issued).where(issued.c.key_hash.in_(keys[start : start + 500])).order_by(issued.c.version)
            )
            for row in rows:
                if not index_rows.is_whole(row):
                    raise _index_damaged(row)
                known = self._known.get(row.key_hash)
                if known is None:
                    known = self._known[row.key_hash] = _Known(row.record_id, 0, b"", 0, 0)
                known.version, known.leaf, known.log_id, known.index = row.version, row.leaf, row.log_id, row.idx
                known.places[row.version] = row.log_id, row.idx
                if row.said_hash:
                    known.said.setdefault(row.said_hash, (row.version, row.idx))
                else:
                    known.unsaid.add(row.version)

    def take(self, item: Item) -> Outcome:
        """Append the item, or say why not. A rejected item leaves no trace in the batch."""
        try:
            key_hash, said = _key_hash(item), said_hash(item)
            known = self._known.get(key_hash)
            if known is not None and known.unsaid and said not in known.said:
                self._recall_said(item, key_hash, said, known)
            if known is not None and said in known.said:
                version, index = known.said[said]
                return Outcome("unchanged", known.record_id, version, index)
            sections = self._sections(item, known)
            header, rows, lists = self._seal(item.kind, sections, known)
            entry = headers.encode(header)
        except Rejected as error:
            return Outcome("rejected", error=error)
        except (Malformed, msgspec.ValidationError) as error:
            detail = error.detail if isinstance(error, NodeError) else str(error)
            where = error.field if isinstance(error, NodeError) else None
            return Outcome("rejected", error=Rejected(detail, field=where))
        index = self.state.stored_size + len(self.entries)
        leaf = leaf_hash(entry)
        self.entries.append(entry)
        self.wraps += [listed(index, commitment) for listed, commitment in lists]
        for audience, row in rows:
            self.payloads.setdefault(audience, []).append(PayloadRow(index, row.section, row.salt, row.payload))
        now = known or _Known(header.record_id, 0, b"", 0, 0)
        now.version, now.leaf, now.log_id, now.index = header.version, leaf, self.state.id, index
        now.said[said] = (header.version, index)
        now.places[header.version] = self.state.id, index
        now.document = sections["main"]
        self._known[key_hash] = now
        self.issued.append(
            {
                "key_hash": key_hash,
                "version": header.version,
                "said_hash": said,
                "record_id": header.record_id,
                "leaf": leaf,
                "log_id": self.state.id,
                "idx": index,
            }
        )
        return Outcome("published", header.record_id, header.version, index)

    def _recall_said(self, item: Item, key_hash: bytes, said: bytes, known: _Known) -> None:
        """Find the version that this very item made before the index was lost, and remember what was said."""
        for version in sorted(known.unsaid):
            place = known.places[version]
            if self._recall.same(item, place, known.places.get(version - 1)):
                which = and_(issued.c.key_hash == key_hash, issued.c.version == version)
                index_rows.set_said(self.conn, which, said)
                known.unsaid.discard(version)
                known.said[said] = (version, place[1])
                return

    def _sections(self, item: Item, known: _Known | None) -> dict[str, Any]:
        kind = KINDS.get(item.kind)
        if kind is None:
            raise Rejected(f"record kind {item.kind} is not known to this version", field="kind")
        if isinstance(item, Amendment):
            sections = {**item.sections, "main": item.apply(self._current(item, known))}
        else:
            sections = dict(item.sections)
        unknown = set(sections) - set(kind.sections)
        if unknown or "main" not in sections:
            raise Rejected(f"a {item.kind} has the sections {', '.join(kind.sections)}", field="sections")
        if known is not None and kind.sealed & set(sections):
            require_not_erased(self.conn, known.record_id, kind.sealed & set(sections))
        return sections

    def _current(self, item: Amendment, known: _Known | None) -> Document[Any] | None:
        if known is None:
            return None
        if known.document is None:
            held = payloads.get(self.conn, known.log_id, known.index, "main")
            if held is None:
                raise Rejected("the version that this changes is no longer held here", field="key")
            known.document = msgspec.msgpack.decode(held[1], type=KINDS[item.kind].sections["main"][0])
        return known.document

    def _seal(
        self, kind_name: str, sections: dict[str, Any], known: _Known | None
    ) -> tuple[Header, list[tuple[str, PayloadRow]], list[tuple[ListOfWraps, bytes]]]:
        kind = KINDS[kind_name]
        refs: list[SectionRef] = []
        rows: list[tuple[str, PayloadRow]] = []
        lists: list[tuple[ListOfWraps, bytes]] = []
        record_id = uuid7(self.now_ms, self.random) if known is None else known.record_id
        version = 1 if known is None else known.version + 1
        for name in sorted(sections, key=lambda section: (section != "main", section)):
            audience, size_class = kind.sections[name][1], 0
            data = payload_bytes.encode(sections[name])
            listed: ListOfWraps | None = None
            if name in kind.sealed:
                if self._sealer is None:
                    raise Rejected(f"the section {name} can be published sealed only", field=name)
                place = SealedPlace(self.state.origin, record_id, version, name)
                data, size_class, listed = self._sealer.seal(data, place, audience, self.random)
            salt = self.random(payload_bytes.SALT_BYTES)
            commitment = payload_bytes.commitment(salt, data)
            refs.append(SectionRef(name, audience, commitment, size_class))
            rows.append((holding(audience, size_class), PayloadRow(0, name, salt, data)))
            if listed is not None:
                lists.append((listed, commitment))
        header = Header(
            kind=kind_name,
            schema=kind.schema,
            record_id=record_id,
            version=version,
            prev_leaf=None if known is None else known.leaf,
            claimed_ms=self.now_ms,
            audience="public",
            sections=tuple(refs),
        )
        return header, rows, lists


def _index_damaged(row: Row[Any]) -> StorageFailed:
    return StorageFailed(
        f"the index of issued records is damaged at version {row.version} of entry {row.idx}; nothing was signed",
        zh="发布索引损坏，未签名",
        advice_zh="请停止服务，检查磁盘，运行 ggzy fsck；再用 ggzy recover --fresh 重建，见 docs/recovery.md。",
        advice_en="Stop the service, check the disk, run ggzy fsck; ggzy recover --fresh makes the index anew, "
        "see docs/recovery.md.",
    )


def _key_hash(item: Item) -> bytes:
    # A key with half a surrogate pair is looked up like any other; sealing its document rejects it.
    return hashlib.sha256(f"{item.kind}\n{item.key}".encode("utf-8", "surrogatepass")).digest()


def said_hash(item: Item) -> bytes:
    """SHA-256 of what the source said, in canonical bytes: equal for a repeat. Raises Rejected."""
    try:
        data = msgspec.msgpack.encode(dict(item.said), order="sorted")
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Rejected(f"what the source said is not plain data: {error}", field="said") from None
    return hashlib.sha256(data).digest()


def uuid7(now_ms: int, random: RandomBytes) -> bytes:
    """A UUID of version 7 (RFC 9562 §5.7): 48 bits of UTC milliseconds, the rest random."""
    noise = bytearray(random(10))
    noise[0] = 0x70 | (noise[0] & 0x0F)
    noise[2] = 0x80 | (noise[2] & 0x3F)
    return now_ms.to_bytes(6, "big") + bytes(noise)
