"""Finding the rows of one page without looking at the whole table (docs/decisions/0020).

The word index gives the numbers of rows that may fit, newest first; each is looked at once (`Search.which`), and those
that fit are counted up to `COUNT_CAP`. So many rows are looked at for one query and no more: a search that would need
more says so (`Found.cut`) and how far it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from node.store import word_index
from node.store.view_counts import COUNT_CAP
from node.store.view_search import AMOUNT, DATE, HIGHEST, NAME, Found, Place, Search
from node.store.word_terms import Need, amount_octaves, amount_span, amount_steps

SOME = COUNT_CAP + 500
"""So many rows that may fit are looked at first: mostly that is enough to fill the page and the count."""
LOOK = 5_000
"""How many rows one query looks at, at most."""
_STRIDES = (4, 32, 256)
"""PostgreSQL: how many times the rows of a page are walked over, newest first, before the index is asked again."""


@dataclass(frozen=True, slots=True)
class _Sight:
    """A page, how many rows fit, the lowest `doc` that was looked at, and whether there are more to be looked at."""

    hits: int
    low: int
    places: tuple[Place, ...]

    cut: bool

    @property
    def whole(self) -> bool:
        """Whether all rows that fit are known, so that the page is right in any order."""
        return not self.cut and self.hits <= COUNT_CAP


def find(conn: Connection, search: Search, order: str, offset: int, limit: int) -> Found:
    """One page of the rows that fit: by `DATE` and by `AMOUNT` falling, those without a sum last, or by `NAME`."""
    sight = _look(conn, _steered(conn, search), order, offset, limit)
    if sight.whole:
        return Found(sight.places, sight.hits)
    total, places = min(sight.hits, COUNT_CAP), sight.places
    if order == AMOUNT:
        places = tuple(_by_amount(conn, search, offset, limit))
    elif order == NAME:
        places = _by_name(conn, search, offset, limit)
    elif _unordered(conn, search):
        places = _by_strides(conn, search, offset, limit)
    # By date the page is right as far as it goes: the newest that were looked at are the newest there are.
    told = sight.hits > COUNT_CAP and (len(places) == limit or offset + len(places) >= total)
    known = total if order == DATE or len(places) == limit else min(total, offset + len(places))
    return Found(places, known, True, None if told else sight.low)


def after(conn: Connection, search: Search, place: Place | None, limit: int) -> tuple[tuple[Place, ...], Place | None]:
    """The next rows of an export, newest first, and where to go on; None when these are the last.

    There may be fewer than `limit` and yet more to come: what one step looks at is bounded.
    """
    if place is not None:
        search = replace(search, high=min(search.high, place[0]), below=place)
    if _unordered(conn, search):
        places = _newest(conn, _steered(conn, search), 0, limit)
        return places, places[-1] if len(places) == limit else None
    sight = _look_at(conn, search, DATE, 0, limit, LOOK)
    if len(sight.places) == limit:
        return sight.places, sight.places[-1]
    return sight.places, _end(conn, search) if sight.cut else None


def first(conn: Connection, search: Search, limit: int) -> tuple[Place, ...]:
    """The newest rows that fit, not counted."""
    if _unordered(conn, search):
        return _by_strides(conn, _steered(conn, search), 0, limit)
    places: tuple[Place, ...] = ()
    for most in (4 * limit, SOME, LOOK):
        sight = _look_at(conn, search, DATE, 0, limit, most)
        places = sight.places
        if len(places) == limit or not sight.cut:
            break
    return places


def worth(view: Table) -> ColumnElement[Any]:
    """What a list by amount goes by: no sum comes after zero, and before what is below it."""
    fen = view.c.amount_fen
    return case((fen < 0, fen - 1), else_=func.coalesce(fen, -1))


# --- looking at rows ------------------------------------------------------------------------------------------------


def _unordered(conn: Connection, search: Search) -> bool:
    """Whether the index gives rows in no order: PostgreSQL's does."""
    return conn.dialect.name != "sqlite" and bool(search.need.groups)


