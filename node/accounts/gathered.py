"""Acts of persons that wait to be recorded together: log-ins, and what parties do with their accounts.

Everybody may register and log in, and nothing is ever taken out of a log; so these acts are not worth a record each.
Each is a row here, signed when it was done, and what happens to the process loses none; now and then they become one
record (`audit.batch`). Of what an account does more often in an hour than its limit, and of what all parties together
do beyond theirs, the number is kept and nothing else. Functions run inside the caller's transaction.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from node.domain.accounts import AuditAct, AuditBatch, AuditCount, AuditEntry
from node.domain.hands import Hand
from node.store.tables import table
from node.store.tables_accounts import AuditHour, AuditWaiting
from node.store.upsert import insert_or_replace
from node.wire import payload as payloads

HOUR_MS = 3_600_000
MAX_BYTES = 600_000
"""Of the entries of one record; it must stay below `payload.MAX_PAYLOAD_BYTES` with its counts."""
MAX_ROWS, MAX_COUNTS = 2000, 1000
PARTIES = "*"
"""Stands for all parties together, as an account."""
_waiting, _hours = table(AuditWaiting), table(AuditHour)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many acts of an hour are kept: of one sort and account, and of all parties together."""

    each: int
    parties: int


def put(conn: Connection, key: str, act: AuditAct, hand: Hand, limits: Limits) -> bool:
    """Keep an act, or only count it; says whether it was kept."""
    hour = act.at - act.at % HOUR_MS
    if act.realm == "party" and not _count(conn, PARTIES, PARTIES, hour, limits.parties):
        _count(conn, PARTIES, act.action, hour, 0)
        return False
    if not _count(conn, act.account, act.action, hour, limits.each):
        return False
    row = {"key": key, "batch": "", "account": act.account, "action": act.action, "at_ms": act.at}
    conn.execute(insert(_waiting).values(**row, act=payloads.encode(act), hand=payloads.encode(hand)))
    return True


def next_batch(conn: Connection, node: str, now_ms: int) -> str:
    """The name of the record that is to be published next, with what belongs to it settled; empty when nothing waits.

    A name that was given is given again until `drop`: so a batch that was published before a crash is recognised.
    """
    for each in (_waiting, _hours):
        begun: str | None = conn.execute(select(each.c.batch).where(each.c.batch != "").limit(1)).scalar()
        if begun:
            return begun
    name = f"{node}/{now_ms}/{os.urandom(8).hex()}"
    of_entries, of_counts = _take(conn, name), _take_counts(conn, name, now_ms)
    return name if of_entries or of_counts else ""


def body(conn: Connection, node: str, name: str) -> AuditBatch:
    """What the record of that name says."""
    rows = conn.execute(select(_waiting).where(_waiting.c.batch == name).order_by(_waiting.c.at_ms, _waiting.c.key))
    entries = [
        AuditEntry(
            key=row.key,
            act=msgspec.msgpack.decode(row.act, type=AuditAct),
            hand=msgspec.msgpack.decode(row.hand, type=Hand),
        )
        for row in rows
    ]
    hours = conn.execute(
        select(_hours).where(_hours.c.batch == name).order_by(_hours.c.hour_ms, _hours.c.account, _hours.c.action)
    )
    counts = [
        AuditCount(account=row.account, action=row.action, at=row.hour_ms, number=row.number - row.most)
        for row in hours
    ]
    return AuditBatch(node=node, entries=entries, counts=counts)


def drop(conn: Connection, name: str) -> None:
    """The record is in the log: what it says waits no more."""
    for each in (_waiting, _hours):
        conn.execute(delete(each).where(each.c.batch == name))


def _count(conn: Connection, account: str, action: str, hour: int, limit: int) -> bool:
    """Count one more; says whether it is within the limit."""
    of = _hours.c.account == account, _hours.c.action == action, _hours.c.hour_ms == hour
    row = conn.execute(select(_hours).where(*of)).first()
    number, most = (1, 0) if row is None else (row.number + 1, row.most)
    within = most < limit
    made: dict[str, Any] = {"account": account, "action": action, "hour_ms": hour, "number": number}
    insert_or_replace(conn, _hours, [made | {"most": most + within, "batch": "" if row is None else row.batch}])
    return within


def _take(conn: Connection, name: str) -> bool:
    """Settle which entries the record gets: the oldest, as many as fit."""
    found = conn.execute(
        select(_waiting.c.key, _waiting.c.at_ms, _waiting.c.act, _waiting.c.hand)
        .where(_waiting.c.batch == "")
        .order_by(_waiting.c.at_ms, _waiting.c.key)
        .limit(MAX_ROWS)
    )
    size, keys = 0, []
    for row in found.all():
        size += len(row.key) + len(row.act) + len(row.hand) + 32
        if size > MAX_BYTES:
            break
        keys.append(row.key)
    for start in range(0, len(keys), 500):
        some = _waiting.c.key.in_(keys[start : start + 500])
        conn.execute(update(_waiting).where(some).values(batch=name))
    return bool(keys)


def _take_counts(conn: Connection, name: str, now_ms: int) -> bool:
    """The same of the hours that are over; those in which all was kept have nothing to tell."""
    over = _hours.c.batch == "", _hours.c.hour_ms <= now_ms - HOUR_MS
    # What all parties did is told by action; the sum alone is for the limit.
    told = _hours.c.number > _hours.c.most, _hours.c.action != PARTIES
    rows = conn.execute(select(_hours).where(*over, *told).order_by(_hours.c.hour_ms).limit(MAX_COUNTS)).all()
    for row in rows:
        of = _hours.c.account == row.account, _hours.c.action == row.action, _hours.c.hour_ms == row.hour_ms
        conn.execute(update(_hours).where(*of).values(batch=name))
    if len(rows) < MAX_COUNTS:
        conn.execute(delete(_hours).where(*over))
    return bool(rows)
