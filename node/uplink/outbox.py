"""What is to be reported: messages as rows, each under a key that it keeps, changed by what records say.

Every function works inside the caller's transaction. A message is found by its set and subject, so saying the same
again changes nothing; a new version of its record updates it, a withdrawn record deletes it, children before parents.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, delete, insert, select, update

from node.domain.standard import Standard
from node.store.tables import table
from node.store.tables_uplink import UplinkMessage, UplinkUnique, UplinkUse
from node.store.upsert import insert_or_ignore
from node.uplink import numbers
from node.uplink.shape import Fields, Message, SourceFile

rows = table(UplinkMessage)
uses = table(UplinkUse)
unique = table(UplinkUnique)
DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Origin:
    """The record that messages come from; `event_ms` is when that of which it tells happened."""

    log_id: int
    index: int
    record_id: bytes
    version: int
    category: str
    division: str
    title: str
    event_ms: int


def put(
    conn: Connection, standard: Standard, system_no: str, origin: Origin, made: Sequence[Message], now_ms: int
) -> list[int]:
    """Take the messages of one record; gives the ids of those to be sent. What it no longer says is deleted."""
    changed: list[int] = []
    kept: set[int] = set()
    for message in made:
        row = _find(conn, message.number, message.subject)
        if row is None or row["state"] == "deleted":
            # A key that was deleted is never used again, so a record that comes back gets a new one.
            identity = _insert(conn, standard, system_no, origin, message, now_ms, row)
            changed.append(identity)
        elif message.base and row["record_id"] != origin.record_id:
            identity = row["id"]
            insert_or_ignore(conn, uses, [{"message_id": identity, "record_id": origin.record_id}])
        else:
            identity = row["id"]
            if _update(conn, origin, message, row, now_ms):
                changed.append(identity)
        kept.add(identity)
    for row in of_record(conn, origin.record_id):
        if row["id"] not in kept and row["state"] != "deleted":
            changed += _let_go(conn, row, origin.record_id, now_ms)
    return changed


def withdraw(conn: Connection, record_id: bytes, now_ms: int) -> list[int]:
    """The record says nothing any more: its messages are deleted, those that other records hang on passed to them."""
    changed: list[int] = []
    for row in sorted(of_record(conn, record_id), key=lambda row: -row["place"]):
        if row["state"] != "deleted":
            changed += _let_go(conn, row, record_id, now_ms)
    # What it only used: whoever owns that goes on.
    conn.execute(delete(uses).where(uses.c.record_id == record_id))
    return changed


def of_record(conn: Connection, record_id: bytes) -> list[RowMapping]:
    """The messages that a record owns."""
    return list(conn.execute(select(rows).where(rows.c.record_id == record_id)).mappings())


def decode(text: str) -> Any:
    return json.loads(text) if text else None


def encode(value: Any, *, ordered: bool = False) -> str:
    """JSON; with `ordered` in the order of the value, so that the same bytes can be made of it again."""
    return json.dumps(value, ensure_ascii=False, sort_keys=not ordered, separators=(",", ":"))


def depth(standard: Standard, number: str) -> int:
    """How many sets lie above one, along the longest way: the order of sending.

    A set that hangs on itself would be a fault of the data; it is cut at the depth of all sets.
    """
    level, now = 0, {number}
    while level < DEEPEST and (now := {link.parent for each in now for link in standard.links(each)}):
        level += 1
    return level


def upright(place: int) -> int:
    """The place of an insert or update, of either: deletes go after all of them, the deepest first."""
    return place if place <= DEEPEST else 2 * DEEPEST - place


def _find(conn: Connection, number: str, subject: str) -> RowMapping | None:
    which = and_(rows.c.number == number, rows.c.subject == subject)
    return conn.execute(select(rows).where(which)).mappings().first()


def find(conn: Connection, number: str, subject: str) -> RowMapping | None:
    """The message of a set and subject."""
    return _find(conn, number, subject)


def _insert(
    conn: Connection,
    standard: Standard,
    system_no: str,
    origin: Origin,
    message: Message,
    now_ms: int,
    before: RowMapping | None,
) -> int:
    values = _said(origin, message) | {
        "data_key": numbers.data_key(conn, system_no, message.number),
        "base": message.base,
        "operation": "insert",
        "accepted": "",
        "trying": "",
        "made_ms": now_ms,
        "accepted_ms": 0,
        "place": depth(standard, message.number),
    }
    values |= _waiting(now_ms)
    if before is not None:
        conn.execute(update(rows).where(rows.c.id == before["id"]).values(values))
        return int(before["id"])
    done = conn.execute(insert(rows).values(values | {"number": message.number, "subject": message.subject}))
    key = done.inserted_primary_key
    assert key is not None
    return int(key[0])


def _update(conn: Connection, origin: Origin, message: Message, row: RowMapping, now_ms: int) -> bool:
    said = _said(origin, message)
    if row["fields"] == said["fields"] and row["operation"] != "delete":
        again = {name: said[name] for name in ("log_id", "idx", "version")}
        if said["version"] != row["version"]:
            again["told"] = ""
        conn.execute(update(rows).where(rows.c.id == row["id"]).values(again))
        return False
    operation = "update" if row["accepted"] else "insert"
    values = said | _waiting(now_ms) | {"operation": operation, "place": upright(row["place"])}
    if row["accepted"] == said["fields"] and not row["trying"]:
        values |= {"state": "accepted"}  # back to what the receiver holds
    conn.execute(update(rows).where(rows.c.id == row["id"]).values(values))
    return bool(values["state"] == "queued")


def _let_go(conn: Connection, row: RowMapping, record_id: bytes, now_ms: int) -> list[int]:
    heir = conn.execute(
        select(uses.c.record_id)
        .where(and_(uses.c.message_id == row["id"], uses.c.record_id != record_id))
        .order_by(uses.c.record_id)
        .limit(1)
    ).scalar()
    mine = rows.c.id == row["id"]
    if heir is not None:
        conn.execute(update(rows).where(mine).values(record_id=heir))
        conn.execute(delete(uses).where(and_(uses.c.message_id == row["id"], uses.c.record_id == heir)))
        return []
    if not row["accepted"] and not row["trying"]:
        forget_values(conn, [row["id"]])
        conn.execute(update(rows).where(mine).values(state="deleted", operation="delete", faults="", waits="", told=""))
        return []
    # Whatever is on its way is found out first: a delete that overtakes an insert would leave it there.
    place = 2 * DEEPEST - upright(row["place"])
    conn.execute(update(rows).where(mine).values(_waiting(now_ms) | {"operation": "delete", "place": place}))
    return [int(row["id"])]


def _said(origin: Origin, message: Message) -> dict[str, Any]:
    return {
        "log_id": origin.log_id,
        "idx": origin.index,
        "record_id": origin.record_id,
        "version": origin.version,
        "category": origin.category,
        "division": origin.division,
        "title": origin.title,
        "event_ms": origin.event_ms,
        "fields": encode(message.fields | _listed(message.files)),
    }


def _waiting(now_ms: int) -> dict[str, Any]:
    return {
        "state": "queued",
        "faults": "",
        "answer": "",
        "attempts": 0,
        "next_ms": now_ms,
        "tried_ms": 0,
        "waits": "",
        "told": "",
    }


def requeue(conn: Connection, ids: Iterable[int], now_ms: int) -> int:
    """Give messages another chance at once; gives how many."""
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        again = {"state": "queued", "attempts": 0, "next_ms": now_ms, "waits": "", "faults": "", "told": ""}
        conn.execute(update(rows).where(rows.c.id.in_(part)).values(again))
    return len(wanted)


def forget_values(conn: Connection, ids: Sequence[int]) -> None:
    """Let others use the unique values of these messages."""
    conn.execute(delete(unique).where(unique.c.message_id.in_(ids)))


SOURCE = "SOURCE"
"""Where a record's files stand beside its elements; no element has that name."""


def _listed(files: Sequence[SourceFile]) -> dict[str, Any]:
    return {SOURCE: [[each.dictionary, each.name, each.place] for each in files]} if files else {}


def fields_of(row: RowMapping) -> Fields:
    """The elements of a message, without its files."""
    found: dict[str, Any] = decode(row["fields"]) or {}
    found.pop(SOURCE, None)
    return found


def files_in(text: str) -> list[SourceFile]:
    """The files in what a message says, or in what the receiver accepted last."""
    found = decode(text) or {}
    return [SourceFile(*each) for each in found.get(SOURCE, ())]
