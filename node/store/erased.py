"""Tombstones: what was erased by law is gone from every table at once and never comes back (DESIGN L23).

All functions run inside the caller's transaction. That the bytes leave the files as well is `Store.truncate_wal`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, select, tuple_

from node.store import issued, payloads
from node.store.tables import Erased, Issued, SealedWraps, table
from node.store.upsert import insert_or_ignore

_erased = table(Erased)
_issued = table(Issued)
_wraps = table(SealedWraps)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One erased section. `by_log_id` and `by_index` are where the order is logged."""

    index: int
    section: str
    order_id: bytes
    by_log_id: int
    by_index: int
    erased_ms: int


def erase(
    conn: Connection,
    log_id: int,
    places: Iterable[tuple[int, str]],
    *,
    record_id: bytes,
    order_id: bytes,
    by_log_id: int,
    by_index: int,
    now_ms: int,
) -> bool:
    """Lay tombstones and delete payloads, salts, key wraps and hashes of what was said; tells whether anything changed.

    Erasing again deletes again: a tombstone whose section is still held somewhere would be the worst of all.
    """
    wanted = sorted(set(places))
    before = of_log(conn, log_id, wanted[0][0], wanted[-1][0] + 1)
    common: dict[str, Any] = {"record_id": record_id, "order_id": order_id, "erased_ms": now_ms}
    common |= {"log_id": log_id, "by_log_id": by_log_id, "by_idx": by_index}
    insert_or_ignore(conn, _erased, [common | {"idx": index, "section": section} for index, section in wanted])
    held = payloads.drop(conn, log_id, wanted)
    conn.execute(
        delete(_wraps).where(and_(_wraps.c.log_id == log_id, tuple_(_wraps.c.idx, _wraps.c.section).in_(wanted)))
    )
    # A hash of a few personal values can be found by trying them all.
    indexes = sorted({index for index, _ in wanted})
    issued.set_said(conn, and_(_issued.c.log_id == log_id, _issued.c.idx.in_(indexes)), b"")
    return held or not before >= set(wanted)


def of_log(conn: Connection, log_id: int, start: int = 0, end: int = 2**62) -> set[tuple[int, str]]:
    """(index, section) of what was erased in `[start, end)`."""
    return payloads.erased_in(conn, log_id, start, end)


def of_entry(conn: Connection, log_id: int, index: int) -> dict[str, Tombstone]:
    """section -> tombstone of one entry."""
    rows = conn.execute(select(_erased).where(and_(_erased.c.log_id == log_id, _erased.c.idx == index)))
    return {
        row.section: Tombstone(row.idx, row.section, row.order_id, row.by_log_id, row.by_idx, row.erased_ms)
        for row in rows
    }


def of_record(conn: Connection, record_id: bytes) -> set[tuple[int, int, str]]:
    """(log id, index, section) of what was erased of one record, in the logs of all its origin's epochs."""
    columns = (_erased.c.log_id, _erased.c.idx, _erased.c.section)
    rows = conn.execute(select(*columns).where(_erased.c.record_id == record_id))
    return {(row.log_id, row.idx, row.section) for row in rows}
