"""What the tests of the PostgreSQL store share: a migrated database, and a hand on its connections."""

from __future__ import annotations

import atexit
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from node.store import migrate
from tests.store import postgres
from tests.store.postgres import postgres_url


@contextmanager
def migrated_url() -> Iterator[str]:
    """The address of an empty database of this release's schema, dropped afterwards."""
    with postgres_url(_template()) as url:
        yield url


@cache
def _template() -> str:
    """The name of a migrated database to copy: migrating anew for each test takes twenty times as long."""
    name = f"ggzy_template_{secrets.token_hex(8)}"
    url = make_url(postgres.SERVER).set(database=name).render_as_string(hide_password=False)
    server = Admin(postgres.SERVER)
    server.run(f"CREATE DATABASE {name}")
    atexit.register(server.run, f"DROP DATABASE {name} WITH (FORCE)")
    migrate.upgrade(url)
    return name


class Admin:
    """Looks at a database, and ends connections to it, from outside."""

    def __init__(self, url: str) -> None:
        self._engine: Engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def all(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with self._engine.connect() as conn:
            return [tuple(row) for row in conn.execute(text(sql), values)]

    def run(self, sql: str) -> None:
        with self._engine.connect() as conn:
            conn.execute(text(sql))

    def one(self, sql: str, **values: Any) -> Any:
        return self.all(sql, **values)[0][0]

    def end(self, name: str = "ggzy-node%") -> int:
        """End every connection of that application; gives how many there were."""
        mine = "datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE :name"
        return len(self.all(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}", name=name))

    def waiting(self) -> int:
        """How many wait for an advisory lock in this database."""
        return self._advisory("NOT granted")

    def holding(self) -> int:
        """How many advisory locks are held in this database; those of other tests' databases do not count."""
        return self._advisory("granted")

    def _advisory(self, which: str) -> int:
        here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        return int(self.one(f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND {which} AND {here}"))


def until(true: Callable[[], bool], most_s: float = 30) -> None:
    """Wait for what another thread or process is about to do; fails when it never does."""
    end = time.monotonic() + most_s
    while not true():
        assert time.monotonic() < end, "it never came to that"
        threading.Event().wait(0.01)
