"""Rebuild the index of issued records from entries and payloads, after a recovery from the mirror.

What the source said is in neither, so it is left open (an empty `said_hash`): the publisher then goes by content, see
`recall.py`.
"""

from __future__ import annotations

import hashlib
from functools import partial

import msgspec
from sqlalchemy import Connection, func, select

from node.errors import Malformed
from node.store import issued, logs, payloads
from node.store.db import Store
from node.store.tables import Issued, table
from node.tlog.merkle import leaf_hash
from node.wire import header as headers
from node.wire.header import Header
from node.wire.pack import PayloadRow

BATCH = 1024
_issued = table(Issued)


class _Keyed(msgspec.Struct):
    """The one field of a document that this asks for."""

    key: str


_decoder = msgspec.msgpack.Decoder(_Keyed)


async def rebuild(store: Store, log_id: int, size: int) -> int:
    """Index the versions in the first `size` entries that are not indexed yet; gives how many.

    Running it again is harmless. A version whose content is not here stays out of the index, unless another version of
    its record is in it.
    """
    made, start = 0, await store.read(partial(_next, log_id=log_id))
    while start < size:
        end = min(size, start + BATCH)
        made += await store.write(partial(_index, log_id=log_id, start=start, end=end))
        start = end
    return made


def _next(conn: Connection, log_id: int) -> int:
    newest = conn.execute(select(func.max(_issued.c.idx)).where(_issued.c.log_id == log_id)).scalar()
    return 0 if newest is None else int(newest) + 1


def _index(conn: Connection, log_id: int, start: int, end: int) -> int:
    held = payloads.read_range(conn, log_id, start, end)
    found: dict[bytes, bytes] = {}
    rows = []
    for index, entry in enumerate(logs.entries(conn, log_id, start, end), start):
        try:
            header = headers.parse(entry)
        except Malformed:
            continue
        key = _key(header, held.get((index, "main"))) or found.get(header.record_id) or _known(conn, header.record_id)
        if key is None:
            continue
        found[header.record_id] = key
        rows.append(
            {
                "key_hash": key,
                "version": header.version,
                "said_hash": b"",
                "record_id": header.record_id,
                "leaf": leaf_hash(entry),
                "log_id": log_id,
                "idx": index,
            }
        )
    issued.put_missing(conn, rows)
    return len(rows)


def _key(header: Header, main: PayloadRow | None) -> bytes | None:
    ref = header.section("main")
    if main is None or ref is None or ref.size_class:
        return None
    try:
        key = _decoder.decode(main.payload).key
    except msgspec.MsgspecError:
        return None
    return hashlib.sha256(f"{header.kind}\n{key}".encode("utf-8", "surrogatepass")).digest()


def _known(conn: Connection, record_id: bytes) -> bytes | None:
    found: bytes | None = conn.execute(
        select(_issued.c.key_hash).where(_issued.c.record_id == record_id).limit(1)
    ).scalar()
    return found
