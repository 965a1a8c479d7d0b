"""The read tables let taking in go first, and go on all the same; who has nothing new costs the writer nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from node.projections import follow
from node.projections.follow import Projector
from node.store import logs, payloads
from node.wire.pack import PayloadRow
from tests.projections.test_fsck_views import TRUSTED, accounted
from tests.projections.world import SALT, Put, World, open_world, result


@pytest.fixture
def world() -> Iterator[World]:
    with open_world("sqlite") as made:
        yield made


class Calm:
    """Counts the waits; what was shown before each of them is kept."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shown: list[int] = []

    async def __call__(self, most_s: float) -> None:
        assert most_s == follow.WAIT_S
        self.shown.append(shown(self.world))


def shown(world: World) -> int:
    ((count,),) = world.rows("select count(*) from record_view")
    return int(count)


def writes(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Callable[..., Any]]:
    made: list[Callable[..., Any]] = []
    write = world.store.write

    async def counted(work: Callable[..., Any], *more: Any, **how: Any) -> Any:
        made.append(work)
        return await write(work, *more, **how)

    monkeypatch.setattr(world.store, "write", counted)
    return made


async def test_L18_it_waits_for_a_calm_moment_before_each_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "BATCH", 4)
    monkeypatch.setattr(follow, "STEP_COST", 0)
    for number in range(10):
        world.put(result(f"第{number}项"), project=False)
    accounted(world)
    calm = Calm(world)
    await Projector(world.store, TRUSTED, calm=calm).run()
    assert shown(world) == 10
    assert calm.shown == [0, 4, 8]


async def test_L18_many_logs_with_little_each_count_as_batches_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction costs time beside its entries: a few hundred in a row would hold up taking in like large ones."""
    monkeypatch.setattr(follow, "BATCH", 40)
    monkeypatch.setattr(follow, "STEP_COST", 10)
    for number in range(12):
        origin = f"ggzy.example/cq/5001{number:02d}/1"
        world.ids[origin] = world.store.write_now(partial(logs.ensure, origin=origin)).id
        world.put(result(f"第{number}项"), origin=origin, project=False)
    accounted(world)
    calm = Calm(world)
    await Projector(world.store, TRUSTED, calm=calm).run()
    assert shown(world) == 12
    assert len(calm.shown) > 5


async def test_a_run_that_finds_nothing_new_leaves_the_writer_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put(result("一"), project=False)
    accounted(world)
    projector = Projector(world.store, TRUSTED)
    await projector.run()
    made = writes(world, monkeypatch)
    await projector.run()
    assert made == []
    world.put(result("二"), project=False)
    accounted(world)
    assert await projector.run() == 1
    assert made and shown(world) == 2


async def test_a_run_without_news_still_finds_content_that_came_late(world: World) -> None:
    late = world.put(result("内容后到"), held=False, project=False)
    accounted(world)
    projector = Projector(world.store, TRUSTED)
    await projector.run()
    assert world.rows("select code from quarantine") == [("payload-missing",)]
    bring(world, late)
    await projector.run()
    assert world.rows("select code from quarantine") == []


def bring(world: World, put: Put) -> None:
    data = world.payload_of(result("内容后到"), put).item[2]
    assert data is not None
    row = PayloadRow(put.index, "main", SALT, data)
    world.store.write_now(lambda conn: payloads.put_rows(conn, world.ids[put.origin], "public", [row]))
