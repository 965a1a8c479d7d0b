"""Reading the audit trail: newest first, by filters, in pieces that go on from a place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, or_, select

from node.store.tables import table
from node.store.tables_accounts import AuditView

_view = table(AuditView)
PIECE = 200
Place = tuple[int, int, int]
"""(moment, log, index): where a piece ended."""


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
    return [dict(row) for row in rows[:limit]], None if last is None else (last["at_ms"], last["log_id"], last["idx"])


def _select(wanted: Filter, after: Place | None) -> Select[Any]:
    which = []
    for name in ("account", "action", "object", "node"):
        if value := getattr(wanted, name):
            which.append(_view.c[name].startswith(value, autoescape=True))
    which += [_view.c.at_ms >= wanted.from_ms] if wanted.from_ms is not None else []
    which += [_view.c.at_ms < wanted.to_ms] if wanted.to_ms is not None else []
    if after is not None:
        at_ms, log_id, index = after
        later = and_(
            _view.c.at_ms == at_ms, or_(_view.c.log_id < log_id, and_(_view.c.log_id == log_id, _view.c.idx < index))
        )
        which.append(or_(_view.c.at_ms < at_ms, later))
    return select(_view).where(*which).order_by(_view.c.at_ms.desc(), _view.c.log_id.desc(), _view.c.idx.desc())
