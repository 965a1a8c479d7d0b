"""Who does what only one may do: the sequencer of a log, and the one worker that runs the jobs (DESIGN L5).

On PostgreSQL both are advisory locks, which the server itself takes away from a process that is gone. On SQLite one
process serves, fenced by the lock file under keys/, so that whoever asks has it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, text

from node.store import engine_postgres
from node.store.locks import key

if TYPE_CHECKING:
    import psycopg

_log = structlog.get_logger(__name__)
_sequencer = text("SELECT pg_advisory_xact_lock(:key)")
# A lock of one 64-bit number is listed in two halves. Asked of the list and not only of the connection: behind a pooler
# that changes sessions, the one that answers need not be the one that holds it.
_HELD = """SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32) | objid::bigint = %s AND objsubid = 1)"""


def hold_sequencer(conn: Connection, origin: str) -> None:
    """Let no other process sign the log of that origin until this transaction has ended (L5)."""
    if conn.dialect.name == "postgresql":
        conn.execute(_sequencer, {"key": key(f"sequencer {origin}")})


class Lease:
    """A named right that one process holds at a time, on a connection of its own; lost with that connection.

    `url` is the database, `name` says what for. Safe to ask from any thread; every call asks the server, so it is for
    every few seconds and not for every request.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._key = key(f"lease {name}")
        self._connection: psycopg.Connection[Any] | None = None
        self._has = False
        self._one = threading.Lock()

    def take(self) -> bool:
        """Try to get it, without waiting; True also when it is held already. A server that is away gives False."""
        with self._one:
            if self._has and self._still():
                return True
            self._has = self._url.startswith("sqlite") or self._try()
            return self._has

    def held(self) -> bool:
        """Whether it is still ours: the connection lives, and the server says that it holds the lock."""
        with self._one:
            return self._has and self._still()

    def release(self) -> None:
        """Give it back; nothing happens when it is not held."""
        with self._one:
            self._drop()

    def _try(self) -> bool:
        try:
            if self._connection is None:
                self._connection = engine_postgres.connect(self._url, f"lease {self._name}")
            row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (self._key,)).fetchone()
            if row is not None and row[0]:
                return True
        except engine_postgres.driver_errors() as error:
            _log.warning("lease_not_taken", lease=self._name, error=type(error).__name__)
        self._drop()  # a connection is kept only by who holds the lease
        return False

    def _still(self) -> bool:
        if self._connection is None:
            return self._has
        try:
            row = self._connection.execute(_HELD, (self._key,)).fetchone()
            if row is not None and row[0]:
                return True
        except engine_postgres.driver_errors() as error:
            _log.warning("lease_lost", lease=self._name, error=type(error).__name__)
        self._drop()
        return False

    def _drop(self) -> None:
        self._has = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None
