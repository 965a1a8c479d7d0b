"""What everybody may do is bounded by the day; and guesses that come at once are counted as many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from node.accounts import bounds, checking, passwords, tries
from node.accounts.bounds import DailyLimit
from node.accounts.desk import WrongLogin
from node.app import Node
from node.errors import Conflict, Overloaded, RateLimited
from node.store import logs
from node.store.tables import table
from node.store.tables_accounts import AccountBound, AccountTry
from tests.web.persons import PASSWORD, Browser, Clock, serving

HOME, AWAY = "192.0.2.1", "198.51.100.7"
DAY = 86_400_000
World = tuple[Node, Any, Clock]
FIRM = {"name": "某公司", "role": "bidder", "org": "91350100M000100Y43", "org_name": "某公司"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = Clock()
    limits = {
        "max_registrations_per_address": 2,
        "max_registrations_per_day": 3,
        "max_account_changes_per_day": 3,
        "max_party_changes_per_day": 5,
    }
    async with serving(tmp_path / "n", clock, settings=limits) as (node, client):
        await node.accounts.add("wang.fang", "王芳", ["acceptance"], PASSWORD)
        yield node, client, clock


async def size(node: Node) -> int:
    found = await node.store.read(lambda conn: logs.find(conn, node.settings.origin))
    assert found is not None
    return found.stored_size


async def register(node: Node, login: str, address: str) -> str:
    return await node.accounts.add(login, "某公司", ["bidder"], PASSWORD, own=True, address=address)


async def test_a_flood_of_registrations_ends_with_the_limit_of_the_day(world: World) -> None:
    node, _client, clock = world
    before = await size(node)
    made = 0
    for number in range(12):
        try:
            await register(node, f"firm{number}", f"192.0.2.{number % 4}")
            made += 1
        except DailyLimit as error:
            assert error.retry_after_s <= DAY // 1000 and "已达上限" in error.zh
    assert made == 3 and await size(node) == before + 3
    with pytest.raises(DailyLimit):
        await register(node, "late", "203.0.113.9")
    # The centre itself can still make one at the counter.
    await node.accounts.add("counter", "某公司", ["bidder"], PASSWORD)
    clock.now_ms += DAY
    await register(node, "late", "203.0.113.9")
    rows = await node.store.read(lambda conn: conn.execute(select(table(AccountBound).c.day)).scalars().all())
    assert len(set(rows)) == 2, "older days are forgotten"
    clock.now_ms += DAY
    await register(node, "later", "203.0.113.9")
    rows = await node.store.read(lambda conn: conn.execute(select(table(AccountBound).c.day)).scalars().all())
    assert len(set(rows)) == 2


async def test_one_address_has_its_share_and_a_failed_registration_takes_none(world: World) -> None:
    node, _client, _clock = world
    await register(node, "firm1", HOME)
    with pytest.raises(Conflict):
        await register(node, "firm1", HOME)
    await register(node, "firm2", HOME)
    with pytest.raises(DailyLimit, match="from this network"):
        await register(node, "firm3", HOME)
    await register(node, "firm3", AWAY)
    with pytest.raises(DailyLimit, match="at this node"):
        await register(node, "firm4", "203.0.113.9")


async def test_registrations_that_come_at_once_are_counted_one_by_one(world: World) -> None:
    node, _client, _clock = world
    done = await asyncio.gather(*(register(node, f"f{n}", HOME) for n in range(8)), return_exceptions=True)
    assert sum(isinstance(each, str) for each in done) == 2
    assert all(isinstance(each, str | DailyLimit) for each in done)


async def test_the_page_says_what_to_do_in_both_languages(world: World) -> None:
    node, client, _clock = world
    for number in range(3):
        await register(node, f"firm{number}", f"192.0.2.{number}")
    fields = {**FIRM, "login": "zhao", "password": PASSWORD, "again": PASSWORD}
    browser = Browser(client)
    status, page = await browser.post("/register", fields)
    assert status == 429 and "已达上限" in page and "窗口" in page and 'value="zhao"' in page
    assert browser.last is not None and 0 < int(browser.last.headers["Retry-After"]) <= 86_400
    await browser.get("/register?lang=en")
    status, page = await browser.post("/register", fields)
    assert status == 429 and "which is the limit" in page and "Try again tomorrow" in page


async def test_a_node_may_close_registration(tmp_path: Path) -> None:
    async with serving(tmp_path / "n", Clock(), settings={"max_registrations_per_day": 0}) as (node, client):
        fields = {**FIRM, "login": "zhao", "password": PASSWORD, "again": PASSWORD}
        status, page = await Browser(client).post("/register", fields)
        assert status == 422 and "未开放网上注册" in page and "窗口" in page
        await node.accounts.add("counter", "某公司", ["bidder"], PASSWORD)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("unix", "unix", True),
    ],
)
def test_what_counts_as_one_place(one: str, other: str, same: bool) -> None:
    assert (bounds.place_of(one) == bounds.place_of(other)) is same


async def test_a_party_changes_its_account_so_often_a_day_and_all_parties_together(world: World) -> None:
    node, _client, clock = world
    first, second = await register(node, "firm1", HOME), await register(node, "firm2", HOME)
    people = [(await node.accounts.log_in(each, PASSWORD)).person for each in (first, second)]
    before, refused = await size(node), 0
    for person in people:
        for roles in (["bidder", "owner"], ["bidder"]) * 4:
            try:
                await node.accounts.set_roles(person.account, roles, by=person)
            except DailyLimit:
                refused += 1
    assert await size(node) == before + 5 and refused == 11
    with pytest.raises(DailyLimit):
        await node.accounts.change_password(people[1], PASSWORD, PASSWORD + "!")
    assert await node.accounts.log_in(second, PASSWORD)
    # Those who work here are not held up by them.
    await node.accounts.set_roles("wang.fang@500103", ["venue"])
    clock.now_ms += DAY
    await node.accounts.set_roles(first, ["bidder", "owner"], by=people[0])


# --- guesses at once --------------------------------------------------------------------------------------------------


async def test_guesses_at_once_count_as_many_and_no_more_are_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them would have passed, were a failure counted when its password has been looked at."""
    node, _client, _clock = world
    looked = []
    real = passwords.unprotect

    def unprotect(*given: Any, **more: Any) -> Any:
        looked.append(given)
        return real(*given, **more)

    monkeypatch.setattr(passwords, "unprotect", unprotect)
    guesses = [node.accounts.log_in("wang.fang", f"guess {n}", address=AWAY) for n in range(40)]
    found = await asyncio.gather(*guesses, return_exceptions=True)
    assert len(looked) == 6, "five are free, the sixth sets the wait"
    assert sum(isinstance(each, WrongLogin) for each in found) == 6
    assert sum(isinstance(each, RateLimited) for each in found) == 34
    # The right password among guesses is one of the tries.
    with pytest.raises(RateLimited):
        await node.accounts.log_in("wang.fang", PASSWORD, address=AWAY)


