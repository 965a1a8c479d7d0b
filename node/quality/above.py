"""When records were at the node above, and at the one above that: the dated mirror cosignatures on their log's heads.

A cosignature covers all entries before its size; the smallest one held that covers a record gives the latest moment at
which it was there. Older checkpoints are pruned, so the time may be too long, never too short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, and_, select

from node.quality import lags
from node.quality.items import Key, Row, items, put
from node.store import cursors
from node.store.logs import LogState
from node.store.tables import LogSignature, table
from node.store.view_record import signed_s

MIRROR = "mirror"
_signatures = table(LogSignature)


def stage(lag: str) -> str:
    """The name of the cursor of one of `lags.LAGS`."""
    return f"quality.{lag}"


def is_behind(conn: Connection, log: LogState, above: Mapping[str, str], ready: int) -> bool:
    """Whether `follow` would find something to do."""
    for lag, node in above.items():
        start = cursors.get(conn, stage(lag), log.id)
        if ready > start and _signed(conn, log.id, f"{node}/{MIRROR}", start):
            return True
    return False


def follow(conn: Connection, log: LogState, above: Mapping[str, str], ready: int, limit: int) -> int:
    """Set the lags of items of one log, as far as they are there (`ready`); gives how many items were looked at.

    `above` maps a lag's name to the node whose mirror it is about.
    """
    done = 0
    for lag, node in above.items():
        start = cursors.get(conn, stage(lag), log.id)
        for size, line in _signed(conn, log.id, f"{node}/{MIRROR}", start):
            end = min(size, ready, start + limit - done)
            at_s = signed_s(line)
            if end <= start:
                break
            if at_s is not None:
                done += _set(conn, log.id, lag, start, end, at_s * 1000)
            start = end
            cursors.move(conn, stage(lag), log.id, start)
            if done >= limit:
                break
    return done


def start_over(conn: Connection) -> None:
    for lag in lags.LAGS:
        cursors.reset(conn, stage(lag))


def _signed(conn: Connection, log_id: int, signer: str, after: int) -> Sequence[tuple[int, str]]:
    which = and_(_signatures.c.log_id == log_id, _signatures.c.signer == signer, _signatures.c.size > after)
    rows = conn.execute(select(_signatures.c.size, _signatures.c.line).where(which).order_by(_signatures.c.size))
    return [(size, line) for size, line in rows]


def _set(conn: Connection, log_id: int, lag: str, start: int, end: int, at_ms: int) -> int:
    which = and_(items.c.log_id == log_id, items.c.first_idx >= start, items.c.first_idx < end, items.c.sort != "trade")
    old: dict[Key, Row] = {
        (row["log_id"], row["record_id"]): dict(row) for row in conn.execute(select(items).where(which)).mappings()
    }
    new: dict[Key, Row | None] = {key: row | {lag: lags.bucket(at_ms - row["claimed_ms"])} for key, row in old.items()}
    put(conn, old, new)
    return len(old)
