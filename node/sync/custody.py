"""Keep payloads in custody: check them against headers, store them, list what is missing, sign for them (L13, L14).

A payload is addressed by (origin, index, section) and checked by its commitment. One lost payload never stops the
receipts of those after it: it becomes a `missing` line of the custody note, until it is found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from node.clock import Clock
from node.errors import BadProof, Conflict, Malformed, NotAllowed, TooLarge
from node.keyring import Keyring
from node.store import logs, payloads
from node.store.db import Store
from node.store.logs import LogState
from node.sync.refused import ForgedPayload
from node.tlog.note import Note
from node.tlog.tiles import WIDTH
from node.trusted import Trusted, audiences_for
from node.wire import header as headers
from node.wire import pack as packs
from node.wire import payload as payload_bytes
from node.wire.custody import Custody
from node.wire.header import Header
from node.wire.pack import Pack

MAX_MISSING_LISTED = 10_000


@dataclass(frozen=True, slots=True)
class PayloadState:
    """Where a log's payloads stand here: accounted up to `next`; `missing` (index, section) of those before it."""

    next: int
    missing: tuple[tuple[int, str], ...]


class Custodian:
    """Takes in payloads of other nodes' logs, and signs for them. One for each node."""

    def __init__(self, store: Store, keys: Keyring, trusted: Trusted, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._trusted = trusted
        self._clock = clock

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
        mine = self.audiences(origin)
        given = list(bodies)
        # Before anything is inflated: the packs of one call together are no more than one pack may be.
        if sum(packs.stated_size(data) for data in given) > packs.MAX_PACK_BYTES:
            raise TooLarge(
                f"the payloads of one call are more than {packs.MAX_PACK_BYTES} bytes; bring fewer at a time"
            )

        def open_all() -> list[tuple[bytes, Pack]]:
            return [(data, packs.parse(data)) for data in given]

        opened = await asyncio.to_thread(open_all)
        for _, pack in opened:
            if pack.origin != origin or not (start <= pack.start and pack.end <= end):
                raise Malformed("a pack is of another log or another range")
            if pack.audience not in mine:
                raise NotAllowed(f"this node may not hold payloads for the audience {pack.audience}", field="audience")
        return await self._store.write(lambda conn: _store_payloads(conn, origin, start, end, opened, mine))

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


def due_sections(
    entries: Sequence[bytes], first: int, mine: frozenset[str]
) -> dict[tuple[int, str], tuple[str, bytes]]:
    """(index, section) -> (holding, commitment) of each section that a holder of `mine` should have.

    An entry that is no header of ours (L15: a mirror stores any bytes) owes nothing.
    """
    due: dict[tuple[int, str], tuple[str, bytes]] = {}
    for offset, entry in enumerate(entries):
        header = _header(entry)
        for section in header.sections if header else ():
            if section.holding in mine:
                due[first + offset, section.name] = (section.holding, section.commitment)
    return due


def _header(entry: bytes) -> Header | None:
    try:
        return headers.parse(entry)
    except Malformed:
        return None


def _store_payloads(
    conn: Connection,
    origin: str,
    start: int,
    end: int,
    opened: Sequence[tuple[bytes, Pack]],
    mine: frozenset[str],
) -> PayloadState:
    state = logs.get(conn, origin)
    if not start < end <= state.stored_size or start > state.payload_next:
        raise Conflict("the payloads do not follow what is held", size=min(state.payload_next, state.stored_size))
    by_bundle: dict[int, list[tuple[bytes, Pack]]] = {}
    for data, pack in opened:
        by_bundle.setdefault(pack.start // WIDTH, []).append((data, pack))
    for n in range(start // WIDTH, (end - 1) // WIDTH + 1):
        low, high = max(start, n * WIDTH), min(end, (n + 1) * WIDTH)
        due = due_sections(logs.entries(conn, state.id, low, high), low, mine)
        # Checked like the rest, but not due: the store takes nothing that was erased by law (L23).
        erased = payloads.erased_in(conn, state.id, low, high)
        given: set[tuple[int, str]] = set()
        for data, pack in by_bundle.get(n, ()):
            given |= _store_pack(conn, state, n, data, pack, due)
        if payloads.missing(conn, state.id, low, high, 1):
            payloads.found(conn, state.id, given)
        lacking = set(due) - given - erased
        if lacking:
            lacking -= set(payloads.read_range(conn, state.id, low, high))
        payloads.mark_missing(conn, state.id, sorted(lacking))
        if high == (n + 1) * WIDTH:
            payloads.fold(conn, state.id, origin, n)
    logs.move_payload_next(conn, state.id, end)
    return _payload_state(conn, origin)


def _store_pack(
    conn: Connection,
    state: LogState,
    n: int,
    data: bytes,
    pack: Pack,
    due: dict[tuple[int, str], tuple[str, bytes]],
) -> set[tuple[int, str]]:
    given: set[tuple[int, str]] = set()
    if not pack.rows:
        return given  # kept, it would pass for the pack of an audience that nothing was brought for
    for row in pack.rows:
        audience, commitment = due.get((row.index, row.section), ("", b""))
        if audience != pack.audience:
            raise BadProof(f"entry {row.index} has no section {row.section} for the audience {pack.audience}")
        try:
            payload_bytes.check(row.salt, row.payload, commitment)
        except BadProof as error:
            raise ForgedPayload(
                error.detail,
                index=row.index,
                section=row.section,
                holding=audience,
                salt=row.salt,
                payload=row.payload,
            ) from None
        given.add((row.index, row.section))
    owed = sum(1 for audience, _ in due.values() if audience == pack.audience)
    if (pack.start, pack.end) == (n * WIDTH, (n + 1) * WIDTH) and owed == len(pack.rows):
        payloads.put_pack(conn, state.id, n, pack.audience, data)  # sealed ones and erased ones are its care
    else:
        payloads.put_rows(conn, state.id, pack.audience, pack.rows)
    return given


def _payload_state(conn: Connection, origin: str) -> PayloadState:
    state = logs.get(conn, origin)
    return PayloadState(state.payload_next, tuple(payloads.missing(conn, state.id)))
