"""The database: one writer thread, a few readers, transactions as plain functions.

Work is given as a function of a SQLAlchemy connection. `write` runs it on the single writer thread inside BEGIN
IMMEDIATE and commits durably before it returns (SQLite WAL, synchronous=FULL); `read` runs it on a reader thread,
against a snapshot. One writer thread made one-row durable writes two to three times faster than an asynchronous driver.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool, StaticPool

from node.errors import DiskFull, Malformed, NotFound, StorageFailed, Unavailable

T = TypeVar("T")

READERS = 4
BUSY_TIMEOUT_S = 30


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
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        # A database in memory has one connection, so its readers take turns with the writer.
        self._readers: Executor = self._writer if memory else ThreadPoolExecutor(READERS, "store-reader")

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one durable transaction; its return value is handed on only after the commit."""
        loop = asyncio.get_running_loop()
        # Shielded: a cancelled caller must not leave a half-awaited transaction; it commits or rolls back by itself.
        return await asyncio.shield(loop.run_in_executor(self._writer, self._write, work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` against a snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """`write` for callers without an event loop."""
        return self._writer.submit(self._write, work).result()

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """`read` for callers without an event loop."""
        return self._readers.submit(self._read, work).result()

    def close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()

    def _write(self, work: Callable[[Connection], T]) -> T:
        if self.failed:
            raise StorageFailed(self.failed)
        try:
            with self._engine.connect().execution_options(ggzy_write=True) as connection, connection.begin():
                return work(connection)
        except DatabaseError as error:
            self._judge(error)
            raise

    def _read(self, work: Callable[[Connection], T]) -> T:
        if self.failed:
            raise StorageFailed(self.failed)
        # SQLite keeps one snapshot for a transaction by itself; PostgreSQL would take a new one for each statement.
        options = {} if self._engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        try:
            with self._engine.connect().execution_options(**options) as connection, connection.begin():
                return work(connection)
        except DatabaseError as error:
            self._judge(error)
            raise

    def _judge(self, error: DatabaseError) -> None:
        """Raise our own error for those of the database that somebody can do something about."""
        text = str(error.orig)
        if "database is locked" in text:
            raise Unavailable(f"another process holds the database: {text}") from error
        if "disk is full" in text or "No space left on device" in text:
            raise DiskFull(text) from error
        if "unable to open database file" in text:
            raise Unavailable(
                f"the database cannot be opened: {text}",
                zh="无法打开数据库文件",
                advice_zh="请检查磁盘是否挂载、目录权限是否正确，然后重试。",
                advice_en="Check that the disk is mounted and the directory's permissions are right, then try again.",
            ) from error
        if any(
            sign in text for sign in ("disk I/O error", "database disk image is malformed", "file is not a database")
        ):
            self.failed = text
            raise StorageFailed(text) from error


def require_database(url: str) -> None:
    """Raise unless `url` is of an engine that this release knows and, for SQLite, names a database that is there.

    Only the making of a node makes a database: an empty one under keys that have signed before would begin a second
    history, and a disk that is not mounted looks just like that. Raises Malformed, NotFound.
    """
    if url in ("sqlite://", "sqlite:///:memory:") or url.startswith("postgresql"):
        return
    if not url.startswith("sqlite:///"):
        raise Malformed(
            "database_url must begin with sqlite:/// or postgresql+psycopg://",
            field="database_url",
            zh="database_url 应以 sqlite:/// 或 postgresql+psycopg:// 开头",
            advice_zh="请修改 config.toml；区县节点可删去这一项，使用节点目录下的 node.db。",
            advice_en="Correct config.toml; a district may leave it out and use node.db in its directory.",
        )
    file = Path(url.removeprefix("sqlite:///"))
    if not file.is_file() or file.stat().st_size == 0:
        raise NotFound(
            f"no database at {file}",
            zh=f"数据库文件不存在或为空：{file}",
            advice_zh="请检查磁盘是否挂载；不要新建数据库：旧密钥配新数据库会造成日志分叉，见 docs/recovery.md。",
            advice_en="Check that the disk is mounted. Do not make a new one: old keys with a new database fork the "
            "log, see docs/recovery.md.",
        )


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, poolclass=QueuePool, pool_size=READERS + 1, max_overflow=0, hide_parameters=True)
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
            "trusted_schema=OFF",
            "cache_size=-32000",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock at once: a transaction that reads first and writes later could fail half-way.
        write = connection.get_execution_options().get("ggzy_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine
