"""Key wraps of sealed sections, as their origins signed them, and who opened what at this node (DESIGN L23).

Callers have verified a list before it gets here. All functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, select

from node.store import cursors
from node.store.payloads import erased_in
from node.store.tables import SealedAccess, SealedWraps, table
from node.store.upsert import insert_or_replace

_wraps = table(SealedWraps)
_access = table(SealedAccess)
MAX_NOTES = 500
_CHANGES = "sealed-wraps"


@dataclass(frozen=True, slots=True)
class StoredWraps:
    """One signed list; `time_s` is the one in it, `seq` its place in this node's order of changes."""

    index: int
    section: str
    holding: str
    time_s: int
    seq: int
    note: str


@dataclass(frozen=True, slots=True)
class Access:
    """Somebody opened a sealed section here, or let a node read it."""

    at_ms: int
    who: str
    action: str
    log_id: int
    index: int
    section: str
    detail: str


def put(conn: Connection, log_id: int, lists: Iterable[tuple[int, str, str, int, str]]) -> int:
    """Keep lists (index, section, holding, time in seconds, note) that are newer than what is held; gives how many.

    The list of a section that was erased is left out.
    """
    taken, last = 0, newest_seq(conn, log_id)
    for index, section, holding, time_s, note in lists:
        held = get(conn, log_id, index, section)
        if (held is not None and held.time_s >= time_s) or (index, section) in erased_in(
            conn, log_id, index, index + 1
        ):
            continue
        taken += 1
        row = {"log_id": log_id, "idx": index, "section": section, "holding": holding, "time_s": time_s}
        insert_or_replace(conn, _wraps, [row | {"seq": last + taken, "note": note}])
    if taken:
        cursors.move(conn, _CHANGES, log_id, last + taken)
    return taken


def get(conn: Connection, log_id: int, index: int, section: str) -> StoredWraps | None:
    row = conn.execute(
        select(_wraps).where(and_(_wraps.c.log_id == log_id, _wraps.c.idx == index, _wraps.c.section == section))
    ).first()
    return None if row is None else _stored(row)


def after(
    conn: Connection, log_id: int, seq: int, holdings: Iterable[str], limit: int = MAX_NOTES
) -> tuple[list[StoredWraps], int]:
    """Lists that changed after `seq` and that a holder of `holdings` may have, and the `seq` that this leads up to."""
    wanted = and_(_wraps.c.log_id == log_id, _wraps.c.seq > seq, _wraps.c.holding.in_(list(holdings)))
    rows = [_stored(row) for row in conn.execute(select(_wraps).where(wanted).order_by(_wraps.c.seq).limit(limit))]
    return rows, rows[-1].seq if len(rows) == limit else max(seq, newest_seq(conn, log_id))


def newest_seq(conn: Connection, log_id: int) -> int:
    """The place of the newest change, 0 before any. It never falls, also when the newest list was erased."""
    return cursors.get(conn, _CHANGES, log_id)


def note_access(
    conn: Connection, *, at_ms: int, who: str, action: str, log_id: int, index: int, section: str, detail: str
) -> None:
    """Write down that a sealed section was opened or shared, before anybody sees what is in it."""
    values = {"at_ms": at_ms, "who": who, "action": action, "log_id": log_id, "section": section, "detail": detail}
    conn.execute(insert(_access).values(**values, idx=index))


def accesses(conn: Connection, limit: int = 1000) -> list[Access]:
    """The newest accesses first."""
    rows = conn.execute(select(_access).order_by(_access.c.id.desc()).limit(limit))
    return [Access(r.at_ms, r.who, r.action, r.log_id, r.idx, r.section, r.detail) for r in rows]


def _stored(row: Row[Any]) -> StoredWraps:
    return StoredWraps(row.idx, row.section, row.holding, row.time_s, row.seq, row.note)
