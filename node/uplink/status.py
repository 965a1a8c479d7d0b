"""What the pages and the command tell of the uplink: figures for each data set, what needs a person, lags, retries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select, true, update

from node.domain.faults import Fault
from node.domain.standard import Standard
from node.store import logs
from node.store.tables import table
from node.store.tables_uplink import UplinkTry, VerdictView
from node.uplink import outbox
from node.uplink.mapping import FILLED
from node.uplink.outbox import rows
from node.uplink.sending import faults_of

FAILED = ("rejected", "held", "dead")
STATES = ("queued", "blocked", "held", "rejected", "dead", "accepted", "deleted")
PAGE = 50
_tries, _verdicts = table(UplinkTry), table(VerdictView)


@dataclass(frozen=True, slots=True)
class SetLine:
    """One data set: how many messages are in each state, and the median and longest lag of the accepted, in ms."""

    number: str
    name: str
    zh: str
    states: Mapping[str, int]
    mean_ms: int
    most_ms: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that needs a person, or any other, for a list."""

    id: int
    number: str
    name: str
    zh: str
    title: str
    record: str
    data_key: str
    state: str
    operation: str
    attempts: int
    answer: str
    faults: tuple[Fault, ...]
    tried_ms: int
    category: str
    division: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages are meant; an empty value means any."""

    state: str = ""
    number: str = ""
    category: str = ""
    record: str = ""


def sets(conn: Connection, standard: Standard) -> list[SetLine]:
    """Figures of each data set that has messages."""
    counted: dict[str, dict[str, int]] = {}
    for number, state, count in conn.execute(
        select(rows.c.number, rows.c.state, func.count()).group_by(rows.c.number, rows.c.state)
    ):
        counted.setdefault(number, {})[state] = count
    lag = rows.c.accepted_ms - rows.c.event_ms
    lags = {
        number: (int(mean or 0), int(most or 0))
        for number, mean, most in conn.execute(
            select(rows.c.number, func.avg(lag), func.max(lag))
            .where(and_(rows.c.state == "accepted", rows.c.accepted_ms > 0))
            .group_by(rows.c.number)
        )
    }
    return [
        SetLine(number, standard.sets[number].name, standard.sets[number].zh, states, *lags.get(number, (0, 0)))
        for number, states in sorted(counted.items(), key=lambda item: int(item[0]))
    ]


def totals(conn: Connection) -> dict[str, int]:
    """How many messages are in each state."""
    found = dict.fromkeys(STATES, 0)
    for state, count in conn.execute(select(rows.c.state, func.count()).group_by(rows.c.state)):
        found[state] = count
    return found


def letters(conn: Connection, standard: Standard, wanted: Filter, page: int = 1) -> tuple[list[Letter], int]:
    """A page of messages, newest first, and how many there are."""
    which = _which(wanted)
    total = conn.execute(select(func.count()).select_from(rows).where(which)).scalar_one()
    query = select(rows).where(which).order_by(rows.c.id.desc()).limit(PAGE).offset((page - 1) * PAGE)
    return [
        Letter(
            row["id"],
            row["number"],
            standard.sets[row["number"]].name,
            standard.sets[row["number"]].zh,
            row["title"],
            row["record_id"].hex(),
            row["data_key"],
            row["state"],
            row["operation"],
            row["attempts"],
            row["answer"],
            tuple(faults_of(row["faults"])),
            row["tried_ms"],
            row["category"],
            row["division"],
        )
        for row in conn.execute(query).mappings()
    ], total


def retry(conn: Connection, now_ms: int, *, ids: Sequence[int] = (), wanted: Filter | None = None) -> int:
    """Give messages that failed another chance: these, or all that a filter means; gives how many."""
    failed = rows.c.state.in_((*FAILED, "blocked"))
    which = rows.c.id.in_(list(ids)) if wanted is None else _which(wanted)
    found = conn.execute(select(rows.c.id).where(and_(failed, which))).scalars().all()
    return outbox.requeue(conn, found, now_ms)


def report_again(conn: Connection, data_key: str, now_ms: int) -> int:
    """Report one message anew, also one that was accepted: after a difference that a person has looked at.

    It goes as an update; a receiver that does not know its key gets it as an insert under that key.
    """
    row = conn.execute(select(rows).where(rows.c.data_key == data_key)).mappings().first()
    if row is None or row["state"] == "deleted":
        return 0
    operation = row["operation"] if row["operation"] == "delete" or not row["accepted"] else "update"
    conn.execute(update(rows).where(rows.c.id == row["id"]).values(operation=operation))
    return outbox.requeue(conn, [row["id"]], now_ms)


def filled(conn: Connection) -> dict[tuple[str, str], int]:
    """How often each element was filled in by each row of the policy, over the messages that were sent or held."""
    found: dict[tuple[str, str], int] = {}
    for text in conn.execute(select(rows.c.faults).where(rows.c.faults != "")).scalars():
        for fault in faults_of(text):
            if fault.rule == FILLED:
                by = (fault.field, fault.basis)
                found[by] = found.get(by, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def verdicts(
    conn: Connection, origins: Sequence[str], may_say: Callable[[str], bool], state: str, page: int = 1
) -> tuple[list[Mapping[str, Any]], int]:
    """A page of the verdicts on the records of some logs, newest first, and how many there are.

    `may_say` tells of a log's origin whether verdicts in it count, as for `reported.of_records`.
    """
    which = _said(conn, origins, may_say)
    if state:
        which = and_(which, _verdicts.c.state == state)
    total = conn.execute(select(func.count()).select_from(_verdicts).where(which)).scalar_one()
    query = select(_verdicts).where(which).order_by(_verdicts.c.at_ms.desc(), _verdicts.c.record_id)
    found = conn.execute(query.limit(PAGE).offset((page - 1) * PAGE)).mappings()
    return [{**row} for row in found], total


def verdict_counts(conn: Connection, origins: Sequence[str], may_say: Callable[[str], bool]) -> dict[str, int]:
    """How many records of some logs are in each state above."""
    which = _said(conn, origins, may_say)
    counted = select(_verdicts.c.state, func.count()).where(which).group_by(_verdicts.c.state)
    return {state: count for state, count in conn.execute(counted)}


def _said(conn: Connection, origins: Sequence[str], may_say: Callable[[str], bool]) -> ColumnElement[bool]:
    """Verdicts on the records of some logs, in logs whose word counts."""
    heard = [log.id for log in logs.all_logs(conn) if may_say(log.origin)]
    return and_(_verdicts.c.about_origin.in_(list(origins)), _verdicts.c.log_id.in_(heard))


def _which(wanted: Filter) -> ColumnElement[bool]:
    which: ColumnElement[bool] = true()
    if wanted.state == "failed":
        which = and_(which, rows.c.state.in_(FAILED))
    elif wanted.state:
        which = and_(which, rows.c.state == wanted.state)
    if wanted.number:
        which = and_(which, rows.c.number == wanted.number)
    if wanted.category:
        which = and_(which, rows.c.category == wanted.category)
    if wanted.record:
        which = and_(which, rows.c.record_id == bytes.fromhex(wanted.record))
    return which
