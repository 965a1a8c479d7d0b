"""The read tables as plain rows, to be compared with the same tables made anew in a database of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, Connection, Table, Text, create_engine, literal_column, select
from sqlalchemy.pool import StaticPool

from node.store import word_index
from node.store.tables import (
    METADATA,
    CodeView,
    CreditView,
    EntityView,
    ExpertView,
    Quarantine,
    RecordView,
    TradeView,
    ViewCount,
    table,
)
from node.store.tables_accounts import AccountView, AuditView, BindingView, OrderView
from node.store.tables_attachments import RuleView
from node.store.tables_routing import HandoverView
from node.store.tables_trading import ActView
from node.store.tables_uplink import VerdictView

COUNTS = table(ViewCount)
_MODELS = (RecordView, TradeView, CreditView, EntityView, ExpertView, CodeView)
_AREAS = (ActView, HandoverView, RuleView, VerdictView)
_PERSONS = (AccountView, AuditView, BindingView, OrderView)
VIEWS: tuple[Table, ...] = tuple(table(each) for each in (*_MODELS, *_AREAS, *_PERSONS, Quarantine))


@contextmanager
def empty_views() -> Iterator[Connection]:
    """Empty read tables that are gone afterwards; what is too much for a cache lies in a nameless temporary file."""
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(""), poolclass=StaticPool, hide_parameters=True)
    try:
        with engine.connect() as conn:
            for pragma in ("journal_mode=OFF", "cache_size=-32000"):
                conn.exec_driver_sql(f"PRAGMA {pragma}")
            METADATA.create_all(conn, tables=[*VIEWS, COUNTS])
            for view in word_index.INDEXED:
                word_index.drop(conn, view)  # it is compared with the rows that are held, see `node.store.word_check`
            yield conn
    finally:
        engine.dispose()


def columns(view: Table) -> list[str]:
    """Names of a read table's columns, those of its key first; without `record_view.seq`, when a row came."""
    keys = [column.name for column in view.primary_key]
    rest = [column.name for column in view.c if column is not table(RecordView).c.seq]
    return [*keys, *(name for name in rest if name not in keys)]


def rows(conn: Connection, view: Table) -> Iterator[tuple[Any, ...]]:
    """All rows, rising by key; values as they are stored, in the order of `columns`; texts as the bytes of UTF-8."""
    query = select(*(_stored(conn, view.c[name]) for name in columns(view))).select_from(view)
    found = conn.execute(query.order_by(*view.primary_key), execution_options={"yield_per": 500})
    for row in found:
        yield tuple(value.encode() if isinstance(value, str) else value for value in row)


def _stored(conn: Connection, column: Column[Any]) -> Any:
    """A column as the driver gives it: no conversion that would hide, or fail at, a damaged value."""
    name = conn.dialect.identifier_preparer.format_column(column)
    bare = conn.dialect.name == "sqlite" and isinstance(column.type, Text)
    return literal_column(f"CAST({name} AS BLOB)" if bare else name).label(column.name)
