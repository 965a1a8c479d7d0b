"""A disk without room, as the outside sees it: 507 to peers, a plain error to the user, and it goes on afterwards."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from node.errors import DiskFull
from node.store.db import Store
from tests.interop.world import World, hub_world
from tests.publishing.made import division, divisions, memory_store, publisher


@contextmanager
def no_room(store: Store) -> Iterator[None]:
    """SQLite finds no room for another page."""

    def limit(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA max_page_count=1")  # as many as there are: never fewer

    def lift(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA max_page_count=1073741823")

    event.listen(store._engine, "checkout", limit)
    yield
    event.remove(store._engine, "checkout", limit)
    event.listen(store._engine, "checkout", lift)


@pytest.fixture
async def world(tmp_path: Path) -> Any:
    async with hub_world(tmp_path) as made:
        yield made


async def test_a_peer_is_told_507_and_goes_on_when_there_is_room(world: World) -> None:
    log = world.log(300)
    await world.pending(log, 300)
    with no_room(world.hub.store):
        answer = await world.remote.add_entries(log.entries_body(0, 300))
        assert answer.status == 507 and b"disk-full" in answer.body and "磁盘已满".encode() in answer.body
        assert (await world.remote.get("/healthz")).status == 200
    (await world.remote.add_entries(log.entries_body(0, 300))).cosignature(world.mirror, log.text(300))
    assert await world.fsck() == []


async def test_a_user_is_told_and_nothing_was_written(world: World) -> None:
    publish = world.hub.publisher.publish
    await publish(divisions(range(3)))
    with no_room(world.hub.store):
        with pytest.raises(DiskFull) as told:
            await publish(divisions(range(3, 600)))
        assert "磁盘" in told.value.zh and told.value.advice_zh and told.value.advice_en
    outcomes = await publish(divisions(range(600)))
    assert [outcome.state for outcome in outcomes] == ["unchanged"] * 3 + ["published"] * 597
    assert [outcome.index for outcome in outcomes] == list(range(600))
    assert await world.fsck() == []


async def test_L9_a_mark_that_cannot_be_written_keeps_nobody_waiting() -> None:
    """The mark beside the key may lag behind: who shares the commit gets an answer all the same."""
    store, news = memory_store(), []
    made = publisher(store, on_publish=lambda: news.append(1))

    def full(size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    vars(made)["_on_signed"] = full
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(made.publish([division(f"{number:06d}")]) for number in range(5)))
    assert [answer[0].state for answer in answers] == ["published"] * 5 and news
    store.close()
