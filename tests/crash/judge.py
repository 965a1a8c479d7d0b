"""What must hold after every crash, judged by other code than the node's: nothing lost, twice or forked."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgpack
from sqlalchemy import Connection, select

from node.store import logs, payloads
from node.store.tables import METADATA, PayloadPack, PayloadRow, table
from node.wire import pack as packs
from tests.interop.client import Head, Note, Tree, commitment, leaf

VOLATILE = frozenset({"seq", "record_id", "leaf", "claimed_ms"})
"""Columns of read tables that differ from run to run, because ids and salts are made anew."""

VIEWS = (
    "record_view",
    "trade_view",
    "credit_view",
    "entity_view",
    "expert_view",
    "code_view",
    "act_view",
    "verdict_view",
    "rule_view",
    "quarantine",
)


@dataclass
class Verdict:
    """What is wrong, sorted by what it would mean for a user."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    forked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, list[str]]:
        return {name: values for name, values in vars(self).items() if values}


def judge_notes(verdict: Verdict, told: Iterable[list[Any]], trees: dict[str, list[bytes]]) -> None:
    """Every checkpoint that had left a process must be a prefix of what the log is now. `trees`: origin -> entries."""
    grown = {origin: Tree(leaf(entry) for entry in entries) for origin, entries in trees.items()}
    for word, *rest in told:
        if word == "note":
            head = Head.parse(Note.parse(rest[0]).text)
            tree = grown[head.origin]
            if head.size > len(tree.leaves):
                verdict.lost.append(f"a note of size {head.size} left, the log has {len(tree.leaves)} entries")
            elif tree.root(head.size) != head.root:
                verdict.forked.append(f"a note of size {head.size} left that is no part of the log")


def judge_records(verdict: Verdict, told: Iterable[list[Any]], entries: list[bytes], expected: int) -> None:
    """Every acknowledged record is where it was said to be, and there is no other of the same record and version."""
    headers = [msgpack.unpackb(entry) for entry in entries]
    for (record, version), count in Counter((header[3], header[4]) for header in headers).items():
        if count > 1:
            verdict.twice.append(f"version {version} of record {record.hex()} is there {count} times")
    for word, *rest in told:
        if word == "ack":
            key, record, version, index = rest
            if index >= len(headers) or (headers[index][3], headers[index][4]) != (record, version):
                verdict.lost.append(f"{key} version {version} was acknowledged at {index} and is not there")
    if expected >= 0 and len(entries) > expected:
        verdict.twice.append(f"{len(entries)} entries where {expected} were published")
    if len(entries) < expected:
        verdict.lost.append(f"{len(entries)} entries where {expected} were published")


def judge_payloads(verdict: Verdict, conn: Connection, origin: str, audiences: frozenset[str]) -> None:
    """Each section that is due is held exactly once and is what its header commits to."""
    state = logs.get(conn, origin)
    held: dict[tuple[int, str], list[tuple[bytes, bytes]]] = {}
    for place, salt, payload in _held(conn, state.id):
        held.setdefault(place, []).append((salt, payload))
    lacking = set(payloads.missing(conn, state.id, limit=1_000_000))
    for index, entry in enumerate(logs.entries(conn, state.id, 0, state.payload_next)):
        for section, audience, promised, _ in msgpack.unpackb(entry)[8]:
            if audience not in audiences or (index, section) in lacking:
                continue
            found = held.get((index, section), [])
            where = f"payload {section} of entry {index} of {origin}"
            if not found:
                verdict.lost.append(f"{where} is gone")
            elif any(commitment(*each) != promised for each in found):
                verdict.lost.append(f"{where} is another")
            elif len(found) > 1:
                verdict.twice.append(f"{where} is held {len(found)} times")


def _held(conn: Connection, log_id: int) -> Iterable[tuple[tuple[int, str], bytes, bytes]]:
    rows, pack_rows = table(PayloadRow), table(PayloadPack)
    for row in conn.execute(select(rows).where(rows.c.log_id == log_id)):
        yield (row.idx, row.section), row.salt, row.payload
    for data in conn.execute(select(pack_rows.c.data).where(pack_rows.c.log_id == log_id)).scalars():
        for item in packs.parse(data).rows:
            yield (item.index, item.section), item.salt, item.payload


def entries_of(conn: Connection, origin: str) -> list[bytes]:
    state = logs.find(conn, origin)
    return [] if state is None else logs.entries(conn, state.id, 0, state.stored_size)


def views(conn: Connection) -> dict[str, list[str]]:
    """The read tables without what differs from run to run; rows sorted."""
    found = {}
    for name in VIEWS:
        each = METADATA.tables[name]
        columns = [column for column in each.c if column.name not in VOLATILE]
        found[name] = sorted(repr(tuple(row)) for row in conn.execute(select(*columns)))
    return found


def everything(conn: Connection) -> dict[str, list[str]]:
    """A logical dump of the whole database: the schema and every row of every table, texts as bytes."""
    raw = conn.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.text_factory = bytes
    try:
        tables = {"schema": "sqlite_master", **{name: name for name in METADATA.tables}}
        return {
            name: sorted(repr(row) for row in raw.execute(f"SELECT {_COLUMNS.get(name, '*')} FROM {source}"))
            for name, source in tables.items()
        }
    finally:
        raw.text_factory = str


_COLUMNS = {"schema": "type, name, tbl_name, sql"}
