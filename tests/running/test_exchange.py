"""Several processes on one PostgreSQL database: news reaches all, and a signed request passes at one of them only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from node.errors import Overloaded
from node.running.exchange import Exchange
from node.running.news import News, SharedBulletin
from node.store import migrate, nonces, told
from node.store.beside import Beside
from node.store.db import Store
from node.store.nonces import PURGE_S, SharedNonces
from node.trusted import Trusted
from node.web.signed import MAX_NONCES, OwnNonces
from tests.publishing.made import clock
from tests.store.postgres import needs_postgres, postgres_url

HOUR = 3600.0


@pytest.fixture
def url() -> Iterator[str]:
    with postgres_url() as made:
        migrate.upgrade(made)
        yield made


class Process:
    """What one process of a node has of the exchange."""

    def __init__(self, url: str, look_s: float) -> None:
        self.store, self.beside = Store(url), Beside(url)
        self.news, self.elsewhere, self.bulletin = News(), asyncio.Event(), SharedBulletin()
        self.exchange = Exchange(
            self.store,
            self.beside,
            Trusted(self.store, "ggzy.example/t/500000", clock),
            self.news,
            self.bulletin,
            elsewhere=self.elsewhere,
            look_s=look_s,
        )


@asynccontextmanager
async def process(url: str, *, look_s: float = HOUR) -> AsyncIterator[Process]:
    made = Process(url, look_s)
    await made.exchange.open()
    running = asyncio.create_task(made.exchange.run(lambda: None))
    try:
        async with asyncio.timeout(60):
            yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await made.exchange.close()
        made.beside.close()
        made.store.close()


@needs_postgres
async def test_what_came_in_at_one_wakes_the_jobs_of_another(url: str) -> None:
    async with process(url) as one, process(url) as other:
        for _ in range(3):
            one.news.set()
            await other.news.wait()
            await other.elsewhere.wait()
            assert one.news.is_set()
            for event in (one.news, other.news, other.elsewhere):
                event.clear()


@needs_postgres
async def test_a_storm_of_news_is_told_as_a_few(url: str) -> None:
    async with process(url) as one, process(url) as other:
        for _ in range(1000):
            one.news.set()
        await other.news.wait()
        numbers = await other.store.read(told.read)
        assert numbers.jobs < 10


@needs_postgres
async def test_who_waits_at_any_is_answered_with_the_same_number(url: str) -> None:
    """So that a caller whose next request comes to another process finds no news where there is none."""
    async with process(url) as one, process(url) as other:
        number = one.bulletin.number
        assert number == other.bulletin.number > 0
        waiting = [asyncio.create_task(each.bulletin.after(number, HOUR)) for each in (one, other)]
        one.bulletin.bump()
        answers = set(await asyncio.gather(*waiting))
        assert answers == {number + 1}
        async with process(url) as later:
            assert later.bulletin.number == number + 1


@needs_postgres
async def test_without_a_bell_it_is_found_by_looking(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.running.exchange.Bell.open", lambda self: None)
    async with process(url, look_s=0.01) as one, process(url, look_s=0.01) as other:
        one.news.set()
        await other.news.wait()


@needs_postgres
async def test_who_waits_here_is_let_go_without_news_for_others(url: str) -> None:
    async with process(url) as one:
        number = one.bulletin.number
        waiting = asyncio.create_task(one.bulletin.after(number, HOUR))
        await asyncio.sleep(0)
        one.bulletin.let_go()
        assert await waiting == number


# --- nonces -----------------------------------------------------------------------------------------------------------


@needs_postgres
async def test_a_nonce_passes_once_at_all_processes_together(url: str) -> None:
    one, other = Beside(url), Beside(url)
    try:
        first, second = SharedNonces(one, 900), SharedNonces(other, 900)
        assert await first.first("key:n-1", 1000)
        assert not await second.first("key:n-1", 1001)
        assert await second.first("key:n-2", 1001)
        assert not await first.first("key:n-2", 1899)
        both = await asyncio.gather(*(each.first("key:at-once", 1002) for each in (first, second) * 8))
        assert sorted(both) == [False] * 15 + [True]
    finally:
        one.close()
        other.close()


@needs_postgres
async def test_old_nonces_are_forgotten(url: str) -> None:
    beside = Beside(url)
    try:
        seen = SharedNonces(beside, keep_s=900)
        assert await seen.first("old", 1000)
        assert await seen.first("young", 1000 + 900)
        assert not await seen.first("young", 1000 + 900 + PURGE_S)
        assert await beside.run(partial(nonces.purge, before_s=10**6)) == 1, "the old one had gone already"
    finally:
        beside.close()


async def test_one_process_remembers_by_itself() -> None:
    seen = OwnNonces(600)
    assert await seen.first("a", 1000)
    assert not await seen.first("a", 1600)
    assert await seen.first("a", 1601)
    for number in range(MAX_NONCES - 1):
        assert await seen.first(str(number), 1601)
    with pytest.raises(Overloaded):
        await seen.first("one too many", 1601)
