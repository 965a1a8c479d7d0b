"""What the sandbox checks of an upload, in the order of data-standard.md §7.2, and what it keeps of it.

Token; parts of the XML; DATA_NO known and DATA_EN fitting; DATA_TYPE; the key's form, unused on insert, known and the
sender's own on update and delete; CA_KEY; common fields; each field; unique and immutable; what holds between records;
attachments. The first step with a fault ends it. Everything happens inside the caller's transaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, RowMapping, and_, delete, insert, select, update

from node.domain.standard import DataSet, Standard
from node.domain.standard_lint import Context, lint
from node.errors import Malformed, Unauthenticated
from node.store.tables import table
from node.store.tables_uplink import NationalItem, NationalValue
from node.store.upsert import insert_or_replace
from node.uplink import envelope, token
from node.uplink.envelope import KEY_CHARS, SYSTEM_CHARS, Envelope
from node.web.national import attachments
from node.web.national.refusal import Refusal

_items, _values = table(NationalItem), table(NationalValue)
TOLD, TOLD_CHARS = 5, 40
"""How many faults of one rule are told, and how much of a value is repeated: an answer is short."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A sender that the sandbox knows."""

    system_no: str
    secret: str
    platform_code: str


def identify(validation: bytes, senders: Mapping[str, Registered], now_ms: int) -> Registered:
    """Who sends. Raises Refusal."""
    try:
        system_no, given = envelope.read_validation(validation)
    except Malformed as error:
        raise Refusal(f"validation：{error.zh}") from None
    sender = senders.get(system_no)
    if sender is None:
        raise Refusal(f"SYSTEM_NO未授权：{system_no[:TOLD_CHARS]}")
    try:
        token.check(given, system_no, sender.secret, now_ms)
    except Unauthenticated as error:
        raise Refusal(error.zh) from None
    return sender


def take(
    conn: Connection, standard: Standard, sender: Registered, data: bytes, now_ms: int, area: Path | None = None
) -> None:
    """Check and keep one upload. Raises Refusal, and then nothing was kept.

    `area` is the directory in which senders lay files; without one an attachment is looked at by its address alone.
    """
    made = _parts(data)
    dataset = _dataset(standard, made)
    if not made.operation:
        raise Refusal(f"DATA_TYPE应为1、2或3，现为{made.title.get('DATA_TYPE', '')[:TOLD_CHARS]}")
    before = _key(conn, sender, dataset, made)
    if not made.title.get("CA_KEY"):
        raise Refusal("CA_KEY不能为空")
    key = made.title["DATA_KEY"]
    if made.operation == "delete":
        conn.execute(update(_items).where(_items.c.data_key == key).values(state="deleted", last_ms=now_ms))
        conn.execute(delete(_values).where(_values.c.data_key == key))
        return
    assert made.context is not None
    if made.context.get("PLATFORM_CODE", "") != sender.platform_code:
        raise Refusal(f"PLATFORM_CODE未登记：{made.context.get('PLATFORM_CODE', '')[:TOLD_CHARS]}")
    _check(conn, standard, dataset, made.context, key, before)
    files = attachments.checked(standard, made.sources, attachments.kept(before), area)
    _keep(conn, standard, sender, dataset, made, before, now_ms, files)


def keys(conn: Connection, sender: Registered, after: str, limit: int = 1000) -> list[tuple[str, str]]:
    """(key, state) of what is kept of a sender, after a key."""
    which = and_(_items.c.sender == sender.system_no, _items.c.data_key > after)
    found = conn.execute(
        select(_items.c.data_key, _items.c.state).where(which).order_by(_items.c.data_key).limit(limit)
    )
    return [(row.data_key, row.state) for row in found]


def _parts(data: bytes) -> Envelope:
    try:
        made = envelope.read(data)
    except Malformed as error:
        raise Refusal(error.zh) from None
    if made.context is None and made.operation != "delete":
        raise Refusal("缺少CONTEXT")
    return made


