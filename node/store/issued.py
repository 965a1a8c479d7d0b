"""The index of issued records: which version of a record lies where, and what its source said.

What a source said is in no entry and no payload, so each row carries a digest of its other columns: a bit that flips in
it is found before anything is published on its word (DESIGN L8). All functions run inside the caller's transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, insert, select, update

from node.store.tables import Issued, table
from node.store.upsert import insert_or_ignore

_issued = table(Issued)
DIGEST_BYTES = 16
_COLUMNS = ("key_hash", "version", "said_hash", "record_id", "leaf", "log_id", "idx")


def digest(row: Mapping[str, Any]) -> bytes:
    """The first 16 bytes of SHA-256 over the other columns, each behind its length (4 bytes); numbers take 8 bytes."""
    hashed = hashlib.sha256()
    for name in _COLUMNS:
        value = row[name]
        data = value.to_bytes(8, "big", signed=True) if isinstance(value, int) else bytes(value)
        hashed.update(len(data).to_bytes(4, "big") + data)
    return hashed.digest()[:DIGEST_BYTES]


def is_whole(row: Row[Any]) -> bool:
    """Whether a row is as it was written."""
    try:
        return bool(digest(row._asdict()) == row.digest)
    except (TypeError, ValueError, OverflowError):
        return False  # a flipped bit can turn a value into one of another type


def put(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, given without their digests."""
    conn.execute(insert(_issued), [{**row, "digest": digest(row)} for row in rows])


def put_missing(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """`put`, which leaves rows that are there as they are."""
    insert_or_ignore(conn, _issued, [{**row, "digest": digest(row)} for row in rows])


def set_said(conn: Connection, which: ColumnElement[bool], said_hash: bytes) -> None:
    """Give the rows that `which` picks another hash of what was said; a damaged one stays damaged."""
    changed = [
        {"of_key": row.key_hash, "of_version": row.version, "made": digest(row._asdict() | {"said_hash": said_hash})}
        for row in conn.execute(select(_issued).where(which)).all()
        if is_whole(row)
    ]
    conn.execute(update(_issued).where(which).values(said_hash=said_hash))
    if changed:
        of = and_(_issued.c.key_hash == bindparam("of_key"), _issued.c.version == bindparam("of_version"))
        conn.execute(update(_issued).where(of).values(digest=bindparam("made")), changed)
