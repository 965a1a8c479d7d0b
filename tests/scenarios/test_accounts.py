"""Accounts and supervision in a federation: one registration for all nodes, two realms that no key brings together."""

from __future__ import annotations

import msgspec
import pytest
from aiohttp.test_utils import TestServer
from net import Net, Running
from sqlalchemy import select

from node import provision
from node.accounts.desk import WrongLogin
from node.accounts.passwords import Cost
from node.app import Node, build
from node.domain.accounts import AccountPerson
from node.domain.acts import Act
from node.domain.hands import Hand
from node.domain.record import Document, Draft, Source
from node.domain.supervision import Order
from node.publishing.publish import Publisher
from node.store.tables import Quarantine, table
from node.store.tables_accounts import AccountView, OrderView
from node.wire.trust import Member

PASSWORD, NEW = "four sparrows drink tea", "seven herons on a wall"
TRADE = "0" * 31 + "1"


@pytest.fixture
async def cheap(net: Net, monkeypatch: pytest.MonkeyPatch) -> Net:
    """The net with passwords that cost little."""
    monkeypatch.setattr(Cost, "__init__", lambda self, m=64, t=1, p=1: _cost(self))
    return net


def _cost(cost: Cost) -> None:
    for name, value in (("memory_kib", 64), ("passes", 1), ("lanes", 1)):
        object.__setattr__(cost, name, value)


async def department(net: Net) -> Running:
    """A supervising department below the hub, as a later policy version brings it."""
    made = provision.make_node(
        net.directory / "housing",
        role="supervision",
        division="500000",
        title="重庆市住房城乡建设委员会",
        federation="ggzy.example/test",
        department="重庆市住房城乡建设委员会",
        sectors=("工程建设",),
    )
    hub = net.nodes["hub"].node
    member = Member(made.settings.name, "supervision", "500000", hub.settings.name, made.settings.title)
    policy = provision.next_policy(hub.trusted.policy, net._signer, [member], made.keys.grants())
    net._made["housing"], net._policies = made, [*net._policies, policy]
    await hub.trusted.adopt([policy])
    settings = made.settings.model_copy(update={"upstream_url": "http://upstream.invalid"})
    node = Node(settings, clock=net.clock, make_transport=lambda session: net._line("housing", session))
    server = TestServer(build(node, jobs=False))
    await server.start_server()
    await node.trusted.adopt(net._policies)
    running = net.nodes["housing"] = Running("housing", node, server)
    net.connect(running)
    return running


def act(seq: int = 1) -> Draft:
    body = Act(
        trade=TRADE,
        seq=seq,
        category="工程建设",
        act="register",
        rules="construction@1",
        at=1_764_000_000_000,
        title="某某小学教学楼",
        project_code="A-1",
        fields={"sector": "房屋建筑", "project_name": "某某小学教学楼"},
    )
    sections = {
        "main": Document(body.key, body, Source("test")),
        "inner": {"estimate": 1},
        "hand": Hand("x@500103", ""),
    }
    return Draft("trade.step", body.key, sections, {"key": body.key})


def order(number: str) -> Draft:
    body = Order(
        number=number,
        department="冒名",
        measure="override",
        reason="x",
        account="x@500103",
        at=1,
        trade=TRADE,
        target="ggzy.example/test/500103",
    )
    return Draft("supervise.order", number, {"main": Document(number, body, Source("x"))}, {"number": number})


async def quarantined(at: Running) -> list[tuple[str, str]]:
    rows = table(Quarantine)
    return await at.node.store.read(
        lambda conn: [(row.kind, row.code) for row in conn.execute(select(rows.c.kind, rows.c.code))]
    )


async def test_a_bidder_registered_at_east_logs_in_at_west_and_changes_the_password_there(cheap: Net) -> None:
    _hub, east, west = await cheap.start("hub", "east", "west")
    account = await east.node.accounts.add(
        "anan", "安安", ["bidder"], PASSWORD, org="91", org_name="某某建设", own=True
    )
    with pytest.raises(WrongLogin):
        await west.node.accounts.log_in(account, PASSWORD)
    await cheap.settle()
    for login in (account, "anan"):
        done = await west.node.accounts.log_in(login, PASSWORD, address="192.0.2.1")
        assert done.person.account == account and done.person.roles == {"bidder"}
    who = await west.node.accounts.person(done.token)
    assert who is not None and who.secrets is not None
    public = who.secrets.public
    with pytest.raises(WrongLogin):
        await west.node.accounts.log_in(account, NEW, address="192.0.2.2")

    await west.node.accounts.change_password(who, PASSWORD, NEW)
    await west.node.projector.run()
    assert await west.node.accounts.person(done.token) is None
    await cheap.settle()
    for node in (east, west):
        with pytest.raises(WrongLogin):
            await node.node.accounts.log_in(account, PASSWORD, address="192.0.2.3")
        again = await node.node.accounts.log_in(account, NEW, address="192.0.2.4")
        assert again.person.secrets is not None and again.person.secrets.public == public

    await east.node.accounts.reset(account, PASSWORD)
    await cheap.settle()
    for node in (east, west):
        with pytest.raises(WrongLogin):
            await node.node.accounts.log_in(account, NEW, address="192.0.2.5")
        again = await node.node.accounts.log_in(account, PASSWORD, address="192.0.2.6")
        assert again.person.secrets is not None and again.person.secrets.public != public
    for node in cheap.nodes.values():
        assert not await node.fsck(), node.name


