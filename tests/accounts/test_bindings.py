"""Identities seen: what a clerk may note and revoke, of whom, and until when it counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from node.accounts import bindings, register
from node.accounts.person import Person
from node.accounts.register import Known
from node.app import Node
from node.domain.accounts import AccountBinding
from node.domain.record import Document, Draft, Source
from node.errors import NotAllowed, NotFound, Rejected
from node.store.tables import table
from node.store.tables_accounts import AuditView, BindingView
from tests.web.mine.parties import FIRM
from tests.web.persons import PASSWORD, Clock, serving

NEW = "seven herons on a wall"


class World:
    def __init__(self, node: Node, clock: Clock) -> None:
        self.node, self.clock = node, clock

    async def log_in(self, login: str, password: str = PASSWORD) -> Person:
        return (await self.node.accounts.log_in(login, password)).person

    async def known(self, login: str) -> Known:
        await self.node.projector.run()
        of = self.node.trusted.policy.node_of_origin
        found = await self.node.store.read(lambda conn: register.find(conn, f"{login}@500103", of))
        assert found is not None
        return found

    async def note(self, login: str, name: str = "甲公司", seen: tuple[str, ...] = ("licence",)) -> None:
        await self.node.bindings.note(await self.log_in("li.na"), await self.known(login), name, seen)

    async def proven(self, login: str, password: str = PASSWORD) -> bool:
        """As the account itself is told, and as others see it: the two never differ."""
        who, known = await self.log_in(login, password), await self.known(login)
        of = self.node.trusted.policy.node_of_origin
        own = await self.node.store.read(lambda conn: bindings.proven(conn, who, of))
        seen = await self.node.store.read(lambda conn: bindings.proven_known(conn, known, of))
        assert (own is None) == (seen is None)
        return own is not None


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = Clock()
    async with serving(tmp_path / "n", clock) as (node, _client):
        await node.accounts.add("li.na", "李娜", ["acceptance"], PASSWORD)
        await node.accounts.add("wang.fang", "王芳", ["publication"], PASSWORD)
        await node.accounts.add("anan", "安安", ["bidder"], PASSWORD, org=FIRM, org_name="甲公司", own=True)
        yield World(node, clock)


async def test_what_was_seen_counts_for_the_account_and_its_code_alone(world: World) -> None:
    await world.node.accounts.add("jiamao", "假", ["bidder"], PASSWORD, org=FIRM, org_name="甲公司", own=True)
    assert not await world.proven("anan")
    await world.note("anan")
    assert await world.proven("anan") and not await world.proven("jiamao")
    (row,) = await world.node.store.read(lambda conn: bindings.of_node(conn, world.node.settings.name))
    assert (row.account, row.org, row.seen, row.clerk) == ("anan@500103", FIRM, "licence", "li.na@500103")
    trail = table(AuditView)
    which = (trail.c.action == "party.identify", trail.c.object == "anan@500103")
    await world.node.projector.run()
    acts = await world.node.store.read(lambda conn: conn.execute(select(trail.c.account).where(*which)).all())
    assert [each.account for each in acts] == ["li.na@500103"]


async def test_what_stands_is_not_noted_twice_so_that_one_revocation_ends_it(world: World) -> None:
    await world.note("anan")
    world.clock.now_ms += 1
    with pytest.raises(Rejected, match="that stands"):
        await world.note("anan", seen=("licence", "letter"))
    (row,) = await world.node.store.read(lambda conn: bindings.of_node(conn, world.node.settings.name))
    await world.node.bindings.revoke(await world.log_in("li.na"), "anan@500103", row.at_ms, "证件系伪造")
    assert not await world.proven("anan")
    world.clock.now_ms += 1
    await world.note("anan")
    assert await world.proven("anan")


async def test_a_new_password_keeps_it_and_a_reset_ends_it(world: World) -> None:
    await world.note("anan")
    await world.node.accounts.change_password(await world.log_in("anan"), PASSWORD, NEW)
    assert await world.proven("anan", NEW)
    await world.node.accounts.reset("anan@500103", PASSWORD)
    assert not await world.proven("anan")
    world.clock.now_ms += 1
    await world.note("anan")
    assert await world.proven("anan")


async def test_other_roles_of_the_same_account_do_not_carry_it_to_another_code(world: World) -> None:
    await world.note("anan")
    await world.node.accounts.set_roles("anan@500103", ["owner", "agency"], by=await world.log_in("anan"))
    assert await world.proven("anan"), "the organisation is the same"
    # As an expert the account would be somebody by its name: of that nobody has seen papers.
    await world.node.accounts.set_roles("anan@500103", ["expert"], by=await world.log_in("anan"))
    assert not await world.proven("anan")


async def test_of_an_expert_the_number_alone_is_written_down(world: World) -> None:
    await world.node.accounts.add("zj", "E-00001", ["expert"], PASSWORD, own=True)
    await world.note("zj", name="欧阳鹓雏", seen=("expert",))
    assert await world.proven("zj")
    view = table(BindingView)
    (row,) = await world.node.store.read(lambda conn: conn.execute(select(view)).all())
    assert (row.org, row.org_name) == ("E-00001", "E-00001")


async def test_who_may_note_what_of_whom(world: World) -> None:
    clerk, other = await world.log_in("li.na"), await world.log_in("wang.fang")
    anan, at = await world.known("anan"), world.clock()
    note = world.node.bindings.note
    for who in (other, await world.log_in("anan")):
        with pytest.raises(NotAllowed):
            await note(who, anan, "甲公司", ["licence"])
        with pytest.raises(NotAllowed):
            await world.node.bindings.revoke(who, "anan@500103", at, "因故")
    await world.node.accounts.add("wuming", "无名", ["bidder"], PASSWORD, own=True)
    await world.node.accounts.add("guanbi", "关闭", ["bidder"], PASSWORD, org=FIRM, own=True)
    await world.node.accounts.set_active("guanbi@500103", False, by=await world.log_in("guanbi"))
    for known in (await world.known("wuming"), await world.known("guanbi"), await world.known("wang.fang")):
        with pytest.raises(Rejected, match="no open account"):
            await note(clerk, known, "甲公司", ["licence"])
    for name, seen, field in (("", ["licence"], "org_name"), ("甲公司", [], "seen"), ("甲公司", ["my word"], "seen")):
        with pytest.raises(Rejected) as refused:
            await note(clerk, anan, name, seen)
        assert refused.value.field == field and refused.value.zh
    assert not await world.proven("anan")


async def test_what_was_revoked_stays_revoked_and_visible(world: World) -> None:
    await world.note("anan")
    (row,) = await world.node.store.read(lambda conn: bindings.of_node(conn, world.node.settings.name))
    clerk, revoke = await world.log_in("li.na"), world.node.bindings.revoke
    with pytest.raises(NotFound):
        await revoke(clerk, "anan@500103", row.at_ms + 1, "因故")
    with pytest.raises(Rejected):
        await revoke(clerk, "anan@500103", row.at_ms, "  ")
    assert await world.proven("anan")
    await revoke(clerk, "anan@500103", row.at_ms, "证件系伪造")
    assert not await world.proven("anan")
    with pytest.raises(Rejected):
        await revoke(clerk, "anan@500103", row.at_ms, "再次")
    (row,) = await world.node.store.read(lambda conn: bindings.of_node(conn, world.node.settings.name))
    assert row.withdrawn and row.reason == "证件系伪造"


async def test_a_clerk_of_another_post_vouches_for_nobody(world: World) -> None:
    """Whose program asks nobody: the record lies in the centre's own log, and the role is under the signature."""
    wang, anan = await world.log_in("wang.fang"), await world.known("anan")
    body = AccountBinding(
        account=anan.account,
        org=FIRM,
        org_name="甲公司",
        public=anan.public.hex(),
        seen=["licence"],
        clerk=wang.account,
        node=world.node.settings.name,
        at=world.clock(),
    )
    main = Document("forged", body, Source("x"))
    draft = Draft(bindings.KIND, "forged", {"main": main, "hand": bindings.sign(wang, main)}, {"key": "forged"})
    (outcome,) = await world.node.publisher.publish([draft])
    assert outcome.error is None
    await world.node.projector.run()
    assert len(await world.node.store.read(lambda conn: bindings.of_node(conn, world.node.settings.name))) == 1
    assert not await world.proven("anan")
