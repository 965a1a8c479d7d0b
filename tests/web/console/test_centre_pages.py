"""Services, sites, files and fees through their pages, as a clerk uses them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.rules import load_packaged
from tests.web.console.walking import POSTS, Clerk, FormPage
from tests.web.persons import PASSWORD, Clock, serving

OTHER = next(each for each in load_packaged().packages if each.id == "other")
VOLUNTARY = {"mandatory": False, "owner_decision": "业主决定"}
HOUR = 3_600_000


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Any]:
    clock = Clock()
    async with serving(tmp_path / "n", clock) as (node, client):
        for account, posts in (("li.na", POSTS), ("wang.fang", ["publication"]), ("zhao.min", ["administrator"])):
            await node.accounts.add(account, account, list(posts), PASSWORD)

        async def clerk(account: str = "li.na") -> Clerk:
            return await Clerk(node, client, clock).log_in(account)

        yield clerk


def token(page: str) -> str:
    return next(value for name, value in FormPage(page).fields if name == "csrf")


async def test_a_request_is_noted_shown_late_and_done(world: Any) -> None:
    clerk = await world()
    page = await clerk.get("/console/services")
    given = [("csrf", token(page)), ("service", "archive"), ("title", "查阅档案"), ("asker", "某设计院")]
    await clerk.send("/console/services", [*given, ("do", "ask"), ("asked_at", "2125-01-01T00:00")], 400)
    assert "申请时间不得晚于当前时间" in clerk.page
    await clerk.send("/console/services", [("csrf", token(page)), ("service", "register"), ("do", "ask")], 400)
    assert "请选择服务清单中的服务" in clerk.page
    assert await clerk.send("/console/services", [*given, ("do", "ask")]) == "/console/services?done=noted"
    today = await clerk.get("/console")
    assert "查阅档案" in today and "待核实" in today
    assert "没有符合条件的申请" in await clerk.get("/console/services?state=late")
    await clerk.forward(5)
    late = await clerk.get("/console/services?state=late")
    assert "查阅档案" in late and "已逾期" in late
    (number,) = re.findall(r'name="id" value="([0-9a-f]{32})"', late)
    nothing = [("csrf", token(late)), ("id", number), ("note", " "), ("do", "drop")]
    await clerk.send("/console/services", nothing, 400)
    assert "请说明撤销原因" in clerk.page
    await clerk.send("/console/services", [("csrf", token(late)), ("id", number), ("note", "已调阅"), ("do", "done")])
    await clerk.send("/console/services", [("csrf", token(late)), ("id", number), ("do", "done")], 409)
    done = await clerk.get("/console/services?state=done")
    assert "超时办结" in done and "已调阅" in done and "某设计院" in done
    clerk.browser.cookies.clear()
    public = await clerk.get("/services")
    assert "0 / 1" in public and "某设计院" not in public and "查阅档案" not in public


async def test_a_draft_that_is_handed_over_is_timed_until_it_is_returned(world: Any) -> None:
    clerk = await world()
    trade = await clerk.register(OTHER, **VOLUNTARY)
    rule = OTHER.act("notice")
    assert rule is not None
    await clerk.fill(f"/console/trades/{trade}/notice", rule.fields, {"content": "全文"}, do="save")
    (draft,) = set(re.findall(r"/console/drafts/([0-9a-f]{32})", await clerk.get("/console/drafts")))
    page = await clerk.get(f"/console/drafts/{draft}")
    await clerk.send(f"/console/drafts/{draft}", [("csrf", token(page)), ("do", "submit")])
    assert "信息发布" in await clerk.get("/console/services")
    clerk.clock.now_ms += 12 * HOUR + 1
    other = await world("wang.fang")
    other.clock.now_ms = clerk.clock.now_ms
    page = await other.get(f"/console/drafts/{draft}")
    await other.send(f"/console/drafts/{draft}", [("csrf", token(page)), ("do", "return"), ("note", "缺附件")])
    done = await other.get("/console/services?state=done&service=publication")
    assert "超时办结" in done and "12 小时" in done


async def test_the_administrator_binds_staff_and_a_trade_is_held_where_its_clerk_works(world: Any) -> None:
    clerk = await world()
    page = await clerk.get("/console/venues/rooms")
    await clerk.send("/console/venues/rooms", [("csrf", token(page)), ("do", "add-venue"), ("name", "原产权交易所")])
    assert "由管理员调整" in await clerk.get("/console/sites")
    account = next(iter(re.findall(r"<code>(li\.na@[^<]+)</code>", clerk.page)))
    await clerk.send("/console/sites", [("csrf", token(page)), ("account", account), ("venue", "1")], 403)
    boss = await world("zhao.min")
    page = await boss.get("/console/sites")
    await boss.send("/console/sites", [("csrf", token(page)), ("account", "nobody"), ("venue", "1")], 400)
    assert "没有该工作人员账号" in boss.page
    await boss.send("/console/sites", [("csrf", token(page)), ("account", account), ("venue", "1")])
    clerk = await world()
    trade = await clerk.register(OTHER, **VOLUNTARY)
    assert "承办场所：原产权交易所" in await clerk.get(f"/console/trades/{trade}")
    assert f"/console/trades/{trade}" in await clerk.get("/console/trades?site=1")
    assert f"/console/trades/{trade}" not in await clerk.get("/console/trades?site=0")
    await clerk.get("/console/trades?site=77", 400)
    assert "我的场所：原产权交易所" in await clerk.get("/console?site=mine")
    page = await clerk.get(f"/console/trades/{trade}")
    await clerk.send(f"/console/trades/{trade}/site", [("csrf", token(page)), ("venue", "0")])
    assert "承办场所：未分配" in await clerk.get(f"/console/trades/{trade}")
    other = await world("wang.fang")
    await other.send(
        f"/console/trades/{trade}/site", [("csrf", token(await other.get("/console/drafts"))), ("venue", "1")], 403
    )


async def test_files_are_for_the_archive_and_say_until_when_they_are_kept(world: Any) -> None:
    other = await world("wang.fang")
    assert "/console/archive" not in await other.get("/console")
    await other.get("/console/archive", 403)
    clerk = await world()
    assert "/console/archive" in await clerk.get("/console")
    trade = await clerk.register(OTHER, **VOLUNTARY)
    assert "没有可以归档的交易" in await clerk.get("/console/archive")
    await clerk.act(trade, OTHER, "terminated", content="因故终止", reason="业主撤回")
    assert f"/console/trades/{trade}/archive" in await clerk.get("/console/archive")
    await clerk.act(trade, OTHER, "archive", file_no="A-7", keep_until="2030-01-01")
    page = await clerk.get("/console/archive")
    assert "A-7" in page and "短于待核实的规定" in page and "2030-01-02" in page and "没有可以归档的交易" in page
    assert "可处置日期 2030-01-02" in await clerk.get(f"/console/trades/{trade}")


async def test_the_report_of_fees_is_public_names_nobody_and_asks_for_months(world: Any) -> None:
    clerk = await world()
    assert "该期间没有收费" in await clerk.get("/console/charges/report?since=2026-01")
    assert "月份格式应为" in await clerk.get("/console/charges/report?since=2026-13", 400)
    clerk.browser.cookies.clear()
    assert "公布的收费标准" in await clerk.get("/fees")
    await clerk.get("/fees?until=x", 400)
    await clerk.get("/fees.csv?until=x", 400)
    assert (await clerk.get("/fees.csv?lang=en")).lstrip("\ufeff").startswith("Month,")