async def test_what_another_node_says_of_an_account_counts_for_nothing_without_the_persons_proof(cheap: Net) -> None:
    _hub, east, west = await cheap.start("hub", "east", "west")
    account = await east.node.accounts.add("anan", "安安", ["bidder"], PASSWORD, own=True)
    west_made = await west.node.accounts.add("anan", "冒名", ["bidder"], NEW, own=True)
    assert west_made != account
    await cheap.settle()
    # West vouches for east's account with a key and a password of its own choosing.
    view = table(AccountView)
    (row,) = await west.node.store.read(
        lambda conn: conn.execute(select(view).where(view.c.account == west_made)).all()
    )
    body = AccountPerson(
        account=account,
        name="冒名",
        realm="party",
        roles=["bidder", "owner"],
        public=row.public,
        home=east.node.settings.name,
        at=row.at_ms + 9,
        sealed=row.sealed,
        secret_at=row.secret_ms + 9,
    )
    (outcome,) = await west.publish(
        Draft("account.person", account, {"main": Document(account, body, Source("x"))}, msgspec.to_builtins(body))
    )
    assert outcome.state == "published"
    await cheap.settle()
    for node in (east, west):
        done = await node.node.accounts.log_in(account, PASSWORD)
        assert (done.person.name, done.person.roles) == ("安安", {"bidder"})
        with pytest.raises(WrongLogin):
            await node.node.accounts.log_in(account, NEW, address="192.0.2.9")


async def test_accounts_of_staff_are_good_at_home_alone_and_known_everywhere(cheap: Net) -> None:
    _hub, east, west = await cheap.start("hub", "east", "west")
    account = await east.node.accounts.add("li.ming", "李明", ["publication"], PASSWORD)
    await cheap.settle()
    with pytest.raises(WrongLogin):
        await west.node.accounts.log_in(account, PASSWORD)
    view = table(AccountView)
    held = await west.node.store.read(
        lambda conn: conn.execute(select(view.c.public, view.c.sealed).where(view.c.account == account)).one()
    )
    done = await east.node.accounts.log_in("li.ming", PASSWORD)
    assert done.person.secrets is not None
    assert (held.public, held.sealed) == (done.person.secrets.public.hex(), "")


async def test_a_node_that_joins_later_logs_in_who_registered_before(cheap: Net) -> None:
    _hub, east = await cheap.start("hub", "east")
    account = await east.node.accounts.add("anan", "安安", ["bidder"], PASSWORD, own=True)
    await cheap.settle()
    west = await cheap.join("west")
    await cheap.settle()
    with pytest.raises(WrongLogin):
        await west.node.accounts.log_in(account, PASSWORD)
    await east.node.accounts.upkeep()
    await cheap.settle()
    assert (await west.node.accounts.log_in(account, PASSWORD)).person.account == account


async def test_a_department_publishes_no_trade_and_reads_those_of_others(cheap: Net) -> None:
    _hub, east = await cheap.start("hub", "east")
    housing = await department(cheap)
    await east.publish(act())
    (refused,) = await housing.publish(act(2))
    assert refused.state == "rejected" and refused.error is not None and "trade.step" in refused.error.zh
    for roles, realm in ((["venue"], "service"), (["bidder"], "party")):
        with pytest.raises(Exception, match=realm):
            await housing.node.accounts.add("x1", "某人", roles, PASSWORD)
    account = await housing.node.accounts.add("zhou", "周正", ["supervisor"], PASSWORD)
    await cheap.settle()
    who = (await housing.node.accounts.log_in(account, PASSWORD)).person
    assert who.sectors == ("工程建设",)
    await housing.node.ordering.give(
        who,
        number="渝建监〔2025〕1号",
        measure="override",
        reason="跨区项目",
        trade=TRADE,
        target=east.node.settings.name,
        sector="工程建设",
    )
    await cheap.settle()
    orders = table(OrderView)
    for node in (housing, east):
        rows = await node.node.store.read(lambda conn: conn.execute(select(orders.c.number, orders.c.measure)).all())
        assert rows == [("渝建监〔2025〕1号", "override")], node.name
        assert await quarantined(node) == []
        assert not await node.fsck(), node.name


async def test_an_order_signed_by_a_centres_key_is_refused_there_and_quarantined_everywhere(cheap: Net) -> None:
    hub, east, west = await cheap.start("hub", "east", "west")
    (refused,) = await east.publish(order("假1号"))
    assert refused.state == "rejected"
    # A centre that was altered not to ask: its log's key signs what the policy gives it no power for.
    altered = Publisher(east.node.store, east.node.keys.log, cheap.clock)
    vouched = AccountPerson(
        account="zhou@500103", name="周正", realm="supervision", roles=["supervisor"], public="00", home="x", at=1
    )
    forged = Draft("account.person", "z", {"main": Document("z", vouched, Source("x"))}, {"z": 1})
    outcomes = await altered.publish([order("假1号"), forged])
    assert [outcome.state for outcome in outcomes] == ["published", "published"]
    await cheap.settle()
    for node in (hub, east, west):
        expected = [("account.person", "issuer-not-entitled"), ("supervise.order", "issuer-not-entitled")]
        assert sorted(await quarantined(node)) == expected, node.name
        for view in (table(OrderView), table(AccountView)):
            held = select(view.c.idx)
            assert await node.node.store.read(lambda conn, held=held: conn.execute(held).all()) == []
