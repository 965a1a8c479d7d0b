"""Routing in a federation: refused with the right node named, handed over, let pass by order, found by the hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import provision
from node.domain.accounts import AccountPerson
from node.domain.hands import V1, Hand
from node.domain.record import Document, Draft, Source
from node.domain.supervision import Order
from node.domain.trades import TradeNotice
from node.errors import ActRefused
from node.provision import Made
from node.routing import handing, watch
from node.wire.payload import encode
from tests.scenarios.net import FEDERATION, Net, Running
from tests.trading.bench import ANNA, Clerk

NUMBER = "A5000002511250001"
KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"supervisor").digest())


class Supervised(Net):
    """A net with a department of the city that supervises transport."""

    def make(self, name: str) -> Made:
        if name != "works":
            return super().make(name)
        return provision.make_node(
            self.directory / name,
            role="supervision",
            division="500000",
            title="市交通局",
            federation=FEDERATION,
            department="市交通局",
            sectors=("交通",),
        )


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[Supervised]:
    made = Supervised(tmp_path)
    yield made
    await made.stop()


def facts(**more: Any) -> dict[str, Any]:
    return {
        "project_name": "示例国道改建工程",
        "owner": {"name": "示例建设单位"},
        "division": "500103",
        "approval_level": "city",
        "fund_level": "city",
        "mandatory": True,
        "estimate": 50_000_000_00,
        "method": "open",
        "qualification": "post",
        "state_funds": True,
        "sector": "交通",
        **more,
    }


async def begin(at: Running, clerk: Clerk = ANNA, code: str = NUMBER, **more: Any) -> Any:
    return await at.node.desk.begin(clerk, "工程建设", "", facts(**more), project_code=code)


def order(at: Running, target: str, *, key: Ed25519PrivateKey = KEY, **more: Any) -> Draft:
    """An order of the department, signed by its supervisor."""
    account = f"zhang@{at.node.settings.name.rpartition('/')[2]}"
    values = {"project_code": NUMBER, "target": target, "sector": "交通"} | more
    body = Order(
        number="渝交指〔2025〕1号",
        department="市交通局",
        measure="override",
        reason="区县统筹实施",
        account=account,
        at=at.node.clock(),
        **values,
    )
    main = Document(f"order/{body.number}/{target}", body, Source("市交通局"))
    public = key.public_key().public_bytes_raw().hex()
    signature = key.sign(V1 + hashlib.sha256(encode(main)).digest()).hex()
    hand = Hand(account, "supervisor", public, signature)
    return Draft("supervise.order", main.key, {"main": main, "hand": hand}, {"order": msgspec.to_builtins(body)})


def supervisor(at: Running, *, roles: tuple[str, ...] = ("supervisor",), sectors: tuple[str, ...] = ("交通",)) -> Draft:
    name = at.node.settings.name
    account = f"zhang@{name.rpartition('/')[2]}"
    body = AccountPerson(
        account=account,
        name="张处长",
        realm="supervision",
        roles=list(roles),
        public=KEY.public_key().public_bytes_raw().hex(),
        home=name,
        at=at.node.clock(),
        org="市交通局",
        sectors=list(sectors),
    )
    main = Document(account, body, Source("市交通局"))
    return Draft("account.person", account, {"main": main}, {"account": msgspec.to_builtins(body)})


async def look(running: Running) -> list[watch.Finding]:
    await running.node.projector.run()
    await running.node.routing_watch.run()
    return list(await running.node.store.read(watch.findings))


async def test_a_district_refuses_a_citys_project_and_hands_it_over(net: Supervised) -> None:
    east, west, hub = await net.start("east", "west", "hub")
    with pytest.raises(ActRefused) as refused:
        await begin(east)
    (fault,) = [each for each in refused.value.faults if each.rule == "routing-node"]
    assert hub.node.settings.name in fault.en and hub.node.settings.title in fault.zh and "市级审批" in fault.zh
    node = east.node
    outcome = await handing.offer(
        node.publisher.publish,
        node.placing,
        node.settings,
        node.clock,
        facts(category="工程建设"),
        account="anna@500103",
    )
    again = await handing.offer(
        node.publisher.publish,
        node.placing,
        node.settings,
        node.clock,
        facts(category="工程建设"),
        account="anna@500103",
    )
    assert (outcome.state, again.state, again.record_id) == ("published", "unchanged", outcome.record_id)
    await net.settle()
    (offered,) = await hub.node.store.read(lambda conn: handing.incoming(conn, hub.node.settings.name))
    assert offered.facts["project_name"] == "示例国道改建工程" and offered.origin == east.origin
    assert not await west.node.store.read(lambda conn: handing.incoming(conn, west.node.settings.name))
    done = await hub.node.desk.begin(ANNA, offered.category, "", offered.facts, project_code=NUMBER)
    await handing.take(
        hub.node.store,
        hub.node.settings,
        hub.node.clock,
        offered.record_id,
        account=ANNA.account,
        done=done.trade,
    )
    me = hub.node.settings.name
    assert await hub.node.store.read(lambda conn: handing.incoming(conn, me, open_only=True)) == []
    assert await look(hub) == []


async def test_a_district_refuses_its_neighbours_trade(net: Supervised) -> None:
    east, west, _ = await net.start("east", "west", "hub")
    with pytest.raises(ActRefused) as refused:
        await begin(east, approval_level="district", division="500102")
    (fault,) = [each for each in refused.value.faults if each.rule == "routing-node"]
    assert fault.field == "division" and west.node.settings.name in fault.en
    assert (await begin(west, approval_level="district", division="500102")).seq == 1


async def test_a_decision_is_stored_with_its_inputs_and_version(net: Supervised) -> None:
    east, _ = await net.start("east", "hub")
    done = await begin(east, approval_level="district")
    _, body = await east.get(f"/api/records/{done.record_id}")
    assert json.loads(body)["versions"][0]["kind"] == "trade.step"
    from node.store import loading

    (record,) = await east.node.store.read(lambda conn: loading.recorded(conn, done.trade))
    kept = record.inner["@routing"]
    assert kept["rules"] == "routing@2016-03-14" and kept["row"] == "construction-district"
    assert kept["inputs"] == {"category": "工程建设", "approval_level": "district", "division": "500103"}


async def test_only_a_supervisors_signed_order_overrides(net: Supervised) -> None:
    east, hub, works = await net.start("east", "hub", "works")
    target = east.node.settings.name
    stranger = Ed25519PrivateKey.generate()
    await works.publish(supervisor(works), order(works, target, key=stranger))
    await net.settle()
    with pytest.raises(ActRefused):  # signed, but not by the supervisor
        await begin(east)
    await works.publish(order(works, hub.node.settings.name))
    await net.settle()
    with pytest.raises(ActRefused):  # for another node
        await begin(east)
    await works.publish(order(works, target, sector="水利", expires_on="2030-01-01"))
    await net.settle()
    with pytest.raises(ActRefused):  # the department has no say in that sector
        await begin(east)
    await works.publish(order(works, target, expires_on="2030-12-31"))
    await net.settle()
    done = await begin(east)
    assert done.seq == 1
    await net.settle()
    (finding,) = await look(hub)
    assert (finding.state, finding.ordered_by) == ("ordered", "市交通局 渝交指〔2025〕1号")


async def test_an_order_of_somebody_who_is_no_supervisor_counts_for_nothing(net: Supervised) -> None:
    east, _, works = await net.start("east", "hub", "works")
    await works.publish(supervisor(works, roles=("auditor",)), order(works, east.node.settings.name))
    await net.settle()
    with pytest.raises(ActRefused):
        await begin(east)


async def test_the_hub_finds_what_a_district_holds_wrongly_and_sees_it_corrected(net: Supervised) -> None:
    east, hub = await net.start("east", "hub")

    async def anywhere(*_: Any) -> tuple[dict[str, Any], list[Any]]:
        return {}, []  # a node whose program was tampered with

    placing = east.node.desk.judging.place
    east.node.desk.judging.place = anywhere
    wrong = await begin(east)
    right = await begin(east, approval_level="district", code="A5001032511250001")
    east.node.desk.judging.place = placing
    mining = TradeNotice(category="矿业权", stage="采矿权拍卖公告", title="某温泉采矿权", division="500103")
    source = Source("某网", "https://example.com/1")
    await east.publish(Draft("trade.notice", "k/1", {"main": Document("k/1", mining, source)}, {"n": "1"}))
    await net.settle()
    found = {each.title: each for each in await look(hub)}
    assert set(found) == {"示例国道改建工程", "某温泉采矿权"}
    assert found["示例国道改建工程"].state == "wrong" and found["示例国道改建工程"].trade == wrong.trade
    assert found["示例国道改建工程"].right_node == hub.node.settings.name
    assert found["某温泉采矿权"].state == "doubt"
    assert right.trade not in {each.trade for each in found.values()}
    await east.node.desk.withdraw(ANNA, wrong.trade, 1, "登记错误，已移交市中心")
    await net.settle()
    assert [each.title for each in await look(hub)] == ["某温泉采矿权"]


async def test_a_district_asks_the_hub_for_a_unified_code(net: Supervised, tmp_path: Path) -> None:
    east, hub = await net.start("east", "hub")
    hub.node.issuer._settings = hub.node.settings.model_copy(update={"platform_uscc": "91350100M000100Y43"})
    peer = east.node.peer_above()
    code = await peer.unified_code("lot-1", "A01", "示例")
    assert code.startswith("A01-91350100M000100Y43-20251125-000001-")
    assert await peer.unified_code("lot-1", "A01", "示例") == code
    assert east.line is not None
    east.line.lose_answers(1, matching="/api/codes")
    from node.errors import Unavailable

    with pytest.raises(Unavailable):
        await peer.unified_code("lot-2", "A01", "")
    assert (await peer.unified_code("lot-2", "A01", "")).split("-")[3] == "000002", "the lost answer wasted nothing"
