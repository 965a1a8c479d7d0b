"""Lock-out: guessing gets slow, and no stranger shuts anybody out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.accounts import tries
from node.store import migrate
from node.store.db import Store

NOW = 1_764_000_000_000
ACCOUNT, HOME, AWAY = "wang.fang@500103", "192.0.2.1", "198.51.100.7"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path_factory.mktemp('tries') / 'n.db'}"
    migrate.upgrade(url)
    store = Store(url)
    yield store
    store.close()


@pytest.fixture
def store(shared: Store) -> Store:
    shared.write_now(lambda conn: conn.exec_driver_sql("DELETE FROM account_try"))
    return shared


def fail(store: Store, address: str, now_ms: int, *, device: str = "", account: str = ACCOUNT) -> None:
    store.write_now(lambda conn: tries.fail(conn, tries.bounds(account, address, device), now_ms))


def reserve(store: Store, address: str, now_ms: int, *, device: str = "") -> tries.Reserved | int:
    return store.write_now(lambda conn: tries.reserve(conn, tries.bounds(ACCOUNT, address, device), now_ms))


def wait(store: Store, address: str, now_ms: int, *, device: str = "", account: str = ACCOUNT) -> int:
    return store.read_now(lambda conn: tries.wait_ms(conn, tries.bounds(account, address, device), now_ms))


def test_some_failures_are_free_then_each_costs_twice_the_time(store: Store) -> None:
    for _ in range(5):
        fail(store, HOME, NOW)
    assert wait(store, HOME, NOW) == 0
    waits = []
    for _ in range(14):
        fail(store, HOME, NOW)
        waits.append(wait(store, HOME, NOW))
    assert waits[:4] == [1000, 2000, 4000, 8000] and waits[-1] == 900_000
    assert wait(store, HOME, NOW + 900_000) == 0


def test_a_stranger_elsewhere_does_not_slow_the_owner(store: Store) -> None:
    for _ in range(30):
        fail(store, AWAY, NOW)
    assert wait(store, AWAY, NOW) > 0 and wait(store, HOME, NOW) == 0


def test_a_storm_from_everywhere_makes_strangers_wait_a_minute_and_known_browsers_not_at_all(store: Store) -> None:
    for number in range(500):
        fail(store, f"203.0.113.{number}", NOW)
    assert 0 < wait(store, HOME, NOW) <= 60_000
    assert wait(store, HOME, NOW, device="d" * 64) == 0


def test_a_known_browser_is_bounded_too(store: Store) -> None:
    for _ in range(11):
        fail(store, HOME, NOW, device="d" * 64)
    assert wait(store, HOME, NOW, device="d" * 64) == 1000
    assert wait(store, HOME, NOW) == 0


def test_one_address_that_tries_many_accounts_is_slowed(store: Store) -> None:
    for number in range(31):
        fail(store, AWAY, NOW, account=f"a{number}@500103")
    assert wait(store, AWAY, NOW, account="another@500103") == 1000


def test_success_a_day_and_a_reset_forget(store: Store) -> None:
    for _ in range(8):
        fail(store, HOME, NOW)
    held = reserve(store, HOME, NOW + 60_000)
    assert not isinstance(held, int)
    store.write_now(lambda conn: tries.succeed(conn, held))
    assert wait(store, HOME, NOW) == 0
    for _ in range(60):
        fail(store, HOME, NOW)
    assert wait(store, "192.0.2.99", NOW) > 0
    store.write_now(lambda conn: tries.forget(conn, ACCOUNT))
    assert wait(store, "192.0.2.99", NOW) == 0
    later = NOW + tries.FORGET_MS + 1
    fail(store, HOME, later)
    assert wait(store, HOME, later) == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from((HOME, AWAY)), st.integers(0, 3_600_000)), max_size=40))
def test_no_wait_is_longer_than_its_bound(shared: Store, events: list[tuple[str, int]]) -> None:
    shared.write_now(lambda conn: conn.exec_driver_sql("DELETE FROM account_try"))
    now = NOW
    for address, later in events:
        now += later
        fail(shared, address, now)
        assert 0 <= wait(shared, address, now) <= 900_000
        assert wait(shared, address, now + 900_000) == 0
