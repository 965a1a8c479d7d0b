"""Publish records: check, seal into header and payload, append to our own log, sign the head: one transaction.

There is one sequencer a log (DESIGN L5). Callers that come at the same time share a transaction and a signature (group
commit); each gets its own outcomes. Nothing is answered before the commit is durable (L7).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from sqlalchemy import Connection

from node.clock import Clock
from node.domain.record import Outcome
from node.errors import Frozen, Malformed, NotFound, StorageFailed
from node.publishing.batch import Batch, Item, RandomBytes
from node.publishing.sealing import Sealer
from node.store import checkpoints, logs, payloads, wraps
from node.store import issued as index_rows
from node.store.db import Store
from node.store.logs import LogState
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import leaf_hash
from node.tlog.note import Ed25519Signer
from node.tlog.suites import Sm2Signer
from node.tlog.tiles import WIDTH, Edge

_log = structlog.get_logger(__name__)
MAX_BATCH = 1024


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
        batch = Batch(conn, state, self._clock(), self._random, self._sealer)
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
