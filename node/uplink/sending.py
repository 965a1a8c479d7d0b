"""What is due goes out: chosen, linted and marked in one transaction, sent, answered in another.

Before anything is sent it is durable that it is being tried, with the very content. So after a crash or a lost answer
the same goes out again under the same key; when the receiver then says that it knows the key, it has it. Nothing is
ever there twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, insert, select, update

from node.domain.faults import Fault
from node.domain.standard import DataSet, Standard
from node.domain.standard_lint import Context, lint, lint_files
from node.store.tables import table
from node.store.tables_attachments import AttachedFile
from node.store.tables_uplink import UplinkTry
from node.store.upsert import insert_or_ignore
from node.uplink import envelope, mapping, numbers, outbox
from node.uplink.mapping import Fill
from node.uplink.outbox import rows, unique
from node.uplink.receiver import Answer
from node.uplink.shape import Fields, Sender, SourceFile, moment, place_name

CHUNK = 64
FIRST_MS, MOST_MS = 5_000, 3_600_000
_tries, _held = table(UplinkTry), table(AttachedFile)
FILE = "file"
"""What a message waits for when its `waits` begins so: a file, by its SHA-256."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What sending goes by: the standard, what is filled in, who sends, how often at most."""

    standard: Standard
    fills: tuple[Fill, ...]
    sender: Sender
    max_tries: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is to be sent now; `again` says that the same was sent before and not answered."""

    id: int
    data_key: str
    number: str
    operation: str
    fields: Fields
    again: bool
    attempts: int
    files: tuple[SourceFile, ...] = ()


def choose(conn: Connection, terms: Terms) -> tuple[list[Due], int]:
    """Mark the next messages as being tried; gives them, and how many rows were settled or put off without sending."""
    due_now = and_(rows.c.state == "queued", rows.c.next_ms <= terms.now_ms)
    wanted = select(rows).where(due_now).order_by(rows.c.place, rows.c.next_ms, rows.c.id).limit(CHUNK)
    found = list(conn.execute(wanted).mappings())
    chosen: list[Due] = []
    for row in found:
        due = _prepare(conn, terms, row)
        if due is not None:
            chosen.append(due)
    return chosen, len(found) - len(chosen)


def _prepare(conn: Connection, terms: Terms, row: RowMapping) -> Due | None:
    dataset = terms.standard.sets[row["number"]]
    trying = outbox.decode(row["trying"])
    if trying is not None:
        # Its fate is not known: exactly this again, whatever has changed since.
        operation, fields = str(trying["operation"]), dict(trying["fields"])
        files = tuple(SourceFile(*each) for each in trying.get("files", ()))
        _mark(conn, terms, row, operation, fields)
        return Due(row["id"], row["data_key"], row["number"], operation, fields, True, row["attempts"] + 1, files)
    operation = row["operation"]
    if operation == "delete":
        if not row["accepted"]:
            _gone(conn, row["id"], terms.now_ms)
            return None
        _mark(conn, terms, row, operation, {})
        return Due(row["id"], row["data_key"], row["number"], operation, {}, False, row["attempts"] + 1)
    waits = _parent_missing(conn, terms.standard, row)
    if waits is not None:
        _wait(conn, terms, row, waits)
        return None
    listed = outbox.files_in(row["fields"])
    absent = _absent(conn, listed)
    if absent is not None:
        _wait_for_file(conn, row, absent)
        return None
    fields, told = mapping.fill(dataset, outbox.fields_of(row), terms.fills, _words(terms.sender, row))
    whole = mapping.with_trailer(dataset, fields, terms.sender, terms.now_ms)
    before = outbox.decode(row["accepted"])
    found = lint(
        terms.standard,
        dataset,
        whole,
        Context(
            operation=operation,
            taken=lambda number, name, value: _taken(conn, number, name, value, row["id"]),
            before=before,
        ),
    )
    found += lint_files(terms.standard, [(each.dictionary, each.name) for each in listed])
    refused = [fault for fault in found if fault.severity == "refuse"]
    if refused:
        told_all = _plain([*refused, *told])
        values = {"state": "held", "faults": told_all, "answer": "", "tried_ms": terms.now_ms}
        conn.execute(update(rows).where(rows.c.id == row["id"]).values(values))
        release(conn, [f"{row['number']}|{row['subject']}"], terms.now_ms)
        return None
    _claim(conn, dataset, whole, row["id"])
    files = _changed(listed, row["accepted"])
    _mark(conn, terms, row, operation, whole, _plain([*found, *told]), files)
    return Due(row["id"], row["data_key"], row["number"], operation, whole, False, row["attempts"] + 1, files)


def _words(sender: Sender, row: RowMapping) -> dict[str, str]:
    return {
        "centre": sender.centre,
        "platform": sender.platform_code,
        "region": place_name(row["division"]),
        "url": f"{sender.url}/records/{row['record_id'].hex()}",
        "owner": sender.centre,
        "event": moment(row["event_ms"]),
    }


def as_sent(standard: Standard, fills: Sequence[Fill], sender: Sender, row: RowMapping, now_ms: int) -> Fields:
    """The fields of a message as they would be sent now."""
    dataset = standard.sets[row["number"]]
    fields, _ = mapping.fill(dataset, outbox.fields_of(row), fills, _words(sender, row))
    return mapping.with_trailer(dataset, fields, sender, now_ms)


def _mark(
    conn: Connection,
    terms: Terms,
    row: RowMapping,
    operation: str,
    fields: Fields,
    faults: str | None = None,
    files: Sequence[SourceFile] = (),
) -> None:
    trying: dict[str, Any] = {"operation": operation, "fields": fields, "said": row["fields"]}
    if files:
        trying["files"] = [[each.dictionary, each.name, each.place, each.deleted] for each in files]
    values: dict[str, Any] = {
        "trying": row["trying"] or outbox.encode(trying, ordered=True),
        "attempts": row["attempts"] + 1,
        "tried_ms": terms.now_ms,
    }
    if faults is not None:
        values["faults"] = faults
    conn.execute(update(rows).where(rows.c.id == row["id"]).values(values))


def _plain(faults: Sequence[Fault]) -> str:
    made = [
        {"field": f.field, "rule": f.rule, "zh": f.zh, "en": f.en, "severity": f.severity, "basis": f.basis}
        for f in faults
    ]
    return outbox.encode(made) if made else ""


def faults_of(text: str) -> list[Fault]:
    """Faults as they were stored with a message."""
    return [
        Fault(each["field"], each["rule"], each["zh"], each["en"], each.get("basis", ""), each["severity"])
        for each in outbox.decode(text) or []
    ]


# --- parents and unique values ---------------------------------------------------------------------------------------


def _parent_missing(conn: Connection, standard: Standard, row: RowMapping) -> tuple[str, RowMapping | None] | None:
    """The first parent that the receiver does not have: (its set and subject, its row if there is one)."""
    fields = outbox.fields_of(row)
    for link in standard.links(row["number"]):
        value = fields.get(link.field, "")
        if not value:
            continue
        parent = outbox.find(conn, link.parent, value)
        if parent is None or not parent["accepted"] or parent["state"] == "deleted":
            return f"{link.parent}|{value}", parent
    return None


def _wait(conn: Connection, terms: Terms, row: RowMapping, waits: tuple[str, RowMapping | None]) -> None:
    name, parent = waits
    number, _, subject = name.partition("|")
    zh = terms.standard.sets[number].zh
    if parent is not None and parent["state"] == "queued":
        # It goes first, and is on its way: not before it can have been answered.
        later = max(parent["next_ms"], terms.now_ms) + 1
        conn.execute(update(rows).where(rows.c.id == row["id"]).values(state="blocked", waits=name, next_ms=later))
        return
    why = "未上报" if parent is None else _WHY.get(parent["state"], parent["state"])
    fault = Fault(
        "",
        "Parent",
        f"所属{zh}“{subject}”{why}，该记录待其接收后自动上报",
        f"its {terms.standard.sets[number].name} {subject!r} is not with the receiver: this goes by itself once it is",
    )
    values = {"state": "blocked", "waits": name, "faults": _plain([fault])}
    if values["faults"] == row["faults"]:
        values["told"] = "blocked"  # nothing new
    conn.execute(update(rows).where(rows.c.id == row["id"]).values(values))


_WHY = {"held": "待改正", "rejected": "被退回", "dead": "多次未送达", "blocked": "也在等待", "deleted": "已撤销"}


# --- files -----------------------------------------------------------------------------------------------------------


def _absent(conn: Connection, listed: Sequence[SourceFile]) -> SourceFile | None:
    """The first file that this node does not hold: a receiver could not fetch it."""
    if not listed:
        return None
    which = and_(_held.c.sha256.in_([each.place for each in listed]), _held.c.state == "held")
    here = set(conn.execute(select(_held.c.sha256).where(which)).scalars())
    return next((each for each in listed if each.place not in here), None)


def _wait_for_file(conn: Connection, row: RowMapping, absent: SourceFile) -> None:
    fault = Fault(
        "SOURCE",
        "Attachment",
        f"附件“{absent.name}”尚未到达本节点，到达后自动上报；长期未到请核对来源中心是否仍持有该文件",
        f"the file {absent.name!r} has not come to this node: the record goes by itself once it has; if it does not "
        "come, look whether the centre still has it",
    )
    waits = f"{FILE}|{absent.place}"
    values = {"state": "blocked", "waits": waits, "faults": _plain([fault])}
    if values["faults"] == row["faults"]:
        values["told"] = "blocked"
    conn.execute(update(rows).where(rows.c.id == row["id"]).values(values))


def release_files(conn: Connection, now_ms: int) -> None:
    """Look again at what waits for files that have come since."""
    waiting = and_(rows.c.state == "blocked", rows.c.waits.startswith(f"{FILE}|", autoescape=True))
    names = list(conn.execute(select(rows.c.waits).where(waiting).distinct()).scalars())
    for start in range(0, len(names), 500):
        hashes = [name.partition("|")[2] for name in names[start : start + 500]]
        came = and_(_held.c.sha256.in_(hashes), _held.c.state == "held")
        release(conn, [f"{FILE}|{each}" for each in conn.execute(select(_held.c.sha256).where(came)).scalars()], now_ms)


def _changed(listed: Sequence[SourceFile], accepted: str) -> tuple[SourceFile, ...]:
    """The files to send: those of now, and those that the receiver has and that are gone."""
    gone = [replace(each, deleted=True) for each in outbox.files_in(accepted) if each not in listed]
    return (*listed, *gone)


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def _taken(conn: Connection, number: str, name: str, value: str, mine: int) -> bool:
    which = and_(unique.c.number == number, unique.c.field == name, unique.c.digest == digest(value))
    holder = conn.execute(select(unique.c.message_id).where(which)).scalar()
    return holder is not None and holder != mine


def _claim(conn: Connection, dataset: DataSet, fields: Fields, mine: int) -> None:
    """Hold the record's unique values, before it is sent: two records of one pass must not both go out with one."""
    wanted = [
        {"number": dataset.number, "field": field.name, "digest": digest(fields[field.name]), "message_id": mine}
        for field in dataset.fields.values()
        if field.unique and fields.get(field.name)
    ]
    if wanted:
        outbox.forget_values(conn, [mine])
        insert_or_ignore(conn, unique, wanted)


