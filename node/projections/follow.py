"""The projection stage: entries after the cursor become rows, and the cursor moves in the same transaction.

It reads each log up to `payload_next`: what lies beyond still waits for its payloads. A payload that comes late is
found by its quarantine row and projected again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection, and_, select

from node.errors import Malformed
from node.projections import run
from node.store import cursors, logs, payloads
from node.store.db import Store
from node.store.logs import LogState
from node.store.tables import Quarantine, table
from node.trusted import Trusted, audiences_for
from node.wire import header as headers

STAGE = "project"
BATCH = 512
_quarantine = table(Quarantine)
_VERSION_FACT = "view_version"
GENERATION_FACT = "view_generation"


class Projector:
    """Keeps the read tables level with the logs. Running it again is harmless."""

    def __init__(self, store: Store, trusted: Trusted) -> None:
        self._store = store
        self._trusted = trusted

    async def run(self, *, progress: Callable[[int], None] = lambda moved: None) -> int:
        """Project everything new; gives how many entries. A new version of the views starts over by itself."""
        if await self._store.read(partial(cursors.fact, name=_VERSION_FACT)) != str(run.VIEW_VERSION):
            await self._store.write(_start_over)
        moved = 0
        for state in await self._store.read(logs.all_logs):
            mine = audiences_for(self._trusted, self._trusted.me, state.origin)
            while done := await self._store.write(partial(_step, log_id=state.id, mine=mine)):
                moved += done
                progress(done)
            moved += await self._store.write(partial(_late, log_id=state.id, mine=mine))
        return moved

    async def rebuild(self, *, progress: Callable[[int], None] = lambda moved: None) -> int:
        """Empty the read tables and make them anew from the logs."""
        await self._store.write(_start_over)
        return await self.run(progress=progress)


def _start_over(conn: Connection) -> None:
    run.clear(conn)
    cursors.reset(conn, STAGE)
    cursors.set_fact(conn, _VERSION_FACT, str(run.VIEW_VERSION))
    # A feed's place from before means nothing in tables made anew.
    cursors.set_fact(conn, GENERATION_FACT, os.urandom(4).hex())


def _step(conn: Connection, log_id: int, mine: frozenset[str]) -> int:
    state = logs.by_id(conn, log_id)
    start = cursors.get(conn, STAGE, log_id)
    end = min(start + BATCH, state.payload_next)
    if start >= end:
        return 0
    run.project_batch(conn, log_id, _items(conn, state, start, end, mine))
    cursors.move(conn, STAGE, log_id, end)
    return end - start


def _late(conn: Connection, log_id: int, mine: frozenset[str]) -> int:
    """Project again what waited for a payload that has come since."""
    waiting = conn.execute(
        select(_quarantine.c.idx).where(and_(_quarantine.c.log_id == log_id, _quarantine.c.code == "payload-missing"))
    ).scalars()
    state = logs.by_id(conn, log_id)
    come = [index for index in waiting if payloads.get(conn, log_id, index, "main") is not None]
    for index in come:
        run.project_batch(conn, log_id, _items(conn, state, index, index + 1, mine))
    return len(come)


def _items(conn: Connection, state: LogState, start: int, end: int, mine: frozenset[str]) -> list[run.Item]:
    held = payloads.read_range(conn, state.id, start, end)
    items: list[run.Item] = []
    for offset, entry in enumerate(logs.entries(conn, state.id, start, end)):
        row = held.get((start + offset, "main"))
        items.append((start + offset, entry, None if row is None else row.payload, _may_have(entry, mine)))
    return items


def _may_have(entry: bytes, mine: frozenset[str]) -> bool:
    try:
        main = headers.parse(entry).section("main")
    except Malformed:
        return True
    return main is None or main.audience in mine
