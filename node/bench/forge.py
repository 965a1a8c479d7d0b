"""Append many records to a node's own log at once: real entries, payloads and signed heads, durable, in its own store.

The publisher's way judges every draft against what was issued before and reads each batch back; that is what
`bench append` measures. Here records are made in stock for the other measurements, so this is a short way over the same
functions of the store and the same formats: what it leaves behind is what the publisher would have, and `ggzy fsck`
finds nothing wrong with it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection

from node.app import Node
from node.bench.corpus import records
from node.domain import KINDS
from node.domain.record import Draft
from node.store import checkpoints, logs, payloads
from node.store import issued as index_rows
from node.store.logs import LogState
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import leaf_hash
from node.tlog.tiles import WIDTH
from node.wire import header as headers
from node.wire import pack as packs
from node.wire import payload as payload_bytes
from node.wire.header import Header, SectionRef
from node.wire.ids import uuid7
from node.wire.pack import Pack, PayloadRow

STEP = 16 * WIDTH
"""Entries a transaction and a signature."""
BASIS_AUDIENCE = "shared"


@dataclass(slots=True)
class Forged:
    """What was appended: `[start, end)`, the plain bytes of all payloads and headers, and how long it took."""

    start: int
    end: int
    payload_bytes: int = 0
    header_bytes: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Made:
    """One step's records on their way into the store."""

    entries: list[bytes] = field(default_factory=list)
    rows: dict[str, list[PayloadRow]] = field(default_factory=dict)
    issued: list[dict[str, Any]] = field(default_factory=list)


async def forge(node: Node, kind: str, n: int, seed: int, *, index: bool = True) -> Forged:
    """Append `n` records of the corpus to the node's own log, signed and durable when this returns.

    Without `index` the publisher's index of issued records is not filled: it is read by the publisher alone, never by
    sync, and its random keys would take most of the time of making a million records.
    """
    started = time.perf_counter()
    state = await node.store.read(partial(logs.get, origin=node.settings.origin))
    done = Forged(state.stored_size, state.stored_size)
    drafts = records(kind, n, seed, start=state.stored_size, two_sections=True)
    while done.end < state.stored_size + n:
        # The first step ends where a bundle does, so that the others are whole bundles.
        step = list(islice(drafts, min(STEP - done.end % WIDTH, state.stored_size + n - done.end)))
        made = _make(step, done.end, state.id, node.clock(), index=index)
        await node.store.write(partial(_store, node=node, start=done.end, made=made))
        done.end += len(step)
        done.header_bytes += sum(map(len, made.entries))
        done.payload_bytes += sum(len(row.payload) for rows in made.rows.values() for row in rows)
    node.mark.note(done.end)
    done.seconds = time.perf_counter() - started
    return done


def _make(drafts: Sequence[Draft], start: int, log_id: int, now_ms: int, *, index: bool) -> _Made:
    """Entries, payloads and rows of the index of these drafts."""
    made = _Made()
    for place, draft in enumerate(drafts, start):
        refs = []
        for name, shape in draft.sections.items():
            known = KINDS[draft.kind].sections.get(name)
            audience = known[1] if known else BASIS_AUDIENCE
            data, salt = payload_bytes.encode(shape), os.urandom(payload_bytes.SALT_BYTES)
            refs.append(SectionRef(name, audience, payload_bytes.commitment(salt, data)))
            made.rows.setdefault(audience, []).append(PayloadRow(place, name, salt, data))
        record_id = uuid7(now_ms, os.urandom)
        schema = KINDS[draft.kind].schema
        entry = headers.encode(Header(draft.kind, schema, record_id, 1, None, now_ms, "public", tuple(refs)))
        made.entries.append(entry)
        if index:
            made.issued.append(_issued(draft, record_id, entry, log_id, place))
    return made


def _issued(draft: Draft, record_id: bytes, entry: bytes, log_id: int, place: int) -> dict[str, Any]:
    said = msgspec.msgpack.encode(draft.said, order="sorted")
    return {
        "key_hash": hashlib.sha256(f"{draft.kind}\n{draft.key}".encode()).digest(),
        "version": 1,
        "said_hash": hashlib.sha256(said).digest(),
        "record_id": record_id,
        "leaf": leaf_hash(entry),
        "log_id": log_id,
        "idx": place,
    }


def _store(conn: Connection, node: Node, start: int, made: _Made) -> None:
    state = logs.get(conn, node.settings.origin)
    end = logs.append(conn, state.id, start, made.entries)
    for audience, rows in made.rows.items():
        _put_payloads(conn, state, start, end, audience, rows)
    if start % WIDTH and end // WIDTH > start // WIDTH:
        payloads.fold(conn, state.id, state.origin, start // WIDTH)
    if made.issued:
        index_rows.put(conn, made.issued)
    logs.move_payload_next(conn, state.id, end)
    root = logs.stored_root(conn, state.id, end)
    text = Checkpoint(state.origin, end, root).text()
    checkpoints.put(conn, state.id, end, text, [node.keys.log.sign_note(text)])
    logs.move_head(conn, state, end, root)


def _put_payloads(
    conn: Connection, state: LogState, start: int, end: int, audience: str, rows: list[PayloadRow]
) -> None:
    """Packs of the bundles that lie wholly in `[start, end)`, as folding would give them; rows of the rest."""
    by_bundle: dict[int, list[PayloadRow]] = {}
    for row in rows:
        by_bundle.setdefault(row.index // WIDTH, []).append(row)
    packed = []
    for n, held in by_bundle.items():
        low, high = n * WIDTH, (n + 1) * WIDTH
        if start <= low and high <= end:
            held.sort(key=_place)
            packed.append((n, audience, packs.encode(Pack(state.origin, low, high, audience, tuple(held)))))
        else:
            payloads.put_rows(conn, state.id, audience, held)
    payloads.put_packs(conn, state.id, packed, loose=False)


def _place(row: PayloadRow) -> tuple[int, str]:
    return row.index, row.section
