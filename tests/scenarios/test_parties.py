"""A party's own pages in a federation: registered at one district, papers seen at another, shown at every node."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from net import Net, Running

from node.accounts import bindings, register
from node.accounts.bindings import KIND
from node.accounts.passwords import Cost
from node.accounts.person import Person
from node.domain.accounts import AccountBinding
from node.domain.calendar import day_of
from node.domain.hands import Hand
from node.domain.record import Document, Draft, Source
from node.publishing.publish import Publisher
from node.running.timetable import dumper_of
from tests.scenarios.test_trades import ANNA, registration
from tests.web.mine.parties import AGE, FIRM, OWNER, RIVAL, Member, numbers
from tests.web.persons import PASSWORD


@pytest.fixture
async def cheap(net: Net, monkeypatch: pytest.MonkeyPatch) -> Net:
    """The net with passwords that cost little."""

    def cheap_cost(cost: Cost, *_given: int) -> None:
        for name, value in (("memory_kib", 64), ("passes", 1), ("lanes", 1)):
            object.__setattr__(cost, name, value)

    monkeypatch.setattr(Cost, "__init__", cheap_cost)
    return net


async def settle(net: Net) -> None:
    await net.settle()
    for running in net.nodes.values():
        await running.node.keep_trades()


async def at(running: Running, account: str) -> Member:
    member = Member(running.server)  # type: ignore[arg-type] # what a browser asks of it, a server can do
    assert await member.log_in(account) == 303
    assert member.last is not None and member.last.headers["Location"] == "/mine"
    return member


async def clerk_of(running: Running, login: str = "li.na") -> Person:
    await running.node.accounts.add(login, login, ["acceptance"], PASSWORD)
    return (await running.node.accounts.log_in(login, PASSWORD)).person


async def see(running: Running, clerk: Person, account: str) -> None:
    node = running.node
    of = node.trusted.policy.node_of_origin
    known = await node.store.read(lambda conn: register.find(conn, account, of))
    assert known is not None
    await node.bindings.note(clerk, known, "甲公司", ["licence"])


async def proven(running: Running, account: str) -> bool:
    node = running.node
    of = node.trusted.policy.node_of_origin

    def look(conn: Any) -> bool:
        known = register.find(conn, account, of)
        return known is not None and bindings.proven_known(conn, known, of) is not None

    return await node.store.read(look)


async def test_a_bidder_of_one_district_sees_its_trades_at_another_and_at_the_hub(cheap: Net) -> None:
    hub, east, west = await cheap.start("hub", "east", "west")
    account = await east.node.accounts.add("anan", "安安", ["bidder"], PASSWORD, org=FIRM, org_name="甲公司", own=True)
    owner = await west.node.accounts.add("xiangmu", "项", ["owner"], PASSWORD, org=OWNER, org_name="业主", own=True)
    rival = await east.node.accounts.add("bobo", "波", ["bidder"], PASSWORD, org=RIVAL, org_name="乙公司", own=True)
    west_clerk = await clerk_of(west)
    await settle(cheap)
    for each in (account, owner):
        await see(west, west_clerk, each)
    await dumper_of(east.node).run()

    desk, clock = east.node.desk, cheap.clock
    begun = await desk.begin(ANNA, "工程建设", "", registration(owner={"name": "业主", "uscc": OWNER}))
    trade = begun.trade
    today = day_of(clock())
    notice = {"content": "公告", "doc_from": today, "doc_until": day_of(clock() + 6 * 86_400_000)}
    await settle(cheap)
    for node in (east, west, hub):
        assert await proven(node, account) and await proven(node, owner) and not await proven(node, rival)
        # The owner learns at every node how the trade stands that it has registered and not disclosed yet.
        assert "示例道路工程" in await (await at(node, owner)).page(f"/mine/trades/{trade}")
        await (await at(node, account)).page(f"/mine/trades/{trade}", 404)
    more = {"bid_deadline": clock() + 25 * 86_400_000, "security_asked": False}
    await desk.act(ANNA, trade, "notice", fields=notice | more)
    await settle(cheap)

    bidder = await at(east, account)
    (number,) = numbers(await bidder.hand_in(trade, AGE + b"1"))
    await settle(cheap)
    for node in (west, hub):
        elsewhere = await at(node, account)
        page = await elsewhere.page(f"/mine/trades/{trade}")
        assert "该交易属于east 公共资源交易中心" in page and numbers(page) == []
        await elsewhere.hand_in(trade, AGE + b"2", 400)
        page = await elsewhere.page("/mine/bids")
        assert numbers(page) == [] and f'href="{east.node.settings.url}/mine"' in page
        await elsewhere.page(f"/mine/bids/{number}", 404)
    assert "不能接收投标" in await (await at(hub, account)).hand_in(trade, AGE + b"2", 400)

    clock.forward(hours=26 * 24)
    both = (("甲公司", FIRM), ("乙公司", RIVAL))
    bids = [{"party": {"name": name, "uscc": org}, "received_at": clock()} for name, org in both]
    await desk.act(ANNA, trade, "bids_received", fields={"bidders": 2, "bids": bids})
    await settle(cheap)
    for node in (east, west, hub):
        assert "示例道路工程" in await (await at(node, account)).page("/mine")
        # Of another's bid nobody learns, nor an account whose code is its own word alone.
        assert "示例道路工程" not in await (await at(node, rival)).page("/mine")
        assert await node.fsck() == []


async def test_what_a_centre_revokes_counts_nowhere_and_what_no_clerk_of_it_signed_counts_for_nothing(
    cheap: Net,
) -> None:
    hub, east, west = await cheap.start("hub", "east", "west")
    account = await east.node.accounts.add("anan", "安安", ["bidder"], PASSWORD, org=FIRM, org_name="甲公司", own=True)
    clerk = await clerk_of(west)
    east_clerk = await clerk_of(east, "zhou.li")
    await settle(cheap)
    of = west.node.trusted.policy.node_of_origin
    known = await west.node.store.read(lambda conn: register.find(conn, account, of))
    assert known is not None

    async def said(node: str, by: str, hand: Person | None, public: str, publisher: Publisher) -> str:
        body = AccountBinding(
            account=account,
            org=FIRM,
            org_name="甲公司",
            public=public,
            seen=["licence"],
            clerk=by,
            node=node,
            at=cheap.clock(),
        )
        cheap.clock.forward(seconds=1)
        main = Document(f"{node}/{account}/{body.at}", body, Source("x"))
        signed = Hand(by, "acceptance") if hand is None else bindings.sign(hand, main)
        draft = Draft(KIND, main.key, {"main": main, "hand": signed}, msgspec.to_builtins(body))
        (outcome,) = await publisher.publish([draft])
        return outcome.state

    me, key = west.node.settings.name, known.public.hex()
    altered = Publisher(west.node.store, west.node.keys.log, cheap.clock)
    party = (await east.node.accounts.log_in(account, PASSWORD)).person
    # Unsigned; by another centre's clerk; by the party itself; of another key; in another centre's name.
    assert await said(me, clerk.account, None, key, west.node.publisher) == "published"
    assert await said(me, east_clerk.account, east_clerk, key, west.node.publisher) == "published"
    assert await said(me, clerk.account, party, key, west.node.publisher) == "published"
    assert await said(me, clerk.account, clerk, "ab" * 32, west.node.publisher) == "published"
    assert await said(east.node.settings.name, east_clerk.account, clerk, key, west.node.publisher) == "rejected"
    assert await said(east.node.settings.name, east_clerk.account, east_clerk, key, altered) == "published"
    await settle(cheap)
    for node in (hub, east, west):
        assert not await proven(node, account), node.name

    await see(west, clerk, account)
    await settle(cheap)
    rows = await west.node.store.read(lambda conn: bindings.of_node(conn, me))
    (mine,) = [row for row in rows if row.org_name == "甲公司" and row.at_ms == max(each.at_ms for each in rows)]
    for node in (hub, east, west):
        assert await proven(node, account), node.name
    await west.node.bindings.revoke(clerk, account, mine.at_ms, "证件系伪造")
    await settle(cheap)
    for node in (hub, east, west):
        assert not await proven(node, account), node.name
