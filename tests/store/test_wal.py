"""The write-ahead log is brought into the database file by the store itself, which hears when that fails (L8)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from node.errors import StorageFailed
from node.store import db
from node.store.db import WAL_BYTES, Store
from tests.publishing.made import file_store, memory_store

PART = WAL_BYTES // 8


def fill(name: str, size: int = PART) -> Callable[[Connection], None]:
    """Work that writes so many bytes."""

    def work(conn: Connection) -> None:
        conn.execute(text("DELETE FROM meta WHERE name = :name"), {"name": name})
        conn.execute(text("INSERT INTO meta (name, value) VALUES (:name, :value)"), {"name": name, "value": "x" * size})

    return work


def names(conn: Connection) -> list[str]:
    return list(conn.execute(text("SELECT name FROM meta ORDER BY name")).scalars())


def wal(database: Path) -> int:
    return Path(f"{database}-wal").stat().st_size


class Checkpoints:
    """Counts a store's checkpoints; each fails with `error`, if there is one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, store: Store, error: sqlite3.Error | None = None) -> None:
        self.modes: list[str] = []
        self.error = error
        real = store._checkpoint
        raw_connection = store._engine.raw_connection

        def checkpoint(mode: str) -> bool:
            self.modes.append(mode)
            with monkeypatch.context() as patch:
                patch.setattr(store._engine, "raw_connection", lambda: Raw(raw_connection(), self.error))
                return real(mode)

        monkeypatch.setattr(store, "_checkpoint", checkpoint)


class Raw:
    """A connection, and its cursor, on which checkpoints fail."""

    def __init__(self, real: Any, error: sqlite3.Error | None) -> None:
        self.real, self.error = real, error

    def cursor(self) -> Raw:
        return Raw(self.real.cursor(), self.error)

    def execute(self, statement: str) -> Any:
        if self.error is not None and "wal_checkpoint" in statement:
            raise self.error
        return self.real.execute(statement)

    def close(self) -> None:
        self.real.close()


def test_it_is_brought_over_when_it_has_grown_and_begins_anew(
    store: Store, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, sizes = Checkpoints(monkeypatch, store), []
    for number in range(64):
        store.write_now(fill(f"{number % 4}"))
        sizes.append(wal(database))
    assert max(sizes) < 2 * WAL_BYTES and min(sizes[8:]) < WAL_BYTES
    assert 3 < len(seen.modes) < 16 and set(seen.modes) == {"PASSIVE"}
    assert database.stat().st_size > 3 * PART, "it is in the database file"


def test_L8_a_failed_sync_of_it_is_fatal_and_what_was_committed_is_kept(
    store: Store, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        seen = Checkpoints(patch, store, sqlite3.OperationalError("disk I/O error"))
        with pytest.raises(StorageFailed):
            store.write_now(fill("big", WAL_BYTES))
        assert seen.modes == ["PASSIVE"]
    assert store.failed
    with pytest.raises(StorageFailed):
        store.write_now(fill("more"))
    with pytest.raises(StorageFailed):
        store.read_now(names)
    other = file_store(database)
    assert other.read_now(names) == ["big"]
    other.close()


async def test_L8_a_failed_sync_while_it_is_emptied_is_fatal_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        Checkpoints(patch, store, sqlite3.OperationalError("disk I/O error"))
        with pytest.raises(StorageFailed):
            await store.truncate_wal()
    assert store.failed
    with pytest.raises(StorageFailed):
        await store.truncate_wal()


@pytest.mark.parametrize("why", ["database or disk is full", "database is locked"])
async def test_what_cannot_be_brought_over_now_is_no_failure(
    store: Store, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """It was committed: whoever is told of a failure would take it for not written."""
    with monkeypatch.context() as patch:
        Checkpoints(patch, store, sqlite3.OperationalError(why))
        store.write_now(fill("big", WAL_BYTES))
        assert not await store.truncate_wal()
    assert store.failed is None and store.read_now(names) == ["big"]


def test_a_reader_holds_it_up_and_is_waited_for_now_and_then(
    store: Store, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "CLEAR_TIMEOUT_MS", 0)
    seen = Checkpoints(monkeypatch, store)
    store.write_now(fill("first"))
    reader = sqlite3.connect(database, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM meta").fetchall()
    for number in range(48):
        store.write_now(fill(f"{number % 4}"))
    assert wal(database) > 4 * WAL_BYTES
    assert "RESTART" in seen.modes and len(seen.modes) < 12, "not with each commit"
    reader.close()
    for number in range(24):
        store.write_now(fill(f"{number % 4}"))
    assert wal(database) < 2 * WAL_BYTES
    assert store.failed is None


def test_steady_reading_does_not_let_it_grow(store: Store, database: Path) -> None:
    """There is a reader at nearly every moment, and a new one begins before the one before it ends."""
    done, sizes = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            store.read_now(names)

    readers = [threading.Thread(target=read) for _ in range(db.READERS)]
    for reader in readers:
        reader.start()
    for number in range(128):
        store.write_now(fill(f"{number % 4}"))
        sizes.append(wal(database))
    done.set()
    for reader in readers:
        reader.join()
    assert max(sizes) < 8 * WAL_BYTES, "twice as much was written"
    assert store.failed is None


def test_a_store_in_memory_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    store = memory_store()
    seen = Checkpoints(monkeypatch, store)
    store.write_now(fill("big", 2 * WAL_BYTES))
    assert seen.modes == []
    store.close()


# --- text that is none ----------------------------------------------------------------------------------------------


def test_a_damaged_text_is_told_with_advice_and_without_its_words(store: Store) -> None:
    store.write_now(
        lambda conn: conn.execute(text("INSERT INTO meta (name, value) VALUES ('a', CAST(x'736563726574ff' AS TEXT))"))
    )
    with pytest.raises(db.Unavailable, match="column value") as caught:
        store.read_now(lambda conn: conn.execute(text("SELECT value FROM meta")).all())
    assert "ggzy fsck" in caught.value.advice_zh and "ggzy rebuild" in caught.value.advice_en
    assert "secret" not in f"{caught.value} {caught.value.zh}" and caught.value.__suppress_context__
    assert store.failed is None and store.read_now(names) == ["a"]
