"""The register of trades, what is owed today, and counts for a board: read from `trade_state` and `trade_due`.

Every function runs inside the caller's snapshot and does bounded work. Whether something is late is a question of the
moment at which it is asked (`now_ms`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, select

from node.domain.engine import Trade
from node.domain.rulebook import Rulebook
from node.store import loading, search_text
from node.store.loading import Recorded
from node.store.tables import Log, RecordView, table
from node.store.tables_trading import ActView, TradeDue, TradeState
from node.store.view_counts import COUNT_CAP, capped
from node.trading import sites

PAGE_SIZE = 20
MAX_TODO = 500
Row = dict[str, Any]

_states = table(TradeState)
_dues = table(TradeDue)
_acts = table(ActView)
_log = table(Log)
_records = table(RecordView)
_FAR_MS = 2**62


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for; empty fields ask for nothing.

    `words` must all be in a trade's title, numbers or parties. `division` is a code of two to six digits, all below it
    too. `node` is whose, `own` asks for those of this node. `site` is a venue's number, 0 for trades without one.
    `state` is open, ended, late, void or fault. `order` is `last` (newest act first), `due` (what is due next first) or
    `first` (newest registration first).
    """

    words: str = ""
    category: str = ""
    stage: str = ""
    division: str = ""
    node: str = ""
    own: bool = False
    state: str = ""
    order: str = "last"
    page: int = 1
    site: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of `total` rows, pages counting from 1; with `more` there are more than are counted."""

    rows: list[Row]
    total: int
    number: int
    more: bool = False
    size: int = PAGE_SIZE

    @property
    def last(self) -> int:
        return max(1, -(-self.total // self.size))


@dataclass(frozen=True, slots=True)
class Board:
    """Counts: of trades by category and stage, and of what is owed.

    `stages` maps (category, stage) to (trades, of which something is late). `owed` and `late` count what is owed by
    clocks, `soon` what falls due within the horizon that was asked for.
    """

    trades: int = 0
    open: int = 0
    ended: int = 0
    void: int = 0
    faults: int = 0
    owed: int = 0
    late: int = 0
    soon: int = 0
    stages: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    disclosures: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    """disclosure kind -> (owed, late, done, done late)"""


def trade_of(conn: Connection, rules: Rulebook, key: str, node: str = "") -> tuple[Trade, list[Recorded]]:
    """Any node's trade and its records; see `loading.trade_of`."""
    return loading.trade_of(conn, rules, key, node)


def state_of(conn: Connection, key: str, node: str = "") -> Row:
    """One row of the register. Raises NotFound."""
    which = and_(_states.c.trade == key, _states.c.node == node if node else _states.c.trade == key)
    row = conn.execute(select(_states).where(which).order_by(_states.c.own.desc(), _states.c.first_ms)).mappings()
    found = row.first()
    if found is None:
        raise loading.not_found(key)
    return _state(dict(found))


def register(conn: Connection, query: Query, *, now_ms: int) -> Page:
    """One page of trades; each row has `late`, how much is late now, and `stages` as a map of lot and stage."""
    which = _which(query, now_ms)
    total, more = capped(conn, _states, which)
    offset = (max(1, query.page) - 1) * PAGE_SIZE
    if offset >= COUNT_CAP:
        return Page([], total, query.page, more)
    late = _late_of(now_ms).label("late")
    statement = select(_states, late).where(which).order_by(*_order(query.order)).offset(offset).limit(PAGE_SIZE)
    return Page([_state(dict(row)) for row in conn.execute(statement).mappings()], total, query.page, more)