def _dataset(standard: Standard, made: Envelope) -> DataSet:
    number, name = made.title.get("DATA_NO", ""), made.title.get("DATA_EN", "")
    dataset = standard.sets.get(number)
    if dataset is None:
        raise Refusal(f"DATA_NO不存在：{number[:TOLD_CHARS]}")
    if dataset.name != name:
        raise Refusal(f"DATA_EN与DATA_NO不符：{name[:TOLD_CHARS]}，应为{dataset.name}")
    return dataset


def _key(conn: Connection, sender: Registered, dataset: DataSet, made: Envelope) -> RowMapping | None:
    key = made.title.get("DATA_KEY", "")
    head, middle = key[:SYSTEM_CHARS], key[SYSTEM_CHARS : SYSTEM_CHARS + len(dataset.number)]
    serial = key[SYSTEM_CHARS + len(dataset.number) :]
    digits = serial.isascii() and serial.isdigit()
    if len(key) != KEY_CHARS or head != sender.system_no or middle != dataset.number or not digits:
        raise Refusal(f"DATA_KEY格式不正确：{key[:TOLD_CHARS]}")
    row = conn.execute(select(_items).where(_items.c.data_key == key)).mappings().first()
    if made.operation == "insert":
        if row is not None:
            raise Refusal(f"DATA_KEY已存在：{key}")
        return None
    if row is None or row["state"] != "held":
        raise Refusal(f"DATA_KEY不存在：{key}")
    if row["sender"] != sender.system_no or row["number"] != dataset.number:
        raise Refusal(f"DATA_KEY不属于该系统或数据集：{key}")
    return row


def _check(
    conn: Connection,
    standard: Standard,
    dataset: DataSet,
    fields: Mapping[str, str],
    key: str,
    before: RowMapping | None,
) -> None:
    context = Context(
        operation="insert" if before is None else "update",
        taken=lambda number, name, value: _holder(conn, number, name, value) not in ("", key),
        exists=lambda number, name, value: bool(_holder(conn, number, name, value)),
        before=None if before is None else json.loads(before["fields"]),
    )
    found = [fault for fault in lint(standard, dataset, fields, context) if fault.severity == "refuse"]
    if found:
        # In the order of the checks: each step ends it, so only faults of the first rule are told.
        first = [fault for fault in found if fault.rule == found[0].rule]
        raise Refusal("；".join(fault.zh for fault in first[:TOLD]))


def _keep(
    conn: Connection,
    standard: Standard,
    sender: Registered,
    dataset: DataSet,
    made: Envelope,
    before: RowMapping | None,
    now_ms: int,
    files: list[attachments.Kept],
) -> None:
    key, fields = made.title["DATA_KEY"], made.context or {}
    said = {**fields, attachments.SOURCE: files} if files else fields
    values = {"fields": json.dumps(said, ensure_ascii=False, sort_keys=True), "last_ms": now_ms}
    if before is None:
        new = {"data_key": key, "sender": sender.system_no, "number": dataset.number, "state": "held"}
        conn.execute(insert(_items).values(values | new | {"first_ms": now_ms, "times": 1}))
    else:
        again = values | {"times": before["times"] + 1}
        conn.execute(update(_items).where(_items.c.data_key == key).values(again))
        conn.execute(delete(_values).where(_values.c.data_key == key))
    named = {link.parent_field for link in standard.parents if link.parent == dataset.number}
    named |= {field.name for field in dataset.fields.values() if field.unique}
    kept = [
        {"number": dataset.number, "field": name, "digest": _digest(fields[name]), "data_key": key}
        for name in sorted(named)
        if fields.get(name)
    ]
    insert_or_replace(conn, _values, kept)


def _holder(conn: Connection, number: str, name: str, value: str) -> str:
    which = and_(_values.c.number == number, _values.c.field == name, _values.c.digest == _digest(value))
    return str(conn.execute(select(_values.c.data_key).where(which)).scalar() or "")


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
