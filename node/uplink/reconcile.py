"""Daily reconciliation (对账): what was to be reported, what was sent, accepted, held; and what the receiver holds of
ours.

Where the receiver tells its keys, both sides are compared key by key. A difference is listed, never mended silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, func, select

from node.domain.standard import Standard
from node.store.tables import table
from node.store.tables_uplink import UplinkDay, UplinkTry
from node.store.upsert import insert_or_replace
from node.uplink.outbox import rows
from node.uplink.shape import BEIJING, ms_of

DAY_MS = 86_400_000
LISTED = 500
_days, _tries = table(UplinkDay), table(UplinkTry)


class Line(msgspec.Struct, frozen=True):
    """One data set on one day: how many messages changed, were sent, accepted and refused; how things stand now."""

    number: str
    name: str
    zh: str
    sent: int
    accepted: int
    refused: int
    unanswered: int
    states: dict[str, int]


class Difference(msgspec.Struct, frozen=True):
    """A key on which the two sides do not agree: what ours says, what theirs says (empty: not there)."""

    data_key: str
    number: str
    title: str
    ours: str
    theirs: str


class Reconciliation(msgspec.Struct, frozen=True):
    """`compared` is false where the receiver does not tell what it holds."""

    day: str
    made_ms: int
    lines: list[Line]
    compared: bool
    differences: list[Difference]
    more: int = 0


def today(now_ms: int) -> str:
    """The ISO day in Beijing."""
    return (datetime.fromtimestamp(now_ms / 1000, UTC) + BEIJING).date().isoformat()


def make(
    conn: Connection, standard: Standard, day: str, now_ms: int, theirs: Mapping[str, str] | None
) -> Reconciliation:
    """Reconcile a day (ISO, Beijing) and keep the report. `theirs` is key -> state at the receiver."""
    start = ms_of(day) or 0
    joined = _tries.join(rows, rows.c.id == _tries.c.message_id)
    counted = (
        select(rows.c.number, _tries.c.outcome, func.count())
        .select_from(joined)
        .where(and_(_tries.c.at_ms >= start, _tries.c.at_ms < start + DAY_MS))
        .group_by(rows.c.number, _tries.c.outcome)
    )
    outcomes: dict[str, dict[str, int]] = {}
    for number, outcome, count in conn.execute(counted):
        outcomes.setdefault(number, {})[outcome] = count
    states: dict[str, dict[str, int]] = {}
    for number, state, count in conn.execute(
        select(rows.c.number, rows.c.state, func.count()).group_by(rows.c.number, rows.c.state)
    ):
        states.setdefault(number, {})[state] = count
    lines = [
        _line(standard, number, outcomes.get(number, {}), states.get(number, {}))
        for number in sorted({*outcomes, *states}, key=int)
    ]
    found = [] if theirs is None else list(_differences(conn, theirs))
    made = Reconciliation(day, now_ms, lines, theirs is not None, found[:LISTED], max(0, len(found) - LISTED))
    report = msgspec.json.encode(made).decode()
    kept = {"day": day, "made_ms": now_ms, "differences": len(found), "report": report}
    insert_or_replace(conn, _days, [kept])
    return made


def newest(conn: Connection) -> Reconciliation | None:
    """The last reconciliation that was made."""
    text = conn.execute(select(_days.c.report).order_by(_days.c.day.desc()).limit(1)).scalar()
    return None if text is None else msgspec.json.decode(text, type=Reconciliation)


def _line(standard: Standard, number: str, outcomes: dict[str, int], states: dict[str, int]) -> Line:
    dataset = standard.sets[number]
    return Line(
        number,
        dataset.name,
        dataset.zh,
        sum(outcomes.values()),
        outcomes.get("accepted", 0),
        outcomes.get("rejected", 0),
        outcomes.get("unknown", 0),
        states,
    )


def _differences(conn: Connection, theirs: Mapping[str, str]) -> Any:
    seen = set()
    columns = [rows.c[name] for name in ("data_key", "number", "title", "state", "accepted", "trying")]
    for row in conn.execute(select(*columns).order_by(rows.c.data_key)):
        seen.add(row.data_key)
        there = theirs.get(row.data_key, "")
        holds = there == "held"
        if row.trying:
            continue  # sent and not answered: both may be true, and the next run finds out
        if bool(row.accepted) != holds:
            yield Difference(row.data_key, row.number, row.title, row.state, there)
    for key, state in theirs.items():
        if key not in seen and state == "held":
            yield Difference(key, "", "", "", state)