def todo(
    conn: Connection,
    *,
    now_ms: int,
    own: bool = True,
    category: str = "",
    acts: Sequence[str] = (),
    trade: str = "",
    site: int | None = None,
    limit: int = MAX_TODO,
) -> list[Row]:
    """What is owed, late first, then by time left; what has no day yet comes last.

    Each row is one of `trade_due` with its trade's `title`, `category`, `stage` and `project_code`, `late` and
    `left_ms` (negative when late, None without a day).
    """
    same = and_(_states.c.trade == _dues.c.trade, _states.c.node == _dues.c.node)
    which = [_dues.c.state == "owed"]
    which += [_dues.c.own.is_(True)] if own else []
    which += [_states.c.category == category] if category else []
    which += [_dues.c.act.in_(acts)] if acts else []
    which += [_dues.c.trade == trade] if trade else []
    which += [sites.held_at(site, _dues.c.trade)] if site is not None else []
    more = (_states.c.title, _states.c.category, _states.c.stage, _states.c.project_code, _states.c.rules)
    statement = select(_dues, *more).join(_states, same).where(*which)
    by_due = (func.coalesce(_dues.c.due_ms, _FAR_MS), _dues.c.trade, _dues.c.n)
    found = []
    for row in conn.execute(statement.order_by(*by_due).limit(min(limit, MAX_TODO))).mappings():
        left = None if row["due_ms"] is None else row["due_ms"] - now_ms
        found.append(dict(row) | {"lots": lots_of(row["lots"]), "left_ms": left, "late": left is not None and left < 0})
    return found


def dues(conn: Connection, key: str, node: str, *, now_ms: int) -> list[Row]:
    """All clocks of one trade, as `todo` gives them, those that are done too."""
    which = and_(_dues.c.trade == key, _dues.c.node == node)
    found = []
    for row in conn.execute(select(_dues).where(which).order_by(_dues.c.n)).mappings():
        left = None if row["due_ms"] is None or row["state"] != "owed" else row["due_ms"] - now_ms
        found.append(dict(row) | {"lots": lots_of(row["lots"]), "left_ms": left, "late": left is not None and left < 0})
    return found


def acts_of(conn: Connection, key: str, node: str) -> list[Row]:
    """The acts of a trade in the order of their numbers, withdrawn ones too; each with its record's id and leaf."""
    same = and_(_records.c.log_id == _acts.c.log_id, _records.c.idx == _acts.c.idx)
    more = (_log.c.origin, _records.c.version, _records.c.leaf, _records.c.claimed_ms)
    statement = (
        select(_acts, *more)
        .join(_log, _log.c.id == _acts.c.log_id)
        .join(_records, same)
        .where(_acts.c.trade == key)
        .order_by(_acts.c.seq, _acts.c.log_id, _acts.c.idx)
    )
    rows = [dict(row) for row in conn.execute(statement).mappings()]
    return [row | {"lots": lots_of(row["lots"])} for row in rows if loading.node_of(row["origin"]) == node]


def board(conn: Connection, *, now_ms: int, own: bool = True, soon_ms: int = 3 * 86_400_000) -> Board:
    """Counts over all trades of this node, or of all nodes."""
    mine = [_states.c.own.is_(True)] if own else []
    late = case((_has_late(now_ms), 1), else_=0)
    per_stage = (
        select(
            _states.c.category,
            _states.c.stage,
            func.count().label("number"),
            func.sum(late).label("late"),
            func.sum(case((_states.c.ended.is_(True), 1), else_=0)).label("ended"),
            func.sum(case((_states.c.void.is_(True), 1), else_=0)).label("void"),
            func.sum(case((_states.c.fault != "", 1), else_=0)).label("faults"),
        )
        .where(*mine)
        .group_by(_states.c.category, _states.c.stage)
    )
    rows = conn.execute(per_stage).all()
    trades = sum(row.number for row in rows)
    ended, void = sum(int(row.ended) for row in rows), sum(int(row.void) for row in rows)
    kinds = _by_disclosure(conn, now_ms, own, soon_ms)
    shown = {kind: counts[:4] for kind, counts in kinds.items() if kind}
    return Board(
        trades=trades,
        open=trades - ended - void,
        ended=ended,
        void=void,
        faults=sum(int(row.faults) for row in rows),
        owed=sum(counts[0] for counts in kinds.values()),
        late=sum(counts[1] for counts in kinds.values()),
        soon=sum(counts[4] for counts in kinds.values()),
        stages={(row.category, row.stage): (row.number, int(row.late)) for row in rows},
        disclosures=shown,
    )


