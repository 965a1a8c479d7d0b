"""The one door for payloads: sealed ones are single rows, and what was erased does not get in by any function."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from node.domain.audience import SEALED
from node.store import erased, logs, migrate, payloads, wraps
from node.store.db import Store
from node.store.tables import Erased, PayloadPack, PayloadRow, SealedWraps, table
from node.wire import pack as packs
from node.wire.pack import Pack
from node.wire.pack import PayloadRow as Row
from tests.store.postgres import needs_postgres, postgres_url

ORIGIN = "ggzy.example/cq/500103/1"
RECORD, ORDER = b"r" * 16, b"o" * 16
HELD = "restricted" + SEALED


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def either(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store on each engine."""
    if request.param == "sqlite":
        yield request.getfixturevalue("store")
        return
    with postgres_url() as url:
        migrate.upgrade(url)
        opened = Store(url)
        yield opened
        opened.close()


def row(index: int, section: str = "main", word: str = "") -> Row:
    return Row(index, section, f"salt{index:012}".encode(), f"{word or section} {index}".encode() * 9)


def log_of(conn: Connection) -> int:
    return logs.ensure(conn, ORIGIN).id


def erase(conn: Connection, *places: tuple[int, str], by: int = 400) -> bool:
    log_id = log_of(conn)
    return erased.erase(conn, log_id, places, record_id=RECORD, order_id=ORDER, by_log_id=log_id, by_index=by, now_ms=1)


def held(conn: Connection) -> set[tuple[int, str]]:
    return set(payloads.read_range(conn, log_of(conn), 0, 512))


def full_pack(audience: str = "public", section: str = "main") -> bytes:
    return packs.encode(Pack(ORIGIN, 0, 256, audience, tuple(row(index, section) for index in range(256))))


def test_sealed_payloads_are_single_rows_whichever_way_they_come(either: Store) -> None:
    def work(conn: Connection) -> tuple[int, int, list[bytes]]:
        log_id = log_of(conn)
        payloads.put_packs(conn, log_id, [(0, HELD, full_pack(HELD, "identity"))])
        payloads.put_rows(conn, log_id, "public", [row(index) for index in range(256)])
        payloads.fold(conn, log_id, ORIGIN, 0)
        kinds = conn.execute(select(table(PayloadPack).c.audience)).scalars().all()
        loose = conn.execute(select(table(PayloadRow).c.audience)).scalars().all()
        assert set(kinds) == {"public"} and set(loose) == {HELD}
        return len(kinds), len(loose), payloads.packed(conn, log_id, ORIGIN, 0, 256, [HELD])[0]

    number_of_packs, number_of_rows, travelling = either.write_now(work)
    assert (number_of_packs, number_of_rows) == (1, 256)
    # On the way they travel in packs like any others.
    assert [len(packs.parse(data).rows) for data in travelling] == [256]


@pytest.mark.parametrize("folded", [True, False])
def test_erasing_takes_payload_and_salt_from_rows_and_packs(either: Store, folded: bool) -> None:
    def work(conn: Connection) -> None:
        log_id = log_of(conn)
        payloads.put_rows(conn, log_id, "public", [row(index) for index in range(256)])
        payloads.put_rows(conn, log_id, HELD, [row(index, "identity") for index in range(256)])
        if folded:
            payloads.fold(conn, log_id, ORIGIN, 0)
        assert erase(conn, (7, "main"), (7, "identity"))
        assert held(conn) == {
            (index, section) for index in range(256) for section in ("main", "identity") if index != 7
        }
        assert payloads.get(conn, log_id, 7, "main") is None and payloads.get(conn, log_id, 8, "main") is not None
        assert erase(conn, (7, "main"), (7, "identity")) is False, "done already"
        assert set(erased.of_entry(conn, log_id, 7)) == {"main", "identity"}
        assert erased.of_record(conn, RECORD) == {(log_id, 7, "main"), (log_id, 7, "identity")}

    either.write_now(work)


def test_what_was_erased_gets_in_by_no_function(either: Store) -> None:
    def work(conn: Connection) -> None:
        log_id = log_of(conn)
        erase(conn, (7, "main"), (7, "identity"))
        payloads.put_rows(conn, log_id, "public", [row(7), row(8)])
        payloads.put_rows(conn, log_id, HELD, [row(7, "identity")])
        assert held(conn) == {(8, "main")}
        payloads.put_packs(conn, log_id, [(0, "public", full_pack())])
        payloads.put_packs(conn, log_id, [(0, HELD, full_pack(HELD, "identity"))])
        assert {place for place in held(conn) if place[0] == 7} == set() and len(held(conn)) == 510
        payloads.mark_missing(conn, log_id, [(7, "main"), (7, "identity"), (7, "employment")])
        assert payloads.missing(conn, log_id) == [(7, "employment")]
        assert wraps.put(conn, log_id, [(7, "identity", HELD, 5, "note"), (8, "identity", HELD, 5, "note")]) == 1

    either.write_now(work)


