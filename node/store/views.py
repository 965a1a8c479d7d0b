"""Searching the read tables: trades, credit, market parties and code tables, by page and as a stream.

Every function takes a connection and runs inside the caller's snapshot. Hits are counted, and pages reach, up to
`COUNT_CAP` rows (`node.store.view_find`); an export goes on from the last row it gave, so that it holds no transaction
between two pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, or_, select, tuple_

from node.store import search_text, view_counts, word_terms
from node.store.tables import CodeView, CreditView, EntityView, Log, RecordView, TradeView, table
from node.store.view_counts import COUNT_CAP
from node.store.view_find import after, find, first
from node.store.view_search import AMOUNT, DATE, NAME, Place, Search

PAGE_SIZE = 20
MAX_OFFSET = 100_000
"""Where the numbers of pages end; there are rows on them up to `COUNT_CAP`, what is beyond is downloaded."""
ACT = "trade.act"
Row = dict[str, Any]

_log = table(Log)
_records = table(RecordView)
_trades = table(TradeView)
_credit = table(CreditView)
_entities = table(EntityView)
_codes = table(CodeView)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of `total` rows; pages count from 1.

    With `more` there are at least so many and probably more. `cut` is set when so many rows had to be looked at that
    looking ended before the page or the count was known: the day down to which it came, empty when it was not by date.
    """

    rows: list[Row]
    total: int
    number: int
    size: int = PAGE_SIZE
    more: bool = False
    cut: str | None = None

    @property
    def last(self) -> int:
        """Number of the last page that can be asked for."""
        return max(1, -(-self.total // self.size))


@dataclass(frozen=True, slots=True)
class TradeQuery:
    """What to look for; empty fields ask for nothing. Sums are fen, days ISO dates, both bounds belong to the range.

    `disclosure` is one of the five kinds. `division` is a code of two to six digits (all below it too) or a part of a
    place's name. `order` is `date` or `amount`, both falling.
    """

    words: str = ""
    category: str = ""
    kind: str = ""
    division: str = ""
    disclosure: str = ""
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
    return _page(conn, _trade_search(conn, query), AMOUNT if query.order == "amount" else DATE, query.page)


def search_credit(conn: Connection, query: CreditQuery) -> Page:
    return _page(conn, _credit_search(conn, query), DATE, query.page)


def search_entities(conn: Connection, words: str, page: int) -> Page:
    """Market parties whose name or credit code holds all words, by name."""
    return _page(conn, _entity_search(words), NAME, page)


def search_codes(conn: Connection, name: str, words: str, page: int) -> Page:
    """Rows of the code table `name` (a record kind) whose code or name holds all words."""
    order = [_codes.c.code, _codes.c.log_id, _codes.c.idx]
    which, offset = _code_filter(name, words), (page - 1) * PAGE_SIZE
    rows = _with_place(_codes).where(which).order_by(*order).offset(offset).limit(PAGE_SIZE)
    total, more = view_counts.capped(conn, _codes, which)
    return Page(_rows(conn, rows) if offset < COUNT_CAP else [], total, page, more=more)


def trades_after(
    conn: Connection, query: TradeQuery, place: Place | None, limit: int
) -> tuple[list[Row], Place | None]:
    """The next rows of an export, newest first, and where to go on; None when these are the last.

    There may be fewer than `limit` and yet more to come.
    """
    return _piece(conn, _trade_search(conn, query), place, limit)


def credit_after(
    conn: Connection, query: CreditQuery, place: Place | None, limit: int
) -> tuple[list[Row], Place | None]:
    """As `trades_after`."""
    return _piece(conn, _credit_search(conn, query), place, limit)


def entities_after(conn: Connection, words: str, place: Place | None, limit: int) -> tuple[list[Row], Place | None]:
    """As `trades_after`, by the date of registration."""
    return _piece(conn, _entity_search(words), place, limit)


def codes_after(
    conn: Connection, name: str, words: str, place: Place | None, limit: int
) -> tuple[list[Row], Place | None]:
    """As `trades_after`, by code; a place is that of the row, which has no date."""
    which = _code_filter(name, words)
    at = tuple_(_codes.c.code, _codes.c.log_id, _codes.c.idx)
    if place is not None:
        last = and_(_codes.c.log_id == place[1], _codes.c.idx == place[2])
        code = conn.execute(select(_codes.c.code).where(last)).scalar_one()
        which = and_(which, at < (code, *place[1:]))
    falling = [_codes.c.code.desc(), _codes.c.log_id.desc(), _codes.c.idx.desc()]
    rows = _rows(conn, _with_place(_codes).where(which).order_by(*falling).limit(limit))
    return rows, (0, rows[-1]["log_id"], rows[-1]["idx"]) if len(rows) == limit else None


def latest_trades(
    conn: Connection, kinds: Sequence[str], until: str, limit: int, *, acts: Sequence[str] = ()
) -> list[Row]:
    """The newest rows of these kinds, and acts of these kinds of disclosure, that are not dated after `until`.

    So a wrong date cannot stay on top.
    """
    fits: ColumnElement[bool] = _trades.c.kind.in_(kinds)
    if acts:
        fits = or_(fits, and_(_trades.c.kind == ACT, _trades.c.disclosure.in_(acts)))
    need = word_terms.Need((tuple(word_terms.facet("k", kind) for kind in (*kinds, *([ACT] if acts else ()))),))
    search = Search(_trades, need, fits, high=word_terms.last_doc(until))
    return _at(conn, _trades, first(conn, search, limit))


def places(conn: Connection, limit: int = 100) -> list[tuple[str, str]]:
    """The (code, name) of places that trades name, by code: what a search form suggests."""
    named = view_counts.of_field(conn, _trades, "place", limit=4 * limit)
    found: dict[str, str] = {}
    for value in named:
        code, _, name = value.partition("\t")
        found.setdefault(code, name)
    return list(found.items())[:limit]


def grades(conn: Connection, limit: int = 40) -> list[str]:
    """Every grade that credit records hold, for a search form."""
    return list(view_counts.of_field(conn, _credit, "grade", limit=limit))


# --- how a query becomes SQL ----------------------------------------------------------------------------------------


def _all_words(column: ColumnElement[Any], words: str) -> list[ColumnElement[bool]]:
    return [column.like(search_text.containing(word), escape=search_text.ESCAPE) for word in search_text.words(words)]


def _search(
    view: Table, need: word_terms.Need, which: list[ColumnElement[bool]], low: int = 0, high: int | None = None
) -> Search:
    fits = and_(*which) if which else None
    return Search(view, need, fits, low) if high is None else Search(view, need, fits, low, high)


def _origin(conn: Connection, view: Table, origin: str) -> tuple[word_terms.Need, ColumnElement[bool]]:
    log_id = conn.execute(select(_log.c.id).where(_log.c.origin == origin)).scalar()
    # As a sum, so that SQLite does not go through all rows of the log by its key instead of the few that are looked at.
    return word_terms.need_origin(log_id or 0), view.c.log_id + 0 == (log_id or 0)


def _trade_search(conn: Connection, query: TradeQuery) -> Search:
    trade = _trades.c
    need, which = word_terms.need_words(query.words), _all_words(trade.search, query.words)
    for short, name in (("c", "category"), ("k", "kind"), ("x", "disclosure")):
        if value := getattr(query, name):
            need += word_terms.need_facet(short, value)
            which.append(trade[name] == value)
    if query.division.isascii() and query.division.isdigit():
        need += word_terms.need_division(query.division)
        which.append(trade.division.like(search_text.beginning(query.division), escape=search_text.ESCAPE))
    elif query.division:
        need += word_terms.need_place(query.division)
        which += _all_words(func.lower(trade.division_name), query.division)
    if query.min_fen is not None or query.max_fen is not None:
        need += word_terms.need_amount(query.min_fen, query.max_fen)
    which += [trade.amount_fen >= query.min_fen] if query.min_fen is not None else []
    which += [trade.amount_fen <= query.max_fen] if query.max_fen is not None else []
    if query.origin:
        of_log, same = _origin(conn, _trades, query.origin)
        need, which = need + of_log, [*which, same]
    low = word_terms.first_doc(query.from_date) if query.from_date else 0
    if not query.to_date:
        return _search(_trades, need, which, low)
    # A row without a date is before none and after none.
    return _search(_trades, need, which, max(low, word_terms.first_doc("0000-01")), word_terms.last_doc(query.to_date))


def _credit_search(conn: Connection, query: CreditQuery) -> Search:
    need, which = word_terms.need_words(query.words), _all_words(_credit.c.search, query.words)
    for short, name in (("s", "sort"), ("g", "grade")):
        if value := getattr(query, name):
            need += word_terms.need_facet(short, value)
            which.append(_credit.c[name] == value)
    if query.origin:
        of_log, same = _origin(conn, _credit, query.origin)
        need, which = need + of_log, [*which, same]
    return _search(_credit, need, which)


def _entity_search(words: str) -> Search:
    named = func.lower(_entities.c.name + "\n" + _entities.c.uscc)
    return _search(_entities, word_terms.need_words(words), _all_words(named, words))


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


def _page(conn: Connection, search: Search, order: str, number: int) -> Page:
    offset = (number - 1) * PAGE_SIZE
    asked = min(offset, COUNT_CAP)
    found = find(conn, search, order, asked, PAGE_SIZE if offset < COUNT_CAP else 0)
    day = word_terms.date_of(found.cut) if found.cut is not None and order == DATE else ""
    cut = None if found.cut is None else day
    return Page(_at(conn, search.view, found.places), found.total, number, more=found.more, cut=cut)


def _piece(conn: Connection, search: Search, place: Place | None, limit: int) -> tuple[list[Row], Place | None]:
    places, following = after(conn, search, place, limit)
    return _at(conn, search.view, places), following


def _at(conn: Connection, view: Table, places: Sequence[Place]) -> list[Row]:
    """The rows at these places, in their order."""
    if not places:
        return []
    rows = _with_place(view).where(view.c.doc.in_(sorted({doc for doc, _, _ in places})))
    found = {(row["doc"], row["log_id"], row["idx"]): row for row in _rows(conn, rows)}
    return [found[place] for place in places if place in found]
