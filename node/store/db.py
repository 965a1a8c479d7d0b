"""The database: one writer thread, a few readers, transactions as plain functions.

Work is given as a function of a SQLAlchemy connection. `write` runs it on the single writer thread inside BEGIN
IMMEDIATE and commits durably before it returns (SQLite WAL, synchronous=FULL); `read` runs it on a reader thread,
against a snapshot. One writer thread made one-row durable writes two to three times faster than an asynchronous driver.
"""

from __future__ import annotations

import asyncio
import re
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
        self._fold_at = WAL_BYTES
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
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()

    def _write(self, work: Callable[[Connection], T]) -> T:
        if self.failed:
            raise StorageFailed(self.failed)
        try:
            with self._engine.connect().execution_options(ggzy_write=True) as connection, connection.begin():
                done = work(connection)
        except DatabaseError as error:
            self._judge(error.orig, error)
            raise
        self._fold()
        return done

    def _read(self, work: Callable[[Connection], T]) -> T:
        if self.failed:
            raise StorageFailed(self.failed)
        # SQLite keeps one snapshot for a transaction by itself; PostgreSQL would take a new one for each statement.
        options = {} if self._engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        try:
            with self._engine.connect().execution_options(**options) as connection, connection.begin():
                return work(connection)
        except DatabaseError as error:
            self._judge(error.orig, error)
            raise

    def _judge(self, said: BaseException | None, error: Exception) -> None:
        """Raise our own error for those of the database that somebody can do something about.

        `said` is what the driver raised, `error` what is to be named as the cause.
        """
        text = str(said)
        if "Could not decode to UTF-8" in text:
            # The driver's words hold the text itself, which is nobody's business: not even as the cause.
            place = re.search(r"column '(\w+)'", text)
            raise _damaged_text(place[1] if place else "?") from None
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


def _damaged_text(column: str) -> Unavailable:
    return Unavailable(
        f"a stored text is damaged: column {column}",
        zh=f"数据库中有文字损坏（{column} 列）",
        advice_zh="请运行 ggzy fsck 查明位置；只涉及查询表时运行 ggzy rebuild 即可修复，否则按 docs/recovery.md 处理。",
        advice_en="Run ggzy fsck to see where; if only read tables are named, ggzy rebuild mends it, "
        "else see docs/recovery.md.",
    )


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
            advice_zh="请检查磁盘是否挂载；确已丢失时用 ggzy recover --fresh 从镜像取回，勿自行新建。",
            advice_en="Check that the disk is mounted. If it is gone for good, ggzy recover --fresh brings it back "
            "from the mirror; never make one yourself, see docs/recovery.md.",
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
            # Brought over by the store itself (`Store._fold`): SQLite would keep a failed sync to itself.
            "wal_autocheckpoint=0",
            f"journal_size_limit={WAL_BYTES // 2}",
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
