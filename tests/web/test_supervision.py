"""The pages of a supervising department: read-only but for orders, each person within his sectors and his role."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from node import provision
from node.app import Node, build
from node.domain.acts import Act
from node.domain.hands import Hand
from node.domain.record import Document, Draft, Source
from node.domain.verdicts import Verdict, VerdictItem
from node.publishing.publish import Publisher
from node.store import loading
from node.wire.trust import Member
from tests.web.persons import CHEAP, PASSWORD, Browser, Clock, made_node

HOUSES, ROADS = "a" * 32, "b" * 32
World = tuple[Node, TestClient[Any, Any]]


def registration(trade: str, sector: str, title: str) -> Draft:
    body = Act(
        trade=trade,
        seq=1,
        category="工程建设",
        act="register",
        rules="construction@1",
        at=1_764_000_000_000,
        title=title,
        project_code=f"P-{sector}",
    )
    inner = {"sector": sector, "estimate": 123_456}
    sections = {
        "main": Document(body.key, body, Source("test")),
        "inner": inner,
        "hand": Hand("x@500103", "acceptance"),
    }
    return Draft("trade.step", body.key, sections, {"key": body.key})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with department(tmp_path) as made:
        yield made


@asynccontextmanager
async def department(tmp_path: Path) -> AsyncIterator[World]:
    """A department's node with a log of east's beside its own, as if it had been pulled."""
    clock = Clock()
    made = provision.make_node(
        tmp_path / "d",
        role="supervision",
        division="500000",
        title="重庆市住房城乡建设委员会",
        department="重庆市住房城乡建设委员会",
    )
    east = made_node(tmp_path / "e")
    hub = made_node(tmp_path / "h", role="hub", division="500000")
    signer = provision.keyring.policy_signer(made.settings.keys, made.settings.name, create=True)
    node = Node(made.settings, clock=clock, password_cost=CHEAP)
    async with TestClient(TestServer(build(node, jobs=False))) as client:
        await node.trusted.adopt([provision.first_policy("ggzy.example/cq", signer, [made, east, hub], {})])
        # Published into the same store: what matters here is that it is east's log, not how it came.
        there = Publisher(node.store, east.keys.log, clock)
        await there.publish(
            [registration(HOUSES, "房屋建筑", "某某小学教学楼"), registration(ROADS, "公路", "某某公路")]
        )
        for login, name, role, sectors in (
            ("zhou", "周正", "supervisor", ["房屋建筑"]),
            ("wu", "吴清", "auditor", []),
            ("he", "何明", "discipline", []),
        ):
            await node.accounts.add(login, name, [role], PASSWORD, sectors=sectors)
        await node.projector.run()
        yield node, client


async def logged_in(client: TestClient[Any, Any], login: str) -> Browser:
    browser = Browser(client)
    assert await browser.log_in(login) == 303
    return browser


async def test_a_supervisor_sees_the_trades_of_his_sectors_with_what_is_not_disclosed(world: World) -> None:
    browser = await logged_in(world[1], "zhou")
    status, page = await browser.get("/supervision")
    assert status == 200 and "某某小学教学楼" in page and "某某公路" not in page
    status, page = await browser.get(f"/supervision/trades/{HOUSES}")
    assert status == 200 and "1,234.56" in page and "x@500103" in page
    assert "无个人签名" in page, "made up without a key"
    assert (await browser.get(f"/supervision/trades/{ROADS}"))[0] == 404
    auditor = await logged_in(world[1], "wu")
    page = (await auditor.get("/supervision"))[1]
    assert "某某小学教学楼" in page and "某某公路" in page


async def test_agencies_are_shown_with_the_bound_and_that_it_is_not_the_laws(world: World) -> None:
    browser = await logged_in(world[1], "zhou")
    status, page = await browser.get("/supervision/agencies")
    assert status == 200 and "50.0%" in page and "待核实" in page and "还没有载明代理机构的交易" in page


async def test_what_the_national_platform_said_stands_with_each_act(world: World, tmp_path: Path) -> None:
    node, client = world
    browser = await logged_in(client, "zhou")
    page = (await browser.get(f"/supervision/trades/{HOUSES}"))[1]
    assert "国家平台：" in page and "待上报" in page
    acts = await node.store.read(lambda conn: loading.recorded(conn, HOUSES, ""))
    said = VerdictItem(
        dataset="500",
        name="PROJECT",
        data_key="k",
        operation="insert",
        state="rejected",
        zh="上级退回：项目名称过长",
        en="no",
    )
    body = Verdict(
        origin=acts[0].origin,
        record=acts[0].record_id.hex(),
        version=1,
        title="某某小学教学楼",
        category="工程建设",
        state="rejected",
        at=1,
        items=[said],
    )
    for place, role, words in (("e", "district", "待上报"), ("h", "hub", "被退回")):
        # A district's word on what the platform above said is nobody's.
        name = next(each.name for each in node.trusted.policy.members if each.role == role)
        keys = provision.keyring.load(tmp_path / place / "keys", name, 1)
        draft = Draft("verdict", role, {"main": Document(role, body, Source("national"))}, {"role": role})
        (outcome,) = await Publisher(node.store, keys.log, node.clock).publish([draft])
        assert outcome.error is None
        await node.projector.run()
        page = (await browser.get(f"/supervision/trades/{HOUSES}"))[1]
        assert words in page
    assert "被退回" in page and "项目名称过长" in page
    assert "去改正" not in page  # that is the centre's to do


async def test_strangers_see_nothing_of_it(world: World) -> None:
    agencies = "/supervision/agencies"
    for path in (
        "/supervision",
        agencies,
        f"/supervision/trades/{HOUSES}",
        "/supervision/audit",
        "/supervision/audit.csv",
    ):
        status, page = await Browser(world[1]).get(path)
        assert status == 303 and "小学" not in page


async def test_an_order_is_signed_numbered_and_given_by_a_supervisor_alone(world: World) -> None:
    node, client = world
    browser = await logged_in(client, "zhou")
    token = browser.token((await browser.get(f"/supervision/trades/{HOUSES}"))[1])
    fields = {
        "trade": HOUSES,
        "number": "渝建监〔2025〕1号",
        "measure": "override",
        "reason": "跨区项目",
        "target": "ggzy.example/cq/500103",
    }
    for wrong in ({"number": ""}, {"reason": " "}, {"target": ""}, {"target": "nowhere"}, {"measure": "ban"}):
        assert (await browser.post("/supervision/orders", fields | wrong, token=token))[0] == 422
    assert (await browser.post("/supervision/orders", fields | {"trade": ROADS}, token=token))[0] == 404
    assert (await browser.post("/supervision/orders", fields, token="0" * 64))[0] == 403
    assert (await browser.post("/supervision/orders", fields, token=token))[0] == 303
    status, page = await browser.post("/supervision/orders", fields | {"reason": "另一事由"}, token=token)
    assert status == 422 and "已用于另一指令" in page
    await node.projector.run()
    assert "渝建监〔2025〕1号" in (await browser.get(f"/supervision/trades/{HOUSES}"))[1]
    for login in ("wu", "he"):
        other = await logged_in(client, login)
        token = other.token((await other.get("/supervision"))[1])
        assert (await other.post("/supervision/orders", fields | {"number": "2"}, token=token))[0] == 403
        assert "sign and give" not in (await other.get(f"/supervision/trades/{HOUSES}?lang=en"))[1].lower()


async def test_the_audit_trail_is_the_auditors_and_is_itself_on_record(world: World) -> None:
    node, client = world
    supervisor, auditor = await logged_in(client, "zhou"), await logged_in(client, "wu")
    assert (await supervisor.get("/supervision/audit"))[0] == 403
    assert await node.audit.flush() == 1
    await node.projector.run()
    status, page = await auditor.get("/supervision/audit?account=zhou&action=log-in")
    assert status == 200 and "zhou@" in page and "wu@" not in page.split("<table")[1]
    assert (await auditor.get("/supervision/audit?from=nonsense"))[0] == 400
    status, text = await auditor.get("/supervision/audit.csv?account=zhou")
    assert status == 200 and text.startswith("\ufeffat,account") and "log-in" in text
    await node.projector.run()
    assert "audit.export" in (await auditor.get("/supervision/audit"))[1]


async def test_a_department_has_no_pages_of_a_centre_and_a_centre_none_of_a_department(
    world: World, tmp_path: Path
) -> None:
    browser = await logged_in(world[1], "zhou")
    for path in ("/accounts", "/register"):
        assert (await browser.get(path))[0] == 404
    node = Node(made_node(tmp_path / "centre").settings, clock=Clock(), password_cost=CHEAP)
    async with TestClient(TestServer(build(node, jobs=False))) as client:
        assert (await Browser(client).get("/supervision"))[0] == 404


def test_a_departments_node_has_a_name_of_its_own_and_its_line_in_a_policy(tmp_path: Path) -> None:
    made = provision.make_node(
        tmp_path / "d",
        role="supervision",
        division="500000",
        title="市审计局",
        department="重庆市审计局",
        sectors=("a", "b"),
    )
    assert made.settings.name == "ggzy.example/cq/500000-sup-audit"
    assert made.settings.sectors == ("a", "b")
    assert made.member == Member(made.settings.name, "supervision", "500000", "", "市审计局")
    for role, department in (("supervision", ""), ("district", "某局")):
        with pytest.raises(Exception, match="department"):
            provision.make_node(tmp_path / "x", role=role, division="500103", title="x", department=department)
