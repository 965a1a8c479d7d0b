from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, OperationalError

from node.errors import StorageFailed, Unavailable
from node.store import db, logs
from node.store.db import Store
from tests.publishing.made import ORIGIN, file_store, memory_store


def put(conn: Connection, name: str, value: str = "") -> None:
    conn.execute(text("INSERT INTO meta (name, value) VALUES (:name, :value)"), {"name": name, "value": value})


def names(conn: Connection) -> list[str]:
    return list(conn.execute(text("SELECT name FROM meta ORDER BY name")).scalars())


async def test_a_write_is_there_for_all_readers(store: Store, database: Path) -> None:
    await store.write(lambda conn: put(conn, "a"))
    assert await store.read(names) == ["a"]
    assert store.read_now(names) == ["a"]
    other = file_store(database)
    assert other.read_now(names) == ["a"]
    other.close()


async def test_a_failed_write_leaves_nothing(store: Store) -> None:
    def work(conn: Connection) -> None:
        put(conn, "a")
        raise LookupError("half-way")

    with pytest.raises(LookupError):
        await store.write(work)
    with pytest.raises(IntegrityError):
        store.write_now(lambda conn: (put(conn, "b"), put(conn, "b")))
    assert await store.read(names) == []
    await store.write(lambda conn: put(conn, "c"))
    assert await store.read(names) == ["c"]


async def test_a_cancelled_caller_does_not_tear_a_transaction(store: Store) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(conn: Connection) -> None:
        put(conn, "a")
        begun.set()
        go_on.wait()
        put(conn, "b")

    task = asyncio.create_task(store.write(work))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await store.write(lambda conn: put(conn, "c"))
    assert await store.read(names) == ["a", "b", "c"]


async def test_a_reader_sees_one_snapshot(store: Store) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def look_twice(conn: Connection) -> tuple[list[str], list[str]]:
        before = names(conn)
        begun.set()
        go_on.wait()
        return before, names(conn)

    reading = asyncio.create_task(store.read(look_twice))
    await asyncio.to_thread(begun.wait)
    await store.write(lambda conn: put(conn, "a"))
    go_on.set()
    assert await reading == ([], [])
    assert await store.read(names) == ["a"]


async def test_writes_come_one_after_another(store: Store) -> None:
    running: list[int] = []

    def work(conn: Connection, number: int) -> None:
        running.append(number)
        put(conn, f"{number:03d}")
        assert running == [number]
        running.clear()

    await asyncio.gather(*(store.write(lambda conn, n=number: work(conn, n)) for number in range(50)))  # type: ignore[misc]
    assert len(await store.read(names)) == 50


async def test_more_readers_than_connections_wait_their_turn(store: Store) -> None:
    await asyncio.gather(*(store.read(names) for _ in range(10 * db.READERS)), store.write(lambda conn: put(conn, "a")))


def test_a_store_in_memory_works_alike() -> None:
    store = memory_store()
    store.write_now(lambda conn: put(conn, "a"))
    with pytest.raises(LookupError):
        store.write_now(lambda conn: (put(conn, "b"), {}["no"]))  # type: ignore[misc]
    assert store.read_now(names) == ["a"]
    store.close()


async def test_a_store_in_memory_serves_tasks_at_once() -> None:
    store = memory_store()
    await asyncio.gather(*(store.write(lambda conn, n=n: put(conn, str(n))) for n in range(20)))  # type: ignore[misc]
    answers = await asyncio.gather(*(store.read(names) for _ in range(20)))
    assert {len(answer) for answer in answers} == {20}
    store.close()


def test_the_pragmas_that_make_a_write_durable(store: Store) -> None:
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "trusted_schema": 0,
        "recursive_triggers": 1,
    }
    for at in (store.write_now, store.read_now):
        for name, value in expected.items():
            assert at(lambda conn, n=name: conn.exec_driver_sql(f"PRAGMA {n}").scalar()) == value  # type: ignore[misc]


def test_a_row_of_no_log_is_refused(store: Store) -> None:
    with pytest.raises(IntegrityError):
        store.write_now(
            lambda conn: conn.execute(text("INSERT INTO log_tail (log_id, idx, entry) VALUES (77, 0, x'00')"))
        )


# --- errors of the database ----------------------------------------------------------------------------------------


class Breaking:
    """Makes the next statement with a word in it fail, as the driver would report it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, store: Store, word: str, error: sqlite3.Error) -> None:
        dialect = store._engine.dialect
        execute, commit = dialect.do_execute, dialect.do_commit

        def failing(cursor: object, statement: str, *rest: object) -> None:
            if word in statement:
                raise error
            execute(cursor, statement, *rest)  # type: ignore[arg-type]

        def failing_commit(connection: object) -> None:
            if word == "COMMIT":
                raise error
            commit(connection)  # type: ignore[arg-type]

        monkeypatch.setattr(dialect, "do_execute", failing)
        monkeypatch.setattr(dialect, "do_commit", failing_commit)


@pytest.mark.parametrize("word", ["INSERT", "COMMIT"])
def test_a_full_disk_writes_nothing_and_may_be_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    with monkeypatch.context() as patch:
        Breaking(patch, store, word, sqlite3.OperationalError("database or disk is full"))
        with pytest.raises(Unavailable, match="disk is full") as caught:
            store.write_now(lambda conn: put(conn, "a"))
        assert "磁盘" in caught.value.zh
    assert store.failed is None
    assert store.read_now(names) == []
    store.write_now(lambda conn: put(conn, "a"))


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("INSERT", sqlite3.OperationalError("disk I/O error")),
        ("COMMIT", sqlite3.OperationalError("disk I/O error")),
        ("INSERT", sqlite3.DatabaseError("database disk image is malformed")),
    ],
)
def test_L8_after_a_failed_write_to_disk_nothing_more_is_done(
    store: Store, monkeypatch: pytest.MonkeyPatch, word: str, error: sqlite3.Error
) -> None:
    with monkeypatch.context() as patch:
        Breaking(patch, store, word, error)
        with pytest.raises(StorageFailed):
            store.write_now(lambda conn: put(conn, "a"))
    assert store.failed
    with pytest.raises(StorageFailed):
        store.write_now(lambda conn: put(conn, "b"))
    with pytest.raises(StorageFailed):
        store.read_now(names)


def test_a_damaged_page_found_by_a_reader_stops_the_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        Breaking(patch, store, "SELECT", sqlite3.DatabaseError("database disk image is malformed"))
        with pytest.raises(StorageFailed):
            store.read_now(names)
    assert store.failed


def test_other_errors_stay_what_they_are(store: Store) -> None:
    with pytest.raises(OperationalError, match="no such table") as caught:
        store.write_now(lambda conn: conn.execute(text("SELECT * FROM full_of_nothing")))
    assert caught.value.__cause__ is not caught.value
    assert store.failed is None


def test_a_database_that_another_process_holds_is_unavailable(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "BUSY_TIMEOUT_S", 0)
    store = file_store(database)
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="another process"):
        store.write_now(lambda conn: logs.ensure(conn, ORIGIN))
    assert store.read_now(names) == [], "readers go on"
    holder.execute("ROLLBACK")
    holder.close()
    store.write_now(lambda conn: logs.ensure(conn, ORIGIN))
    store.close()
