"""The word index beside a read table: from terms to row numbers (docs/decisions/0020).

On SQLite it is a contentless FTS5 table `<view>_words` whose rowid is the row's `doc`: it holds which terms stand in
which rows and nothing else, and gives rows in falling order of `doc` as fast as they are read. On PostgreSQL it is a
column `terms` of the read table itself, whole numbers made of the terms, with a GIN index.

It is written in the transaction that writes the rows. A SQLite that was built without FTS5 has no index: `ready` says
so, and every search looks at rows instead, as many as it may.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from zlib import crc32

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Select,
    Table,
    bindparam,
    column,
    event,
    func,
    literal_column,
    select,
)
from sqlalchemy import table as lightweight
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.types import Integer

from node.store import cursors
from node.store.tables import CreditView, EntityView, TradeView, table
from node.store.word_terms import COLUMNS, TERMS, Need, Row

INDEXED: tuple[Table, ...] = (table(TradeView), table(CreditView), table(EntityView))
PURGE_PAGES = 2000
"""How many pages of the index one step of `purge` works on: about a tenth of a second."""
_READY = "ggzy_word_index"
_BEHIND_FACT = "words_behind"
_KNOWN = "EXISTS (SELECT 1 FROM pragma_module_list WHERE name = 'fts5')"
_MADE = "EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'trade_view_words')"


def ready(conn: Connection) -> bool:
    """Whether this database has the index and this program can use it."""
    if conn.dialect.name != "sqlite" or conn.info.get(_READY):
        return True
    if conn.exec_driver_sql(f"SELECT {_MADE} AND {_KNOWN}").scalar() and not cursors.fact(conn, _BEHIND_FACT):
        conn.info[_READY] = True
        return True
    return False


def _beside(conn: Connection) -> bool:
    """Whether the index is a table of its own."""
    return conn.dialect.name == "sqlite" and ready(conn)


def words_of(view: Table) -> str:
    """The name of a read table's index on SQLite."""
    return f"{view.name}_words"


def create(conn: Connection, view: Table) -> None:
    """Make the index of a read table that is empty; none where SQLite lacks FTS5."""
    if conn.dialect.name == "postgresql":
        # The pending list is short: every search reads all of it.
        conn.execute(sql(f"ALTER TABLE {view.name} ADD COLUMN terms integer[] NOT NULL DEFAULT '{{}}'"))
        name, options = f"ix_{view.name}_terms", "gin_pending_list_limit=1024"
        conn.execute(sql(f"CREATE INDEX {name} ON {view.name} USING gin (terms) WITH ({options})"))
    elif conn.execute(sql("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'")).scalar():
        options = "content='', detail='none', columnsize=0, tokenize='ascii'"
        conn.execute(sql(f"CREATE VIRTUAL TABLE {words_of(view)} USING fts5(terms, {options})"))


def drop(conn: Connection, view: Table) -> None:
    """Take the index away; the read table stays."""
    if conn.dialect.name == "postgresql":
        conn.execute(sql(f"ALTER TABLE {view.name} DROP COLUMN terms"))
    else:
        conn.info.pop(_READY, None)
        conn.execute(sql(f"DROP TABLE IF EXISTS {words_of(view)}"))


def _with_view(view: Table, conn: Connection, **_: Any) -> None:
    create(conn, view)


for _each in INDEXED:
    event.listen(_each, "after_create", _with_view)


# --- writing --------------------------------------------------------------------------------------------------------


def numbers(terms: Iterable[str]) -> list[int]:
    """The terms as the numbers that PostgreSQL holds; two terms may share one, which costs a second look."""
    return sorted({crc32(term.encode("utf-8", "surrogatepass")) - (1 << 31) for term in terms})


@cache
def with_terms(view: Table) -> Table:
    """A read table as PostgreSQL has it: with its index."""
    columns = [Column(column.name, column.type) for column in view.columns]
    return Table(view.name, MetaData(), *columns, Column("terms", ARRAY(Integer)))


def put(conn: Connection, view: Table, rows: Sequence[Row]) -> None:
    """Enter rows that have just been written (SQLite); entering one again is harmless."""
    if not rows:
        return
    if _beside(conn):
        name = words_of(view)
        conn.exec_driver_sql(f"INSERT INTO {name}(rowid, terms) VALUES (?, ?)", _entries(view, rows))
    elif conn.dialect.name == "sqlite" and conn.exec_driver_sql(f"SELECT {_MADE}").scalar():
        # A program without FTS5 writes here: nobody may search an index that lacks these rows, until it is made anew.
        cursors.set_fact(conn, _BEHIND_FACT, "1")