# --- answers ---------------------------------------------------------------------------------------------------------


def settle(conn: Connection, terms: Terms, answered: Sequence[tuple[Due, Answer]]) -> None:
    """Store what was said of each, and what follows from it."""
    found = {
        row["id"]: row
        for row in conn.execute(select(rows).where(rows.c.id.in_([due.id for due, _ in answered]))).mappings()
    }
    for due, answer in answered:
        outcome = _settle(conn, terms, found[due.id], due, answer)
        conn.execute(
            insert(_tries).values(
                message_id=due.id,
                at_ms=terms.now_ms,
                operation=due.operation,
                outcome=outcome,
                answer=answer.words,
            )
        )
    over = [due.id for due, answer in answered if answer.sort != "unknown" or due.attempts >= terms.max_tries]
    release(conn, [f"{found[each]['number']}|{found[each]['subject']}" for each in over], terms.now_ms)


def release(conn: Connection, names: Sequence[str], now_ms: int) -> None:
    """Look again at what waits for these parents: they have come, or it is now known why not."""
    if names:
        waiting = and_(rows.c.state == "blocked", rows.c.waits.in_(list(names)))
        conn.execute(update(rows).where(waiting).values(state="queued", next_ms=now_ms, waits="", told=""))


def _settle(conn: Connection, terms: Terms, row: RowMapping, due: Due, answer: Answer) -> str:
    known = due.again and answer.sort == "known-key" and due.operation == "insert"
    absent = answer.sort == "unknown-key"
    if answer.sort == "accepted" or known or (absent and due.operation == "delete"):
        _accepted(conn, terms, row, due)
        return "accepted"
    if absent and due.operation == "update":
        # The receiver has lost it, or never had it: it is reported anew, under its key.
        _put(conn, row["id"], operation="insert", accepted="", trying="", next_ms=terms.now_ms)
        return "rejected"
    if answer.sort in ("again", "sender", "unknown"):
        _later(conn, terms, row, due, answer)
        return "unknown" if answer.sort == "unknown" else "rejected"
    if answer.sort == "parent":
        # By our books the parent is there, by the receiver's not: it is tried again like what was not delivered.
        _later(conn, terms, row, due, answer)
        return "rejected"
    changed = _said_in(row["trying"]) != row["fields"]
    state = "queued" if changed and row["operation"] != "delete" else "rejected"
    _put(conn, row["id"], state=state, trying="", answer=answer.words, next_ms=terms.now_ms)
    outbox.forget_values(conn, [row["id"]])
    return "rejected"


