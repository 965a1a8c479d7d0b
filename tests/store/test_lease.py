from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection

from node.store.bell import Bell, ring
from node.store.db import Store, lane_of
from node.store.lease import Lease, hold_sequencer
from node.store.locks import key
from tests.publishing.made import ORIGIN, OTHER, divisions, publisher
from tests.store.postgres import needs_postgres
from tests.store.servers import Admin, migrated_url, until


@pytest.fixture
def url() -> Iterator[str]:
    with migrated_url() as made:
        yield made


# --- the lease ------------------------------------------------------------------------------------------------------


@needs_postgres
def test_one_holds_it_at_a_time(url: str) -> None:
    mine, other, another = Lease(url, "jobs"), Lease(url, "jobs"), Lease(url, "other jobs")
    assert mine.take() and mine.held()
    assert not other.take() and not other.held()
    assert another.take(), "another name is another lease"
    assert mine.take(), "who holds it may ask again"
    mine.release()
    assert not mine.held()
    assert other.take() and not mine.take()
    for each in (mine, other, another):
        each.release()
        each.release()


@needs_postgres
def test_it_is_lost_with_its_connection_and_goes_to_the_next(url: str) -> None:
    admin, mine, other = Admin(url), Lease(url, "jobs"), Lease(url, "jobs")
    assert mine.take()
    assert admin.end("ggzy-node lease%") == 1
    assert not mine.held()
    assert other.take()
    assert not mine.take()
    other.release()
    assert mine.take() and mine.held()
    mine.release()


@needs_postgres
def test_it_is_lost_when_the_connection_answers_and_the_lock_is_gone(url: str) -> None:
    """As behind a pooler that gives each transaction another session."""
    mine, other = Lease(url, "jobs"), Lease(url, "jobs")
    assert mine.take() and mine._connection is not None
    mine._connection.execute("SELECT pg_advisory_unlock_all()")
    assert not mine.held()
    assert other.take()
    other.release()


@needs_postgres
def test_a_waiter_leaves_no_connection_behind(url: str) -> None:
    admin, mine, other = Admin(url), Lease(url, "jobs"), Lease(url, "jobs")
    mine.take()
    for _ in range(3):
        assert not other.take()
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ggzy-node lease%'"
    until(lambda: bool(admin.one(f"{count} AND datname = current_database()") == 1))
    mine.release()


def test_a_server_that_is_away_gives_nothing() -> None:
    lease = Lease("postgresql+psycopg://x:y@127.0.0.1:1/z", "jobs")
    assert not lease.take() and not lease.held()


def test_on_sqlite_whoever_asks_has_it() -> None:
    lease = Lease("sqlite:////somewhere/node.db", "jobs")
    assert not lease.held(), "nobody has asked yet"
    assert lease.take() and lease.held()
    lease.release()
    assert not lease.held()


def test_locks_have_the_same_numbers_in_every_process() -> None:
    """A release that numbers them otherwise would write beside one that is still running."""
    assert key("write") == -8318468742635799925
    assert key(f"lane {lane_of(ORIGIN)}") == 6696859890188158284
    assert len({key(name) for name in ("write", "room", "lane a", "lane b", "lease a", "sequencer a")}) == 6


# --- the sequencer --------------------------------------------------------------------------------------------------

_HOLD = """
import sys
from node.store.db import Store
from node.store.lease import hold_sequencer

def work(conn):
    hold_sequencer(conn, sys.argv[2])
    print("held", flush=True)
    sys.stdin.readline()

Store(sys.argv[1]).write_now(work, "command line")
"""


@needs_postgres
def test_L5_another_process_that_signs_the_same_log_waits(url: str) -> None:
    store, admin = Store(url), Admin(url)
    command = [sys.executable, "-c", _HOLD, url, ORIGIN]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as other:
        assert other.stdin is not None and other.stdout is not None
        assert "held\n" in other.stdout
        store.write_now(lambda conn: hold_sequencer(conn, OTHER), "another log")
        with ThreadPoolExecutor(1) as pool:
            mine = pool.submit(store.write_now, lambda conn: hold_sequencer(conn, ORIGIN), "this log")
            until(lambda: admin.waiting() == 1)
            assert not mine.done()
            other.stdin.write("\n")
            other.stdin.flush()
            mine.result(30)
        assert other.wait(30) == 0
    store.close()


@needs_postgres
async def test_L5_the_publisher_holds_it_while_it_signs(url: str) -> None:
    store, admin = Store(url), Admin(url)
    sequencer = publisher(store)
    await sequencer.open_log()
    held: list[int] = []

    def look(conn: Connection) -> None:
        number = key(f"sequencer {ORIGIN}")
        held.append(
            admin.one(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND (classid::bigint << 32) | objid::bigint = :number",
                number=number,
            )
        )

    real = sequencer._sign
    sequencer._sign = lambda conn, *rest: (look(conn), real(conn, *rest))[1]  # type: ignore[method-assign]
    await sequencer.publish(divisions(range(3)))
    assert held == [1]
    store.close()


# --- the bell -------------------------------------------------------------------------------------------------------


class Heard:
    def __init__(self) -> None:
        self._count, self._change = 0, threading.Condition()

    def __call__(self) -> None:
        with self._change:
            self._count += 1
            self._change.notify_all()

    def times(self) -> int:
        with self._change:
            return self._count


@pytest.fixture
def heard() -> Heard:
    return Heard()


@needs_postgres
def test_a_ring_is_heard_after_the_commit_by_every_process(url: str, heard: Heard) -> None:
    store, other = Store(url), Heard()
    bells = [Bell(url, heard), Bell(url, other)]
    for bell in bells:
        bell.open()
        assert bell.listening.wait(30)
    until(lambda: heard.times() == other.times() == 1)

    def ring_and_fail(conn: Connection) -> None:
        ring(conn)
        raise LookupError("half-way")

    with pytest.raises(LookupError):
        store.write_now(ring_and_fail)
    store.write_now(lambda conn: (ring(conn), ring(conn)))
    until(lambda: heard.times() == other.times() == 2)
    for bell in bells:
        bell.close()
        assert not bell.listening.is_set()
    store.close()


@needs_postgres
def test_a_bell_whose_connection_is_lost_listens_again_and_rings_for_what_it_missed(url: str, heard: Heard) -> None:
    store, admin, bell = Store(url), Admin(url), Bell(url, heard)
    bell.open()
    until(lambda: heard.times() == 1)
    assert admin.end("ggzy-node bell%") == 1
    until(lambda: heard.times() == 2)
    store.write_now(ring)
    until(lambda: heard.times() == 3)
    bell.close()
    store.close()


def test_a_bell_waits_for_a_server_that_is_away(heard: Heard) -> None:
    bell = Bell("postgresql+psycopg://x:y@127.0.0.1:1/z", heard)
    bell.open()
    bell.close()
    assert heard.times() == 0


def test_on_sqlite_nothing_rings(heard: Heard, store: Store) -> None:
    bell = Bell(store.url, heard)
    bell.open()
    store.write_now(ring)
    store.write_now(lambda conn: hold_sequencer(conn, ORIGIN))
    bell.close()
    assert heard.times() == 0 and not bell.listening.is_set()
