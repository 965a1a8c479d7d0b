"""Reading the audit trail: newest first, by filters, in pieces that go on from a place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select, tuple_

from node.store.tables import table
from node.store.tables_accounts import AuditView

_view = table(AuditView)
PIECE = 200
_PLACE = ("at_ms", "log_id", "idx", "part")
Place = tuple[int, int, int, int]
"""(moment, log, index, part of the record): where a piece ended."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for; empty fields ask for nothing. Moments are UTC milliseconds, `to_ms` not included."""

    account: str = ""
    action: str = ""
    object: str = ""
    node: str = ""
    from_ms: int | None = None
    to_ms: int | None = None


def piece(
    conn: Connection, wanted: Filter, after: Place | None = None, limit: int = PIECE
) -> tuple[list[dict[str, Any]], Place | None]:
    """Acts, and the place to go on from, None at the end."""
    rows = list(conn.execute(_select(wanted, after).limit(limit + 1)).mappings())
    last = rows[limit - 1] if len(rows) > limit else None
    return [dict(row) for row in rows[:limit]], None if last is None else tuple(last[name] for name in _PLACE)


def _select(wanted: Filter, after: Place | None) -> Select[Any]:
    columns = [_view.c[name] for name in _PLACE]
    which = []
    for name in ("account", "action", "object", "node"):
        if value := getattr(wanted, name):
            which.append(_view.c[name].startswith(value, autoescape=True))
    which += [_view.c.at_ms >= wanted.from_ms] if wanted.from_ms is not None else []
    which += [_view.c.at_ms < wanted.to_ms] if wanted.to_ms is not None else []
    if after is not None:
        which.append(tuple_(*columns) < after)
    return select(_view).where(*which).order_by(*(column.desc() for column in columns))
