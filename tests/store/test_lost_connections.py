"""Processes that write to one PostgreSQL while their connections are cut at random: nothing lost, nothing doubled."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from node.domain.audience import AUDIENCES
from node.publishing.fsck import check
from node.store import logs
from node.store.db import Store
from tests.publishing.made import ORIGIN, OTHER, divisions, file_store, publisher, signer
from tests.store.postgres import needs_postgres
from tests.store.servers import Admin, migrated_url

pytestmark = needs_postgres
ROOT = Path(__file__).resolve().parents[2]
COUNT = 420
STEP = 30


@pytest.fixture
def url() -> Iterator[str]:
    with migrated_url() as made:
        yield made


@contextmanager
def cutting(url: str, seed: int) -> Iterator[None]:
    """Ends one of the writers' connections every now and then; fails when there was none to end."""
    done: list[int] = []
    chance, admin, stop = random.Random(seed), Admin(url), threading.Event()
    pids = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ggzy-node'"

    def cut() -> None:
        while not stop.wait(chance.uniform(0.001, 0.15)):
            if found := admin.all(f"{pids} ORDER BY pid"):
                done.extend(
                    pid for (pid,) in admin.all("SELECT pg_terminate_backend(:pid)::int", pid=chance.choice(found)[0])
                )

    thread = threading.Thread(target=cut)
    thread.start()
    yield
    stop.set()
    thread.join()
    assert sum(done)


def run_writers(*commands: tuple[Any, ...]) -> list[list[tuple[int, int]]]:
    """Run them side by side to their end; gives what each was answered."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.store.writers", *map(str, command)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for command in commands
    ]
    said = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(started)
    lines = [[line.split() for line in each.splitlines() if line.startswith("answered")] for each in said]
    return [[(int(first), int(end)) for _, first, end in each] for each in lines]


def faults(conn: Connection) -> list[Any]:
    every = frozenset(AUDIENCES)
    return check(conn, keys=lambda origin: [signer(origin).verifier], audiences=lambda origin: every)


def published(conn: Connection, origin: str) -> int:
    return logs.get(conn, origin).stored_size


def test_two_origins_at_once_while_connections_are_cut(url: str) -> None:
    with cutting(url, 1):
        first, second = run_writers(
            ("publish", url, ORIGIN, 0, COUNT, STEP), ("publish", url, OTHER, COUNT, 2 * COUNT, STEP)
        )
    assert first == [(start, start + STEP) for start in range(0, COUNT, STEP)]
    assert second == [(start, start + STEP) for start in range(COUNT, 2 * COUNT, STEP)]
    store = Store(url)
    assert [store.read_now(partial(published, origin=origin)) for origin in (ORIGIN, OTHER)] == [COUNT, COUNT]
    assert store.read_now(faults) == []
    store.close()


def test_L5_two_processes_that_publish_to_the_same_log(url: str) -> None:
    """Such as a server and a command; what both say is published once."""
    with cutting(url, 2):
        run_writers(
            ("publish", url, ORIGIN, 0, COUNT, STEP), ("publish", url, ORIGIN, COUNT // 2, 3 * COUNT // 2, STEP)
        )
    store = Store(url)
    assert store.read_now(partial(published, origin=ORIGIN)) == 3 * COUNT // 2
    assert store.read_now(faults) == []
    assert Admin(url).one("SELECT max(version) FROM issued") == 1
    store.close()


async def test_two_processes_that_take_in_the_same_log_and_a_third_another(url: str, database: Path) -> None:
    source = file_store(database)
    sequencer = publisher(source)
    await sequencer.open_log()
    for start in range(0, 900, 300):
        await sequencer.publish(divisions(range(start, start + 300)))
    with cutting(url, 3):
        said = run_writers(
            ("mirror", url, ORIGIN, database, 70),
            ("mirror", url, ORIGIN, database, 110),
            ("publish", url, OTHER, 0, COUNT, STEP),
        )
    assert max(end for _, end in said[0] + said[1]) == 900
    store = Store(url)

    def everything(conn: Connection) -> tuple[bytes, list[bytes]]:
        log_id = logs.get(conn, ORIGIN).id
        return logs.stored_root(conn, log_id, 900), logs.entries(conn, log_id, 0, 900)

    assert store.read_now(everything) == source.read_now(everything)
    rows = "SELECT count(*) FROM payload_row WHERE log_id = (SELECT id FROM log WHERE origin = :origin)"
    assert Admin(url).one(rows, origin=ORIGIN) == 900 % 256
    assert store.read_now(partial(published, origin=OTHER)) == COUNT
    assert store.read_now(faults) == []
    store.close()
    source.close()
