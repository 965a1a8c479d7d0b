"""What other nodes say they observed, in the `log.observe` records of their logs: sizes, and heads still to compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, select

from node.errors import Malformed
from node.store import logs
from node.store.logs import LogState
from node.store.tables import ObservedHead, ObservedSize, table
from node.store.upsert import insert_or_ignore, insert_or_replace
from node.wire import header as headers

sizes = table(ObservedSize)
heads = table(ObservedHead)

NEWEST = ""
"""In place of an origin: the row that says which record of a log is its newest."""
KIND = "log.observe"
MAX_GROWTH_READ = 4096
"""More new entries than this are a change without being read."""
MAX_WAITING = 64
"""Most heads of one log, by one observer, that wait to be compared."""
MAX_UNREAD = 1024
"""Most records of one log that wait for their payloads: who withholds these must not grow our tables without end."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The observer whose log is `log_id` says at `idx` that log `origin` has `size` entries."""

    log_id: int
    origin: str
    size: int
    idx: int
    observed_ms: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A head in the record at `idx` of log `log_id`, not compared yet; without origin a record without its payload."""

    log_id: int
    idx: int
    origin: str
    size: int
    note: str


def put_sizes(conn: Connection, log_id: int, idx: int, observed_ms: int, said: Mapping[str, int]) -> None:
    """Take in the sizes of a record. What became smaller or is not named any more stays, with the place of before."""
    held = {each.origin: each for each in by_observer(conn, log_id)}
    if (newest := held.get(NEWEST)) is not None and newest.idx >= idx:
        return
    fresh = [
        {"log_id": log_id, "origin": origin, "size": size, "idx": idx, "observed_ms": observed_ms}
        for origin, size in {**said, NEWEST: 0}.items()
        if origin not in held or size >= held[origin].size
    ]
    insert_or_replace(conn, sizes, fresh)


def by_observer(conn: Connection, log_id: int) -> list[Seen]:
    """All that one log says, the row of its newest record included."""
    return [Seen(**row) for row in conn.execute(select(sizes).where(sizes.c.log_id == log_id)).mappings()]


def everything(conn: Connection) -> list[Seen]:
    return [Seen(**row) for row in conn.execute(select(sizes).order_by(sizes.c.log_id, sizes.c.origin)).mappings()]


def wait(conn: Connection, rows: Iterable[Waiting]) -> None:
    """Keep heads until they can be compared, records until they can be read; of each no more than some, the newest."""
    for row in rows:
        values = {name: getattr(row, name) for name in Waiting.__slots__}
        insert_or_ignore(conn, heads, [values])
        most = MAX_WAITING if row.origin else MAX_UNREAD
        mine = and_(heads.c.log_id == row.log_id, heads.c.origin == row.origin)
        newest = select(heads.c.idx).where(mine).order_by(heads.c.idx.desc()).offset(most).limit(1)
        limit = conn.execute(newest).scalar()
        if limit is not None:
            conn.execute(delete(heads).where(and_(mine, heads.c.idx <= limit)))


def waiting(conn: Connection) -> list[Waiting]:
    return [Waiting(**row) for row in conn.execute(select(heads).order_by(heads.c.log_id, heads.c.idx)).mappings()]


def done(conn: Connection, row: Waiting) -> None:
    """This head needs no further look."""
    conn.execute(
        delete(heads).where(and_(heads.c.log_id == row.log_id, heads.c.idx == row.idx, heads.c.origin == row.origin))
    )


# --- growth that is none ----------------------------------------------------------------------------------------------


def is_observation(entry: bytes) -> bool:
    """Whether an entry is the header of a `log.observe` record."""
    if KIND.encode() not in entry:
        return False
    try:
        return headers.parse(entry).kind == KIND
    except Malformed:
        return False


def grew_by_observations(conn: Connection, state: LogState, start: int, end: int) -> bool:
    """Whether entries `[start, end)` of a log are observations alone: two observers would else keep each other busy."""
    if end - start > MAX_GROWTH_READ:
        return False
    return all(is_observation(entry) for entry in logs.entries(conn, state.id, start, end))
