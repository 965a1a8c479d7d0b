"""How records stand above, for the pages of their trades."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from node.uplink import held, outbox, reported, status, verdicts
from node.uplink.reported import Reported
from node.uplink.shape import Message
from node.uplink.status import Filter
from tests.uplink.world import World, blacklist

A, B = (bytes([number]) * 16 for number in (1, 2))


@pytest.fixture
def world() -> Iterator[World]:
    made = World(max_tries=1)
    yield made
    made.close()


def of(world: World, record: bytes = A, version: int = 1) -> Reported | None:
    return world.store.read_now(lambda conn: reported.of_records(conn, {record: version}, lambda origin: True)).get(
        record
    )


def state(world: World, version: int = 1) -> str:
    found = of(world, version=version)
    return found.state if found else "none"


async def test_each_state_of_a_record_at_the_hub(world: World) -> None:
    assert of(world) is None
    world.put(A, blacklist(A))
    assert state(world) == "waiting"
    await world.send(settle=False)
    assert state(world) == "sent"
    await world.drain()
    assert state(world) == "accepted"
    assert state(world, version=2) == "waiting"  # a new version, of which nothing is known yet
    world.put(A, blacklist(A, ""), version=2)
    await world.drain()
    found = of(world, version=2)
    assert found is not None and found.state == "held"
    assert ("RECORD_REASON", "NotNull") in {(item.field, item.rule) for item in found.items}


async def test_what_was_filled_in_is_told_with_the_row_of_the_policy(world: World) -> None:
    fields = {name: value for name, value in blacklist(A).fields.items() if name != "DOCUMENT_CODE"}
    world.put(A, Message("302", A.hex(), fields))
    await world.drain()
    found = of(world)
    assert found is not None and found.state == "accepted"
    assert found.items[0].filled == ["DOCUMENT_CODE notice-has-it"]
    counted = world.store.read_now(status.filled)
    assert counted == {("DOCUMENT_CODE", "notice-has-it"): 1}


async def test_dead_letters_are_sent_again_one_some_or_all(world: World) -> None:
    world.put(A, blacklist(A))
    world.put(B, blacklist(B))
    world.receiver.down = True
    await world.drain()
    assert [state for _, state in world.states()] == ["dead", "dead"]
    world.receiver.down = False
    first = world.rows()[0]["id"]
    assert world.store.write_now(lambda conn: status.retry(conn, world.now_ms, ids=[first])) == 1
    await world.drain()
    assert [state for _, state in world.states()] == ["accepted", "dead"]
    assert world.store.write_now(lambda conn: status.retry(conn, world.now_ms, wanted=Filter(state="held"))) == 0
    assert world.store.write_now(lambda conn: status.retry(conn, world.now_ms, wanted=Filter(state="dead"))) == 1
    await world.drain()
    assert [state for _, state in world.states()] == ["accepted", "accepted"]
    assert world.there() == [("302", "held", 1), ("302", "held", 1)]


async def test_a_verdict_says_what_was_filled_in(world: World) -> None:
    fields = {name: value for name, value in blacklist(A).fields.items() if name != "DOCUMENT_CODE"}
    world.put(A, Message("302", A.hex(), fields))
    await world.drain()
    row = world.store.read_now(lambda conn: conn.execute(select(outbox.rows)).mappings().one())
    assert verdicts.item_of(held.packaged(), row).filled == ["DOCUMENT_CODE notice-has-it"]
