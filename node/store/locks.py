"""Advisory locks of PostgreSQL: who writes after whom, in one process or in many (docs/decisions/0018).

SQLite knows one writer and needs none of this: there every function here does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

READ_TABLES = "read tables"
"""The lane of projecting: it writes read tables, its cursors and its quarantine, and nothing else does."""
_EVERYTHING = "write"
_ROOM = "room"
_exclusive = text("SELECT pg_advisory_xact_lock(:key)")
# Taken in the order in which they stand here, by all: so nobody waits in a circle.
_one_lane = text("SELECT pg_advisory_xact_lock_shared(:everything), pg_advisory_xact_lock(:lane)")
_one_lane_of_session = text("SELECT pg_advisory_lock_shared(:everything), pg_advisory_lock(:lane)")
_let_go = text("SELECT pg_advisory_unlock_all()")


def key(name: str) -> int:
    """The 64-bit number of a lock: the same in every process and release. Locks are known within one database."""
    return int.from_bytes(sha256(b"ggzy/lock/v1\0" + name.encode()).digest()[:8], "big", signed=True)


def lane_of(origin: str) -> str:
    """The lane of taking in one mirrored log: its entries, heads and payloads, and nothing of any other log."""
    return f"log {origin}"


def take_lane(conn: Connection, lane: str) -> None:
    """Wait until this transaction may write: alone on its lane, or alone altogether where it names none.

    Always the first statement, so that each later one sees what the holder before has committed. Waiters are served
    in turn, so no stream of lanes keeps out the one that wants everything.
    """
    if conn.dialect.name != "postgresql":
        return
    if lane:
        conn.execute(_one_lane, _keys(lane))
    else:
        conn.execute(_exclusive, {"key": key(_EVERYTHING)})


@contextmanager
def lane_around(conn: Connection, lane: str) -> Iterator[None]:
    """Hold a lane around a transaction that is to see one snapshot: taken inside, that of its first statement would be
    from before the wait. PostgreSQL only; `conn` has begun nothing.
    """
    conn.execution_options(isolation_level="AUTOCOMMIT")
    try:
        with conn.begin():
            conn.execute(_one_lane_of_session, _keys(lane))
        conn.execution_options(isolation_level="REPEATABLE READ")
        yield
    finally:
        if not conn.invalidated:
            try:
                conn.execution_options(isolation_level="AUTOCOMMIT")
                with conn.begin():
                    conn.execute(_let_go)
            except DBAPIError:
                conn.invalidate()  # the server lets go when the session ends


def _keys(lane: str) -> dict[str, int]:
    return {"everything": key(_EVERYTHING), "lane": key(f"lane {lane}")}


def take_room(conn: Connection) -> None:
    """Let one transaction at a time make a log, which brings partitions with it; before it writes anything to `log`.

    A partition's foreign key locks `log` against writers: two that had written to it would wait for each other.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_exclusive, {"key": key(_ROOM)})
