from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DatabaseError

from node.domain.audience import AUDIENCES
from node.errors import Conflict, Unavailable
from node.publishing.fsck import check
from node.store import logs, migrate
from node.store.db import Store
from tests.publishing.made import ORIGIN, divisions, publisher, signer
from tests.store.postgres import needs_postgres, postgres_url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / '100% new.db'}"
        return
    with postgres_url() as made:
        yield made


@pytest.fixture
def migrated(url: str) -> Iterator[Store]:
    migrate.upgrade(url)
    store = Store(url)
    yield store
    store.close()


def objects(url: str) -> dict[str, Any]:
    """Names of everything that a database holds."""
    engine = create_engine(url)
    with engine.connect() as conn:
        found: dict[str, Any] = {"tables": sorted(inspect(conn).get_table_names())}
        if conn.dialect.name == "sqlite":
            query = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%' ORDER BY name"
        else:
            query = (
                "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
                " UNION ALL SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'ggzy%' ORDER BY 1"
            )
        found["more"] = [tuple(row) for row in conn.execute(text(query))]
    engine.dispose()
    return found


def test_an_empty_database_comes_to_what_the_classes_say(url: str) -> None:
    migrate.upgrade(url)
    assert migrate.differences(url) == []
    migrate.upgrade(url)
    assert migrate.differences(url) == []


def test_down_to_nothing_and_up_again(url: str) -> None:
    migrate.upgrade(url)
    before = objects(url)
    assert len(before["more"]) > 8
    migrate.downgrade(url, "base")
    assert objects(url) == {"tables": ["alembic_version"], "more": []}
    migrate.upgrade(url)
    assert objects(url) == before
    assert migrate.differences(url) == []


def test_each_step_goes_up_and_down_alone(url: str) -> None:
    steps = [step.revision for step in ScriptDirectory.from_config(migrate.config()).walk_revisions()][::-1]
    states = []
    for step in steps:
        migrate.upgrade(url, step)
        states.append(objects(url))
    for step, state in zip(reversed(steps), reversed(states), strict=True):
        assert objects(url) == state, step
        migrate.downgrade(url, "-1")


def test_an_old_database_is_not_served(url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as conn, pytest.raises(Unavailable, match="None"):
        migrate.require_current(conn)
    migrate.upgrade(url, "0001")
    with engine.connect() as conn, pytest.raises(Unavailable, match="0001"):
        migrate.require_current(conn)
    migrate.upgrade(url)
    with engine.connect() as conn:
        migrate.require_current(conn)
    engine.dispose()


def test_a_step_that_fails_leaves_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate.upgrade(url, "0001")
    before = objects(url)
    engine = create_engine(url)
    with engine.begin() as conn:
        # A trigger name of the next step is taken, so that it stops in its middle.
        if conn.dialect.name == "sqlite":
            taken = "CREATE TRIGGER log_node_no_update BEFORE UPDATE ON meta BEGIN SELECT 1; END"
        else:
            taken = "CREATE FUNCTION ggzy_log_node_delete() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
        conn.execute(text(taken))
    with pytest.raises(DatabaseError):
        migrate.upgrade(url)
    with engine.begin() as conn:
        drop = "TRIGGER log_node_no_update" if conn.dialect.name == "sqlite" else "FUNCTION ggzy_log_node_delete()"
        conn.execute(text(f"DROP {drop}"))
    engine.dispose()
    assert objects(url) == before
    migrate.upgrade(url)
    assert migrate.differences(url) == []


def test_every_step_says_why() -> None:
    for step in ScriptDirectory.from_config(migrate.config()).walk_revisions():
        first, _, rest = (step.module.__doc__ or "").strip().partition("\n")
        assert first
        assert rest.strip().removeprefix("Why:").strip(), f"{step.revision} gives no reason"


# --- the same node on every engine ----------------------------------------------------------------------------------


async def test_publishing_and_judging(migrated: Store) -> None:
    sequencer = publisher(migrated)
    await sequencer.open_log()
    for start in (0, 200, 400):
        await sequencer.publish(divisions(range(start, start + 200)))
    outcomes = await sequencer.publish(divisions(range(599, 601)))
    assert [outcome.state for outcome in outcomes] == ["unchanged", "published"]

    def judge(conn: Connection) -> list[Any]:
        every = frozenset(AUDIENCES)
        return check(conn, keys=lambda origin: [signer(origin).verifier], audiences=lambda origin: every)

    assert migrated.read_now(judge) == []
    migrated.write_now(lambda conn: conn.execute(text("DELETE FROM payload_row WHERE idx = 600")))
    migrated.write_now(lambda conn: conn.execute(text("UPDATE issued SET version = 9 WHERE idx = 3")))
    assert sorted((f.code, f.place) for f in migrated.read_now(judge)) == [
        ("issued-wrong", "entry 3"),
        ("payload-lost", "entry 600 main"),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_bundle SET n = 7",
        "UPDATE log_tile SET n = 7",
        "UPDATE log_tail SET idx = 7",
        "UPDATE log_node SET idx = 7",
        "DELETE FROM log_bundle",
        "DELETE FROM log_tile",
        "DELETE FROM log_tail",
        "DELETE FROM log_node",
        "TRUNCATE log_bundle",
        "TRUNCATE log_tail",
    ],
)
def test_L6_the_log_refuses_change(migrated: Store, statement: str) -> None:
    if statement.startswith("TRUNCATE") and migrated.url.startswith("sqlite"):
        statement = statement.replace("TRUNCATE", "DELETE FROM")
    migrated.write_now(lambda conn: logs.append(conn, logs.ensure(conn, ORIGIN).id, 0, [b"x"] * 300))
    with pytest.raises(DatabaseError, match="the log only grows"):
        migrated.write_now(lambda conn: conn.execute(text(statement)))
    assert migrated.read_now(lambda conn: logs.entries(conn, 1, 0, 300)) == [b"x"] * 300


def test_L6_folding_is_allowed(migrated: Store) -> None:
    migrated.write_now(lambda conn: logs.append(conn, logs.ensure(conn, ORIGIN).id, 0, [b"x"] * 255))
    migrated.write_now(lambda conn: logs.append(conn, 1, 255, [b"y"] * 2))
    rows = migrated.read_now(lambda conn: conn.execute(text("SELECT idx FROM log_tail")).scalars().all())
    assert rows == [256]


def test_L5_the_second_of_two_writers_gets_a_conflict(migrated: Store) -> None:
    migrated.write_now(lambda conn: logs.append(conn, logs.ensure(conn, ORIGIN).id, 0, [b"x"]))
    other = Store(migrated.url)
    assert other.write_now(lambda conn: logs.append(conn, 1, 1, [b"y"])) == 2
    with pytest.raises(Conflict) as caught:
        migrated.write_now(lambda conn: logs.append(conn, 1, 1, [b"z"]))
    assert caught.value.size == 2
    other.close()


def test_a_reader_sees_one_snapshot(migrated: Store) -> None:
    other = Store(migrated.url)
    migrated.write_now(lambda conn: logs.ensure(conn, ORIGIN))

    def look_twice(conn: Connection) -> tuple[int, int]:
        before = logs.get(conn, ORIGIN).stored_size
        other.write_now(lambda conn: logs.append(conn, 1, 0, [b"x"]))
        return before, logs.get(conn, ORIGIN).stored_size

    assert migrated.read_now(look_twice) == (0, 0)
    assert migrated.read_now(lambda conn: logs.get(conn, ORIGIN).stored_size) == 1
    other.close()