def remove(conn: Connection, view: Table, rows: Sequence[Row]) -> None:
    """Take out rows that are no longer in the read table, given as they were there (SQLite).

    What they shared a number with is entered again.
    """
    if not rows or not _beside(conn):
        return
    name = words_of(view)
    conn.exec_driver_sql(f"INSERT INTO {name}({name}, rowid, terms) VALUES ('delete', ?, ?)", _entries(view, rows))
    taken = view.c.doc.in_({row["doc"] for row in rows})
    put(conn, view, [dict(row) for row in conn.execute(select(*needed(view)).where(taken)).mappings()])


def clear(conn: Connection, view: Table) -> None:
    """Empty the index (SQLite); the rows that follow are in it again."""
    if conn.dialect.name == "sqlite" and conn.exec_driver_sql(f"SELECT {_MADE} AND {_KNOWN}").scalar():
        cursors.set_fact(conn, _BEHIND_FACT, "")
        conn.exec_driver_sql(f"INSERT INTO {words_of(view)}({words_of(view)}) VALUES ('delete-all')")


def purge(conn: Connection, *, first: bool) -> bool:
    """One step of making what was taken out leave the file too (DESIGN L23); tells whether there is more to do.

    FTS5 notes what is taken out and drops it when it merges, which no merge of its own accord need ever come to. The
    `first` step has all of the index merged, the ones after it go on with that (sqlite.org/fts5.html, 'merge').
    """
    if not _beside(conn):
        return False
    more = False
    for view in INDEXED:
        before = _changes(conn)
        name, pages = words_of(view), -PURGE_PAGES if first else PURGE_PAGES
        conn.exec_driver_sql(f"INSERT INTO {name}({name}, rank) VALUES ('merge', {pages})")
        # Fewer than two changes mean that nothing was left to merge.
        more = more or _changes(conn) - before >= 2
    return more


def _changes(conn: Connection) -> int:
    return int(conn.exec_driver_sql("SELECT total_changes()").scalar_one())


def needed(view: Table) -> list[ColumnElement[Any]]:
    """The columns of which a row's entry is made."""
    return [view.c[name] for name in ("doc", "log_id", *COLUMNS[view.name])]


def _entries(view: Table, rows: Sequence[Row]) -> list[tuple[int, str]]:
    """Rising by number, as FTS5 wants them: each fall would begin a new segment of the index."""
    terms_of = TERMS[view.name]
    return sorted((row["doc"], " ".join(terms_of(row))) for row in rows)


# --- asking ---------------------------------------------------------------------------------------------------------


def prefer(conn: Connection) -> None:
    """PostgreSQL: use the index in this transaction, however many rows it is thought to give.

    The planner takes words for independent. Where two frequent ones never meet it would read the whole table in the
    hope of soon having enough rows.
    """
    conn.execute(sql("SELECT set_config('enable_seqscan', 'off', true), set_config('work_mem', '16MB', true)"))


def matching(view: Table, need: Need) -> Select[Any]:
    """SQLite: the numbers (`doc`) of rows that have what is needed; the caller bounds and orders it by `doc`."""
    words = lightweight(words_of(view), column("rowid"))
    groups = ["(" + " OR ".join(f'"{term}"' for term in group) + ")" for group in need.groups]
    match = literal_column(words_of(view)).op("MATCH")(bindparam(None, " AND ".join(groups)))
    return select(words.c.rowid.label("doc")).where(match)


def holds(need: Need) -> list[ColumnElement[bool]]:
    """PostgreSQL: the conditions on a read table's `terms`; those with one term each make one condition."""
    terms: ColumnElement[Any] = column("terms", ARRAY(Integer))
    one = numbers(group[0] for group in need.groups if len(group) == 1)
    found = [terms.op("@>", is_comparison=True)(_array(one))] if one else []
    return found + [
        terms.op("&&", is_comparison=True)(_array(numbers(group))) for group in need.groups if len(group) > 1
    ]


def _array(values: Sequence[int]) -> ColumnElement[Any]:
    return func.cast(array(values), ARRAY(Integer))
