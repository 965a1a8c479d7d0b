"""Alarms: raised after their grace, ended by themselves, kept as history; a proven fork waits for a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from node.errors import NotFound
from node.store import alarms, migrate
from node.store.alarms import FORK, PROVEN, SUSPECTED, WARNING, Finding
from node.store.db import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'node.db'}"
    migrate.upgrade(url)
    made = Store(url)
    yield made
    made.close()


def look(store: Store, now_ms: int, *found: Finding, judged: bool = True) -> list[str]:
    return [each.code for each in store.write_now(lambda c: alarms.settle(c, now_ms, found, lambda *_: judged))]


def on(store: Store) -> list[tuple[str, str]]:
    return [(each.code, each.severity) for each in store.read_now(alarms.raised)]


def test_an_alarm_without_grace_is_told_of_once(store: Store) -> None:
    dropped = Finding("dropped", "a/1", SUSPECTED, "gone")
    assert look(store, 1000, dropped) == ["dropped"]
    assert look(store, 2000, dropped) == []
    assert on(store) == [("dropped", SUSPECTED)]
    assert look(store, 3000) == []
    assert on(store) == []
    (past,) = store.read_now(alarms.history)
    assert (past.since_ms, past.raised_ms, past.cleared_ms) == (1000, 1000, 3000)


def test_a_suspicion_that_passes_leaves_no_trace(store: Store) -> None:
    late = Finding("unconfirmed", "a/1", WARNING, "late", mark=5, reached=3, grace_ms=60_000)
    assert look(store, 0, late) == look(store, 59_999, late) == []
    look(store, 60_000)
    assert look(store, 61_000, late) == []
    assert store.read_now(alarms.history) == []


def test_what_moves_on_begins_anew(store: Store) -> None:
    def behind(mark: int, reached: int) -> Finding:
        return Finding("not-observed", "a/1", SUSPECTED, "behind", mark=mark, reached=reached, grace_ms=60_000)

    for turn in range(20):
        assert look(store, turn * 10_000, behind(turn + 2, turn)) == [], "always a little behind is not late"
    assert look(store, 300_000, behind(40, 19)) == ["not-observed"]
    assert look(store, 310_000, behind(41, 40)) == [], "what it was about is reached: the next wait begins"
    assert on(store) == []


def test_what_could_not_be_judged_stays_as_it_was(store: Store) -> None:
    look(store, 1000, Finding("withheld", "a/1", SUSPECTED, "less"))
    look(store, 2000, judged=False)
    assert on(store) == [("withheld", SUSPECTED)]


def test_a_proven_fork_waits_for_a_person(store: Store) -> None:
    look(store, 1000, Finding(FORK, "a/1", PROVEN, "two"), Finding(FORK, "b/1", SUSPECTED, "two, maybe"))
    look(store, 2000)
    assert on(store) == [(FORK, PROVEN)]
    (alarm,) = store.read_now(alarms.raised)
    store.write_now(lambda c: alarms.acknowledge(c, alarm.id, 3000))
    assert on(store) == []
    store.write_now(lambda c: alarms.acknowledge(c, alarm.id, 4000))
    with pytest.raises(NotFound):
        store.write_now(lambda c: alarms.acknowledge(c, 999, 3000))


def test_the_gravest_first(store: Store) -> None:
    found = [Finding(code, "a/1", severity, "") for code, severity in (("x", WARNING), ("y", PROVEN), ("z", SUSPECTED))]
    look(store, 1000, *found)
    assert [severity for _, severity in on(store)] == [PROVEN, SUSPECTED, WARNING]


def test_history_is_not_kept_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "KEEP_CLEARED", 3)
    for turn in range(10):
        look(store, turn * 10, Finding("dropped", "a/1", SUSPECTED, ""))
        look(store, turn * 10 + 5)

    def count(conn: Connection) -> int:
        return len(alarms.history(conn))

    assert store.read_now(count) <= 4
