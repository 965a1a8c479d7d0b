"""Take payloads over from a database of this node that was set aside: what no mirror may hold lies there alone.

Each payload is checked against the commitment in its header, which came from the mirror and was proven: so a damaged or
forked database can be read without being believed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from sqlalchemy import Connection

from node.errors import BadProof
from node.store import logs, payloads
from node.store.db import Store
from node.sync.recover import Lacking
from node.wire import header as headers
from node.wire import payload as payload_bytes
from node.wire.pack import PayloadRow

_AT_ONCE = 256


async def salvage(store: Store, aside: Store, origin: str, lacking: Iterable[Lacking]) -> list[Lacking]:
    """Fill in what `aside` holds of the sections that are lacking; gives those that are lacking still."""
    wanted, left = list(lacking), []
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        held = await aside.read(partial(_read, origin=origin, wanted=part))
        left += await store.write(partial(_put, origin=origin, wanted=part, held=held))
    return left


def _read(conn: Connection, origin: str, wanted: list[Lacking]) -> list[tuple[bytes, bytes] | None]:
    state = logs.find(conn, origin)
    return [None if state is None else payloads.get(conn, state.id, each.index, each.section) for each in wanted]


def _put(conn: Connection, origin: str, wanted: list[Lacking], held: list[tuple[bytes, bytes] | None]) -> list[Lacking]:
    state, left = logs.get(conn, origin), []
    for each, found in zip(wanted, held, strict=True):
        ref = headers.parse(logs.entry(conn, state.id, each.index)).section(each.section)
        try:
            if found is None or ref is None:
                raise BadProof
            payload_bytes.check(*found, ref.commitment)
        except BadProof:
            left.append(each)
            continue
        payloads.put_rows(conn, state.id, ref.holding, [PayloadRow(each.index, each.section, *found)])
        payloads.found(conn, state.id, [(each.index, each.section)])
    return left
