"""Public records in the order of their logs, a bundle at a time: what every export goes through once.

Only what anyone may read leaves the node: `main` sections whose audience is `public`, of current and withdrawn
versions; superseded ones on request, since OCDS wants each release that was ever made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, and_, select

from node.errors import Malformed
from node.opendata.ocds import Said
from node.store import logs, payloads
from node.store.tables import RecordView, table
from node.tlog.tiles import WIDTH
from node.wire.document import decode

_records = table(RecordView)
HELD = "held"
PUBLIC: tuple[str, ...] = ("public",)


def public_records(conn: Connection, kinds: Sequence[str], *, history: bool = False) -> Iterator[Said]:
    """Every public record of these kinds that this node holds, log by log in order of index.

    With `history` all versions, else the newest alone. What cannot be decoded is left out: it is in quarantine.
    """
    for log in logs.all_logs(conn):
        for start in range(0, log.stored_size, WIDTH):
            yield from _bundle(conn, log, start, kinds, history)


def _bundle(conn: Connection, log: logs.LogState, start: int, kinds: Sequence[str], history: bool) -> Iterator[Said]:
    where = and_(
        _records.c.log_id == log.id,
        _records.c.idx >= start,
        _records.c.idx < start + WIDTH,
        _records.c.kind.in_(kinds),
        _records.c.content == HELD,
    )
    if not history:
        where = and_(where, _records.c.state != "superseded")
    rows = conn.execute(select(_records).where(where).order_by(_records.c.idx)).mappings().all()
    if not rows:
        return
    held = payloads.read_range(conn, log.id, start, start + WIDTH, PUBLIC)
    for row in rows:
        payload = held.get((row["idx"], "main"))
        if payload is None:
            continue
        try:
            document = decode(row["kind"], payload.payload)
        except Malformed:
            continue
        yield Said(log.origin, row["record_id"].hex(), row["version"], row["kind"], row["claimed_ms"], document)