def _steered(conn: Connection, search: Search) -> Search:
    if _unordered(conn, search):
        word_index.prefer(conn)
    return search


def _look(conn: Connection, search: Search, order: str, offset: int, limit: int) -> _Sight:
    """Look at the newest rows that may fit, as many as are needed and at most `LOOK`, and cut a page from these."""
    sight = _look_at(conn, search, order, offset, limit, SOME)
    if not sight.cut or sight.hits > COUNT_CAP:
        return sight
    return _look_at(conn, search, order, offset, limit, LOOK)


def _look_at(conn: Connection, search: Search, order: str, offset: int, limit: int, most: int) -> _Sight:
    key = _key(search.view, order)
    looked = _candidates(conn, search, key, most)
    hits = looked if "key" in looked.c else _fitting(search, looked, key)
    counted = select(
        select(func.count()).select_from(looked).scalar_subquery().label("doc"),
        select(func.count()).select_from(hits).scalar_subquery().label("log_id"),
        select(func.coalesce(func.min(looked.c.doc), 0)).scalar_subquery().label("idx"),
    )
    cut = select(hits.c.doc, hits.c.log_id, hits.c.idx).order_by(*_order(hits, order)).offset(offset).limit(limit)
    page = cut.subquery()
    rows = conn.execute(union_all(counted, select(page.c.doc, page.c.log_id, page.c.idx))).all()
    number, found, low = _place(rows[0])
    return _Sight(found, low, tuple(_place(row) for row in rows[1:]), number > most)


def _candidates(conn: Connection, search: Search, key: ColumnElement[Any], most: int) -> CTE:
    """The newest rows that may fit; from PostgreSQL's index any that do, with their `key`."""
    view = search.view
    place = (view.c.doc, view.c.log_id, view.c.idx)
    if _unordered(conn, search):
        fitting = select(*place, key.label("key")).where(*_fits(search), *word_index.holds(search.need))
        return _within(fitting, search, view.c.doc).limit(most + 1).cte("looked")
    if search.need.groups and word_index.ready(conn):
        docs = word_index.matching(view, search.need)
        doc = docs.selected_columns.doc
        return _within(docs, search, doc).order_by(doc.desc()).limit(most + 1).cte("looked")
    rows = _within(select(*place), search, view.c.doc).where(*_fits(replace(search, which=None)))
    return rows.order_by(*(column.desc() for column in place)).limit(most + 1).cte("looked")


def _fitting(search: Search, looked: CTE, key: ColumnElement[Any]) -> CTE:
    view = search.view
    same = and_(*(view.c[name] == looked.c[name] for name in looked.c.keys()))
    hits = select(view.c.doc, view.c.log_id, view.c.idx, key.label("key")).select_from(looked.join(view, same))
    return hits.where(*_fits(search)).cte("hits")


def _fits(search: Search) -> list[ColumnElement[bool]]:
    place = tuple_(search.view.c.doc, search.view.c.log_id, search.view.c.idx)
    return [each for each in (search.which, None if search.below is None else place < search.below) if each is not None]


def _within(rows: Select[Any], search: Search, doc: ColumnElement[Any]) -> Select[Any]:
    if search.low > 0:
        rows = rows.where(doc >= search.low)
    return rows.where(doc <= search.high) if search.high < HIGHEST else rows


def _key(view: Table, order: str) -> ColumnElement[Any]:
    return worth(view) if order == AMOUNT else view.c.name if order == NAME else literal(0)


def _order(rows: CTE, order: str) -> list[ColumnElement[Any]]:
    if order == NAME:
        return [rows.c.key, rows.c.log_id, rows.c.idx]
    falling: list[ColumnElement[Any]] = [rows.c.doc.desc(), rows.c.log_id.desc(), rows.c.idx.desc()]
    return [rows.c.key.desc(), *falling] if order == AMOUNT else falling


