"""Searching the read tables: trades, credit, market parties and code tables, by page and as a stream.

Every function takes a connection and runs inside the caller's snapshot. A page is found by offset, which is why pages
end at `MAX_OFFSET`; an export goes on from the last row it gave, so that it holds no transaction between two pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, or_, select, tuple_

from node.store import search_text
from node.store.tables import CodeView, CreditView, EntityView, Log, RecordView, TradeView, table

PAGE_SIZE = 20
MAX_OFFSET = 100_000
Row = dict[str, Any]
Place = tuple[str, int, int]
"""Where an export goes on: date, log and index of the last row."""

_log = table(Log)
_records = table(RecordView)
_trades = table(TradeView)
_credit = table(CreditView)
_entities = table(EntityView)
_codes = table(CodeView)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of `total` rows; pages count from 1."""

    rows: list[Row]
    total: int
    number: int
    size: int = PAGE_SIZE

    @property
    def last(self) -> int:
        """Number of the last page that can be asked for."""
        return max(1, min(-(-self.total // self.size), MAX_OFFSET // self.size))


@dataclass(frozen=True, slots=True)
class TradeQuery:
    """What to look for; empty fields ask for nothing. Sums are fen, days ISO dates, both bounds belong to the range.

    `division` is a code of two to six digits (all below it too) or a part of a place's name. `order` is `date` or
    `amount`, both falling.
    """

    words: str = ""
    category: str = ""
    kind: str = ""
    division: str = ""
    from_date: str = ""
    to_date: str = ""
    min_fen: int | None = None
    max_fen: int | None = None
    origin: str = ""
    order: str = "date"
    page: int = 1


@dataclass(frozen=True, slots=True)
class CreditQuery:
    """`sort` is score, behaviour or blacklist; `grade` is a grade, or 良好 or 不良 for behaviours."""

    words: str = ""
    sort: str = ""
    grade: str = ""
    origin: str = ""
    page: int = 1


def search_trades(conn: Connection, query: TradeQuery) -> Page:
    which = _trade_filter(query)
    falling = [_trades.c.published_on.desc(), _trades.c.log_id.desc(), _trades.c.idx.desc()]
    if query.order == "amount":
        falling.insert(0, func.coalesce(_trades.c.amount_fen, -1).desc())
    return _page(conn, _trades, which, falling, query.page)


def search_credit(conn: Connection, query: CreditQuery) -> Page:
    which = _credit_filter(query)
    falling = [_credit.c.starts_on.desc(), _credit.c.log_id.desc(), _credit.c.idx.desc()]
    return _page(conn, _credit, which, falling, query.page)


def trades_after(
    conn: Connection, query: TradeQuery, place: Place | None, limit: int
) -> tuple[list[Row], Place | None]:
    """The next rows of an export, newest first, and where to go on; None when these are the last."""
    return _piece(conn, _trades, _trades.c.published_on, _trade_filter(query), place, limit)


def credit_after(
    conn: Connection, query: CreditQuery, place: Place | None, limit: int
) -> tuple[list[Row], Place | None]:
    """As `trades_after`."""
    return _piece(conn, _credit, _credit.c.starts_on, _credit_filter(query), place, limit)


def entities_after(conn: Connection, words: str, place: Place | None, limit: int) -> tuple[list[Row], Place | None]:
    """As `trades_after`, by the date of registration."""
    return _piece(conn, _entities, _entities.c.registered_on, _entity_filter(words), place, limit)


def codes_after(
    conn: Connection, name: str, words: str, place: Place | None, limit: int
) -> tuple[list[Row], Place | None]:
    """As `trades_after`, by code."""
    return _piece(conn, _codes, _codes.c.code, _code_filter(name, words), place, limit)


def count_entities(conn: Connection, words: str) -> int:
    return _count(conn, _entities, _entity_filter(words))


def count_codes(conn: Connection, name: str, words: str) -> int:
    return _count(conn, _codes, _code_filter(name, words))


def count_trades(conn: Connection, query: TradeQuery) -> int:
    return _count(conn, _trades, _trade_filter(query))


def count_credit(conn: Connection, query: CreditQuery) -> int:
    return _count(conn, _credit, _credit_filter(query))


def latest_trades(conn: Connection, kinds: Sequence[str], until: str, limit: int) -> list[Row]:
    """The newest rows of these kinds that are not dated after `until`, so that a wrong date cannot stay on top."""
    which = and_(_trades.c.kind.in_(kinds), _trades.c.published_on <= until)
    falling = [_trades.c.published_on.desc(), _trades.c.log_id.desc(), _trades.c.idx.desc()]
    return _rows(conn, _with_place(_trades).where(which).order_by(*falling).limit(limit))


def search_entities(conn: Connection, words: str, page: int) -> Page:
    """Market parties whose name or credit code holds all words."""
    return _page(conn, _entities, _entity_filter(words), [_entities.c.name, _entities.c.log_id, _entities.c.idx], page)


def search_codes(conn: Connection, name: str, words: str, page: int) -> Page:
    """Rows of the code table `name` (a record kind) whose code or name holds all words."""
    return _page(conn, _codes, _code_filter(name, words), [_codes.c.code, _codes.c.log_id, _codes.c.idx], page)


def places(conn: Connection, limit: int = 100) -> list[tuple[str, str]]:
    """The (code, name) of places that trades name, by code: what a search form suggests."""
    # Codes come from their index alone and names one by one: a sum over all trades would cost every page 0.15 s.
    codes = select(_trades.c.division).where(_trades.c.division != "").distinct().order_by(_trades.c.division)
    code = codes.limit(limit).subquery().c.division
    named = _trades.alias()
    name = select(named.c.division_name).where(and_(named.c.division == code, named.c.division_name != "")).limit(1)
    statement = select(code, name.scalar_subquery()).order_by(code)
    return [(code, name) for code, name in conn.execute(statement) if name]


def grades(conn: Connection, limit: int = 40) -> list[str]:
    """Every grade that credit records hold, for a search form."""
    column = _credit.c.grade
    return list(conn.execute(select(column).where(column != "").distinct().order_by(column).limit(limit)).scalars())


# --- how a query becomes SQL ----------------------------------------------------------------------------------------


def _all_words(column: ColumnElement[Any], words: str) -> list[ColumnElement[bool]]:
    return [column.like(search_text.containing(word), escape=search_text.ESCAPE) for word in search_text.words(words)]


def _of_origin(view: Table, origin: str) -> ColumnElement[bool]:
    return view.c.log_id.in_(select(_log.c.id).where(_log.c.origin == origin))


def _trade_filter(query: TradeQuery) -> ColumnElement[bool]:
    trade = _trades.c
    found = [trade[name] == getattr(query, name) for name in ("category", "kind") if getattr(query, name)]
    found += _all_words(trade.search, query.words)
    if query.division.isascii() and query.division.isdigit():
        found.append(trade.division.like(search_text.beginning(query.division), escape=search_text.ESCAPE))
    elif query.division:
        found += _all_words(func.lower(trade.division_name), query.division)
    if query.from_date:
        found.append(trade.published_on >= query.from_date)
    if query.to_date:
        found.append(and_(trade.published_on <= query.to_date, trade.published_on != ""))
    if query.min_fen is not None:
        found.append(trade.amount_fen >= query.min_fen)
    if query.max_fen is not None:
        found.append(trade.amount_fen <= query.max_fen)
    if query.origin:
        found.append(_of_origin(_trades, query.origin))
    return and_(True, *found)


def _credit_filter(query: CreditQuery) -> ColumnElement[bool]:
    credit = _credit.c
    found = [credit[name] == getattr(query, name) for name in ("sort", "grade") if getattr(query, name)]
    found += _all_words(credit.search, query.words)
    if query.origin:
        found.append(_of_origin(_credit, query.origin))
    return and_(True, *found)


def _entity_filter(words: str) -> ColumnElement[bool]:
    return and_(True, *_all_words(func.lower(_entities.c.name + "\n" + _entities.c.uscc), words))


def _code_filter(name: str, words: str) -> ColumnElement[bool]:
    return and_(_codes.c.table_name == name, *_all_words(func.lower(_codes.c.code + "\n" + _codes.c.name), words))


def _with_place(view: Table) -> Select[Any]:
    """Rows with their origin, and whether a newer version exists whose content is not here (`state` superseded)."""
    same = and_(_records.c.log_id == view.c.log_id, _records.c.idx == view.c.idx)
    return (
        select(view, _log.c.origin, _records.c.state, _records.c.leaf, _records.c.version, _records.c.claimed_ms)
        .join(_log, _log.c.id == view.c.log_id)
        .join(_records, same)
    )


def _rows(conn: Connection, statement: Select[Any]) -> list[Row]:
    return [dict(row) for row in conn.execute(statement).mappings()]


def _count(conn: Connection, view: Table, which: ColumnElement[bool]) -> int:
    return int(conn.execute(select(func.count()).select_from(view).where(which)).scalar_one())


def _page(
    conn: Connection, view: Table, which: ColumnElement[bool], order: Sequence[ColumnElement[Any]], number: int
) -> Page:
    offset = (number - 1) * PAGE_SIZE
    # The page is cut from keys alone, so that the rows passed over are never joined or read whole.
    keys = select(view.c.log_id, view.c.record_id).where(which).order_by(*order).offset(offset).limit(PAGE_SIZE)
    picked = keys.subquery()
    here = and_(picked.c.log_id == view.c.log_id, picked.c.record_id == view.c.record_id)
    rows = _rows(conn, _with_place(view).join(picked, here).order_by(*order)) if offset < MAX_OFFSET else []
    return Page(rows, _count(conn, view, which), number)


def _piece(
    conn: Connection,
    view: Table,
    date: ColumnElement[Any],
    which: ColumnElement[bool],
    place: Place | None,
    limit: int,
) -> tuple[list[Row], Place | None]:
    order = tuple_(date, view.c.log_id, view.c.idx)
    if place is not None:
        which = and_(which, or_(date < place[0], and_(date == place[0], order < place)))
    falling = [date.desc(), view.c.log_id.desc(), view.c.idx.desc()]
    rows = _rows(conn, _with_place(view).where(which).order_by(*falling).limit(limit))
    if len(rows) < limit:
        return rows, None
    last = rows[-1]
    return rows, (last[str(date.key)], last["log_id"], last["idx"])
