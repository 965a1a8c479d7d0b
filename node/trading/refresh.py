"""`trade_state`, `trade_due` and `trade_party` kept level with the acts that the projection has shown (`act_view`).

New versions of acts are found by `record_view.seq`, which rises in the order in which they came here. A crash loses
nothing: the next run reads on from its cursor. Where the read tables were made anew, or the rules have changed, all
trades are replayed again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, and_, delete, select, tuple_

from node.clock import Clock
from node.domain.promises import REFUND, REGISTER
from node.rules import Rules
from node.store import cursors, loading
from node.store.bulk import insert_many
from node.store.db import READ_TABLES, Store
from node.store.tables import Log, RecordView, table
from node.store.tables_trading import ActView, TradeDue, TradeParty, TradeState
from node.trading import deposits, services
from node.trading.standing import Standing, standing

KINDS = ("trade.act", "trade.step")
BATCH = 200
STATE_VERSION = 3
"""Rises when the same acts would give other rows."""
_OF_FACT = "trade_state_of"
_SEQ_FACT = "trade_state_seq"
_GENERATION_FACT = "view_generation"  # of `node.projections.follow`: tables made anew count from 1 again
_records = table(RecordView)
_acts = table(ActView)
_states = table(TradeState)
_dues = table(TradeDue)
_parties = table(TradeParty)
_log = table(Log)


@dataclass(frozen=True, slots=True)
class _Step:
    """What one batch found: the trades as they stand, and where the cursor was and goes."""

    before: str
    after: str
    trades: Sequence[str]
    found: Sequence[Standing]


class Refresher:
    """Replays trades that have new acts. Running it again is harmless."""

    def __init__(self, store: Store, rules: Rules, clock: Clock, node: str) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self._node = node
        self._one = asyncio.Lock()

    async def run(self) -> int:
        """Bring the tables up to date; gives how many trades were replayed."""
        async with self._one:
            done = 0
            while True:
                if await self._store.read(partial(cursors.fact, name=_OF_FACT)) != await self._store.read(self._of):
                    await self._store.write(self._start_over, READ_TABLES)
                step = await self._store.read(self._next)
                if step is None:
                    return done
                # Another process may have come so far meanwhile: then its rows stand, and this one reads again.
                if await self._store.write(partial(self._write, step=step), READ_TABLES):
                    done += len(step.trades)

    async def rebuild(self) -> int:
        """Replay all trades again."""
        await self._store.write(self._start_over, READ_TABLES)
        return await self.run()

    def _of(self, conn: Connection) -> str:
        """What the rows are made of beside the acts."""
        return f"{STATE_VERSION} {cursors.fact(conn, _GENERATION_FACT) or ''} {self._rules.stamp}"

    def _start_over(self, conn: Connection) -> None:
        for each in (_states, _dues, _parties):
            conn.execute(delete(each))
        cursors.set_fact(conn, _SEQ_FACT, "0")
        cursors.set_fact(conn, _OF_FACT, self._of(conn))

    def _next(self, conn: Connection) -> _Step | None:
        before = cursors.fact(conn, _SEQ_FACT) or "0"
        newer = and_(_records.c.kind.in_(KINDS), _records.c.seq > int(before))
        columns = (_records.c.seq, _records.c.log_id, _records.c.record_id, _records.c.content)
        rows = conn.execute(select(*columns).where(newer).order_by(_records.c.seq).limit(BATCH)).all()
        if not rows:
            return None
        shown = _trades_of(conn, {(row.log_id, row.record_id) for row in rows})
        keys = set(shown.values())
        # Of an act that was erased by law it is no longer known whose it was: all trades of its log are done again.
        for log_id in {row.log_id for row in rows if row.content == "erased"}:
            keys |= _trades_in(conn, log_id)
        found = [each for key in sorted(keys) for each in self._stand(conn, key)]
        return _Step(before, str(rows[-1].seq), sorted(keys), found)

    def _stand(self, conn: Connection, key: str) -> list[Standing]:
        found = []
        for node in loading.holders(conn, key):
            acts = loading.recorded(conn, key, node)
            if acts:
                own = node == self._node
                found.append(standing(key, node, own, acts, self._rules.book, self._rules.calendar, self._clock()))
        return found

    def _write(self, conn: Connection, step: _Step) -> bool:
        if not _written(conn, step):
            return False
        for one in step.found:
            if one.state["own"] and one.trade is not None:
                days, promised = self._rules.calendar, self._rules.promises
                deposits.refresh(conn, one.trade, now_ms=self._clock(), calendar=days, promise=promised.get(REFUND))
                services.of_registration(conn, one.trade, promised.get(REGISTER), days)
        return True


def _trades_of(conn: Connection, places: set[tuple[int, bytes]]) -> dict[tuple[int, bytes], str]:
    rows = conn.execute(
        select(_acts.c.log_id, _acts.c.record_id, _acts.c.trade).where(
            tuple_(_acts.c.log_id, _acts.c.record_id).in_(sorted(places))
        )
    )
    return {(row.log_id, row.record_id): row.trade for row in rows}


def _trades_in(conn: Connection, log_id: int) -> set[str]:
    """The trades of a log that are shown now, and those of its node that were."""
    now = set(conn.execute(select(_acts.c.trade).where(_acts.c.log_id == log_id).distinct()).scalars())
    origin = conn.execute(select(_log.c.origin).where(_log.c.id == log_id)).scalar_one()
    of = _states.c.node == loading.node_of(origin)
    return now | set(conn.execute(select(_states.c.trade).where(of)).scalars())


def _written(conn: Connection, step: _Step) -> bool:
    if (cursors.fact(conn, _SEQ_FACT) or "0") != step.before:
        return False
    for each in (_states, _dues, _parties):
        conn.execute(delete(each).where(each.c.trade.in_(step.trades)))
    states = [one.state for one in step.found]
    dues = [due for one in step.found for due in one.dues]
    named = [row for one in step.found for row in one.parties]
    for into, rows in ((_states, states), (_dues, dues), (_parties, named)):
        if rows:
            names = list(rows[0])
            insert_many(conn, into, names, [tuple(row[name] for name in names) for row in rows], ignore=False)
    cursors.set_fact(conn, _SEQ_FACT, step.after)
    return True
