"""The index of issued records: which version of a record lies where, and what its source said.

What a source said is in no entry and no payload, so each row carries a digest of its other columns: a bit that flips in
it is found before anything is published on its word (DESIGN L8). All functions run inside the caller's transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, and_, bindparam, select, update

from node.store.bulk import insert_many
from node.store.tables import Issued, table

_issued = table(Issued)
DIGEST_BYTES = 16
_COLUMNS = ("key_hash", "version", "said_hash", "record_id", "leaf", "log_id", "idx")
_STEP = 500
_KEYS: BindParameter[list[bytes]] = bindparam("keys", expanding=True)
_of_keys = (
    select(*(_issued.c[name] for name in _COLUMNS), _issued.c.digest)
    .where(_issued.c.key_hash.in_(_KEYS))
    .order_by(_issued.c.version)
)


def digest(row: Mapping[str, Any]) -> bytes:
    """The first 16 bytes of SHA-256 over the other columns, each behind its length (4 bytes); numbers take 8 bytes."""
    return _digest([row[name] for name in _COLUMNS])


def is_whole(row: Row[Any]) -> bool:
    """Whether a row of `of_keys`, or of the whole table, is as it was written."""
    try:
        return bool(_digest([row._mapping[name] for name in _COLUMNS]) == row.digest)
    except (TypeError, ValueError, OverflowError):
        return False  # a flipped bit can turn a value into one of another type


def of_keys(conn: Connection, keys: Sequence[bytes]) -> Iterable[Row[Any]]:
    """All versions of the records of these keys, of each record in their order; `is_whole` judges a row."""
    for start in range(0, len(keys), _STEP):
        found: Iterable[Any] = conn.execute(_of_keys, {"keys": keys[start : start + _STEP]})
        yield from found


def put(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, given without their digests."""
    _insert(conn, rows, ignore=False)


def put_missing(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """`put`, which leaves rows that are there as they are."""
    _insert(conn, rows, ignore=True)


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


def _insert(conn: Connection, rows: Sequence[Mapping[str, Any]], *, ignore: bool) -> None:
    plain = [tuple(row[name] for name in _COLUMNS) for row in rows]
    insert_many(conn, _issued, (*_COLUMNS, "digest"), [(*each, _digest(each)) for each in plain], ignore=ignore)


def _digest(values: Sequence[Any]) -> bytes:
    parts: list[bytes] = []
    for value in values:
        data = value.to_bytes(8, "big", signed=True) if isinstance(value, int) else bytes(value)
        parts += (len(data).to_bytes(4, "big"), data)
    return hashlib.sha256(b"".join(parts)).digest()[:DIGEST_BYTES]
