"""Who writes after whom on PostgreSQL, and what becomes of a transaction whose server goes away."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import ProgrammingError

from node.errors import DiskFull, Malformed, Overloaded, StorageFailed, Unavailable
from node.store import engine_postgres, logs
from node.store.db import ATTEMPTS, READ_TABLES, Store, lane_of
from tests.publishing.made import ORIGIN, OTHER
from tests.store.postgres import needs_postgres
from tests.store.servers import Admin, migrated_url, until

pytestmark = needs_postgres
EAST, WEST = lane_of(ORIGIN), lane_of(OTHER)


@pytest.fixture
def url() -> Iterator[str]:
    with migrated_url() as made:
        yield made


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


@pytest.fixture
def admin(url: str) -> Admin:
    return Admin(url)


def put(name: str) -> Callable[[Connection], None]:
    return lambda conn: _put(conn, name)


def _put(conn: Connection, name: str) -> None:
    conn.execute(text("INSERT INTO meta (name, value) VALUES (:name, '')"), {"name": name})


def names(conn: Connection) -> list[str]:
    return list(conn.execute(text("SELECT name FROM meta ORDER BY name")).scalars())


class Held:
    """A write that stays open until `go`, in another process as far as the server can tell."""

    def __init__(self, url: str, lane: str, first: Callable[[Connection], None] = lambda conn: None) -> None:
        self._store = Store(url)
        self._go, begun = threading.Event(), threading.Event()

        def work(conn: Connection) -> None:
            first(conn)
            begun.set()
            assert self._go.wait(30)

        self._pool = ThreadPoolExecutor(1)
        self._done = self._pool.submit(self._store.write_now, work, lane)
        assert begun.wait(30)

    def go(self) -> None:
        self._go.set()
        self._done.result()
        self._pool.shutdown()
        self._store.close()


def started(store: Store, work: Callable[[Connection], None], lane: str = "") -> Future[None]:
    return ThreadPoolExecutor(1).submit(store.write_now, work, lane)


# --- lanes ----------------------------------------------------------------------------------------------------------


def test_lanes_do_not_wait_for_each_other(store: Store, url: str) -> None:
    east = Held(url, EAST)
    store.write_now(put("west"), WEST)
    east.go()
    assert store.read_now(names) == ["west"]


@pytest.mark.parametrize(("first", "second"), [(EAST, EAST), (EAST, ""), ("", EAST), ("", "")])
def test_one_lane_waits_for_itself_and_all_for_the_one_that_names_none(
    store: Store, url: str, admin: Admin, first: str, second: str
) -> None:
    held = Held(url, first)
    later = started(store, put("later"), second)
    until(lambda: admin.waiting() == 1)
    assert store.read_now(names) == [], "readers wait for nobody"
    held.go()
    later.result(30)
    assert store.read_now(names) == ["later"]


def test_a_stream_of_lanes_does_not_keep_out_the_one_that_wants_everything(
    store: Store, url: str, admin: Admin
) -> None:
    east = Held(url, EAST)
    everything = started(store, put("everything"))
    until(lambda: admin.waiting() == 1)
    west = started(store, put("west"), WEST)
    until(lambda: admin.waiting() == 2)
    assert store.read_now(names) == []
    east.go()
    everything.result(30)
    west.result(30)
    assert store.read_now(names) == ["everything", "west"]


def test_a_writer_sees_what_the_holder_before_it_has_committed(store: Store, url: str, admin: Admin) -> None:
    """Its snapshot is not that of the moment in which it began to wait."""
    other = Store(url)
    store.write_now(lambda conn: logs.ensure(conn, ORIGIN), EAST)
    go, begun = threading.Event(), threading.Event()

    def slow(conn: Connection) -> int:
        size = logs.append(conn, 1, 0, [b"x"] * 300)
        begun.set()
        assert go.wait(30)
        return size

    def after(conn: Connection) -> None:
        state = logs.get(conn, ORIGIN)
        logs.append(conn, state.id, state.stored_size, [b"y"] * 300)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(other.write_now, slow, EAST)
        assert begun.wait(30)
        second = pool.submit(store.write_now, after, EAST)
        until(lambda: admin.waiting() == 1)
        go.set()
        assert first.result(30) == 300
        second.result(30)
    assert store.read_now(lambda conn: logs.entries(conn, 1, 0, 600)) == [b"x"] * 300 + [b"y"] * 300
    other.close()


# --- a lane that looks at what others write -------------------------------------------------------------------------


def test_it_sees_one_moment_and_stops_nobody(store: Store, url: str) -> None:
    other = Store(url)
    store.write_now(lambda conn: logs.append(conn, logs.ensure(conn, ORIGIN).id, 0, [b"x"] * 200))

    def look_twice(conn: Connection) -> list[int]:
        before = logs.by_id(conn, 1).stored_size
        other.write_now(lambda conn: logs.append(conn, 1, 200, [b"y"] * 100), EAST)
        assert logs.entries(conn, 1, 0, 200) == [b"x"] * 200, "though they were folded since"
        # As the read tables have it: a row that names the log which has grown meanwhile.
        conn.execute(text("INSERT INTO quarantine (log_id, idx, kind, code, reason) VALUES (1, 0, '', '', '')"))
        return [before, logs.by_id(conn, 1).stored_size]

    assert store.write_now(look_twice, READ_TABLES, snapshot=True) == [200, 200]
    assert store.read_now(lambda conn: logs.by_id(conn, 1).stored_size) == 300
    assert store.read_now(lambda conn: conn.execute(text("SELECT count(*) FROM quarantine")).scalar()) == 1
    other.close()


@pytest.mark.parametrize("first", [READ_TABLES, ""])
def test_that_moment_comes_after_its_wait(store: Store, url: str, admin: Admin, first: str) -> None:
    held = Held(url, first, put("before"))
    later = ThreadPoolExecutor(1).submit(store.write_now, names, READ_TABLES, snapshot=True)
    until(lambda: admin.waiting() == 1)
    held.go()
    assert later.result(30) == ["before"]


def test_it_lets_go_whatever_happens(store: Store, url: str, admin: Admin) -> None:
    other = Store(url)

    def fail(conn: Connection) -> None:
        _put(conn, "half")
        raise LookupError("half-way")

    def lose(conn: Connection) -> None:
        _put(conn, "lost")
        admin.end()
        _put(conn, "lost too")

    for work, error in ((put("a"), None), (fail, LookupError), (lose, Unavailable)):
        with pytest.raises(error) if error else nullcontext():
            store.write_now(work, READ_TABLES, snapshot=True)
        other.write_now(put(f"after {error}"), "")
    work, _ = failing("40001", 2)
    assert store.write_now(work, READ_TABLES, snapshot=True) == 3
    assert len(other.read_now(names)) == 5
    assert admin.holding() == 0
    assert store.write_now(settings_of)["transaction_isolation"] == "read committed"
    other.close()


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_who_waits_too_long_is_told_to_come_back(url: str, admin: Admin) -> None:
    held = Held(url, EAST)
    hasty = Store(make_url(url).update_query_dict({"options": "-c lock_timeout=1"}).render_as_string(False))
    with pytest.raises(Overloaded, match="55P03") as caught:
        hasty.write_now(put("a"), EAST)
    assert caught.value.retry_after_s > 0 and caught.value.advice_zh
    held.go()
    hasty.write_now(put("b"), EAST)
    assert hasty.read_now(names) == ["b"]
    hasty.close()


async def test_many_tasks_on_many_lanes(store: Store) -> None:
    await asyncio.gather(*(store.write(put(f"{n:03d}"), lane_of(f"o/{n % 7}") if n % 10 else "") for n in range(100)))
    assert len(await store.read(names)) == 100


def test_two_that_make_the_same_log_at_once_make_it_once(url: str) -> None:
    stores = [Store(url) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        made = [
            pool.submit(each.write_now, lambda conn, o=origin: logs.ensure(conn, o).id, lane)  # type: ignore[misc]
            for origin in (ORIGIN, OTHER)
            for each, lane in zip(stores, (EAST, WEST, "another", ""), strict=True)
        ]
        numbers = [each.result(60) for each in made]
    assert len(set(numbers[:4])) == len(set(numbers[4:])) == 1 and len(set(numbers)) == 2
    for each in stores:
        each.close()


def test_a_reader_is_not_in_the_way_of_a_new_log_nor_shut_out_by_it(store: Store, url: str) -> None:
    other = Store(url)
    store.write_now(lambda conn: logs.append(conn, logs.ensure(conn, ORIGIN).id, 0, [b"x"] * 300))

    def look(conn: Connection) -> list[bytes]:
        before = logs.entries(conn, 1, 0, 300)
        made = other.write_now(lambda conn: logs.ensure(conn, OTHER).id, WEST)
        assert logs.find(conn, OTHER) is None and made == 2
        return before

    assert store.read_now(look) == [b"x"] * 300

    def make(conn: Connection) -> int:
        made = logs.ensure(conn, "another").id
        assert other.read_now(lambda conn: logs.entries(conn, 1, 0, 300)) == [b"x"] * 300
        return made

    assert store.write_now(make) == 3
    other.close()


# --- errors of the server -------------------------------------------------------------------------------------------


def failing(sqlstate: str, times: int = 1) -> tuple[Callable[[Connection], int], list[int]]:
    """Work that the server ends with this state, so many times; and how often it has run."""
    runs: list[int] = []

    def work(conn: Connection) -> int:
        _put(conn, f"{len(runs)}")
        runs.append(1)
        if len(runs) <= times:
            conn.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{sqlstate}'; END $$"))
        return len(runs)

    return work, runs


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_a_transaction_that_met_another_at_a_bad_moment_is_run_again(store: Store, sqlstate: str) -> None:
    work, _ = failing(sqlstate, 2)
    assert store.write_now(work) == 3
    assert store.read_now(names) == ["2"], "what was undone left nothing"


def test_it_is_not_run_again_for_ever(store: Store) -> None:
    work, runs = failing("40P01", 100)
    with pytest.raises(Overloaded):
        store.write_now(work)
    assert len(runs) == ATTEMPTS
    assert store.read_now(names) == []


@pytest.mark.parametrize(
    ("sqlstate", "error", "words"),
    [
        ("53100", DiskFull, "磁盘"),
        ("53300", Unavailable, "连接数"),
        ("53200", Unavailable, "暂时"),
        ("57014", Unavailable, "暂时"),
        ("57P01", Unavailable, "无法连接数据库"),
        ("25006", Unavailable, "只读"),
        ("42501", Unavailable, "拒绝访问"),
    ],
)
def test_what_a_person_can_do_something_about_says_what(
    store: Store, sqlstate: str, error: type[Unavailable], words: str
) -> None:
    work, runs = failing(sqlstate)
    with pytest.raises(error, match=sqlstate) as caught:
        store.write_now(work)
    assert words in caught.value.zh and caught.value.advice_zh and caught.value.advice_en
    assert "so it is" not in caught.value.detail, "the server's words may quote what is in the rows"
    assert len(runs) == 1 and store.failed is None
    assert store.write_now(work) == 2


@pytest.mark.parametrize("sqlstate", ["XX001", "XX002", "58030"])
def test_L8_after_damage_nothing_more_is_done(store: Store, sqlstate: str) -> None:
    work, _ = failing(sqlstate)
    with pytest.raises(StorageFailed):
        store.write_now(work)
    assert store.failed
    with pytest.raises(StorageFailed):
        store.write_now(work)
    with pytest.raises(StorageFailed):
        store.read_now(names)


def test_faults_of_ours_stay_what_they_are(store: Store) -> None:
    with pytest.raises(ProgrammingError, match="does not exist"):
        store.write_now(lambda conn: conn.execute(text("SELECT * FROM full_of_nothing")))
    assert store.failed is None


@pytest.mark.parametrize("address", ["postgresql+psycopg://x:y@127.0.0.1:1/z", "no password", "no database"])
def test_a_server_that_is_not_there_or_does_not_let_us_in(url: str, address: str) -> None:
    if address == "no password":
        address = make_url(url).set(password="wrong").render_as_string(False)
    elif address == "no database":
        address = make_url(url).set(database="never_made").render_as_string(False)
    store = Store(address)
    for ask in (store.read_now, store.write_now):
        with pytest.raises(Unavailable) as caught:
            ask(names)
        assert "database_url" in caught.value.advice_zh
        assert "wrong" not in str(caught.value)
    store.close()


def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Unavailable, match="driver") as caught:
        Store("postgresql+psycopg://x:y@127.0.0.1:1/z")
    assert "ggzy-node[postgres]" in caught.value.advice_zh


@pytest.mark.parametrize("url", ["postgresql+nonsense://x:secret@h/z", "postgresql", "postgresql://x:secret@h:p/z"])
def test_an_address_of_no_engine_that_is_known(url: str) -> None:
    with pytest.raises(Malformed) as caught:
        Store(url)
    assert "secret" not in str(caught.value)


# --- connections that are lost --------------------------------------------------------------------------------------


def test_connections_that_died_while_they_lay_there_are_noticed_by_nobody(store: Store, admin: Admin) -> None:
    for number in range(3):
        for lane in ("", EAST, WEST):
            store.write_now(put(f"{number}{lane}"), lane)
            store.read_now(names)
        assert admin.end() > 0
    assert len(store.read_now(names)) == 9
    store.write_now(put("after"))


def test_a_connection_lost_before_the_commit_is_made_up_for(store: Store, admin: Admin) -> None:
    runs: list[int] = []

    def work(conn: Connection) -> None:
        runs.append(1)
        _put(conn, f"{len(runs)}")
        if len(runs) == 1:
            admin.end()
        _put(conn, "and")

    store.write_now(work)
    assert store.read_now(names) == ["2", "and"]


def test_it_is_given_up_when_every_connection_is_lost(store: Store, admin: Admin) -> None:
    def work(conn: Connection) -> None:
        admin.end()
        _put(conn, "a")

    with pytest.raises(Unavailable) as caught:
        store.write_now(work)
    assert "未写入" in caught.value.zh and store.failed is None
    store.write_now(put("b"))
    assert store.read_now(names) == ["b"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_connection_lost_in_the_commit_says_that_nobody_knows(
    store: Store, admin: Admin, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    real = store._engine.dialect.do_commit

    def commit(connection: Any) -> None:
        """The answer is lost, or the question."""
        if kept:
            real(connection)
        admin.end()
        connection.execute("SELECT 1")

    store.write_now(put("before"))
    with monkeypatch.context() as patch:
        patch.setattr(store._engine.dialect, "do_commit", commit)
        with pytest.raises(Unavailable) as caught:
            store.write_now(put("a"))
    assert "不确定" in caught.value.zh and "重复提交无害" in caught.value.advice_zh
    assert store.read_now(names) == (["a", "before"] if kept else ["before"])


def test_a_reader_whose_connection_is_lost_reads_again(store: Store, admin: Admin) -> None:
    store.write_now(put("a"))
    runs: list[int] = []

    def look(conn: Connection) -> list[str]:
        runs.append(1)
        if len(runs) == 1:
            names(conn)
            admin.end()
        return names(conn)

    assert store.read_now(look) == ["a"]


def test_a_connection_lost_in_a_bulk_load_is_made_up_for(store: Store, admin: Admin) -> None:
    store.write_now(lambda conn: logs.ensure(conn, ORIGIN))
    runs: list[int] = []

    def work(conn: Connection) -> int:
        runs.append(1)
        if len(runs) == 1:
            logs.by_id(conn, 1)
            admin.end()
        return logs.append(conn, 1, 0, [b"x"] * 255)

    assert store.write_now(work) == 255
    assert store.read_now(lambda conn: logs.entries(conn, 1, 0, 255)) == [b"x"] * 255


# --- what is promised of a commit -----------------------------------------------------------------------------------


def settings_of(conn: Connection) -> dict[str, str]:
    wanted = ("synchronous_commit", "lock_timeout", "statement_timeout", "transaction_isolation", "application_name")
    return {name: str(conn.execute(text(f"SHOW {name}")).scalar()) for name in wanted}


def test_L7_a_commit_waits_for_the_disk_whatever_the_server_says(url: str) -> None:
    store = Store(make_url(url).update_query_dict({"options": "-c synchronous_commit=off"}).render_as_string(False))
    for ask in (store.write_now, store.read_now):
        assert ask(settings_of)["synchronous_commit"] == "on"
    store.close()


def test_a_promise_that_is_stronger_than_ours_is_kept(url: str) -> None:
    strong = make_url(url).update_query_dict({"options": "-c synchronous_commit=remote_apply"}).render_as_string(False)
    store = Store(strong)
    assert store.write_now(settings_of)["synchronous_commit"] == "remote_apply"
    store.close()


def test_settings_of_a_session(store: Store) -> None:
    assert store.write_now(settings_of) == {
        "synchronous_commit": "on",
        "lock_timeout": f"{engine_postgres.LOCK_TIMEOUT_S}s",
        "statement_timeout": "10min",
        "transaction_isolation": "read committed",
        "application_name": "ggzy-node",
    }
    assert store.read_now(settings_of)["transaction_isolation"] == "repeatable read"


def test_a_database_of_another_encoding_is_refused(url: str, admin: Admin) -> None:
    name = f"{make_url(url).database}_latin"
    admin.run(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        store = Store(make_url(url).set(database=name).render_as_string(False))
        with pytest.raises(Unavailable, match="LATIN1"):
            store.read_now(names)
        store.close()
    finally:
        admin.run(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_server_too_old_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_postgres, "OLDEST_VERSION", 990000)
    store = Store(url)
    with pytest.raises(Unavailable, match="too old"):
        store.read_now(names)
    store.close()


def test_the_pool_holds_one_connection_a_thread(store: Store) -> None:
    seen: set[int] = set()
    event.listen(store._engine, "connect", lambda connection, record: seen.add(id(connection)))
    for number in range(40):
        store.write_now(put(f"{number}"), lane_of(f"o/{number}") if number % 4 else "")
    assert 0 < len(seen) <= engine_postgres.LANES + 1
