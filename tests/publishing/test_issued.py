"""The index of issued records: a bit that flips in it is found before anything is published on its word (L8)."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text

from node.errors import StorageFailed
from node.publishing.fsck import check
from node.store import erased, issued, logs, migrate
from node.store.db import Store
from node.store.tables import Issued, table
from tests.publishing.made import ORIGIN, division, divisions, file_store, publisher

COLUMNS = ("version", "said_hash", "record_id", "leaf", "log_id", "idx", "digest")


def run(store: Store, sql: str) -> None:
    store.write_now(lambda conn: conn.execute(text(sql)))


def found(store: Store) -> set[tuple[str, str]]:
    return {(each.code, each.place) for each in store.read_now(lambda conn: check(conn, keys=None))}


def rows(store: Store) -> list[tuple[object, ...]]:
    return store.read_now(lambda conn: [tuple(row) for row in conn.execute(text("SELECT * FROM issued ORDER BY idx"))])


@pytest.mark.parametrize("column", COLUMNS)
async def test_L8_nothing_is_signed_on_the_word_of_a_damaged_row(store: Store, column: str) -> None:
    await publisher(store).publish(divisions(range(3)))
    run(store, "INSERT INTO log SELECT 9, 'x', 'x', own, 0, 0, 0, head_root, 0, witnessed_root, '' FROM log")
    value = "9" if column in ("version", "log_id", "idx") else f"CAST(substr({column}, 2) || x'00' AS BLOB)"
    run(store, f"UPDATE issued SET {column} = {value} WHERE idx = 1")
    before = store.read_now(lambda conn: logs.get(conn, ORIGIN))
    with pytest.raises(StorageFailed, match="nothing was signed") as caught:
        await publisher(store).publish([division("000001", "新名")])
    assert "ggzy fsck" in caught.value.advice_zh and "ggzy recover --fresh" in caught.value.advice_en
    assert store.read_now(lambda conn: logs.get(conn, ORIGIN)) == before
    assert {code for code, _ in found(store)} & {"issued-wrong", "issued-extra"}
    outcomes = await publisher(store).publish([division("000002"), division("000009")])
    assert [outcome.state for outcome in outcomes] == ["unchanged", "published"], "what is whole goes on"


async def test_a_hash_of_what_was_said_that_is_wrong_is_named(store: Store) -> None:
    await publisher(store).publish(divisions(range(3)))
    assert found(store) == set()
    run(store, "UPDATE issued SET said_hash = CAST('no bytes' AS TEXT) WHERE idx = 2")
    assert found(store) == {("issued-wrong", "entry 2")}


async def test_what_is_changed_on_purpose_is_whole(store: Store) -> None:
    """Erasure forgets what was said; a later repeat is known by its content, and its hash is taken up again."""
    await publisher(store).publish(divisions(range(3)))
    order = {"record_id": b"r" * 16, "order_id": b"o" * 16, "by_log_id": 1, "by_index": 0, "now_ms": 1}

    def forget(conn: Connection) -> None:
        which = table(Issued).c.idx == 0
        issued.set_said(conn, which, b"")
        erased.erase(conn, 1, [(1, "main")], **order)  # type: ignore[arg-type]

    store.write_now(forget)
    assert [row[2] for row in rows(store)][:2] == [b"", b""]
    assert "issued-wrong" not in {code for code, _ in found(store)}
    (outcome,) = await publisher(store).publish([division("000000", "某区")])
    assert (outcome.state, outcome.index) == ("unchanged", 0) and rows(store)[0][2] != b""
    assert "issued-wrong" not in {code for code, _ in found(store)}


async def test_a_damaged_row_is_not_made_good_by_a_change(store: Store) -> None:
    await publisher(store).publish(divisions(range(2)))
    run(store, "UPDATE issued SET leaf = zeroblob(32) WHERE idx = 0")
    store.write_now(lambda conn: issued.set_said(conn, table(Issued).c.log_id == 1, b""))
    assert found(store) == {("issued-wrong", "entry 0")}


async def test_rows_from_before_get_their_digest_with_the_migration(database: Path) -> None:
    store = file_store(database)
    await publisher(store).publish(divisions(range(2500)))
    before = rows(store)
    store.close()
    migrate.downgrade(f"sqlite:///{database}", "0005")
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as conn:
        assert "digest" not in conn.execute(text("SELECT * FROM issued LIMIT 1")).keys()
    engine.dispose()
    migrate.upgrade(f"sqlite:///{database}")
    store = file_store(database)
    assert rows(store) == before and found(store) == set()
    store.close()
