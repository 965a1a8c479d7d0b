"""The records behind a figure as one stream: all of them, newest first, a piece at a time.

A place in it is the last row that was given, so that neither a transaction nor memory is held between two pieces, and
nothing is given twice however much is judged anew meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, select, tuple_

from node.quality.board import Row, Wanted
from node.quality.items import fits, items
from node.quality.measures import MASKS
from node.store.tables import Log, table

_log = table(Log)
Place = tuple[int, int, int, bytes]
"""(day and number, log, index, record) of a row, by which they fall."""


def place_of(row: Mapping[str, Any]) -> Place:
    return row["doc"], row["log_id"], row["idx"], row["record_id"]


def after(
    conn: Connection, wanted: Wanted, measure: str, place: Place | None, limit: int, *, all_of_them: bool = False
) -> tuple[list[Row], Place | None]:
    """The next rows, each with its log's `origin`, and where to go on; None when these are the last.

    They are those that are not right by a measure, or all that were judged by it.
    """
    order = (items.c.doc, items.c.log_id, items.c.idx, items.c.record_id)
    which = [fits(MASKS[measure], all_of_them=all_of_them), *_of(wanted)]
    if not all_of_them:
        which.append(items.c.faulty.is_(True))
    if place is not None:
        which.append(tuple_(*order) < place)
    statement = select(items, _log.c.origin).join(_log, _log.c.id == items.c.log_id).where(and_(*which))
    rows = conn.execute(statement.order_by(*(column.desc() for column in order)).limit(limit)).mappings().all()
    found = [dict(row) for row in rows]
    return found, place_of(found[-1]) if len(found) == limit else None


def _of(wanted: Wanted) -> Sequence[Any]:
    parts: list[Any] = [items.c.log_id.in_(wanted.logs)] if wanted.node else []
    asked = ((name, getattr(wanted, name)) for name in ("division", "category", "step"))
    return parts + [items.c[name] == value for name, value in asked if value]
