from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, select

from node.store import logs, peers
from node.store.db import Store
from node.store.peers import Standing
from node.store.tables import Meta, PayloadMissing, PayloadRow, table
from node.store.upsert import insert_or_ignore, insert_or_replace
from tests.publishing.made import ORIGIN, memory_store
from tests.store.postgres import needs_postgres
from tests.store.servers import migrated_url

meta = table(Meta)
missing = table(PayloadMissing)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "sqlite":
        opened = memory_store()
        yield opened
        opened.close()
        return
    with migrated_url() as url:
        opened = Store(url)
        yield opened
        opened.close()


def put(store: Store, mode: Any, *rows: tuple[str, str]) -> dict[str, str]:
    def work(conn: Connection) -> dict[str, str]:
        mode(conn, meta, [{"name": name, "value": value} for name, value in rows])
        return {row.name: row.value for row in conn.execute(select(meta))}

    return store.write_now(work)


def test_ignoring_keeps_what_is_there(store: Store) -> None:
    assert put(store, insert_or_ignore, ("a", "1"), ("b", "1")) == {"a": "1", "b": "1"}
    assert put(store, insert_or_ignore, ("a", "2"), ("c", "2"), ("c", "3")) == {"a": "1", "b": "1", "c": "2"}
    assert put(store, insert_or_ignore) == {"a": "1", "b": "1", "c": "2"}


def test_replacing_overwrites_what_is_there(store: Store) -> None:
    assert put(store, insert_or_replace, ("a", "1"), ("b", "1")) == {"a": "1", "b": "1"}
    assert put(store, insert_or_replace, ("a", "2"), ("c", "2"), ("c", "3")) == {"a": "2", "b": "1", "c": "3"}
    assert put(store, insert_or_replace) == {"a": "2", "b": "1", "c": "3"}


def test_a_table_that_is_all_key_is_replaced_by_itself(store: Store) -> None:
    def work(conn: Connection) -> int:
        log_id = logs.ensure(conn, ORIGIN).id
        for _ in range(2):
            insert_or_replace(conn, missing, [{"log_id": log_id, "idx": 1, "section": "main"}])
        return len(conn.execute(select(missing)).all())

    assert store.write_now(work) == 1


def test_bytes_come_back_as_bytes(store: Store) -> None:
    data = bytes(range(256))

    def work(conn: Connection) -> None:
        row = {"log_id": logs.ensure(conn, ORIGIN).id, "idx": 2**40, "section": "main", "audience": "public"}
        insert_or_ignore(conn, table(PayloadRow), [row | {"salt": b"", "payload": data}])
        held = conn.execute(select(table(PayloadRow))).one()
        assert (held.idx, held.salt, held.payload) == (2**40, b"", data)

    store.write_now(work)


def test_standings_of_peers(store: Store) -> None:
    def work(conn: Connection) -> None:
        log_id = logs.ensure(conn, ORIGIN).id
        assert peers.get(conn, "hub", log_id, "push") == Standing("hub", log_id, "push")
        for failures in (1, 2):
            peers.put(conn, Standing("hub", log_id, "push", witnessed_size=5, failures=failures, last_error="x"))
        peers.put(conn, Standing("another", log_id, "pull"))
        assert peers.get(conn, "hub", log_id, "push").failures == 2
        assert peers.get(conn, "hub", log_id, "pull").direction == "pull"
        assert [each.peer for each in peers.all_standings(conn)] == ["another", "hub"]

    store.write_now(work)
