"""Whether the word index and the counts are what the rows of the read tables make them (DESIGN L8).

A term that is gone from the index hides a record from a search in silence. Everything that the rows put into the index
is summed up in `BINS` bins, and so is everything that it holds: memory stays small however many rows there are, and a
term that is missing, or one too many, changes the sums of its bin.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from sqlalchemy import Connection, Table, column, select, text

from node.store import word_index
from node.store.word_terms import TERMS

BINS = 1 << 16
Bins = dict[int, list[int]]
"""Of the bins that hold anything: how many, and the sum of their documents."""


def differing(conn: Connection) -> Iterator[str]:
    """Names of read tables whose word index is not what their rows make it; `conn` sees one snapshot."""
    if not word_index.ready(conn):
        return
    for view in word_index.INDEXED:
        right = _columns_right(conn, view) if conn.dialect.name == "postgresql" else _tables_right(conn, view)
        if not right:
            yield view.name


def _tables_right(conn: Connection, view: Table) -> bool:
    due, held = _bins(), _bins()
    terms_of = TERMS[view.name]
    last, terms = -1, set[str]()
    for row in _rows(conn, view):
        if row["doc"] != last:
            _add(due, last, terms)
            last, terms = row["doc"], set()
        terms |= terms_of(row)
    _add(due, last, terms)
    # fts5vocab (sqlite.org/fts5.html) reads the index itself; a temporary table leaves the database as it is.
    name = f"{word_index.words_of(view)}_seen"
    conn.execute(text(f"CREATE VIRTUAL TABLE temp.{name} USING fts5vocab(main, {word_index.words_of(view)}, instance)"))
    try:
        sums = text(f"SELECT term, count(*), sum(doc) FROM temp.{name} GROUP BY term")
        for term, number, total in conn.execute(sums, execution_options={"yield_per": 500}):
            each = held[crc32(str(term).encode()) % BINS]
            each[0], each[1] = each[0] + number, each[1] + total
    finally:
        conn.execute(text(f"DROP TABLE temp.{name}"))
    return due == held


def _columns_right(conn: Connection, view: Table) -> bool:
    terms_of = TERMS[view.name]
    rows = select(*word_index.needed(view), column("terms")).select_from(view)
    with conn.execute(rows, execution_options={"yield_per": 500}) as found:
        return all(row["terms"] == word_index.numbers(terms_of(dict(row))) for row in found.mappings())


def _rows(conn: Connection, view: Table) -> Iterator[Any]:
    rows = select(*word_index.needed(view)).order_by(view.c.doc)
    yield from conn.execute(rows, execution_options={"yield_per": 500}).mappings()


def _bins() -> Bins:
    return defaultdict(lambda: [0, 0])


def _add(bins: Bins, doc: int, terms: set[str]) -> None:
    for term in terms:
        each = bins[crc32(term.encode()) % BINS]
        each[0], each[1] = each[0] + 1, each[1] + doc
