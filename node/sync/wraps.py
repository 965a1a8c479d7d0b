"""Key wraps of sealed sections on their way: up with a log, down with a log, each list checked by itself (DESIGN L23).

A list carries its origin's signature, so whoever brings it is no matter; it is stored only beside a header that commits
to the very ciphertext that it speaks of. A list that cannot be taken is left out and holds up nothing behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from node.errors import NodeError, NotFound
from node.store import cursors, logs, wraps
from node.store.db import Store
from node.sync.peer import Peer
from node.tlog.note import parse_note
from node.trusted import Trusted, audiences_for
from node.wire import header as headers
from node.wire import sealed
from node.wire.trust import TrustPolicy

MAX_TURNS = 1000


@dataclass(frozen=True, slots=True)
class Taken:
    """How many lists were kept, and whether one speaks of an entry that is not here yet."""

    taken: int
    early: bool


def take(conn: Connection, trusted: Trusted, origin: str, notes: Iterable[bytes]) -> Taken:
    """Check lists of wraps of one log and keep those that are good, newer than what is held and for this node."""
    policy, state = trusted.policy, logs.find(conn, origin)
    mine = audiences_for(trusted, trusted.me, origin)
    good, early = [], False
    for note in notes:
        try:
            found = _open(policy, origin, note)
            if state is None or found.index >= state.stored_size:
                early = True
                continue
            header = headers.parse(logs.entry(conn, state.id, found.index))
        except NodeError:
            continue
        ref, place = header.section(found.place.section), found.place
        same = (header.record_id, header.version) == (place.record_id, place.version)
        if ref is not None and same and ref.size_class and ref.commitment == found.commitment and ref.holding in mine:
            good.append((found.index, place.section, ref.holding, found.time_s, note.decode()))
    return Taken(0 if state is None else wraps.put(conn, state.id, good), early)


def _open(policy: TrustPolicy, origin: str, note: bytes) -> sealed.WrapList:
    """A list that the custody key of the origin's node signed while it was in use. Raises what reading it raises."""
    node = policy.node_of_origin(origin)
    said = sealed.parse_list(parse_note(note).text)
    keys = []
    for grant in policy.grants(node=node, use="custody") if node is not None else []:
        ended = policy.retired_at(grant.key)
        if ended is None or said.time_s <= ended:
            keys.append(grant.key)
    found, _ = sealed.open_list(note, keys)
    if found.place.origin != origin:
        raise NotFound("the list is of another log")
    return found


class WrapCarrier:
    """Brings lists of wraps to one peer and from it; remembers how far both have come."""

    def __init__(self, store: Store, peer: Peer, trusted: Trusted) -> None:
        self._store = store
        self._peer = peer
        self._trusted = trusted
        self._up = f"wraps-up:{peer.name}"
        self._down = f"wraps-down:{peer.name}"

    async def push(self, origin: str) -> int:
        """Bring the peer what changed here of one log. A database that is new asks first: its own lists may be there.

        Raises what the network raises.
        """
        moved = 0
        position = await self._store.read(partial(_position, stage=self._up, origin=origin))
        if position is None:
            moved += await self._fetch(origin, 0)
        place = position or 0
        theirs = audiences_for(self._trusted, self._peer.name, origin)
        for _ in range(MAX_TURNS):
            notes, end = await self._store.read(partial(_changes, origin=origin, after=place, holdings=theirs))
            if position is not None and end == place:
                break
            try:
                if notes and await self._peer.put_wraps(origin, notes):
                    break  # entries that the peer lacks: the next pass brings both
            except NotFound:
                break  # a peer of a release that knows no wraps: it gets them once it is upgraded
            moved += len(notes)
            await self._store.write(partial(_move, stage=self._up, origin=origin, to=end))
            position = place = end
        return moved

    async def pull(self, origin: str, newest: int) -> int:
        """Fetch what changed at the peer of one log; `newest` is the place of its newest change, as it says."""
        place = await self._store.read(partial(_position, stage=self._down, origin=origin)) or 0
        # A peer whose count fell has a new database: all of it is asked for again.
        return 0 if newest == place else await self._fetch(origin, place if newest > place else 0)

    async def _fetch(self, origin: str, after: int) -> int:
        moved = 0
        for _ in range(MAX_TURNS):
            try:
                notes, end = await self._peer.wraps(origin, after)
            except NotFound:
                return moved
            took = await self._store.write(partial(take, trusted=self._trusted, origin=origin, notes=notes))
            moved += took.taken
            if took.early:
                return moved
            await self._store.write(partial(_move, stage=self._down, origin=origin, to=end))
            if not notes or end <= after:
                return moved
            after = end
        return moved


def _position(conn: Connection, stage: str, origin: str) -> int | None:
    """Where a stage stands, None when it never ran."""
    held = cursors.get(conn, stage, logs.get(conn, origin).id)
    return held - 1 if held else None


def _move(conn: Connection, stage: str, origin: str, to: int) -> None:
    cursors.move(conn, stage, logs.get(conn, origin).id, to + 1)


def _changes(conn: Connection, origin: str, after: int, holdings: frozenset[str]) -> tuple[Sequence[bytes], int]:
    rows, end = wraps.after(conn, logs.get(conn, origin).id, after, holdings)
    return [row.note.encode() for row in rows], end