def _accepted(conn: Connection, terms: Terms, row: RowMapping, due: Due) -> None:
    if due.operation == "delete":
        _gone(conn, row["id"], terms.now_ms)
        if row["operation"] != "delete":
            # It has come back since. A key that was deleted is never used again.
            key = numbers.data_key(conn, terms.sender.system_no, row["number"])
            again = {"operation": "insert", "attempts": 0, "next_ms": terms.now_ms, "told": ""}
            _put(conn, row["id"], state="queued", data_key=key, accepted_ms=0, **again)
        return
    said = _said_in(row["trying"])
    if row["operation"] == "delete":
        _put(conn, row["id"], accepted=said, trying="", attempts=0, next_ms=terms.now_ms)
    elif said == row["fields"]:
        _put(
            conn,
            row["id"],
            state="accepted",
            accepted=said,
            trying="",
            answer="",
            attempts=due.attempts,
            accepted_ms=terms.now_ms,
        )
    else:
        values = {"operation": "update", "attempts": 0, "next_ms": terms.now_ms}
        _put(conn, row["id"], state="queued", accepted=said, trying="", **values)


def _later(conn: Connection, terms: Terms, row: RowMapping, due: Due, answer: Answer) -> None:
    # A sender whom the receiver does not know is no fault of the record, however often.
    attempts = due.attempts - (answer.sort == "sender")
    state = "dead" if attempts >= terms.max_tries else "queued"
    # Only silence leaves it open whether the record arrived; an earlier silence stays open through a later refusal.
    trying = row["trying"] if answer.sort == "unknown" or due.again else ""
    wait_ms = min(MOST_MS, FIRST_MS << min(attempts, 12))
    values = {"state": state, "trying": trying, "attempts": attempts, "answer": answer.words}
    _put(conn, row["id"], next_ms=terms.now_ms + wait_ms, **values)


def _gone(conn: Connection, identity: int, now_ms: int) -> None:
    outbox.forget_values(conn, [identity])
    _put(conn, identity, state="deleted", accepted="", trying="", answer="", faults="", accepted_ms=now_ms)


def _put(conn: Connection, identity: int, **values: Any) -> None:
    conn.execute(update(rows).where(rows.c.id == identity).values(values))


def _said_in(trying: str) -> str:
    found = outbox.decode(trying)
    return "" if found is None else str(found["said"])


def envelope_of(standard: Standard, sender: Sender, due: Due) -> bytes:
    """The XML of a message."""
    dataset = standard.sets[due.number]
    made = envelope.make(
        number=dataset.number,
        name=dataset.name,
        zh=dataset.zh,
        data_key=due.data_key,
        operation=due.operation,
        ca_key=sender.ca_key,
        fields=due.fields,
        sources=tuple(replace(each, place=f"{sender.files}{each.place}") for each in due.files),
    )
    return envelope.write(made)
