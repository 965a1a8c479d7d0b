"""What is new goes up at once, each log by itself; what cannot go up now is left to the ordinary passes (L18)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from node.store import logs
from node.store.db import Store
from node.store.logs import LogState
from node.store.tables import METADATA
from node.sync import urgent
from node.sync.urgent import Urgent

OWN, EAST, WEST, ABOVE = (f"ggzy.example/{name}/1" for name in ("hub", "east", "west", "national"))


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store("sqlite://")
    made.write_now(METADATA.create_all)
    for origin in (OWN, EAST, WEST, ABOVE):
        made.write_now(lambda conn, origin=origin: logs.ensure(conn, origin, own=origin == OWN))
    yield made
    made.close()


def grow(store: Store, origin: str, count: int = 1, *, payloads: bool = True) -> None:
    def work(conn: Connection) -> None:
        state = logs.get(conn, origin)
        end = logs.append(conn, state.id, state.stored_size, [b"x"] * count)
        logs.move_head(conn, logs.get(conn, origin), end, b"r" * 32)
        if payloads:
            logs.move_payload_next(conn, state.id, end)

    store.write_now(work)


class Line:
    """Remembers what was pushed; a log in `held` waits until it is let go."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, int, int]] = []
        self.held: dict[str, asyncio.Event] = {}
        self.changed = asyncio.Event()

    async def push(self, state: LogState) -> None:
        if state.origin in self.held:
            await self.held[state.origin].wait()
        self.pushed.append((state.origin, state.head_size, state.payload_next))
        self.changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.pushed) < count:
                self.changed.clear()
                await self.changed.wait()


def made(store: Store, line: Line) -> Urgent:
    found = Urgent(store, line.push, lambda state: state.origin != ABOVE)
    found.silent = False
    return found


async def level(found: Urgent, store: Store) -> None:
    for state in await store.read(logs.all_logs):
        found.tried(state)


async def test_only_what_is_new_is_pushed_and_only_once(store: Store) -> None:
    line = Line()
    found = made(store, line)
    await level(found, store)
    grow(store, EAST)
    grow(store, ABOVE)
    await found.look()
    await found.look()
    assert line.pushed == [(EAST, 1, 1)]


async def test_one_logs_backlog_holds_up_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urgent, "PATIENCE_S", 0.01)
    line = Line()
    found = made(store, line)
    await level(found, store)
    line.held[EAST] = asyncio.Event()
    grow(store, EAST, 500)
    await found.look()
    grow(store, WEST)
    await found.look()
    assert line.pushed == [(WEST, 1, 1)]
    grow(store, EAST)
    await found.look()
    line.held[EAST].set()
    await line.until(3)
    assert line.pushed[1:] == [(EAST, 500, 500), (EAST, 501, 501)], "what came meanwhile goes after it, by itself"


async def test_entries_wait_a_moment_for_their_payloads(store: Store) -> None:
    line = Line()
    found = made(store, line)
    await level(found, store)
    grow(store, EAST, payloads=False)
    await found.look()
    assert line.pushed == []
    store.write_now(lambda conn: logs.move_payload_next(conn, logs.get(conn, EAST).id, 1))
    await found.look()
    assert line.pushed == [(EAST, 1, 1)]


async def test_entries_whose_payloads_stay_away_go_up_without(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urgent, "SETTLE_S", 0.01)
    line = Line()
    found = made(store, line)
    await level(found, store)
    grow(store, EAST, payloads=False)
    await found.look()
    await line.until(1)
    assert line.pushed == [(EAST, 1, 0)]


async def test_a_node_above_that_does_not_answer_is_left_alone(store: Store) -> None:
    line = Line()
    found = made(store, line)
    found.silent = True
    grow(store, EAST)
    await found.look()
    assert line.pushed == []


async def test_closing_ends_what_is_under_way(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urgent, "PATIENCE_S", 0.01)
    line = Line()
    found = made(store, line)
    await level(found, store)
    line.held[EAST] = asyncio.Event()
    grow(store, EAST)
    grow(store, WEST, payloads=False)
    await found.look()
    await found.close()
    line.held[EAST].set()
    await asyncio.sleep(0)
    assert line.pushed == [] and not found._under_way


async def test_a_pass_and_this_push_a_log_one_after_the_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urgent, "PATIENCE_S", 0.01)
    line = Line()
    found = made(store, line)
    await level(found, store)
    grow(store, EAST)
    async with found.turn(EAST):
        await found.look()
        assert line.pushed == []
    await line.until(1)
    assert line.pushed == [(EAST, 1, 1)]