def test_a_pack_of_nothing_but_what_was_erased_is_not_stored(either: Store) -> None:
    def work(conn: Connection) -> None:
        log_id = log_of(conn)
        only = packs.encode(Pack(ORIGIN, 0, 256, "public", (row(7),)))
        payloads.put_packs(conn, log_id, [(0, "public", only)])
        assert erase(conn, (7, "main"))
        assert held(conn) == set() and not conn.execute(select(table(PayloadPack).c.n)).all()
        payloads.put_packs(conn, log_id, [(0, "public", only)])
        assert not conn.execute(select(table(PayloadPack).c.n)).all()

    either.write_now(work)


def test_erasing_takes_missing_lines_and_wraps_too(either: Store) -> None:
    def work(conn: Connection) -> None:
        log_id = log_of(conn)
        payloads.mark_missing(conn, log_id, [(3, "identity"), (4, "identity")])
        wraps.put(conn, log_id, [(3, "identity", HELD, 5, "a"), (4, "identity", HELD, 5, "b")])
        erase(conn, (3, "identity"))
        assert payloads.missing(conn, log_id) == [(4, "identity")]
        assert conn.execute(select(table(SealedWraps).c.note)).scalars().all() == ["b"]
        assert len(conn.execute(select(table(Erased).c.idx)).all()) == 1

    either.write_now(work)


async def test_the_bytes_leave_the_files(store: Store, database: Path) -> None:
    """L23: overwritten in the file, and the log beside it emptied; every page of a long payload too."""
    long = "被遗忘者" * 20_000

    def write(conn: Connection) -> None:
        payloads.put_rows(conn, log_of(conn), "public", [row(index, word=long) for index in range(6)])

    await store.write(write)
    await store.write(lambda conn: erase(conn, *((index, "main") for index in range(6))))
    assert await store.truncate_wal()
    files = b"".join(file.read_bytes() for file in database.parent.glob("node.db*"))
    assert "被遗忘者".encode() not in files and b"salt000000000003" not in files


async def test_a_reader_holds_up_the_clearing_and_that_is_told(store: Store, database: Path) -> None:
    await store.write(lambda conn: payloads.put_rows(conn, log_of(conn), "public", [row(1)]))
    reader = sqlite3.connect(database)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM log").fetchall()
    await store.write(lambda conn: erase(conn, (1, "main")))
    assert not await store.truncate_wal()
    reader.close()
    assert await store.truncate_wal()


def test_wraps_change_by_later_lists_only_and_their_count_never_falls(either: Store) -> None:
    def work(conn: Connection) -> None:
        log_id = log_of(conn)
        assert wraps.put(conn, log_id, [(1, "identity", HELD, 5, "first"), (2, "identity", HELD, 5, "other")]) == 2
        assert wraps.put(conn, log_id, [(1, "identity", HELD, 5, "same time"), (1, "identity", HELD, 4, "old")]) == 0
        assert wraps.put(conn, log_id, [(1, "identity", HELD, 6, "second")]) == 1
        found = wraps.get(conn, log_id, 1, "identity")
        assert found is not None and (found.note, found.seq) == ("second", 3)
        rows, end = wraps.after(conn, log_id, 0, [HELD])
        assert [each.note for each in rows] == ["other", "second"] and end == 3
        assert wraps.after(conn, log_id, 0, [HELD], limit=1) == (rows[:1], 2)
        assert wraps.after(conn, log_id, 3, [HELD]) == ([], 3)
        assert wraps.after(conn, log_id, 0, ["public"]) == ([], 3)
        erase(conn, (1, "identity"))
        assert wraps.newest_seq(conn, log_id) == 3
        assert wraps.put(conn, log_id, [(9, "identity", HELD, 1, "later")]) == 1
        assert wraps.after(conn, log_id, 3, [HELD])[1] == 4

    either.write_now(work)


def test_who_opened_what_is_kept_newest_first(either: Store) -> None:
    def work(conn: Connection) -> None:
        log_id = log_of(conn)
        for at_ms, action in ((1, "open"), (2, "share")):
            wraps.note_access(
                conn,
                at_ms=at_ms,
                who="clerk",
                action=action,
                log_id=log_id,
                index=3,
                section="identity",
                detail="文号 1",
            )
        first, second = wraps.accesses(conn)
        assert (first.action, second.action, first.who, first.index) == ("share", "open", "clerk", 3)
        assert len(wraps.accesses(conn, 1)) == 1

    either.write_now(work)
