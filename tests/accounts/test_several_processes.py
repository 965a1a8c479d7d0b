"""Limits hold between processes that share a database, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from node.accounts import bounds, gathered, tries
from node.accounts.bounds import DailyLimit
from node.accounts.gathered import Limits
from node.domain.accounts import AuditAct
from node.domain.hands import Hand
from node.store import migrate
from node.store.db import Store
from tests.store.postgres import needs_postgres, postgres_url

NOW = 1_764_000_000_000
DATABASES = ["sqlite", pytest.param("postgres", marks=needs_postgres)]


@contextmanager
def address(database: str, directory: Path) -> Iterator[str]:
    if database == "sqlite":
        yield f"sqlite:///{directory / 'n.db'}"
    else:
        with postgres_url() as url:
            yield url


@pytest.fixture(params=DATABASES)
def processes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Store]]:
    """Three stores over one database, as three processes have."""
    with address(request.param, tmp_path) as url:
        migrate.upgrade(url)
        stores = [Store(url) for _ in range(3)]
        yield stores
        for store in stores:
            store.close()


def test_guesses_at_several_processes_at_once_are_counted_together(processes: list[Store]) -> None:
    keys = tries.bounds("wang@500103", "192.0.2.1")

    def guess(number: int) -> object:
        return processes[number % 3].write_now(lambda conn: tries.reserve(conn, keys, NOW))

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(guess, range(48)))
    assert sum(isinstance(each, tries.Reserved) for each in found) == 6


def test_registrations_at_several_processes_are_counted_together(processes: list[Store]) -> None:
    def register(number: int) -> bool:
        def count(conn: Connection) -> None:
            bounds.registered(conn, f"192.0.2.{number}", NOW, each=3, all_=5)

        try:
            processes[number % 3].write_now(count)
        except DailyLimit:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(register, range(30))) == 5


def test_acts_that_several_processes_gather_are_kept_up_to_the_limit_and_handed_out_once(
    processes: list[Store],
) -> None:
    def act(number: int) -> bool:
        done = AuditAct(account="a@1", realm="service", action="log-in", object="a@1", at=NOW, node="n")
        put = processes[number % 3].write_now
        return put(lambda conn: gathered.put(conn, f"a@1/{NOW}/{number}", done, Hand("a@1", ""), Limits(7, 7)))

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(act, range(30))) == 7
        names = set(pool.map(lambda each: each.write_now(lambda conn: gathered.next_batch(conn, "n", NOW)), processes))
    (name,) = names
    body = processes[0].read_now(lambda conn: gathered.body(conn, "n", name))
    assert len(body.entries) == 7 and body.counts == []
    processes[1].write_now(lambda conn: gathered.drop(conn, name))
    assert processes[2].write_now(lambda conn: gathered.next_batch(conn, "n", NOW)) == ""
    later = NOW + 2 * gathered.HOUR_MS
    name = processes[2].write_now(lambda conn: gathered.next_batch(conn, "n", later))
    (rest,) = processes[0].read_now(lambda conn: gathered.body(conn, "n", name)).counts
    assert (rest.account, rest.action, rest.number) == ("a@1", "log-in", 23)
