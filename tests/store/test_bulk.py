from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import IntegrityError

from node.store import bulk, logs
from node.store.bulk import insert_many
from node.store.db import Store
from node.store.tables import LogNode, LogTail, Meta, PayloadRow, table
from tests.publishing.made import ORIGIN, OTHER, file_store
from tests.store.postgres import needs_postgres
from tests.store.servers import migrated_url

rows_table = table(PayloadRow)
COLUMNS = ("log_id", "idx", "section", "audience", "salt", "payload")
SIZES = (1, bulk.FEW, bulk.FEW + 1, 300)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        opened = file_store(Path(shutil.copy(migrated, tmp_path / "node.db")))
        yield opened
        opened.close()
        return
    with migrated_url() as url:
        opened = Store(url)
        yield opened
        opened.close()


def log_id(store: Store, origin: str = ORIGIN) -> int:
    return store.write_now(lambda conn: logs.ensure(conn, origin).id)


def payload_rows(of: int, indexes: range) -> list[tuple[int, int, str, str, bytes, bytes]]:
    return [(of, index, "主", "public", b"\x00" * 16, bytes([index % 256]) * (index % 3000)) for index in indexes]


def held(store: Store) -> list[tuple[object, ...]]:
    query = select(*(rows_table.c[name] for name in COLUMNS)).order_by(rows_table.c.log_id, rows_table.c.idx)
    return store.read_now(lambda conn: [tuple(row) for row in conn.execute(query)])


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("ignore", [True, False])
def test_rows_come_back_as_they_went_in(store: Store, count: int, ignore: bool) -> None:
    given = payload_rows(log_id(store), range(count))
    store.write_now(lambda conn: insert_many(conn, rows_table, COLUMNS, given, ignore=ignore))
    assert held(store) == given


@pytest.mark.parametrize("count", SIZES)
def test_what_is_there_stays_and_the_rest_is_added(store: Store, count: int) -> None:
    mine = log_id(store)
    first = [(mine, 0, "主", "public", b"first", b"first")]
    store.write_now(lambda conn: insert_many(conn, rows_table, COLUMNS, first))
    given = payload_rows(mine, range(count))
    for _ in range(2):
        store.write_now(lambda conn: insert_many(conn, rows_table, COLUMNS, given))
        assert held(store) == first + given[1:]


@pytest.mark.parametrize("count", SIZES)
def test_a_row_that_is_there_stops_everything_where_none_may_be(store: Store, count: int) -> None:
    mine = log_id(store)
    last = payload_rows(mine, range(count - 1, count))
    store.write_now(lambda conn: insert_many(conn, rows_table, COLUMNS, last))
    given = payload_rows(mine, range(count))
    with pytest.raises(IntegrityError) as caught:
        store.write_now(lambda conn: insert_many(conn, rows_table, COLUMNS, given, ignore=False))
    assert str(given[-1][4]) not in str(caught.value), "what is in a row is nobody's business"
    assert held(store) == last
    store.write_now(lambda conn: insert_many(conn, rows_table, COLUMNS, given))
    assert len(held(store)) == count, "the connection is as good as before"


def test_no_rows_are_no_statement(store: Store) -> None:
    store.write_now(lambda conn: insert_many(conn, table(Meta), ("name", "value"), []))


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("ignore", [True, False])
def test_a_column_that_may_not_be_empty_is_not_passed_over(store: Store, count: int, ignore: bool) -> None:
    mine = log_id(store)
    given = [*payload_rows(mine, range(count - 1)), (mine, count, "main", "public", b"", None)]
    with pytest.raises(IntegrityError):
        store.write_now(lambda conn: insert_many(conn, rows_table, COLUMNS, given, ignore=ignore))
    assert held(store) == []


@pytest.mark.parametrize("count", SIZES)
def test_every_width_of_number(store: Store, count: int) -> None:
    mine = log_id(store)
    indexes = sorted({(1 << (place % 62)) + place for place in range(count)})
    given = [(mine, 7, index, b"\xff" * 32) for index in indexes]
    store.write_now(
        lambda conn: insert_many(conn, table(LogNode), ("log_id", "level", "idx", "hash"), given, ignore=False)
    )
    found = store.read_now(
        lambda conn: [tuple(row) for row in conn.execute(text("SELECT * FROM log_node ORDER BY idx"))]
    )
    assert found == given


def test_a_load_larger_than_one_message(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "PIECE_BYTES", 5000)
    monkeypatch.setattr(bulk, "PIECE_ROWS", 90)
    given = payload_rows(log_id(store), range(400))
    store.write_now(lambda conn: insert_many(conn, rows_table, COLUMNS, given))
    assert held(store) == given


def test_pieces_are_whole_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "PIECE_BYTES", 10)
    monkeypatch.setattr(bulk, "PIECE_ROWS", 3)
    rows = [(n, b"x" * size) for n, size in enumerate([4, 4, 4, 30, 1, 1, 1, 1, 0])]
    pieces = [list(piece) for piece in bulk._pieces(rows)]
    assert [row for piece in pieces for row in piece] == rows
    assert [len(piece) for piece in pieces] == [2, 1, 1, 3, 2]


def test_a_row_of_no_log_is_refused(store: Store) -> None:
    def work(conn: Connection) -> None:
        rows = [(77, index, b"x") for index in range(bulk.FEW + 1)]
        insert_many(conn, table(LogTail), ("log_id", "idx", "entry"), rows, ignore=False)

    with pytest.raises(IntegrityError):
        store.write_now(work)


def test_rooms_are_made_once(store: Store) -> None:
    mine, other = log_id(store), log_id(store, OTHER)
    for each in (mine, other, mine):
        store.write_now(lambda conn, at=each: bulk.make_room(conn, at))  # type: ignore[misc]
    for each in (mine, other):
        store.write_now(lambda conn, at=each: logs.append(conn, at, 0, [b"x"] * 300))  # type: ignore[misc]
