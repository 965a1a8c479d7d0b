"""The database: writers, a few readers, transactions as plain functions.

Work is given as a function of a SQLAlchemy connection. `write` runs it on a writer thread and commits durably before it
returns; `read` runs it on a reader thread, against a snapshot. SQLite (WAL, synchronous=FULL) has a single writer,
inside BEGIN IMMEDIATE: one thread made one-row durable writes two to three times faster than an asynchronous driver.
On PostgreSQL writers take turns by advisory locks, a lane each where they name one (docs/decisions/0018).
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool

from node.errors import StorageFailed, Unavailable
from node.store import engine_postgres
from node.store.address import require_database
from node.store.faults import may_pass_again, postgres_fault, sqlite_fault
from node.store.locks import READ_TABLES, key, lane_around, lane_of, take_lane
from node.store.turns import Turns

__all__ = ["READ_TABLES", "Store", "lane_of", "require_database"]

T = TypeVar("T")

READERS = 4
ATTEMPTS = 5
BUSY_TIMEOUT_S = 30
CLEAR_TIMEOUT_MS = 1000
WAL_BYTES = 4 << 20
"""The write-ahead log is brought into the database file when it has grown so far."""
_WAITING_BYTES = 4 * WAL_BYTES
"""From here on readers that hold the write-ahead log up are waited for, `CLEAR_TIMEOUT_MS` at most."""


class Store:
    """One node's database. `url` is a SQLAlchemy address such as `sqlite:////var/lib/ggzy/node.db`.

    After a failed write to disk the store refuses everything (`failed`): what a failed fsync left behind is unknown, so
    the process must stop, restart and verify (DESIGN L8).
    """

    def __init__(self, url: str) -> None:
        require_database(url)
        self.url = url
        self.failed: str | None = None
        self._engine = _engine(url)
        memory = isinstance(self._engine.pool, StaticPool)
        on_disk = self._engine.dialect.name == "sqlite" and not memory
        self._wal = Path(url.removeprefix("sqlite:///") + "-wal") if on_disk else None
        # Several processes write to one SQLite database: the server, and a command line beside it.
        self._turns = Turns(url.removeprefix("sqlite:///"), BUSY_TIMEOUT_S) if on_disk else None
        self._fold_at = WAL_BYTES
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        # A database in memory has one connection, so its readers take turns with the writer.
        self._readers: Executor = self._writer if memory else ThreadPoolExecutor(READERS, "store-reader")
        lanes = 0 if self._engine.dialect.name == "sqlite" else engine_postgres.LANES
        self._lanes = [ThreadPoolExecutor(1, f"store-lane-{number}") for number in range(lanes)]

    async def write(self, work: Callable[[Connection], T], lane: str = "", *, snapshot: bool = False) -> T:
        """Run `work` in one durable transaction; its return value is handed on only after the commit.

        A `lane` (`lane_of`) says that `work` writes nothing but what belongs to that lane, so that it need not wait for
        other lanes; without one it writes alone. `snapshot` is for a lane that reads what other lanes write: all of it
        is then seen as of one moment. On SQLite there is one writer and no difference.
        On PostgreSQL `work` is run again when the server undid it for no fault of its own (a deadlock, a connection
        lost before the commit), so it must not mind.
        """
        loop = asyncio.get_running_loop()
        writer = self._writer_of(lane, snapshot)
        # Shielded: a cancelled caller must not leave a half-awaited transaction; it commits or rolls back by itself.
        return await asyncio.shield(loop.run_in_executor(writer, partial(self._write, work, lane, snapshot)))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` against a snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def write_now(self, work: Callable[[Connection], T], lane: str = "", *, snapshot: bool = False) -> T:
        """`write` for callers without an event loop."""
        return self._writer_of(lane, snapshot).submit(partial(self._write, work, lane, snapshot)).result()

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """`read` for callers without an event loop."""
        return self._readers.submit(self._read, work).result()

    def _writer_of(self, lane: str, snapshot: bool) -> Executor:
        # The same lane on the same thread: two threads would only wait for each other's lock. What looks at other lanes
        # takes long and stays off their threads.
        many = lane and self._lanes and not snapshot
        return self._lanes[key(lane) % len(self._lanes)] if many else self._writer

    async def truncate_wal(self) -> bool:
        """Bring every change into the database file and empty the log beside it; tells whether that was possible.

        Deleted bytes are overwritten in the file (`secure_delete`), but stay in SQLite's log until this. Not possible
        while somebody reads an older state. On PostgreSQL the server's VACUUM does it, see docs/operating.md.
        """
        if self._wal is None:
            return True
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._truncate_wal)

    def _truncate_wal(self) -> bool:
        if self.failed:
            raise StorageFailed(self.failed)
        try:
            return self._checkpoint("TRUNCATE")
        except Unavailable:
            return False  # locked, or no room: not now

    def _fold(self) -> None:
        """After a commit: bring the write-ahead log into the database file when it has grown (`WAL_BYTES`).

        Not left to SQLite, which keeps it to itself when the sync of this fails. Raises StorageFailed then: what has
        just been committed is safe, but nothing may be signed or said any more (L8).
        """
        if self._wal is None:
            return
        size = self._wal.stat().st_size if self._wal.exists() else 0
        if size < WAL_BYTES:
            self._fold_at = WAL_BYTES
        if size < self._fold_at:
            return
        # It begins anew, and is cut to `journal_size_limit`, with the first write that finds all of it brought over
        # and no reader on it. While readers hold it up it goes on growing, and ever larger steps are left between.
        self._fold_at = size + size // 4
        try:
            self._checkpoint("PASSIVE" if size < _WAITING_BYTES else "RESTART")
        except Unavailable:
            return  # no room in the database file: nothing is lost, and the next write that finds none says so

    def _checkpoint(self, mode: str) -> bool:
        """SQLite's checkpoint (sqlite.org/pragma.html#pragma_wal_checkpoint); False when readers kept it from its end.

        Raises StorageFailed, Unavailable.
        """
        raw = self._engine.raw_connection()
        cursor = raw.cursor()
        try:
            # Not for as long as a write would wait: the writer's thread has other work, and this is tried again.
            cursor.execute(f"PRAGMA busy_timeout={CLEAR_TIMEOUT_MS}")
            busy, *_ = cursor.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
            return not busy
        except sqlite3.DatabaseError as error:
            self._judge(error, error)
            raise
        finally:
            cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")
            raw.close()

    def close(self) -> None:
        for each in (self._writer, *self._lanes, self._readers):
            each.shutdown()
        self._engine.dispose()
        if self._turns is not None:
            self._turns.close()

    def _write(self, work: Callable[[Connection], T], lane: str = "", snapshot: bool = False) -> T:
        apart = snapshot and bool(lane) and self._engine.dialect.name != "sqlite"
        with self._turns.mine() if self._turns is not None else nullcontext():
            done = self._try_again(partial(self._write_apart if apart else self._write_once, work, lane))
        self._fold()
        return done

    def _write_once(self, work: Callable[[Connection], T], lane: str, stage: _Stage) -> T:
        with self._engine.connect().execution_options(ggzy_write=True) as connection, connection.begin():
            take_lane(connection, lane)
            done = work(connection)
            stage.committing = True
        return done

    def _write_apart(self, work: Callable[[Connection], T], lane: str, stage: _Stage) -> T:
        with self._engine.connect() as connection, lane_around(connection, lane):
            with connection.begin():
                done = work(connection)
                stage.committing = True
            stage.committing = False
        return done

    def _read(self, work: Callable[[Connection], T]) -> T:
        return self._try_again(partial(self._read_once, work))

    def _read_once(self, work: Callable[[Connection], T], _stage: _Stage) -> T:
        # SQLite keeps one snapshot for a transaction by itself; PostgreSQL would take a new one for each statement.
        options = {} if self._engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        with self._engine.connect().execution_options(**options) as connection, connection.begin():
            return work(connection)

    def _try_again(self, once: Callable[[_Stage], T]) -> T:
        """Run a transaction, on PostgreSQL again when it certainly left nothing and may pass."""
        for attempt in range(1, ATTEMPTS + 1):
            if self.failed:
                raise StorageFailed(self.failed)
            stage = _Stage()
            try:
                return once(stage)
            except DBAPIError as error:
                # A pooled connection may have died while it lay there; the pool has thrown out all of that age by now.
                lost = error.connection_invalidated and not stage.committing
                if attempt == ATTEMPTS or not (may_pass_again(error.orig) or (lost and attempt <= 2)):
                    self._judge(error.orig, error, committing=stage.committing)
                    raise
            time.sleep(random.uniform(0, 0.02 * 2**attempt))
        raise AssertionError("the last attempt returns or raises")

    def _judge(self, said: BaseException | None, error: Exception, *, committing: bool = False) -> None:
        """Raise our own error for those of the database that somebody can do something about.

        `said` is what the driver raised, `error` what is to be named as the cause.
        """
        if self._engine.dialect.name == "sqlite":
            fault = sqlite_fault(said)
        else:
            lost = isinstance(error, DBAPIError) and error.connection_invalidated
            fault = postgres_fault(said, lost=lost, committing=committing)
        if fault is None:
            return
        if isinstance(fault, StorageFailed):
            self.failed = fault.detail
        # The driver's words about a damaged text hold the text itself, which is nobody's business, not even as a cause.
        raise fault from (None if "Could not decode to UTF-8" in str(said) else error)


class _Stage:
    """How far a transaction has come: whether all that is left is the commit."""

    committing = False


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return engine_postgres.engine(url, READERS + 1 + engine_postgres.LANES)
    memory = url in ("sqlite://", "sqlite:///:memory:")
    options: dict[str, Any] = (
        {"poolclass": StaticPool}
        if memory
        # One connection for each thread and none beyond: a pool that overflows collapses under load.
        else {"poolclass": QueuePool, "pool_size": READERS + 1, "max_overflow": 0}
    )
    # Errors must not carry row contents into logs (hide_parameters).
    options["hide_parameters"] = True
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_S}, **options)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, see _begin
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            # Without it, INSERT OR REPLACE deletes a row and no delete trigger fires (DESIGN L6).
            "recursive_triggers=ON",
            "secure_delete=ON",
            # Brought over by the store itself (`Store._fold`): SQLite would keep a failed sync to itself.
            "wal_autocheckpoint=0",
            f"journal_size_limit={WAL_BYTES // 2}",
            "trusted_schema=OFF",
            # A connection each for the writer and four readers: what is read again lies in the system's cache anyway.
            "cache_size=-10000",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock at once: a transaction that reads first and writes later could fail half-way.
        write = connection.get_execution_options().get("ggzy_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine
