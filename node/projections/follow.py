"""The projection stage: entries after the cursor become rows, and the cursor moves in the same transaction.

It reads each log up to `payload_next`: what lies beyond still waits for its payloads. A payload that comes late is
found by its quarantine row and projected again. Of a log that the trust policy has closed nothing beyond its closed
head counts, and the log that goes on from it waits until that head is reached: so a record's versions come in order.

Taking in goes first: after each batch's worth of entries it waits for a moment without uploads, `WAIT_S` at most. Under
a storm the read tables still advance by about a batch a second.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, and_, select

from node.clock import Clock, utc_ms
from node.errors import NotFound
from node.projections import erasures, run
from node.projections.erasures import Eraser
from node.projections.reading import NOBODY, Issuer
from node.store import cursors, logs, payloads
from node.store.db import READ_TABLES, Store
from node.store.logs import LogState
from node.store.tables import Quarantine, table
from node.trusted import Trusted, audiences_for
from node.wire.trust import Closure

STAGE = "project"
BATCH = 512
WAIT_S = 1.0
STEP_COST = 32
"""What a transaction costs beside its entries, in entries: news from many logs make many small ones."""
_quarantine = table(Quarantine)
_VERSION_FACT = "view_version"
_CLOSED_FACT = "view_closed"
GENERATION_FACT = "view_generation"


Calm = Callable[[float], Awaitable[None]]
"""Waits until nothing more urgent is under way, at most so many seconds."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One log in its lineage: the ids of all its logs that are here, oldest first, and where this one was closed.

    `before` are (id or None where it is not here, closed size) of the logs that it goes on from.
    """

    log_id: int
    origin: str
    lineage: tuple[int, ...]
    closed: int | None
    before: tuple[tuple[int | None, int], ...]

    def most(self, state: LogState) -> int:
        """Up to where the read tables may come in it."""
        return state.payload_next if self.closed is None else min(state.payload_next, self.closed)

    def waits(self, conn: Connection) -> bool:
        """Whether a log before this one is not yet projected up to its closed head."""
        return any(
            size > 0 and (log_id is None or cursors.get(conn, STAGE, log_id) < size) for log_id, size in self.before
        )


class Projector:
    """Keeps the read tables level with the logs. Running it again is harmless."""

    def __init__(
        self, store: Store, trusted: Trusted, clock: Clock = utc_ms, *, calm: Calm = lambda most_s: asyncio.sleep(0)
    ) -> None:
        self._store = store
        self._trusted = trusted
        self._calm = calm
        self._spent = BATCH
        self._eraser = Eraser(store, trusted, clock)

    async def run(self, *, progress: Callable[[int], None] = lambda moved: None) -> int:
        """Project everything new; gives how many entries. A new version of the views starts over by itself."""
        if await self._store.read(partial(cursors.fact, name=_VERSION_FACT)) != str(run.VIEW_VERSION):
            await self._store.write(_start_over)
        await self._heed_closures()
        moved = 0
        families = await self._store.read(self._families)
        # Most logs have nothing new: found out by reading, so that the writer is left to those who have.
        for family in await self._store.read(partial(_with_work, families=families)):
            for line in family:
                moved += await self._follow(line, progress)
        await self._erase(families)
        return moved

    async def _step(self, step: Callable[[Connection], int]) -> int:
        """One transaction of a batch at most, when it is its turn."""
        if self._spent >= BATCH:
            await self._calm(WAIT_S)
            self._spent = 0
        done = await self._store.write(step, READ_TABLES, snapshot=True)
        self._spent += done + STEP_COST
        return done

    async def _erase(self, families: Sequence[Sequence[_Line]]) -> int:
        """Heed orders to erase, and show what was erased as erased (DESIGN L23)."""
        lines = {line.log_id: line for family in families for line in family}

        def show_again(conn: Connection, log_id: int, indexes: set[int]) -> None:
            line, done = lines.get(log_id), cursors.get(conn, STAGE, log_id)
            if line is not None:
                state, mine = logs.by_id(conn, log_id), audiences_for(self._trusted, self._trusted.me, line.origin)
                for index in sorted(index for index in indexes if index < done):
                    items = _items(conn, state, index, index + 1, mine)
                    run.project_batch(conn, log_id, items, line.lineage, self._issuer(line.origin))

        return await self._eraser.run(show_again)

    async def _follow(self, line: _Line, progress: Callable[[int], None]) -> int:
        """Project what is new of one log; gives how many entries."""
        mine, issuer = audiences_for(self._trusted, self._trusted.me, line.origin), self._issuer(line.origin)
        moved = 0
        while done := await self._step(partial(_step, line=line, mine=mine, issuer=issuer)):
            moved += done
            progress(done)
        return moved + await self._step(partial(_late, line=line, mine=mine, issuer=issuer))

    def replay(self, conn: Connection, into: Connection) -> Iterator[tuple[LogState, int, int]]:
        """Project again, into the empty read tables of `into`, all that those of `conn` must show now.

        Gives each log, up to where the read tables have come in it, and up to where they may: they must not be beyond.
        Nothing at all when the next run starts over.
        """
        known = cursors.fact(conn, _VERSION_FACT), cursors.fact(conn, _CLOSED_FACT)
        if known != (str(run.VIEW_VERSION), self._closures()):
            return
        for family in self._families(conn):
            for line in family:
                state, done = logs.by_id(conn, line.log_id), cursors.get(conn, STAGE, line.log_id)
                mine = audiences_for(self._trusted, self._trusted.me, line.origin)
                most, waiting = line.most(state), _waiting(conn, line.log_id)
                for start in range(0, min(done, most), BATCH):
                    items = _items(conn, state, start, min(start + BATCH, done, most), mine)
                    # Content that has come since is shown with the next run.
                    shown = [(item[0], item[1], None, *item[3:]) if item[0] in waiting else item for item in items]
                    run.project_batch(into, line.log_id, shown, line.lineage, self._issuer(line.origin))
                yield state, done, most

    def _issuer(self, origin: str) -> Issuer:
        """Whose log this is, and the role by which that node may issue what it does; empty without a policy."""
        try:
            policy = self._trusted.policy
        except NotFound:
            return NOBODY
        node = policy.node_of_origin(origin)
        member = None if node is None else policy.member(node)
        return NOBODY if member is None else Issuer(member.name, member.role)

    def _closures(self) -> str | None:
        """The closures of the trust policy as one text; None without a policy."""
        try:
            return "\n".join(sorted(each.line() for each in self._trusted.policy.closed))
        except NotFound:
            return None

    def _families(self, conn: Connection) -> list[list[_Line]]:
        """All logs here, those that go on from one another together and in their order."""
        held = {state.origin: state for state in logs.all_logs(conn)}
        families: list[list[_Line]] = []
        done: set[str] = set()
        for origin in held:
            if origin in done:
                continue
            lineage = self._lineage(origin)
            done |= {name for name, _ in lineage}
            ids = tuple(held[name].id for name, _ in lineage if name in held)
            before: list[tuple[int | None, int]] = []
            family = []
            for name, closed in lineage:
                state = held.get(name)
                if state is not None:
                    family.append(_Line(state.id, name, ids, closed, tuple(before)))
                before.append((None if state is None else state.id, closed or 0))
            families.append(family)
        return families

    def _lineage(self, origin: str) -> tuple[tuple[str, int | None], ...]:
        try:
            return self._trusted.policy.lineage(origin)
        except NotFound:
            return ((origin, None),)  # no policy yet: nothing was closed

    async def _heed_closures(self) -> None:
        """Start over when a closure that is new to the read tables changes what they must show."""
        now = self._closures()
        if now is not None and await self._store.read(partial(cursors.fact, name=_CLOSED_FACT)) != now:
            await self._store.write(partial(_take_closures, closed=self._trusted.policy.closed, now=now))

    async def rebuild(self, *, progress: Callable[[int], None] = lambda moved: None) -> int:
        """Empty the read tables and make them anew from the logs."""
        await self._store.write(_start_over)
        return await self.run(progress=progress)


def take_up(conn: Connection) -> None:
    """Say that the read tables are of this version, whatever they hold."""
    cursors.set_fact(conn, _VERSION_FACT, str(run.VIEW_VERSION))


def _start_over(conn: Connection) -> None:
    run.clear(conn)
    erasures.start_over(conn)
    cursors.reset(conn, STAGE)
    take_up(conn)
    # A feed's place from before means nothing in tables made anew.
    cursors.set_fact(conn, GENERATION_FACT, os.urandom(4).hex())


def _take_closures(conn: Connection, closed: Sequence[Closure], now: str) -> None:
    for each in closed:
        ended, following = logs.find(conn, each.origin), logs.find(conn, each.successor)
        beyond = ended is not None and cursors.get(conn, STAGE, ended.id) > each.size
        early = following is not None and cursors.get(conn, STAGE, following.id) > 0
        told = each.line() in (cursors.fact(conn, _CLOSED_FACT) or "").split("\n")
        if not told and (beyond or early):
            _start_over(conn)
            break
    cursors.set_fact(conn, _CLOSED_FACT, now)


def _with_work(conn: Connection, families: Sequence[Sequence[_Line]]) -> list[Sequence[_Line]]:
    return [family for family in families if any(_has_work(conn, line) for line in family)]


def _has_work(conn: Connection, line: _Line) -> bool:
    """Whether a log has entries that are not projected, or payloads have come that some of them waited for."""
    new = cursors.get(conn, STAGE, line.log_id) < line.most(logs.by_id(conn, line.log_id))
    return new or bool(_come(conn, line.log_id))


def _step(conn: Connection, line: _Line, mine: frozenset[str], issuer: Issuer) -> int:
    state = logs.by_id(conn, line.log_id)
    start = cursors.get(conn, STAGE, line.log_id)
    end = min(start + BATCH, line.most(state))
    if start >= end or line.waits(conn):
        return 0
    run.project_batch(conn, line.log_id, _items(conn, state, start, end, mine), line.lineage, issuer)
    cursors.move(conn, STAGE, line.log_id, end)
    return end - start


def _late(conn: Connection, line: _Line, mine: frozenset[str], issuer: Issuer) -> int:
    """Project again what waited for a payload that has come since."""
    log_id = line.log_id
    state = logs.by_id(conn, log_id)
    come = _come(conn, log_id)
    for index in come:
        run.project_batch(conn, log_id, _items(conn, state, index, index + 1, mine), line.lineage, issuer)
    return len(come)


def _come(conn: Connection, log_id: int) -> list[int]:
    """Indexes of what was shown without its content, which has come since."""
    return [index for index in _waiting(conn, log_id) if payloads.get(conn, log_id, index, "main") is not None]


def _waiting(conn: Connection, log_id: int) -> frozenset[int]:
    """Indexes of what is shown without its content, which had not come."""
    of = and_(_quarantine.c.log_id == log_id, _quarantine.c.code == "payload-missing")
    return frozenset(conn.execute(select(_quarantine.c.idx).where(of)).scalars())


def _items(conn: Connection, state: LogState, start: int, end: int, mine: frozenset[str]) -> list[run.Item]:
    held = payloads.read_range(conn, state.id, start, end)
    erased = payloads.erased_in(conn, state.id, start, end)
    items: list[run.Item] = []
    for offset, entry in enumerate(logs.entries(conn, state.id, start, end)):
        row = held.get((start + offset, "main"))
        payload = None if row is None else row.payload
        gone = (start + offset, "main") in erased
        items.append((start + offset, entry, payload, mine, gone))
    return items
