"""Verdicts on their way down: what became of each record, told in this node's log once it has settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, RowMapping, and_, exists, select, update

from node.domain.record import Document, Draft, Source
from node.domain.standard import Standard
from node.domain.verdicts import STATES, Verdict, VerdictItem, worst
from node.store import logs
from node.store.tables import table
from node.store.tables_uplink import UplinkMessage
from node.uplink.outbox import rows
from node.uplink.sending import faults_of

BATCH = 200
_others = table(UplinkMessage).alias("other")


@dataclass(frozen=True, slots=True)
class Told:
    """Verdicts to publish, and what to note of each message once they are."""

    drafts: tuple[Draft, ...]
    marks: tuple[tuple[int, str], ...]
    """(id of a message, its state as told)."""


def owed(conn: Connection, standard: Standard, receiver: str, now_ms: int) -> Told:
    """The verdicts on records all of whose messages have settled and of which something new can be said."""
    open_ = exists(
        select(_others.c.id).where(and_(_others.c.record_id == rows.c.record_id, _others.c.state == "queued"))
    )
    fresh = and_(rows.c.told != rows.c.state, rows.c.state != "queued", ~open_)
    ids = conn.execute(select(rows.c.record_id).where(fresh).distinct().limit(BATCH)).scalars().all()
    drafts, marks = [], []
    for record_id in ids:
        found = list(conn.execute(select(rows).where(rows.c.record_id == record_id).order_by(rows.c.id)).mappings())
        drafts.append(_draft(conn, standard, receiver, found, now_ms))
        marks += [(row["id"], row["state"]) for row in found]
    return Told(tuple(drafts), tuple(marks))


def mark(conn: Connection, told: Told) -> None:
    """Note that these were told; of a message that has changed since, the change is told of later."""
    for identity, state in told.marks:
        still = and_(rows.c.id == identity, rows.c.state == state)
        conn.execute(update(rows).where(still).values(told=state))


def _draft(conn: Connection, standard: Standard, receiver: str, found: Sequence[RowMapping], now_ms: int) -> Draft:
    newest = max(found, key=lambda row: row["version"])
    origin = logs.by_id(conn, newest["log_id"]).origin
    body = Verdict(
        origin=origin,
        record=newest["record_id"].hex(),
        version=newest["version"],
        title=newest["title"],
        category=newest["category"],
        state=worst([row["state"] for row in found]),  # type: ignore[arg-type]
        at=now_ms,
        items=[_item(standard, row) for row in found],
    )
    key = f"{receiver}/{origin.rpartition('/')[0]}/{body.record}"
    document = Document(key=key, body=body, source=Source(receiver))
    return Draft("verdict", key, {"main": document}, msgspec.to_builtins(body))


def _item(standard: Standard, row: RowMapping) -> VerdictItem:
    dataset = standard.sets[row["number"]]
    refused = [fault for fault in faults_of(row["faults"]) if fault.severity == "refuse"]
    first = refused[0] if refused else None
    zh, en = STATES[row["state"]]
    if row["state"] in ("rejected", "dead") and row["answer"]:
        zh, en = f"{zh}：{row['answer']}", f"{en}: {row['answer']}"
    elif refused:
        zh = f"{zh}：{'；'.join(fault.zh for fault in refused[:5])}"
        en = f"{en}: {'; '.join(fault.en for fault in refused[:5])}"
    return VerdictItem(
        dataset=row["number"],
        name=dataset.name,
        data_key=row["data_key"],
        operation=row["operation"],
        state=row["state"],
        field=first.field if first else "",
        rule=first.rule if first else "",
        zh=zh[:1000],
        en=en[:1000],
        at=row["accepted_ms"] or row["tried_ms"],
    )
