"""Bring a database to this release's schema, and say whether it is there (Alembic, one history for all engines)."""

from __future__ import annotations

from functools import cache
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from node.errors import Unavailable
from node.resources import migrations_dir
from node.store import engine_postgres
from node.store.all_tables import METADATA
from node.store.faults import postgres_fault
from node.store.locks import take_lane


def config() -> Config:
    """Alembic's configuration; the connection is put into its attributes by the callers below."""
    made = Config()
    # Alembic expands % in this option, and a path may hold one.
    made.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    return made


def upgrade(url: str, revision: str = "head") -> None:
    """Run the steps up to `revision` in one transaction."""
    _run(url, lambda made: command.upgrade(made, revision))


def downgrade(url: str, revision: str) -> None:
    """Run the steps down to `revision` ("base" removes everything)."""
    _run(url, lambda made: command.downgrade(made, revision))


def differences(url: str) -> list[Any]:
    """What `alembic check` would report: empty when the database is exactly what the classes say."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            parts = _partitions(connection)

            def counts(name: str | None, type_: str, _parents: Any) -> bool:
                return not ((type_ == "table" and name in parts) or _of_word_index(name or ""))

            context = MigrationContext.configure(connection, opts={"include_name": counts})
            return list(compare_metadata(context, METADATA))
    finally:
        engine.dispose()


def _of_word_index(name: str) -> bool:
    """Whether this is of `node.store.word_index`: a column and its index, or the tables of FTS5."""
    return name == "terms" or name.endswith("_view_terms") or "_view_words" in name


def _partitions(connection: Connection) -> frozenset[str]:
    """Tables that are part of another: one a log, made as logs come."""
    if connection.dialect.name != "postgresql":
        return frozenset()
    return frozenset(connection.execute(text("SELECT relname FROM pg_class WHERE relispartition")).scalars())


def head() -> str:
    """The newest revision that this release knows."""
    return str(ScriptDirectory.from_config(config()).get_current_head())


def strange_schema(connection: Connection) -> list[str]:
    """Names of tables, indexes and triggers that are not what this release's steps make (SQLite).

    A bit that flips in a trigger's text would take its protection away in silence (DESIGN L6, L8). A database that was
    not made by these steps, or not up to the newest, is not judged.
    """
    if MigrationContext.configure(connection).get_current_revision() != head():
        return []
    return sorted({name for name, _ in _schema(connection) ^ _made()})


@cache
def _made() -> frozenset[tuple[str, bytes]]:
    engine = _engine("sqlite://")
    try:
        with engine.begin() as connection:
            made = config()
            made.attributes["connection"] = connection
            command.upgrade(made, "head")
            return _schema(connection)
    finally:
        engine.dispose()


def _schema(connection: Connection) -> frozenset[tuple[str, bytes]]:
    # As bytes: a damaged text may be no text.
    rows = connection.execute(
        text("SELECT CAST(name AS BLOB), CAST(type || tbl_name || coalesce(sql, '') AS BLOB) FROM sqlite_master")
    )
    return frozenset((bytes(name).decode("utf-8", "replace"), bytes(sql)) for name, sql in rows)


def require_current(connection: Connection) -> None:
    """Raise Unavailable unless the database has this release's schema."""
    found = MigrationContext.configure(connection).get_current_revision()
    _require_known(found)
    if found != head():
        raise Unavailable(
            f"the database is at revision {found}, this release needs {head()}",
            zh=f"数据库版本为 {found}，本版本需要 {head()}",
            advice_zh="请先运行 ggzy migrate。",
            advice_en="Run ggzy migrate first.",
        )


def _require_known(revision: str | None) -> None:
    """Raise Unavailable when a newer release has been at this database."""
    if revision is None or revision in {
        step.revision for step in ScriptDirectory.from_config(config()).walk_revisions()
    }:
        return
    raise Unavailable(
        f"the database is at revision {revision}, which this release does not know",
        zh=f"数据库版本 {revision} 来自更新的程序版本",
        advice_zh="请安装更新的 ggzy-node；旧版本不能使用这个数据库。",
        advice_en="Install the newer ggzy-node: an older one cannot use this database.",
    )


def _run(url: str, step: Any) -> None:
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            take_lane(connection, "")  # a node that is still running waits, or is waited for
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL statement_timeout = 0"))
            _require_known(MigrationContext.configure(connection).get_current_revision())
            made = config()
            made.attributes["connection"] = connection
            step(made)
    except DBAPIError as error:
        if engine.dialect.name == "postgresql":
            fault = postgres_fault(error.orig, lost=error.connection_invalidated, committing=False)
            if fault is not None:
                raise fault from error
        raise
    finally:
        engine.dispose()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return engine_postgres.engine(url, 1)
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # The driver would commit before each CREATE; with our own BEGIN a step is all or nothing.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.execute(text("BEGIN IMMEDIATE"))

    return engine
