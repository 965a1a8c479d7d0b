"""Keep payloads in custody: check them against headers, store them, list what is missing, sign for them (L13, L14).

A payload is addressed by (origin, index, section) and checked by its commitment. One lost payload never stops the
receipts of those after it: it becomes a `missing` line of the custody note, until it is found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
from sqlalchemy import Connection

from node.clock import Clock
from node.errors import BadProof, Conflict, Malformed, NodeError, NotAllowed, TooLarge
from node.keyring import Keyring
from node.store import logs, payloads
from node.store.db import Store, lane_of
from node.store.logs import LogState
from node.sync.refused import ForgedPayload
from node.sync.verifying import Verifier
from node.tlog.note import Note
from node.tlog.tiles import WIDTH
from node.trusted import Trusted, audiences_for
from node.wire import pack as packs
from node.wire.brought import Brought, Entries, OfBundle, Refusal
from node.wire.custody import Custody

MAX_MISSING_LISTED = 10_000
TURN_S = 0.5
"""So long a call waits for the one before it, which may have been sent first and be read second."""
_ERRORS: dict[str, type[NodeError]] = {each.code: each for each in (BadProof, Malformed, NotAllowed, TooLarge)}


@dataclass(frozen=True, slots=True)
class PayloadState:
    """Where a log's payloads stand here: accounted up to `next`; `missing` (index, section) of those before it."""

    next: int
    missing: tuple[tuple[int, str], ...]


