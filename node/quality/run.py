"""The stage that keeps the board fresh: new versions of records after the cursor, days that pass, signatures that come.

Its cursor is `record_view.seq`, as that of `node.trading.refresh`: a crash loses nothing. Where the read tables were
made anew, or the rules, the yardstick or this code judge otherwise than before, everything is judged again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select

from node.clock import Clock
from node.domain.calendar import day_of
from node.errors import NotFound
from node.quality import above, acts, imported
from node.quality.items import clear, items
from node.quality.yardstick import Yardstick
from node.rules import Rules
from node.store import cursors, logs
from node.store.db import READ_TABLES, Store
from node.store.tables import RecordView, table
from node.trusted import Trusted

QUALITY_VERSION = 1
"""Rises when the same records would be judged otherwise."""
BATCH = 256
_OF_FACT, _SEQ_FACT = "quality_of", "quality_seq"
_GENERATION_FACT = "view_generation"  # of `node.projections.follow`: tables made anew count from 1 again
_PROJECT = "project"  # its cursor: up to where the items of a log are all there
_records = table(RecordView)
Calm = Callable[[float], Awaitable[None]]
"""Waits until nothing more urgent is under way, at most so many seconds."""


class Quality:
    """Judges what is new. Running it again is harmless."""

    def __init__(
        self,
        store: Store,
        rules: Rules,
        trusted: Trusted,
        yardstick: Yardstick,
        clock: Clock,
        *,
        calm: Calm = lambda most_s: asyncio.sleep(0),
    ) -> None:
        self._store = store
        self._rules = rules
        self._trusted = trusted
        self._yardstick = yardstick
        self._clock = clock
        self._calm = calm
        self._one = asyncio.Lock()

    async def run(self) -> int:
        """Bring the board up to date; gives how many versions were judged."""
        async with self._one:
            if await self._store.read(self._is_other):
                await self._store.write(self._start_over, READ_TABLES)
            ready = await self._store.read(_projected)
            moved = await self._all(self._is_newer, self._step)
            await self._all(self._has_passed, self._pass_days)
            await self._all(partial(self._is_signed, ready=ready), partial(self._follow, ready=ready))
            return moved

    async def rebuild(self) -> int:
        """Judge everything again."""
        await self._store.write(self._start_over, READ_TABLES)
        return await self.run()

    async def _all(self, waits: Callable[[Connection], bool], step: Callable[[Connection], int]) -> int:
        """Do the step as long as something waits for it: most wakes bring nothing, and a write keeps others waiting."""
        total = 0
        while await self._store.read(waits) and (done := await self._store.write(step, READ_TABLES)):
            total += done
            await self._calm(1.0)
        return total

    def _is_other(self, conn: Connection) -> bool:
        return cursors.fact(conn, _OF_FACT) != self._of(conn)

    def _of(self, conn: Connection) -> str:
        """What the items are made of beside the records."""
        generation = cursors.fact(conn, _GENERATION_FACT) or ""
        return f"{QUALITY_VERSION} {generation} {self._rules.stamp} {self._yardstick.stamp}"

    def _start_over(self, conn: Connection) -> None:
        clear(conn)
        above.start_over(conn)
        cursors.set_fact(conn, _SEQ_FACT, "0")
        cursors.set_fact(conn, _OF_FACT, self._of(conn))

    def _today(self) -> str:
        return day_of(self._clock())

    def _is_newer(self, conn: Connection) -> bool:
        return conn.execute(select(_records.c.seq).where(_newer(conn)).limit(1)).first() is not None

    def _step(self, conn: Connection) -> int:
        """One batch of new versions."""
        found = conn.execute(select(_records).where(_newer(conn)).order_by(_records.c.seq).limit(BATCH)).mappings()
        rows: list[dict[str, Any]] = [dict(row) for row in found]
        if not rows:
            return 0
        imported.take(conn, [row for row in rows if row["kind"] in imported.KINDS], self._yardstick, self._today())
        trades = acts.touched(conn, [row for row in rows if row["kind"] in acts.KINDS])
        acts.take(conn, trades, self._rules, self._yardstick, self._clock())
        cursors.set_fact(conn, _SEQ_FACT, str(rows[-1]["seq"]))
        return len(rows)

    def _has_passed(self, conn: Connection) -> bool:
        return conn.execute(select(items.c.log_id).where(_passed(self._today())).limit(1)).first() is not None

    def _pass_days(self, conn: Connection) -> int:
        """What was to have happened by a day that has passed since: notices without a result, clocks of trades."""
        today = self._today()
        found = conn.execute(select(items).where(_passed(today)).order_by(items.c.due_day).limit(BATCH)).mappings()
        rows: list[dict[str, Any]] = [dict(row) for row in found]
        imported.judge_links(conn, [row for row in rows if row["sort"] == "imported"], today)
        trades = {row["trade"] for row in rows if row["sort"] == "trade"}
        acts.take(conn, trades, self._rules, self._yardstick, self._clock())
        return len(rows)

    def _is_signed(self, conn: Connection, ready: dict[int, int]) -> bool:
        found = ((log, self._above(log.origin.rpartition("/")[0])) for log in logs.all_logs(conn))
        return any(above.is_behind(conn, log, nodes, ready.get(log.id, 0)) for log, nodes in found)

    def _follow(self, conn: Connection, ready: dict[int, int]) -> int:
        done = 0
        for log in logs.all_logs(conn):
            nodes = self._above(log.origin.rpartition("/")[0])
            done += above.follow(conn, log, nodes, ready.get(log.id, 0), BATCH)
            if done >= BATCH:
                break
        return done

    def _above(self, node: str) -> dict[str, str]:
        """The nodes above a node, nearest first, by the lag that they are for."""
        try:
            path = self._trusted.policy.path_up(node)
        except NotFound:
            return {}
        return dict(zip(("hub_lag", "top_lag"), path, strict=False))


def _newer(conn: Connection) -> ColumnElement[bool]:
    """Versions after the cursor."""
    before = int(cursors.fact(conn, _SEQ_FACT) or "0")
    return and_(_records.c.kind.in_((*imported.KINDS, *acts.KINDS)), _records.c.seq > before)


def _passed(today: str) -> ColumnElement[bool]:
    """Items whose day is over."""
    return and_(items.c.due_day > "", items.c.due_day < today)


def _projected(conn: Connection) -> dict[int, int]:
    return {log.id: cursors.get(conn, _PROJECT, log.id) for log in logs.all_logs(conn)}
