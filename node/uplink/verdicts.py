"""Verdicts on their way down: what became of each record, told in this node's log once it has settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, RowMapping, and_, select, update

from node.domain.faults import Fault
from node.domain.record import Document, Draft, Source
from node.domain.standard import Standard
from node.domain.verdicts import STATES, Verdict, VerdictItem, worst
from node.store import logs
from node.uplink.mapping import FILLED
from node.uplink.outbox import rows
from node.uplink.sending import faults_of

BATCH = 200


@dataclass(frozen=True, slots=True)
class Told:
    """Verdicts to publish, and what to note of each message once they are."""

    drafts: tuple[Draft, ...]
    marks: tuple[tuple[int, str], ...]
    """(id of a message, its state as told)."""
    last: bytes
    """The last record that was looked at; nothing when there is none left."""


def owed(conn: Connection, standard: Standard, receiver: str, now_ms: int, after: bytes = b"") -> Told:
    """Verdicts on records, after one by id, whose messages have all settled and of which something new can be said."""
    fresh = and_(rows.c.told == "", rows.c.state != "queued", rows.c.record_id > after)
    query = select(rows.c.record_id).where(fresh).distinct().order_by(rows.c.record_id).limit(BATCH)
    ids = list(conn.execute(query).scalars())
    of_record: dict[bytes, list[RowMapping]] = {record_id: [] for record_id in ids}
    for row in conn.execute(select(rows).where(rows.c.record_id.in_(ids)).order_by(rows.c.id)).mappings():
        of_record[row["record_id"]].append(row)
    drafts, marks = [], []
    for found in of_record.values():
        if all(row["state"] != "queued" for row in found):
            drafts.append(_draft(conn, standard, receiver, found, now_ms))
            marks += [(row["id"], row["state"]) for row in found]
    return Told(tuple(drafts), tuple(marks), ids[-1] if ids else b"")


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
        items=[item_of(standard, row) for row in found],
    )
    key = f"{receiver}/{origin.rpartition('/')[0]}/{body.record}"
    document = Document(key=key, body=body, source=Source(receiver))
    return Draft("verdict", key, {"main": document}, msgspec.to_builtins(body))


def filled_in(faults: Sequence[Fault]) -> list[str]:
    """`<element> <row of the policy>` of each field that was filled in."""
    return [f"{fault.field} {fault.basis}" for fault in faults if fault.rule == FILLED]


def item_of(standard: Standard, row: RowMapping) -> VerdictItem:
    """What is said of one message that has settled."""
    dataset = standard.sets[row["number"]]
    faults = faults_of(row["faults"])
    refused = [fault for fault in faults if fault.severity == "refuse"]
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
        filled=filled_in(faults),
    )
