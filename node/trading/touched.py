"""Which trades a change of the rules would touch, as this node knows them: what a draft of rules is shown with."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select

from node.store.tables import table
from node.store.tables_trading import TradeDue, TradeState

_states, _dues = table(TradeState), table(TradeDue)


@dataclass(frozen=True, slots=True)
class Running:
    """Trades of one node that have not ended, under one version of a package."""

    node: str
    rules: str
    trades: int


def running(conn: Connection, category: str = "") -> list[Running]:
    """Trades that have not ended, by node and version; of one category, or of all."""
    which = and_(_states.c.ended.is_(False), _states.c.void.is_(False), _states.c.rules != "")
    if category:
        which = and_(which, _states.c.category == category)
    names = (_states.c.node, _states.c.rules)
    rows = conn.execute(select(*names, func.count().label("trades")).where(which).group_by(*names).order_by(*names))
    return [Running(row.node, row.rules, row.trades) for row in rows]


def due_between(conn: Connection, first_ms: int, last_ms: int) -> tuple[int, int]:
    """How many clocks that still run end in a time, and of how many trades."""
    which = and_(_dues.c.state == "owed", _dues.c.due_ms >= first_ms, _dues.c.due_ms <= last_ms)
    clocks, trades = conn.execute(select(func.count(), func.count(_dues.c.trade.distinct())).where(which)).one()
    return int(clocks), int(trades)