def find_by_code(conn: Connection, code: str) -> list[Row]:
    """Trades with this project code, own ones first."""
    statement = select(_states).where(_states.c.project_code == code).order_by(_states.c.own.desc(), _states.c.first_ms)
    return [_state(dict(row)) for row in conn.execute(statement.limit(PAGE_SIZE)).mappings()]


def lots_of(text: str) -> list[str]:
    """The lots as `act_view` and `trade_due` keep them; an empty list is the whole trade.

    >>> lots_of("1\\n2"), lots_of("")
    (['1', '2'], [])
    """
    return text.split("\n") if text else []


def _by_disclosure(conn: Connection, now_ms: int, own: bool, soon_ms: int) -> dict[str, tuple[int, int, int, int, int]]:
    owed = _dues.c.state == "owed"
    due = func.coalesce(_dues.c.due_ms, _FAR_MS)

    def count(which: ColumnElement[bool]) -> Any:
        return func.sum(case((which, 1), else_=0))

    statement = (
        select(
            _dues.c.disclosure,
            count(owed),
            count(and_(owed, due < now_ms)),
            count(_dues.c.state == "done"),
            count(_dues.c.state == "done-late"),
            count(and_(owed, due >= now_ms, due < now_ms + soon_ms)),
        )
        .where(*([_dues.c.own.is_(True)] if own else []))
        .group_by(_dues.c.disclosure)
    )
    return {
        row[0]: (int(row[1]), int(row[2]), int(row[3]), int(row[4]), int(row[5])) for row in conn.execute(statement)
    }


def _which(query: Query, now_ms: int) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [_states.c.trade != ""]
    for word in search_text.words(query.words):
        parts.append(_states.c.search.like(search_text.containing(word), escape=search_text.ESCAPE))
    for name in ("category", "stage", "node"):
        if value := getattr(query, name):
            parts.append(_states.c[name] == value)
    if query.division:
        parts.append(_states.c.division.like(search_text.beginning(query.division), escape=search_text.ESCAPE))
    if query.own:
        parts.append(_states.c.own.is_(True))
    if query.site is not None:
        parts.append(sites.held_at(query.site, _states.c.trade))
    if query.state == "late":
        parts.append(_has_late(now_ms))
    elif query.state in ("ended", "void"):
        parts.append(_states.c[query.state].is_(True))
    elif query.state == "open":
        parts += [_states.c.ended.is_(False), _states.c.void.is_(False)]
    elif query.state == "fault":
        parts.append(_states.c.fault != "")
    return and_(*parts)


def _order(order: str) -> tuple[Any, ...]:
    if order == "due":
        return func.coalesce(_states.c.next_due_ms, _FAR_MS), _states.c.trade
    newest = _states.c.first_ms if order == "first" else _states.c.last_ms
    return newest.desc(), _states.c.trade.desc()


def _late_where(now_ms: int) -> ColumnElement[bool]:
    same = and_(_dues.c.trade == _states.c.trade, _dues.c.node == _states.c.node)
    return and_(same, _dues.c.state == "owed", _dues.c.due_ms < now_ms)


def _has_late(now_ms: int) -> ColumnElement[bool]:
    # `next_due_ms` alone decides it for most rows without a look into the other table.
    return and_(_states.c.next_due_ms < now_ms, exists().where(_late_where(now_ms)))


def _late_of(now_ms: int) -> Any:
    return select(func.count()).select_from(_dues).where(_late_where(now_ms)).scalar_subquery()


def _state(row: Row) -> Row:
    row["stages"] = msgspec.json.decode(row["stages"])
    return row
