"""Publish records: check, seal into header and payload, append to our own log, sign the head: one transaction.

There is one sequencer a log (DESIGN L5). Callers that come at the same time share a transaction and a signature (group
commit); each gets its own outcomes, and who is next `queue.py` says. Nothing is answered before the commit is durable
(L7), and nothing is signed that was not read back (L8, `readback.py`).
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
from node.errors import Frozen
from node.publishing.batch import Batch, Item, RandomBytes
from node.publishing.queue import Call, Turn, Waiting
from node.publishing.readback import read_back
from node.publishing.sealing import Sealer
from node.store import checkpoints, logs, payloads, wraps
from node.store import issued as index_rows
from node.store.db import Store, lane_of
from node.store.lease import hold_sequencer
from node.store.logs import LogState
from node.tlog.checkpoint import Checkpoint
from node.tlog.note import Ed25519Signer
from node.tlog.suites import Sm2Signer
from node.tlog.tiles import WIDTH

_log = structlog.get_logger(__name__)


class Publisher:
    """The sequencer of this node's own log.

    Args:
        signer: the log's key; its name is the origin.
        added: keys of the suite that sign every head beside it, under the same name (DESIGN L22).
        choose: gives the key of the same name that signs a head of some size, where there are several (L19).
        sealer: seals the sections that a kind calls sealed (L23); without one, a record that has such is rejected.
        role: this node's role, which says what kinds it may publish (`node.domain.powers`); empty for all of them.
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
        role: str = "",
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
        self._role = role
        self._clock = clock
        self._random = random
        self._on_publish = on_publish
        self._on_signed = on_signed
        self._guard = guard
        self._waiting = Waiting()
        self._running: asyncio.Task[None] | None = None

    @property
    def origin(self) -> str:
        return self._signer.name

    async def publish(self, items: Sequence[Item]) -> list[Outcome]:
        """Publish records, or new versions of them, durably; one outcome for each, in order.

        Up to `queue.SLICE` items are one transaction. More are published in slices of that size, between which others
        have their turn: when one fails, those before it stay published, and to say all of them again does no harm.

        Raises:
            Overloaded: too much waits to be published already; nothing of these items was taken.
            Frozen: the log must not be signed, see docs/recovery.md.
            StorageFailed: whether these items were published shows after the restart; to say them again does no harm.
            Unavailable: nothing of these items was published, or of more than a slice the first ones.
        """
        call = Call(items, asyncio.get_running_loop().create_future())
        self._waiting.add(call)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        return await call.answer

    async def open_log(self) -> None:
        """Make our log and sign its empty head when there is none yet."""

        def work(conn: Connection) -> None:
            hold_sequencer(conn, self.origin)
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
            hold_sequencer(conn, self.origin)
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
                    self._waiting.fail_all(error)
                    return
                self._guard = None
            turn = self._waiting.next()
            try:
                outcomes = await self._store.write(partial(self._publish, items=turn.items), lane_of(self.origin))
            except Exception as error:
                self._waiting.fail(turn, error)
                continue
            # Answers reach their callers only after this: by then the size is noted, and nothing here keeps them back.
            self._settle(turn, outcomes)
            self._announce(outcomes)

    def _announce(self, outcomes: Sequence[Outcome]) -> None:
        """Tell of a signed head. It is safe without being told of: a full disk here must not keep others waiting."""
        size = max(
            (each.index + 1 for each in outcomes if each.state == "published" and each.index is not None), default=0
        )
        if not size:
            return
        try:
            self._on_signed(size)
        except OSError as error:
            _log.warning("signed_head_not_noted", size=size, error=error.strerror)
        self._on_publish()

    def _settle(self, turn: Turn, outcomes: Sequence[Outcome]) -> None:
        done = 0
        for call, part in turn.parts:
            self._waiting.settle(call, outcomes[done : done + len(part)])
            done += len(part)

    def _publish(self, conn: Connection, items: Sequence[Item]) -> list[Outcome]:
        hold_sequencer(conn, self.origin)
        state = logs.ensure(conn, self.origin, own=True)
        if state.frozen:
            raise Frozen(state.frozen)
        batch = Batch(conn, state, self._clock(), self._random, self._sealer, self._role)
        batch.look_up(items)
        outcomes = [batch.take(item) for item in items]
        if batch.entries:
            end = logs.append(conn, state.id, state.stored_size, batch.entries)
            for audience, rows in batch.payloads.items():
                payloads.put_rows(conn, state.id, audience, rows)
            if batch.wraps:
                wraps.put(conn, state.id, batch.wraps)
            for n in range(state.stored_size // WIDTH, end // WIDTH):
                payloads.fold(conn, state.id, self.origin, n)
            index_rows.put(conn, batch.issued)
            logs.move_payload_next(conn, state.id, end)
            self._sign(conn, state, batch.entries)
        return outcomes

    def _sign(self, conn: Connection, state: LogState, written: Sequence[bytes]) -> None:
        """Sign the head over what `state` held and what was `written` since, once it reads back so; move it (L7)."""
        size, root = state.stored_size + len(written), read_back(conn, state, written)
        text = Checkpoint(self.origin, size, root).text()
        lines = [self._choose(size).sign_note(text), *(signer.sign_note(text) for signer in self._added)]
        checkpoints.put(conn, state.id, size, text, lines)
        logs.move_head(conn, state, size, root)