async def test_the_right_password_at_once_with_guesses_takes_its_own_try_back_alone(world: World) -> None:
    node, _client, _clock = world
    for _ in range(4):
        with pytest.raises(WrongLogin):
            await node.accounts.log_in("wang.fang", "wrong", address=AWAY)
    await node.accounts.log_in("wang.fang", PASSWORD, address=HOME)
    rows = {row.key: row.failures for row in await node.store.read(_tries)}
    assert rows == {
        f"pair wang.fang@500103 {AWAY}": 4,
        f"address {AWAY}": 4,
        f"address {HOME}": 0,
        "account wang.fang@500103": 4,
    }


def _tries(conn: Any) -> Any:
    return conn.execute(select(table(AccountTry))).all()


async def test_a_known_browser_is_let_in_during_a_storm_of_guesses_at_once(world: World) -> None:
    node, _client, _clock = world
    known = await node.accounts.log_in("wang.fang", PASSWORD, address=HOME)
    storm = [node.accounts.log_in("wang.fang", f"guess {n}", address=HOME) for n in range(20)]
    owner = node.accounts.log_in("wang.fang", PASSWORD, address=HOME, device=known.device)
    *_, done = await asyncio.gather(*storm, owner, return_exceptions=True)
    assert not isinstance(done, BaseException) and done.person.account == "wang.fang@500103"


async def test_guesses_at_a_session_left_open_are_counted_at_once_too(world: World) -> None:
    node, _client, _clock = world
    person = (await node.accounts.log_in("wang.fang", PASSWORD, address=HOME)).person
    tries_ = [node.accounts.change_password(person, f"guess {n}", PASSWORD + "!") for n in range(30)]
    found = await asyncio.gather(*tries_, return_exceptions=True)
    assert sum(isinstance(each, WrongLogin) for each in found) == 11
    assert sum(isinstance(each, RateLimited) for each in found) == 19


async def test_a_try_that_could_not_be_made_is_taken_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    node, _client, _clock = world
    monkeypatch.setattr(checking, "WAITING", 0)
    for _ in range(20):
        with pytest.raises(Overloaded) as error:
            await node.accounts.log_in("wang.fang", PASSWORD, address=HOME)
        assert not isinstance(error.value, RateLimited)
    assert {row.failures for row in await node.store.read(_tries)} == {0}


async def test_a_wait_that_others_have_caused_is_not_lifted_by_a_success(world: World) -> None:
    """Whoever has an account of his own must not buy guesses with its log-ins."""
    node, _client, clock = world
    keys = tries.bounds("a@500103", AWAY)

    def fill(conn: Any) -> None:
        for _ in range(40):
            tries.fail(conn, keys, clock.now_ms - 3_600_000)

    await node.store.write(fill)
    mine = await node.store.write(lambda conn: tries.reserve(conn, keys, clock.now_ms))
    assert isinstance(mine, tries.Reserved)
    waits = await node.store.read(lambda conn: tries.wait_ms(conn, keys, clock.now_ms))
    assert waits > 0
    later = clock.now_ms + waits
    guess = await node.store.write(lambda conn: tries.reserve(conn, keys, later))
    assert isinstance(guess, tries.Reserved)
    await node.store.write(lambda conn: tries.release(conn, mine))
    assert await node.store.read(lambda conn: tries.wait_ms(conn, keys, later)) > 0
    await node.store.write(lambda conn: tries.release(conn, guess))
    assert await node.store.read(lambda conn: tries.wait_ms(conn, keys, later)) == 0