class Custodian:
    """Takes in payloads of other nodes' logs, and signs for them. One for each node.

    `verifier` holds them against their headers.
    """

    def __init__(
        self, store: Store, keys: Keyring, trusted: Trusted, clock: Clock, verifier: Verifier | None = None
    ) -> None:
        self._store = store
        self._keys = keys
        self._trusted = trusted
        self._clock = clock
        self._verifier = verifier or Verifier()
        self._coming: dict[tuple[str, int], asyncio.Future[None]] = {}
        self._changed = asyncio.Event()

    def audiences(self, origin: str) -> frozenset[str]:
        """The audiences whose payloads this node may hold of that origin."""
        return audiences_for(self._trusted, self._trusted.me, origin)

    async def add_payloads(self, origin: str, start: int, end: int, bodies: Iterable[bytes]) -> PayloadState:
        """Check payloads of `[start, end)` against their headers and store them; what is due and absent is listed.

        Raises:
            BadProof: a payload is not what its header commits to; nothing of this call is stored.
            NotAllowed: a pack is for an audience that this node does not belong to.
            TooLarge: the packs would inflate to more than one call may bring.
            Conflict: `start` leaves a gap, or `end` is beyond the entries; `.size` is where to go on.
        """
        brought = partial(Brought, origin, start, end, self.audiences(origin), packs=list(bodies))
        # A sender need not wait for one call before the next: that is looked at meanwhile, and stored after it.
        mine = self._begin(origin, end)
        try:
            before, entries = await self._entries(origin, start, end)
            question = brought(entries=entries)
            found = await asyncio.to_thread(self._verifier.check, question)
            if found.refusal is not None:
                raise _error(found.refusal)
            if before is not None:
                await asyncio.shield(before)
            work = partial(_store_payloads, brought=question, found=found.bundles)
            return await self._store.write(work, lane_of(origin))
        finally:
            mine.set_result(None)
            if self._coming.get((origin, end)) is mine:
                del self._coming[origin, end]

    def _begin(self, origin: str, end: int) -> asyncio.Future[None]:
        """Say that payloads up to `end` are coming; done once they are in, or are not."""
        mine = self._coming[origin, end] = asyncio.get_running_loop().create_future()
        self._changed.set()
        self._changed = asyncio.Event()
        return mine

    async def _entries(self, origin: str, start: int, end: int) -> tuple[asyncio.Future[None] | None, list[Entries]]:
        """The call that brings what comes before `start`, while it is under way, and the entries of `[start, end)`.

        Of two calls that were sent one after the other the second may be read first; it is given a moment.
        """
        until = asyncio.get_running_loop().time() + TURN_S
        while True:
            before, changed = self._coming.get((origin, start)), self._changed
            # Checked before the transaction: entries that are stored never change, and hashing would keep others out.
            read = partial(_entries, origin=origin, start=start, end=end, follows=before is not None)
            try:
                return before, await self._store.read(read)
            except Conflict as conflict:
                if conflict.size >= start:
                    raise
                try:
                    async with asyncio.timeout_at(until):
                        await changed.wait()
                except TimeoutError:
                    raise conflict from None

    async def payload_state(self, origin: str) -> PayloadState:
        return await self._store.read(lambda conn: _payload_state(conn, origin))

    async def custody(self, origin: str) -> Note:
        """A fresh custody note over all payloads accounted for in the mirrored tree. Raises NotFound."""

        def work(conn: Connection) -> Custody:
            state = logs.get(conn, origin)
            end = min(state.payload_next, state.head_size)
            missing = tuple(payloads.missing(conn, state.id, 0, end, MAX_MISSING_LISTED))
            # A note may only speak of what it can list.
            if len(missing) == MAX_MISSING_LISTED:
                end = missing[-1][0]
                missing = tuple(place for place in missing if place[0] < end)
            return Custody(origin, state.head_size, state.head_root, self._clock() // 1000, 0, end, missing)

        text = (await self._store.read(work)).text()
        return Note(text, (self._keys.custody.sign_note(text),))


def _entries(conn: Connection, origin: str, start: int, end: int, *, follows: bool) -> list[Entries]:
    """`follows` says that what is brought goes on from what is being taken in just now."""
    state = logs.get(conn, origin)
    _require_next(state, 0 if follows else start, start, end)
    return [Entries(*each) for each in logs.framed(conn, state.id, start, end)]


def _require_next(state: LogState, from_: int, start: int, end: int) -> None:
    if not start < end <= state.stored_size or from_ > state.payload_next:
        raise Conflict("the payloads do not follow what is held", size=min(state.payload_next, state.stored_size))


def _error(refusal: Refusal) -> NodeError:
    forged = refusal.forged
    if forged is not None:
        return ForgedPayload(refusal.detail, **msgspec.structs.asdict(forged))
    return _ERRORS[refusal.code](refusal.detail, field=refusal.field)


def _store_payloads(conn: Connection, brought: Brought, found: Sequence[OfBundle]) -> PayloadState:
    start, end, given = brought.start, brought.end, brought.packs
    state = logs.get(conn, brought.origin)
    _require_next(state, start, start, end)
    # What was erased by law is checked like the rest, but it is not due, and the store takes nothing of it (L23).
    erased = payloads.erased_in(conn, state.id, start, end)
    loose = payloads.has_rows(conn, state.id, start, end)
    was_missing = bool(payloads.missing(conn, state.id, start, end, 1))
    whole = [(each.n, audience, given[number]) for each in found for audience, number in each.whole]
    payloads.put_packs(conn, state.id, whole, loose=loose)
    for each in found:
        low, high = max(start, each.n * WIDTH), min(end, (each.n + 1) * WIDTH)
        others = [packs.parse(given[number]) for number in each.others]
        for pack in others:
            payloads.put_rows(conn, state.id, pack.audience, pack.rows)
        if was_missing:
            others += [packs.parse(given[number]) for _, number in each.whole]
            payloads.found(conn, state.id, [(row.index, row.section) for pack in others for row in pack.rows])
        lacking = set(each.lacking) - erased
        if lacking:
            lacking -= set(payloads.read_range(conn, state.id, low, high))
            payloads.mark_missing(conn, state.id, sorted(lacking))
        if high == (each.n + 1) * WIDTH and (loose or each.others):
            payloads.fold(conn, state.id, brought.origin, each.n)
    logs.move_payload_next(conn, state.id, end)
    return _payload_state(conn, brought.origin)


def _payload_state(conn: Connection, origin: str) -> PayloadState:
    state = logs.get(conn, origin)
    return PayloadState(state.payload_next, tuple(payloads.missing(conn, state.id)))