def _end(conn: Connection, search: Search) -> Place:
    """Where looking ended, to go on below it."""
    looked = _candidates(conn, search, literal(0), LOOK)
    if "idx" not in looked.c:
        # Of a number that the index gives, all rows have been looked at.
        return conn.execute(select(func.min(looked.c.doc))).scalar_one(), 0, -1
    place = (looked.c.doc, looked.c.log_id, looked.c.idx)
    doc, log_id, idx = conn.execute(select(*place).order_by(*place).limit(1)).one()
    return doc, log_id, idx


# --- more rows than can be known ------------------------------------------------------------------------------------


def _by_amount(conn: Connection, search: Search, offset: int, limit: int) -> Iterator[Place]:
    """From the highest sums downwards, by classes small enough to be known whole; ends at one that is not."""
    if not word_index.ready(conn):
        return
    waiting: list[tuple[str, ...]] = [amount_octaves()]
    while waiting and limit:
        group = waiting.pop()
        narrow = _steered(conn, _of_classes(search, group))
        finer = group if len(group) > 1 else amount_steps(group[0])
        if finer and _many(conn, narrow):
            waiting += [finer[len(finer) // 2 :], finer[: len(finer) // 2]]
            continue
        # Of rows without a sum the newest come first, so that not all of them need to be known.
        sight = _look(conn, narrow, DATE if group == ("§an",) else AMOUNT, offset, limit)
        if group != ("§an",) and sight.cut:
            return
        yield from sight.places
        if sight.cut:
            return
        limit, offset = limit - len(sight.places), max(0, offset - sight.hits)


def _of_classes(search: Search, group: tuple[str, ...]) -> Search:
    fen, (low, high) = search.view.c.amount_fen, amount_span(group)
    which: ColumnElement[bool] = fen.between(low, high)
    if "§an" in group:
        which = or_(which, fen.is_(None))
    return replace(search, need=search.need + Need((group,)), which=and_(*_fits(search), which))


def _many(conn: Connection, search: Search) -> bool:
    """Whether more rows may fit than are looked at first."""
    candidates = _candidates(conn, replace(search, which=None), literal(0), SOME)
    return bool(conn.execute(select(func.count()).select_from(candidates)).scalar_one() > SOME)


def _by_name(conn: Connection, search: Search, offset: int, limit: int) -> tuple[Place, ...]:
    """Along the names: what so many rows fit is met soon enough."""
    view = search.view
    place = (view.c.doc, view.c.log_id, view.c.idx)
    order = (view.c.name, view.c.log_id, view.c.idx)
    walked = select(*order).order_by(*order).limit(LOOK).cte("walked")
    same = and_(*(view.c[name] == walked.c[name] for name in ("name", "log_id", "idx")))
    hits = select(*place).select_from(walked.join(view, same)).where(*_fits(search))
    return tuple(_place(row) for row in conn.execute(hits.order_by(*order).offset(offset).limit(limit)))


def _by_strides(conn: Connection, search: Search, offset: int, limit: int) -> tuple[Place, ...]:
    """PostgreSQL, newest first: ever longer walks along the dates, then whatever its planner thinks best."""
    view, wanted = search.view, offset + limit
    places: list[Place] = []
    for stride in _STRIDES:
        step = _within(select(view.c.doc), search, view.c.doc).order_by(view.c.doc.desc())
        low = conn.execute(step.offset(stride * wanted).limit(1)).scalar()
        if low is None:
            break
        places += _newest(conn, replace(search, low=max(low, search.low)), 0, wanted - len(places))
        if len(places) == wanted:
            return tuple(places[offset:])
        search = replace(search, high=low - 1)
    places += _newest(conn, search, 0, wanted - len(places))
    return tuple(places[offset:])


def _newest(conn: Connection, search: Search, offset: int, limit: int) -> tuple[Place, ...]:
    view = search.view
    place = (view.c.doc, view.c.log_id, view.c.idx)
    rows = _within(select(*place).where(*_fits(search), *word_index.holds(search.need)), search, view.c.doc)
    falling = rows.order_by(*(column.desc() for column in place))
    return tuple(_place(row) for row in conn.execute(falling.offset(offset).limit(limit)))


def _place(row: Any) -> Place:
    doc, log_id, idx = row
    return doc, log_id, idx
