"""Writing the read tables: rows with all that hangs on them, the word index and the counts, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from node.store import word_index
from node.store.bulk import insert_many
from node.store.tables import CreditView, EntityView, ExpertView, TradeView, ViewCount, table
from node.store.view_counts import ALL
from node.store.word_terms import DATES, TERMS, doc_number

Row = Mapping[str, Any]
Key = tuple[int, bytes]
"""Log and record: the key of every read table of a domain."""

_CHUNK = 500
_counts = table(ViewCount)


def _of_trade(row: Row) -> Iterator[tuple[str, str]]:
    yield ALL, ""
    yield "category", row["category"]
    if row["division"] and row["division_name"]:
        yield "place", f"{row['division']}\t{row['division_name']}"


def _of_credit(row: Row) -> Iterator[tuple[str, str]]:
    yield ALL, ""
    yield "sort", row["sort"]
    if row["grade"]:
        yield "grade", row["grade"]


def _of_any(_row: Row) -> Iterator[tuple[str, str]]:
    yield ALL, ""


_COUNTED: dict[str, tuple[Callable[[Row], Iterator[tuple[str, str]]], tuple[str, ...]]] = {
    table(TradeView).name: (_of_trade, ("category", "division", "division_name")),
    table(CreditView).name: (_of_credit, ("sort", "grade")),
    table(EntityView).name: (_of_any, ()),
    table(ExpertView).name: (_of_any, ()),
}
"""Read table -> what is counted of a row as (field, value), and the columns that this is made of."""


def replace(
    conn: Connection,
    view: Table,
    rows: Sequence[Row],
    gone: Sequence[Key] = (),
    lost: Sequence[tuple[int, bytes, int]] = (),
) -> None:
    """Write `rows`, whatever stood under their keys, and take away what stands under `gone`.

    `lost` are (log, record, index): taken away if the row is of that very index.
    """
    keys = [(row["log_id"], row["record_id"]) for row in rows]
    at = {(log_id, record_id): idx for log_id, record_id, idx in lost}
    old = _held(conn, view, {*keys, *gone, *at})
    doomed = {*keys, *gone}
    old = [row for row in old if (key := (row["log_id"], row["record_id"])) in doomed or at.get(key) == row["idx"]]
    _delete(conn, view, [(row["log_id"], row["record_id"]) for row in old])
    if view.name in TERMS:
        word_index.remove(conn, view, old)
        date = DATES[view.name]
        rows = [{**row, "doc": doc_number(row[date], row["log_id"], row["idx"])} for row in rows]
    _insert(conn, view, rows)
    if view.name in TERMS:
        word_index.put(conn, view, rows)
    _count(conn, view, rows, old)


def clear(conn: Connection, views: Sequence[Table]) -> None:
    """Empty these read tables."""
    for view in views:
        conn.execute(delete(view))
        if view.name in TERMS:
            word_index.clear(conn, view)
        conn.execute(delete(_counts).where(_counts.c.view == view.name))


def insert(conn: Connection, view: Table, rows: Sequence[Row]) -> None:
    """Rows of which none is there yet."""
    if rows:
        columns = list(rows[0])
        insert_many(conn, view, columns, list(map(itemgetter(*columns), rows)), ignore=False)


def _insert(conn: Connection, view: Table, rows: Sequence[Row]) -> None:
    if conn.dialect.name == "postgresql" and view.name in TERMS:
        terms_of = TERMS[view.name]
        rows = [{**row, "terms": word_index.numbers(terms_of(row))} for row in rows]
        view = word_index.with_terms(view)
    insert(conn, view, rows)


def _held(conn: Connection, view: Table, keys: set[Key]) -> list[Row]:
    """What stands under these keys, as far as the index and the counts need to know."""
    names = dict.fromkeys(("log_id", "record_id", "idx"))
    if view.name in TERMS:
        names |= dict.fromkeys(str(column.name) for column in word_index.needed(view))
    names |= dict.fromkeys(_COUNTED[view.name][1] if view.name in _COUNTED else ())
    columns = [view.c[name] for name in names]
    by_log: dict[int, list[bytes]] = {}
    for log_id, record_id in keys:
        by_log.setdefault(log_id, []).append(record_id)
    found: list[Row] = []
    for log_id, records in by_log.items():
        for start in range(0, len(records), _CHUNK):
            which = and_(view.c.log_id == log_id, view.c.record_id.in_(records[start : start + _CHUNK]))
            found += [dict(row) for row in conn.execute(select(*columns).where(which)).mappings()]
    return found


def _delete(conn: Connection, view: Table, keys: Sequence[Key]) -> None:
    if keys:
        of = and_(view.c.log_id == bindparam("of_log"), view.c.record_id == bindparam("of_record"))
        conn.execute(delete(view).where(of), [{"of_log": log_id, "of_record": record} for log_id, record in keys])


def _count(conn: Connection, view: Table, rows: Sequence[Row], old: Sequence[Row]) -> None:
    """Carry the counts on: these rows are new, those are gone."""
    if view.name not in _COUNTED:
        return
    fields = _COUNTED[view.name][0]
    change: Counter[tuple[str, str]] = Counter(each for row in rows for each in fields(row))
    change.subtract(each for row in old for each in fields(row))
    changed = [
        {"view": view.name, "field": field, "value": value, "number": number}
        for (field, value), number in sorted(change.items())
        if number
    ]
    fewer = any(number < 0 for number in change.values())
    if not changed:
        return
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(_counts)
    more = {"number": _counts.c.number + statement.excluded.number}
    conn.execute(statement.on_conflict_do_update(index_elements=["view", "field", "value"], set_=more), changed)
    if fewer:
        conn.execute(delete(_counts).where(_counts.c.view == view.name, _counts.c.number <= 0))
