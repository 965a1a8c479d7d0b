"""The records behind a figure, newest first, a piece at a time: a place in the list is an address that stays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, select, tuple_

from node.quality import lags
from node.quality.board import NONE, Filter
from node.quality.items import Row, items
from node.quality.measures import ANY, BITS, MASKS
from node.store.tables import Log, table

PAGE: Final = 50
_log = table(Log)
_PLACE = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})\.([0-9a-f]{32})")
SHOWN: Final = ("bad", "good", "all")


@dataclass(frozen=True, slots=True)
class Listing:
    """Which records: those of a filter that are not right (`bad`), that are, or all that were judged; `lag` is
    `<name of the lag>.<class>` and takes the place of the measure."""

    filter: Filter
    show: str = "bad"
    lag: str = ""


def is_place(text: str) -> bool:
    """Whether this is a place in a list, as `place_of` gives it."""
    found = _PLACE.fullmatch(text)
    return found is not None and max(int(found[1]), int(found[2])) < 2**62


def place_of(row: Row) -> str:
    return f"{row['doc']}.{row['log_id']}.{row['record_id'].hex()}"


def is_lag(text: str) -> bool:
    name, _, number = text.partition(".")
    return name in lags.LAGS and number.isascii() and number.isdigit() and int(number) < len(lags.BUCKETS)


def read(conn: Connection, wanted: Listing, after: str, limit: int) -> tuple[list[Row], str]:
    """The next rows after a place, and the place to go on from; empty when these are the last.

    Each row has its log's `origin`, and `wrong`, the names of what is not right with it.
    """
    which = _which(wanted)
    order = (items.c.doc, items.c.log_id, items.c.record_id)
    if found := _PLACE.fullmatch(after):
        which = and_(which, tuple_(*order) < (int(found[1]), int(found[2]), bytes.fromhex(found[3])))
    statement = select(items, _log.c.origin).join(_log, _log.c.id == items.c.log_id).where(which)
    rows = conn.execute(statement.order_by(*(column.desc() for column in order)).limit(limit + 1)).mappings().all()
    shown = [dict(row) | {"wrong": wrong(row["bad"])} for row in rows[:limit]]
    return shown, place_of(shown[-1]) if len(rows) > limit else ""


def wrong(bad: int) -> list[str]:
    """
    >>> wrong(5), wrong(0)
    (['no_notice', 'missing'], [])
    """
    return [name for name, bit in BITS.items() if bad & bit]


def _which(wanted: Listing) -> ColumnElement[bool]:
    where, mask = wanted.filter, MASKS[wanted.filter.measure]
    judged: Any = items.c.judged.op("&")(mask) != 0
    bad: Any = items.c.bad.op("&")(mask) != 0
    which: list[Any] = []
    if wanted.lag:
        name, _, number = wanted.lag.partition(".")
        which.append(items.c[name] == int(number))
    elif wanted.show == "bad":
        which += [items.c.faulty.is_(True), bad]
    elif wanted.show == "good":
        which.append(~bad)
    if not wanted.lag and wanted.show != "bad" and where.measure != ANY:
        which.append(judged)
    if where.division:
        which.append(items.c.division == ("" if where.division == NONE else where.division))
    if where.category:
        which.append(items.c.category == where.category)
    if where.step:
        which.append(items.c.step == where.step)
    return and_(True, *which)
