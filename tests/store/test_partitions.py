"""The tables that are partitioned by log on PostgreSQL: made as logs come, and guarded each like the whole (L6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from node.domain.audience import AUDIENCES
from node.publishing.fsck import check
from node.store import logs, migrate, payloads
from node.store.db import Store
from node.wire.pack import PayloadRow
from tests.publishing.made import ORIGIN, OTHER, divisions, publisher, signer
from tests.store.postgres import needs_postgres, postgres_url
from tests.store.servers import Admin, migrated_url

pytestmark = needs_postgres
PARTED = ("log_bundle", "log_tile", "log_tail", "log_node", "payload_pack", "payload_row")


@pytest.fixture
def url() -> Iterator[str]:
    with migrated_url() as made:
        yield made


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


def fill(store: Store) -> None:
    """Two logs with rows in all six tables."""

    def work(conn: Connection) -> None:
        for number, origin in enumerate((ORIGIN, OTHER)):
            state = logs.ensure(conn, origin)
            if state.stored_size == 0:
                logs.append(conn, state.id, 0, [b"%d" % number] * 300)
                conn.execute(
                    text("INSERT INTO payload_pack VALUES (:id, 0, 'public', 'pack')"),
                    {"id": state.id},
                )
                payloads.put_rows(conn, state.id, "public", [PayloadRow(299, "main", b"s" * 16, b"payload")])

    store.write_now(work)


def contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted(Admin(url).all(f"SELECT * FROM {name}")) for name in PARTED}


def partitions(url: str) -> list[str]:
    return [name for (name,) in Admin(url).all("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")]


def test_each_log_has_its_own(store: Store, url: str) -> None:
    assert partitions(url) == []
    fill(store)
    assert sorted(partitions(url)) == sorted(f"{name}_p{log_id}" for name in PARTED for log_id in (1, 2))
    for name in PARTED:
        for log_id in (1, 2):
            found = Admin(url).all(f"SELECT DISTINCT log_id FROM {name}_p{log_id}")
            assert found == [(log_id,)], name
    assert migrate.differences(url) == []


@pytest.mark.parametrize("verb", ["UPDATE {} SET log_id = log_id", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("name", ["log_bundle", "log_tile", "log_tail", "log_node"])
def test_L6_no_door_leads_round_the_triggers(store: Store, url: str, verb: str, name: str) -> None:
    fill(store)
    before = contents(url)
    for table in (name, f"{name}_p1", f"ONLY {name}_p2"):
        with pytest.raises(DatabaseError, match="the log only grows"):
            store.write_now(lambda conn, at=table: conn.execute(text(verb.format(at))))  # type: ignore[misc]
    assert contents(url) == before


def test_L6_a_row_does_not_move_to_another_log(store: Store, url: str) -> None:
    fill(store)
    with pytest.raises(DatabaseError, match="the log only grows"):
        store.write_now(lambda conn: conn.execute(text("UPDATE log_bundle SET log_id = 2, n = 9 WHERE log_id = 1")))
    with pytest.raises(IntegrityError):
        store.write_now(lambda conn: conn.execute(text("INSERT INTO log_bundle_p1 VALUES (2, 9, 'x')")))


def test_folding_is_allowed_where_the_bundle_of_the_same_log_is(store: Store, url: str) -> None:
    fill(store)
    store.write_now(lambda conn: logs.append(conn, 1, 300, [b"z"] * 300))
    admin = Admin(url)
    assert admin.one("SELECT min(idx) FROM log_tail WHERE log_id = 1") == 512
    # The other log's tail has no bundle yet, however full the first one's is.
    with pytest.raises(DatabaseError, match="the log only grows"):
        store.write_now(lambda conn: conn.execute(text("DELETE FROM log_tail WHERE log_id = 2")))


def test_a_partition_is_of_a_log_that_is_there(store: Store, url: str) -> None:
    fill(store)
    admin = Admin(url)
    foreign = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = CAST(:name AS regclass)"
    assert [admin.one(foreign, name=f"{name}_p1") for name in PARTED] == [1] * 6
    with pytest.raises(DatabaseError):
        store.write_now(lambda conn: conn.execute(text("DELETE FROM log WHERE id = 1")))


def test_large_values_lie_as_is_best_for_each(store: Store, url: str) -> None:
    fill(store)
    which = "attrelid = CAST(:name AS regclass) AND attname = :column"
    query = f"SELECT attstorage, attcompression FROM pg_attribute WHERE {which}"
    how = {
        name: [Admin(url).all(query, name=f"{name}{part}", column=column)[0] for part in ("", "_p1")]
        for name, column in (("log_bundle", "data"), ("log_tile", "hashes"), ("payload_pack", "data"))
    }
    assert how["log_tile"] == how["payload_pack"] == [("e", "")] * 2
    assert how["log_bundle"] in ([("x", "l")] * 2, [("e", "")] * 2), "LZ4 where the server has it"


def test_what_is_asked_of_one_log_locks_none_of_the_others(store: Store) -> None:
    """Each lock has a place in a table of the server that is of fixed size, and there may be thousands of logs."""

    def make(conn: Connection) -> None:
        for number in range(12):
            logs.append(conn, logs.ensure(conn, f"o/{number}").id, 0, [b"x"] * 300)

    def use(conn: Connection) -> list[str]:
        for number in range(10):  # the driver prepares what it has seen five times
            state = logs.by_id(conn, 7)
            logs.append(conn, 7, state.stored_size, [b"y"] * 150)
            logs.entries(conn, 7, 0, state.stored_size)
            payloads.put_rows(conn, 7, "public", [PayloadRow(number, "main", b"s" * 16, b"payload")])
            payloads.read_range(conn, 7, 0, 300)
        locked = "SELECT relname FROM pg_locks JOIN pg_class c ON c.oid = relation WHERE pid = pg_backend_pid()"
        return list(conn.execute(text(f"{locked} AND relispartition AND relkind = 'r'")).scalars())

    store.write_now(make)
    assert set(store.write_now(use)) == {f"{name}_p7" for name in PARTED}


async def test_the_step_takes_and_gives_back_a_filled_database() -> None:
    with postgres_url() as url:
        migrate.upgrade(url)
        store = Store(url)
        sequencer = publisher(store)
        await sequencer.open_log()
        await sequencer.publish(divisions(range(600)))
        fill(store)
        store.close()
        before = contents(url)
        migrate.downgrade(url, "0006")
        assert contents(url) == before
        assert partitions(url) == []
        assert "ggzy_make_room" not in [name for (name,) in Admin(url).all("SELECT proname FROM pg_proc")]
        for verb in ("UPDATE log_bundle SET n = 7", "DELETE FROM log_tail", "TRUNCATE log_tile"):
            with pytest.raises(DatabaseError, match="the log only grows"):
                Admin(url).run(verb)
        migrate.upgrade(url)
        assert contents(url) == before
        assert len(partitions(url)) == 12
        assert migrate.differences(url) == []
        store = Store(url)
        every = frozenset(AUDIENCES)
        of = [ORIGIN]
        faults = store.read_now(
            lambda conn: check(
                conn,
                keys=lambda origin: [signer(o).verifier for o in of if o == origin],
                audiences=lambda origin: every,
            )
        )
        assert [fault for fault in faults if fault.origin == ORIGIN] == []
        await publisher(store, seed=1).publish(divisions(range(600, 900)))
        store.close()
