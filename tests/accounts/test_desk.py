"""Accounts of a node without its pages: sessions, keys, records, and what a database alone gives away."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.accounts import register, sessions
from node.accounts.desk import Accounts, WrongLogin
from node.accounts.passwords import Secrets
from node.accounts.person import Person
from node.app import Node
from node.domain.accounts import AccountPerson
from node.domain.hands import Stated
from node.errors import BadProof, Conflict, NotFound, RateLimited, Refused, Rejected
from tests.web.persons import PASSWORD, Clock, serving

World = tuple[Node, Clock]
NAME = "wang.fang@500103"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = Clock()
    async with serving(tmp_path / "n", clock) as (node, _client):
        await node.accounts.add("wang.fang", "王芳", ["acceptance"], PASSWORD)
        yield node, clock


async def test_a_person_signs_with_the_key_of_the_register(world: World) -> None:
    node, _ = world
    who = (await node.accounts.log_in("wang.fang", PASSWORD)).person
    stated = Stated("trade.step", "t/1", b"an act", b"inner")
    hand = who.sign(stated, "trade.register")
    assert (hand.account, hand.role, hand.second) == (NAME, "acceptance", "") and hand.signs(stated)
    known = await node.store.read(lambda conn: register.has_key(conn, NAME, hand.public, lambda origin: None))
    assert known
    await node.accounts.reset(NAME, PASSWORD + "!")
    again = (await node.accounts.log_in("wang.fang", PASSWORD + "!")).person
    assert again.secrets is not None and again.secrets.public.hex() != hand.public
    # What was signed before the reset stays signed.
    assert await node.store.read(lambda conn: register.has_key(conn, NAME, hand.public, lambda origin: None))
    with pytest.raises(ValueError, match="not at hand"):
        replace(who, secrets=None).sign(stated)
    with pytest.raises(LookupError):
        who.may("trade.approve-of-something")


async def test_the_database_does_not_open_a_session(world: World) -> None:
    """A thief of the database has the row and not the token: neither the hash nor anything else there opens the key."""
    node, _ = world
    done = await node.accounts.log_in("wang.fang", PASSWORD)
    row = await node.store.read(lambda conn: sessions.find(conn, done.token, node.accounts.limits, node.clock()))
    assert row is not None and done.token not in (row.id, row.locked) and row.id == hashlib.sha256(done.token).digest()
    for guess in (row.id, bytes(32), hashlib.sha256(row.id).digest()):
        assert await node.accounts.person(guess) is None
        with pytest.raises(BadProof):
            sessions.open_key(row, guess)
    assert isinstance(sessions.open_key(row, done.token), Secrets)
    for text in (repr(done), repr(done.person)):
        assert done.token.hex() not in text and "seed" not in text


async def test_another_process_answers_for_the_same_session(world: World) -> None:
    node, clock = world
    done = await node.accounts.log_in("wang.fang", PASSWORD)
    other = Accounts(node.settings, node.store, node.publisher, node.sealer, node.trusted, node.audit, clock)
    found = await other.person(done.token)
    assert found is not None and found.account == NAME
    await other.log_out(found)
    assert await node.accounts.person(done.token) is None


async def test_an_account_has_so_many_sessions_and_the_oldest_ends(world: World) -> None:
    node, clock = world
    tokens = []
    for _ in range(node.settings.max_sessions + 1):
        clock.now_ms += 1000
        tokens.append((await node.accounts.log_in("wang.fang", PASSWORD)).token)
    alive = [await node.accounts.person(token) is not None for token in tokens]
    assert alive == [False] + [True] * node.settings.max_sessions


async def test_sessions_end_when_the_account_is_closed_or_reset_and_roles_count_at_once(world: World) -> None:
    node, _ = world
    token = (await node.accounts.log_in("wang.fang", PASSWORD)).token
    await node.accounts.set_roles(NAME, ["venue"])
    who = await node.accounts.person(token)
    assert who is not None and who.may("venue.book") and not who.may("trade.register")
    await node.accounts.set_active(NAME, False)
    assert await node.accounts.person(token) is None
    with pytest.raises(WrongLogin):
        await node.accounts.log_in("wang.fang", PASSWORD)
    await node.accounts.set_active(NAME, True)
    token = (await node.accounts.log_in("wang.fang", PASSWORD)).token
    await node.accounts.reset(NAME, "another long password")
    assert await node.accounts.person(token) is None


async def test_guessing_is_slowed_and_a_known_browser_gets_in_during_a_storm(world: World) -> None:
    node, clock = world
    known = await node.accounts.log_in("wang.fang", PASSWORD, address="192.0.2.1")
    for _ in range(6):
        with pytest.raises(WrongLogin):
            await node.accounts.log_in("wang.fang", "wrong", address="198.51.100.7")
    with pytest.raises(RateLimited) as slowed:
        await node.accounts.log_in("wang.fang", PASSWORD, address="198.51.100.7")
    assert slowed.value.retry_after_s == 1
    # Behind one reverse proxy the owner has the stranger's address, and yet is not kept out.
    again = await node.accounts.log_in("wang.fang", PASSWORD, address="198.51.100.7", device=known.device)
    assert again.device == known.device
    clock.now_ms += 1000
    await node.accounts.log_in("wang.fang", PASSWORD, address="198.51.100.7")


async def test_names_roles_and_passwords_are_checked_before_anything_is_made(world: World) -> None:
    node, _ = world
    wrong = [
        (("Wang Fang", "王芳", ["venue"], PASSWORD), Rejected),
        (("zhao", "", ["venue"], PASSWORD), Rejected),
        (("zhao", "赵", [], PASSWORD), Rejected),
        (("zhao", "赵", ["venue"], "short"), Rejected),
        (("zhao", "赵", ["venue", "auditor"], PASSWORD), Refused),
        (("zhao", "赵", ["supervisor"], PASSWORD), Refused),
        (("zhao", "赵", ["king"], PASSWORD), Refused),
        (("wang.fang", "王芳", ["venue"], PASSWORD), Conflict),
    ]
    for given, error in wrong:
        with pytest.raises(error):
            await node.accounts.add(*given)
    for change in (node.accounts.set_roles("zhao@500103", ["venue"]), node.accounts.set_active("zhao@500103", True)):
        with pytest.raises(NotFound):
            await change
    assert [row.account for row in await node.store.read(register.own)] == [NAME]


async def test_every_state_of_an_account_is_a_record_also_one_that_comes_back(world: World) -> None:
    """Closed and opened again is not what was said before: each is a version of its own."""
    node, _ = world
    for active in (False, True, False):
        await node.accounts.set_active(NAME, active)
    rows = await node.store.read(register.own)
    assert all(row.told for row in rows)
    await node.projector.run()
    known = await node.store.read(lambda conn: conn.exec_driver_sql("SELECT active FROM account_view").scalar_one())
    assert not known


async def test_an_account_that_could_not_be_told_is_told_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    node, _ = world

    async def frozen(_items: object) -> None:
        raise Conflict("frozen for the test")

    with monkeypatch.context() as away:
        away.setattr(node.accounts, "_publisher", type("P", (), {"publish": staticmethod(frozen)})())
        await node.accounts.add("zhao", "赵磊", ["venue"], PASSWORD)
    rows = {row.account: row.told for row in await node.store.read(register.own)}
    assert rows == {NAME: True, "zhao@500103": False}
    assert await node.accounts.tell() == 1 and await node.accounts.tell() == 0


def test_secrets_do_not_show() -> None:
    who = Person("a@1", "甲", "service", frozenset({"venue"}), secrets=Secrets(b"s" * 32))
    assert "ssss" not in repr(who) and who.role_for("venue.book") == "venue"
    assert AccountPerson.__struct_config__.frozen


async def test_an_administrator_resets_colleagues_but_neither_parties_nor_himself(world: World) -> None:
    node, _ = world
    await node.accounts.add("root", "管理员", ["administrator"], PASSWORD)
    await node.accounts.add("firm", "某公司", ["bidder"], PASSWORD, org="91350100M000100Y43")
    boss = (await node.accounts.log_in("root", PASSWORD)).person
    for account in (f"firm@{NAME.partition('@')[2]}", boss.account):
        with pytest.raises(Refused):
            await node.accounts.reset(account, "a long password, known to another", by=boss)
    await node.accounts.reset(NAME, "another long password", by=boss)
    person = (await node.accounts.log_in("wang.fang", "another long password")).person
    with pytest.raises(Rejected, match="the old one"):
        await node.accounts.change_password(person, "another long password", "another long password")
    await node.accounts.set_totp(person, "another long password", b"", "")
    assert (await node.accounts.log_in("wang.fang", "another long password")).person.must_change
