"""The counts that are kept with the read tables, and counting that ends at a cap."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Table, func, literal, select

from node.store.tables import ViewCount, table

ALL = "all"
"""The field that every row has, with the empty value."""
COUNT_CAP = 2000
"""Lists are counted up to here; of more, only that there are more is said."""

_counts = table(ViewCount)


def of_field(conn: Connection, view: Table, field: str, *, limit: int = 1000) -> dict[str, int]:
    """How many rows have each value of a field, by value; at most `limit` values."""
    which = (_counts.c.view == view.name, _counts.c.field == field)
    statement = select(_counts.c.value, _counts.c.number).where(*which).order_by(_counts.c.value).limit(limit)
    return {value: number for value, number in conn.execute(statement)}


def whole(conn: Connection, view: Table) -> int:
    """How many rows a read table has."""
    return of_field(conn, view, ALL).get("", 0)


def capped(conn: Connection, view: Table, which: ColumnElement[bool], cap: int = COUNT_CAP) -> tuple[int, bool]:
    """How many rows there are, up to `cap`, and whether there are more."""
    some = select(literal(1)).select_from(view).where(which).limit(cap + 1).subquery()
    found = int(conn.execute(select(func.count()).select_from(some)).scalar_one())
    return min(found, cap), found > cap
