"""The files of archived trades (档案): which are on the shelf, until when, and what waits to be archived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, select

from node.domain.calendar import Calendar
from node.domain.engine import possible
from node.domain.retention import FIELD, Retention, retentions
from node.domain.rulebook import Rulebook
from node.errors import Malformed, NotFound
from node.store import loading, search_text
from node.store.tables import table
from node.store.tables_trading import ActView, TradeState

PAGE_SIZE = 50
ARCHIVE = "archive"
_acts, _states = table(ActView), table(TradeState)


@dataclass(frozen=True, slots=True)
class File:
    """One act of archiving of one own trade; `file_no` and `place` are the shelf's."""

    trade: str
    title: str
    category: str
    file_no: str
    place: str
    kept: Retention


@dataclass(frozen=True, slots=True)
class Shelf:
    """A page of `total` trades that have a file, oldest first: what may be disposed of first comes first."""

    files: list[File]
    total: int
    number: int
    size: int = PAGE_SIZE

    @property
    def last(self) -> int:
        return max(1, -(-self.total // self.size))


def shelf(conn: Connection, rules: Rulebook, calendar: Calendar, *, words: str = "", page: int = 1) -> Shelf:
    """Files of own trades; `words` must all be in the trade's title, numbers or parties."""
    archived = select(_acts.c.trade).where(_acts.c.act == ARCHIVE, _acts.c.withdrawn.is_(False))
    which = [_states.c.own.is_(True), _states.c.trade.in_(archived)]
    which += [
        _states.c.search.like(search_text.containing(word), escape=search_text.ESCAPE)
        for word in search_text.words(words)
    ]
    total = conn.execute(select(func.count()).select_from(_states).where(*which)).scalar_one()
    statement = select(_states.c.trade, _states.c.node).where(*which).order_by(_states.c.last_ms, _states.c.trade)
    rows = conn.execute(statement.offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE)).all()
    files = [each for row in rows for each in of_trade(conn, rules, calendar, row.trade, row.node)]
    return Shelf(sorted(files, key=lambda each: (each.kept.from_day or "9999", each.trade)), int(total), page)


def of_trade(conn: Connection, rules: Rulebook, calendar: Calendar, key: str, node: str = "") -> list[File]:
    """The files of one trade; none where it cannot be replayed here."""
    try:
        trade, _ = loading.trade_of(conn, rules, key, node)
    except (Malformed, NotFound):
        return []
    found = []
    for kept in retentions(trade, calendar):
        told = trade.values[kept.seq]
        found.append(File(key, trade.title, trade.category, _text(told.get("file_no")), _text(told.get("place")), kept))
    return found


def waiting(
    conn: Connection, rules: Rulebook, calendar: Calendar, *, now_ms: int, limit: int = 20
) -> list[dict[str, Any]]:
    """Own trades that may be archived now, the longest waiting first, so many of a category; each with the `act`."""
    stages: dict[str, set[str]] = {}
    for package in rules.packages:
        for rule in package.acts:
            if rule.field(FIELD) is not None:
                stages.setdefault(package.category, set()).update(rule.takes)
    found = []
    for category, takes in stages.items():
        which = and_(
            _states.c.own.is_(True),
            _states.c.category == category,
            _states.c.stage.in_(sorted(takes)),
            _states.c.void.is_(False),
            _states.c.fault == "",
        )
        columns = (_states.c.trade, _states.c.node, _states.c.title, _states.c.category, _states.c.last_ms)
        for row in conn.execute(select(*columns).where(which).order_by(_states.c.last_ms).limit(limit)).mappings():
            trade, _ = loading.trade_of(conn, rules, row["trade"], row["node"])
            acts = possible(trade, now_ms=now_ms, calendar=calendar)
            act = next((each for each in acts if each.field(FIELD) is not None), None)
            if act is not None:
                found.append(dict(row) | {"act": act.id})
    return sorted(found, key=lambda row: row["last_ms"])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
