"""Many rows at once, as raw values: what the hot path of taking in records writes with (docs/decisions/0018).

No objects are made for a row and nothing is compiled for it. All functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, Connection, Integer, LargeBinary, Table, Text, text
from sqlalchemy.exc import DBAPIError

_make_room = text("SELECT ggzy_make_room(CAST(:log_id AS bigint))")
FEW = 16
"""Up to here one INSERT with a value list is cheaper than setting up anything else."""
PIECE_ROWS = 4096
PIECE_BYTES = 16 << 20
_TYPES = {
    ARRAY: "int4[]",
    BigInteger: "int8",
    Boolean: "bool",
    Integer: "int4",
    LargeBinary: "bytea",
    Text: "text",
}

Row = tuple[Any, ...]


def insert_many(
    conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], *, ignore: bool = True
) -> None:
    """Insert rows, given as tuples in the order of `columns`; values are int, str, bytes or None.

    With `ignore`, rows whose key is there already are left as they are, so that repeating does no harm; without, one
    that is there raises IntegrityError and the transaction is lost.
    """
    if not rows:
        return
    if conn.dialect.name == "sqlite":
        _sqlite(conn, table, columns, rows, ignore)
    else:
        _postgres(conn, table, columns, rows, ignore)


def make_room(conn: Connection, log_id: int) -> None:
    """Make the partitions of one log in the tables that are partitioned by log; those that are there stay.

    Does nothing on SQLite. The caller holds `locks.take_room`.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_make_room, {"log_id": log_id})


def _sqlite(conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], ignore: bool) -> None:
    places = ", ".join("?" * len(columns))
    # Not INSERT OR IGNORE, which would also swallow a value that may not be null.
    tail = " ON CONFLICT DO NOTHING" if ignore else ""
    conn.exec_driver_sql(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({places}){tail}", list(rows))


def _postgres(conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], ignore: bool) -> None:
    into = f"{table.name} ({', '.join(columns)})"
    tail = " ON CONFLICT DO NOTHING" if ignore else ""
    if len(rows) <= FEW:
        one = f"({', '.join(['%b'] * len(columns))})"
        values = tuple(value for row in rows for value in row)
        conn.exec_driver_sql(f"INSERT INTO {into} VALUES {', '.join([one] * len(rows))}{tail}", values)
        return
    types = [_type(table, column) for column in columns]
    if not ignore:
        _copy(conn, into, types, rows)
        return
    # COPY knows no ON CONFLICT, and by way of a temporary table all is written twice: an array a column costs half.
    arrays = ", ".join(f"%b::{name}[]" for name in types)
    for piece in _pieces(rows):
        columnwise = tuple(list(values) for values in zip(*piece, strict=True))
        conn.exec_driver_sql(f"INSERT INTO {into} SELECT * FROM unnest({arrays}){tail}", columnwise)


def _copy(conn: Connection, into: str, types: Sequence[str], rows: Sequence[Row]) -> None:
    raw = conn.connection.driver_connection
    if raw is None:
        raise ValueError("the connection was given up")
    errors = conn.dialect.loaded_dbapi.Error
    try:
        with raw.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
    except errors as error:
        # The driver was asked directly: its errors become what SQLAlchemy's own statements would have raised.
        lost = bool(raw.closed)
        if lost:
            conn.invalidate(error)
        said = DBAPIError.instance(f"COPY {into}", None, error, errors, True, lost, conn.dialect)
        raise said from error


def _type(table: Table, column: str) -> str:
    return _TYPES[type(table.c[column].type)]


def _pieces(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Stretches of rows that one statement may carry: a message of PostgreSQL has an end, and so has memory."""
    start = size = 0
    for place, row in enumerate(rows):
        more = sum(len(value) for value in row if isinstance(value, bytes | str))
        if place > start and (size + more > PIECE_BYTES or place - start >= PIECE_ROWS):
            yield rows[start:place]
            start, size = place, 0
        size += more
    yield rows[start:]
