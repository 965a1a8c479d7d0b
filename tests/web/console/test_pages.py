"""The console's pages beside the straight way: who may see them, faults beside fields, drafts, review, rooms."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace
from openpyxl import load_workbook

from node.accounts.hands import finding
from node.domain.acts import Attached
from node.domain.calendar import day_of
from node.rules import load_packaged
from node.store import loading
from node.store.logs import all_logs
from node.web.console import sheets
from node.wire.bid_receipt import open_bid_receipt
from tests.ruled import fee, table
from tests.scenarios.net import Net
from tests.web.console.walking import POSTS, Clerk, FormPage, problems
from tests.web.persons import PASSWORD, Clock, serving

PACKAGES = {each.id: each for each in load_packaged().packages}
OTHER = PACKAGES["other"]
SHORT = "500103"
VOLUNTARY = {"mandatory": False, "owner_decision": "业主决定"}
ADDRESSES = (
    "",
    "/trades",
    "/trades.csv",
    "/trades/new",
    "/trades/new/other",
    "/drafts",
    "/venues",
    "/deposits",
    "/charges",
    "/charges/report",
    "/services",
    "/sites",
    "/archive",
    "/failures",
    "/import",
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Any]:
    clock = Clock()
    async with serving(tmp_path / "n", clock) as (node, client):
        for account, posts in (("li.na", POSTS), ("wang.fang", ["publication"]), ("zhao.min", ["administrator"])):
            await node.accounts.add(account, account, list(posts), PASSWORD)

        async def clerk(account: str = "li.na") -> Clerk:
            return await Clerk(node, client, clock).log_in(account)

        yield clerk


async def test_strangers_are_sent_to_log_in_and_other_posts_are_refused(world: Any) -> None:
    stranger = await world("zhao.min")
    for path, status in (("/trades/new", 403), ("/drafts", 403), ("/failures", 200), ("/import", 200), ("", 200)):
        await stranger.get(f"/console{path}", status)
    stranger.browser.cookies.clear()
    for path in ADDRESSES:
        await stranger.get(f"/console{path}", 303)
        assert stranger.browser.last.headers["Location"].startswith("/login?next=/console")
    assert "/console" not in await stranger.get("/")


async def test_every_page_stands_on_an_empty_node_in_both_languages(world: Any) -> None:
    clerk = await world()
    for path in ADDRESSES:
        for language in ("zh", "en"):
            page = await clerk.get(f"/console{path}?lang={language}")
            assert "no-store" in clerk.browser.last.headers["Cache-Control"]
            if not path.endswith(".csv"):
                assert page.count("<h1>") == 1 and " style=" not in page and " onclick=" not in page
                ids = re.findall(r' id="([^"]+)"', page)
                assert len(ids) == len(set(ids))


async def test_faults_stand_beside_their_fields_and_lines_come_and_go_without_script(world: Any) -> None:
    clerk = await world()
    path = "/console/trades/new/construction"
    first = FormPage(await clerk.get(path)).fields
    typed = [(name, text) for name, text in first if name not in ("do", "f.estimate", "f.owner.uscc")]
    typed += [("f.estimate", "很多"), ("f.owner.name", "甲"), ("f.owner.uscc", "123")]
    await clerk.send(path, [*typed, ("add", "lots")], 200)
    assert clerk.page.count('class="line"') == 2 and 'value="很多"' in clerk.page
    await clerk.send(path, [*FormPage(clerk.page).fields, ("drop", "lots.0")], 200)
    assert clerk.page.count('class="line"') == 1
    await clerk.send(path, [*typed, ("do", "preview")], 400)
    said = problems(clerk.page)
    assert any("统一社会信用代码不对" in each for each in said)
    assert 'aria-describedby="f-estimate-sum f-estimate-notes"' in clerk.page
    assert '<a href="#f-project_name">项目名称</a>' in clerk.page
    assert "请选择“招标方式”" in clerk.page and "请填写“项目名称”" in clerk.page
    # What could not be read is not also called missing, and the project's name is asked for once.
    assert clerk.page.count("估算价”") == 0 and "请填写标题" not in clerk.page


async def test_a_date_that_is_too_early_keeps_its_picker_and_one_that_is_none_is_shown(world: Any) -> None:
    clerk = await world()
    package = PACKAGES["construction"]
    facts = {"approval_level": "district", "mandatory": True, "method": "open", "qualification": "post"}
    trade = await clerk.register(package, project_name="示例项目", state_funds=True, **facts)
    rule = package.act("notice")
    given = {"doc_from": clerk.day(), "doc_until": clerk.day(1), "bid_deadline": clerk.moment(30)}
    values = clerk.values(rule, {}, given)
    await clerk.fill(f"/console/trades/{trade}/notice", rule.fields, values, status=400)
    assert re.search(r'name="f.doc_until" value="[0-9-]{10}"[^>]*type="date"[^>]*aria-invalid="true"', clerk.page)
    typed = [(name, "明天" if name == "f.doc_until" else text) for name, text in FormPage(clerk.page).fields]
    await clerk.send(f"/console/trades/{trade}/notice", [*typed, ("do", "preview")], 400)
    shown = re.search(r'<input[^>]*name="f.doc_until"[^>]*>', clerk.page)
    assert shown and 'value="明天"' in shown[0] and "type=" not in shown[0]


async def test_the_wrong_tier_is_refused_with_the_right_centre_and_handed_over(tmp_path: Path) -> None:
    net = Net(tmp_path)
    try:
        hub, east = await net.start("hub", "east")
        for running in (hub, east):
            await running.node.accounts.add("li.na", "李娜", list(POSTS), PASSWORD)
        clerk = await Clerk(east.node, east.server, net.clock).log_in("li.na")
        mining = PACKAGES["mining"].acts[0]
        values = clerk.values(mining, {}, {"project_name": "某矿探矿权", "mandatory": True})
        path = "/console/trades/new/mining"
        await clerk.fill(path, mining.fields, values, status=400)
        assert "全市矿业权出让" in clerk.page and "移交" in clerk.page and hub.node.settings.title in clerk.page
        to = await clerk.send(path, [*FormPage(clerk.page).fields, ("do", "handover")])
        assert to == "/console/trades/new?done=handed"
        await net.settle()
        theirs = await Clerk(hub.node, hub.server, net.clock).log_in("li.na")
        page = await theirs.get("/console/trades/new")
        assert "某矿探矿权" in page
        found = re.search(r'name="handover" value="([0-9a-f]{32})"', page)
        assert found
        draft = await theirs.send("/console/trades/new", [("csrf", theirs.browser.token(page)), ("handover", found[1])])
        assert "某矿探矿权" in await theirs.get(draft)
    finally:
        await net.stop()


async def test_a_draft_is_kept_and_a_second_pair_of_eyes_may_return_or_approve_it(world: Any) -> None:
    clerk, other = await world(), await world("wang.fang")
    trade = await clerk.register(OTHER, project_name="示例项目", **VOLUNTARY)
    rule = OTHER.act("notice")
    path = f"/console/trades/{trade}/notice"
    values = clerk.values(rule, {}, {"bid_deadline": clerk.moment(20)})
    saved = await clerk.fill(path, rule.fields, values, "save")
    assert "draft=" in saved and "示例项目" in await clerk.get("/console/drafts")
    draft = await clerk.fill(saved, rule.fields, {})
    await clerk.send(draft, [*FormPage(await clerk.get(draft)).fields, ("do", "submit")])
    assert "等待复核" in await clerk.get(draft) and 'value="publish"' not in clerk.page
    assert "示例项目" in await other.get("/console")
    token = [("csrf", other.browser.token(await other.get(draft)))]
    await other.send(draft, [*token, ("do", "return"), ("note", "")], 400)
    await other.send(draft, [*token, ("do", "return"), ("note", "开标时间有误")])
    assert "开标时间有误" in await clerk.get(draft)
    await clerk.send(draft, [*FormPage(clerk.page).fields, ("do", "submit")])
    await other.get(draft)
    await other.send(draft, [*token, ("do", "approve")])
    await other.get(draft, 404)
    assert await clerk.publish(draft) == f"/console/trades/{trade}?done=published"
    page = await clerk.get(f"/console/trades/{trade}")
    assert "wang.fang@" in page and "没有草稿" in await clerk.get("/console/drafts")
    # Sent a second time, the same form does nothing twice.
    await clerk.get(draft, 404)
    assert "<title>" in await other.get(f"/console/trades/{trade}/print/2")


async def test_where_four_eyes_are_asked_for_a_public_act_can_only_be_submitted(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(tmp_path / "n", clock, settings={"four_eyes": "public"}) as (node, client):
        for account, posts in (("li.na", POSTS), ("wang.fang", ["publication"])):
            await node.accounts.add(account, account, list(posts), PASSWORD)
        clerk = await Clerk(node, client, clock).log_in("li.na")
        other = await Clerk(node, client, clock).log_in("wang.fang")
        trade = await clerk.register(OTHER, project_name="示例项目", **VOLUNTARY)
        path, rule = f"/console/trades/{trade}/notice", OTHER.act("notice")
        assert "须另一人复核" in await clerk.get(path)
        draft = await clerk.fill(path, rule.fields, clerk.values(rule, {}, {"bid_deadline": clerk.moment(20)}))
        page = await clerk.get(draft)
        assert 'value="submit"' in page and 'value="publish"' not in page
        fields = FormPage(page).fields
        await clerk.send(draft, [*fields, ("do", "publish")], 403)  # by hand, past the page
        await clerk.send(draft, [*fields, ("do", "submit")])
        token = [("csrf", other.browser.token(await other.get(draft)))]
        await other.send(draft, [*token, ("do", "approve")])
        assert await clerk.publish(draft) == f"/console/trades/{trade}?done=published"
        await node.projector.run()
        (act,) = [each for each in await _acts(node, trade) if each.kind == "trade.act"]
        page = await clerk.get(f"/records/{act.record_id.hex()}")
        assert "由个人签名，已核验" in page and "li.na@" not in page


async def test_a_package_may_ask_for_four_eyes_under_one_act_alone(tmp_path: Path) -> None:
    """No setting here: the department's rules say so. Published by the second person's signature and no other way."""
    clock = Clock()
    async with serving(tmp_path / "n", clock) as (node, client):
        today = day_of(clock())
        acts = [replace(act, four_eyes=act.id == "notice") for act in OTHER.acts]
        strict = replace(OTHER, version="9", effective_from=today, acts=acts)
        assert node.rules.add([strict]) == [strict]
        for account, posts in (("li.na", POSTS), ("wang.fang", ["publication"])):
            await node.accounts.add(account, account, list(posts), PASSWORD)
        clerk = await Clerk(node, client, clock).log_in("li.na")
        other = await Clerk(node, client, clock).log_in("wang.fang")
        trade = await clerk.register(strict, project_name="示例项目", **VOLUNTARY)
        path, rule = f"/console/trades/{trade}/notice", strict.act("notice")
        assert "须另一人复核" in await clerk.get(path)
        draft = await clerk.fill(path, rule.fields, clerk.values(rule, {}, {"bid_deadline": clerk.moment(20)}))
        token = [("csrf", dict(FormPage(await clerk.get(draft)).fields)["csrf"])]
        await clerk.send(draft, [*token, ("do", "publish")], 403)
        await clerk.send(draft, [*token, ("do", "approve")], 403)  # nobody is two persons
        await clerk.send(draft, [*token, ("do", "submit")])
        mine = [("csrf", other.browser.token(await other.get(draft)))]
        await other.send(draft, [*mine, ("do", "publish")], 403)  # and the second is not the first
        clock.now_ms += 3_600_000
        await other.log_in("wang.fang")
        await clerk.log_in("li.na")
        mine = [("csrf", other.browser.token(await other.get(draft)))]
        await other.send(draft, [*mine, ("do", "approve")])

        # A signature put into the database instead of the approver's publishes nothing.
        forge = 'UPDATE work_draft SET approval = replace(approval, \'"signature":"\', \'"signature":"00\')'
        heal = 'UPDATE work_draft SET approval = replace(approval, \'"signature":"00\', \'"signature":"\')'
        await node.store.write(lambda conn: conn.exec_driver_sql(forge))
        token = [("csrf", dict(FormPage(await clerk.get(draft)).fields)["csrf"])]
        await clerk.send(draft, [*token, ("do", "publish")], 400)
        assert "复核通过的不一致" in clerk.page
        await node.store.write(lambda conn: conn.exec_driver_sql(heal))

        clock.now_ms += 60_000
        assert await clerk.publish(draft) == f"/console/trades/{trade}?done=published"
        await node.projector.run()
        (act,) = [each for each in await _acts(node, trade) if each.kind == "trade.act"]
        hand = act.hand
        assert hand is not None and hand.approval is not None
        assert (hand.second, hand.approval.role) == (f"wang.fang@{SHORT}", "publication")
        assert hand.approval.signs() and hand.approval.covers(act.act) and hand.approval.at == act.act.at - 60_000
        node_of = node.trusted.policy.node_of_origin
        found = await node.store.read(lambda conn: finding(conn, act.stated, hand, node_of))
        assert found == "verified"
        page = await clerk.get(f"/console/trades/{trade}")
        assert "wang.fang@" in page and "由个人签名，已核验" in await clerk.get(f"/records/{act.record_id.hex()}")


async def test_what_changed_after_the_approval_is_not_published(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(tmp_path / "n", clock, settings={"four_eyes": "public"}) as (node, client):
        for account, posts in (("li.na", POSTS), ("wang.fang", ["publication"])):
            await node.accounts.add(account, account, list(posts), PASSWORD)
        clerk = await Clerk(node, client, clock).log_in("li.na")
        other = await Clerk(node, client, clock).log_in("wang.fang")
        trade = await clerk.register(OTHER, project_name="示例项目", **VOLUNTARY)
        path, rule = f"/console/trades/{trade}/notice", OTHER.act("notice")
        draft = await clerk.fill(path, rule.fields, clerk.values(rule, {}, {"bid_deadline": clerk.moment(20)}))
        token = [("csrf", dict(FormPage(await clerk.get(draft)).fields)["csrf"])]
        await clerk.send(draft, [*token, ("do", "submit")])
        mine = [("csrf", other.browser.token(await other.get(draft)))]
        await other.send(draft, [*mine, ("do", "approve")])
        # What was typed is changed beneath the approval, as nobody can by the pages.
        change = "UPDATE work_draft SET content = replace(content, '公告全文', '别的全文')"
        assert await node.store.write(lambda conn: conn.exec_driver_sql(change).rowcount)
        await clerk.send(draft, [*token, ("do", "publish")], 400)
        assert "复核通过的不一致" in clerk.page and "重新提交复核" in clerk.page and 'value="submit"' in clerk.page
        await clerk.send(draft, [*token, ("do", "submit")])
        mine = [("csrf", other.browser.token(await other.get(draft)))]
        await other.send(draft, [*mine, ("do", "approve")])
        assert await clerk.publish(draft) == f"/console/trades/{trade}?done=published"


async def _acts(node: Any, trade: str) -> list[Any]:
    return list(await node.store.read(lambda conn: loading.recorded(conn, trade)))


async def test_autosave_keeps_what_was_typed_and_notices_another_window(world: Any) -> None:
    clerk = await world()
    fields = FormPage(await clerk.get("/console/trades/new/other")).fields
    kept = [each for each in fields if each[0] not in ("f.project_name", "do")]
    sent = [*kept, ("page", "/console/trades/new/other"), ("f.project_name", "半个名")]
    await clerk.send("/console/autosave", sent, 200)
    draft = re.search(r'"draft": "([0-9a-f]{32})", "version": 1', clerk.page)
    assert draft and 'value="半个名"' in await clerk.get(f"/console/trades/new/other?draft={draft[1]}")
    again = [(name, {"draft": draft[1], "version": "1"}.get(name, text)) for name, text in sent]
    await clerk.send("/console/autosave", again, 200)
    await clerk.send("/console/autosave", again, 409)
    await clerk.send("/console/autosave", [("csrf", dict(fields)["csrf"]), ("page", "/elsewhere")], 404)


async def test_an_act_is_withdrawn_with_a_reason_and_stays_to_be_seen(world: Any) -> None:
    clerk = await world()
    trade = await clerk.register(OTHER, project_name="示例项目", **VOLUNTARY)
    await clerk.act(trade, OTHER, "notice", bid_deadline=clerk.moment(20))
    path = f"/console/trades/{trade}/withdraw/2"
    await clerk.send(path, FormPage(await clerk.get(path)).fields, 400)
    assert "撤回须说明原因" in clerk.page
    await clerk.send(path, [*FormPage(clerk.page).fields[:1], ("reason", "截止时间写错")])
    page = await clerk.get(f"/console/trades/{trade}")
    assert "已撤回" in page and "截止时间写错" in page
    first = f"/console/trades/{trade}/withdraw/1"
    await clerk.get(first)
    await clerk.act(trade, OTHER, "notice", bid_deadline=clerk.moment(20))
    await clerk.send(first, [*FormPage(await clerk.get(first)).fields[:1], ("reason", "x")], 400)
    assert "登记之后已有环节" in clerk.page


async def test_a_form_is_filled_in_by_excel_and_its_faults_name_their_cell(world: Any) -> None:
    clerk = await world()
    path = "/console/trades/new/other"
    cookie = "; ".join(f"{name}={value}" for name, value in clerk.browser.cookies.items())
    fields = FormPage(await clerk.get(path)).fields
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers={"Cookie": cookie}) as session:
        url = clerk.browser.client.make_url(path)
        async with session.get(f"{url}?format=xlsx") as answer:
            book = load_workbook(io.BytesIO(await answer.read()))
        sheet = book[sheets.FIRST]
        rows = {sheet.cell(row, 1).value: row for row in range(4, sheet.max_row + 1)}
        sheet.cell(rows["project_name"], 5, "表格项目")
        sheet.cell(rows["estimate"], 5, "很多")
        out = io.BytesIO()
        book.save(out)
        form = aiohttp.FormData({"csrf": dict(fields)["csrf"], "key": dict(fields)["key"], "do": "xlsx"})
        form.add_field("file", out.getvalue(), filename="a.xlsx")
        async with session.post(url, data=form) as answer:
            page = await answer.text()
            assert answer.status == 400
    assert 'value="表格项目"' in page and f"填写!E{rows['estimate']} 估算价" in page


async def test_a_file_goes_with_the_draft_into_the_record(world: Any) -> None:
    clerk = await world()
    trade = await clerk.register(OTHER, project_name="示例项目", **VOLUNTARY)
    path = f"/console/trades/{trade}/notice"
    fields = dict(FormPage(await clerk.get(path)).fields)
    cookie = "; ".join(f"{name}={value}" for name, value in clerk.browser.cookies.items())
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers={"Cookie": cookie}) as session:
        form = aiohttp.FormData({**fields, "do": "attach"}, quote_fields=False)  # names as browsers send them
        form.add_field("file", b"%PDF-1.4\n%%EOF\n", filename="招标文件.pdf", content_type="application/pdf")
        async with session.post(clerk.browser.client.make_url(path), data=form, allow_redirects=False) as answer:
            assert answer.status == 303, problems(await answer.text())
            saved = answer.headers["Location"].split("#")[0]
    assert "招标文件.pdf" in await clerk.get(saved), saved
    rule = OTHER.act("notice")
    values = clerk.values(rule, {}, {"bid_deadline": clerk.moment(20)})
    await clerk.publish(await clerk.fill(saved, rule.fields, values))
    found, records = await clerk.recorded(trade)
    assert [each.name for each in records[-1].act.attachments] == ["招标文件.pdf"] and found.lots
    assert isinstance(records[-1].act.attachments[0], Attached)


async def test_a_trades_whole_file_and_the_to_do_list_are_printed(world: Any) -> None:
    clerk = await world()
    trade = await closed(clerk)
    page = await clerk.get(f"/console/trades/{trade}/print")
    assert page.count('class="print-act"') == 4 and "print.css" in page and "阶段" not in page.split("<main")[0]
    _, records = await clerk.recorded(trade)
    assert all(each.record_id.hex() in page and each.leaf.hex() in page for each in records)
    assert f"/console/trades/{trade}/print" in await clerk.get(f"/console/trades/{trade}")
    assert "示例项目" in await clerk.get("/console/print/today")
    await clerk.get(f"/console/trades/{'0' * 32}/print", 404)


async def test_deposits_come_and_go_and_charges_follow_the_tariff_alone(world: Any) -> None:
    clerk = await world()
    trade = await clerk.register(OTHER, project_name="示例项目", **VOLUNTARY)
    path = "/console/deposits"
    token = ("csrf", clerk.browser.token(await clerk.get(f"{path}?trade={trade}")))
    given = [token, ("trade", trade), ("lot", "1"), ("purpose", "bid"), ("name", "甲公司"), ("form", "transfer")]
    await clerk.send(path, [*given, ("do", "take"), ("amount", "二十"), ("paid_at", "2025-11-24 10:00")], 400)
    assert 'aria-describedby="i-amount-note"' in clerk.page and 'value="甲公司"' in clerk.page
    paid = [("amount", "2"), ("amount.unit", "万元"), ("paid_at", "2025-11-24 10:00")]
    await clerk.send(path, [*given, ("do", "take"), *paid], 200)
    number = re.search(r"<code>([0-9a-f]{32})</code>", clerk.page)
    assert number and "甲公司" in clerk.page and "20,000.00" in clerk.page
    back = [token, ("trade", trade), ("do", "back"), ("deposit", "0" * 32)]
    await clerk.send(path, back, 400)
    assert "没有该笔保证金" in clerk.page and "甲公司" not in clerk.page
    await clerk.send(path, [*back[:3], ("deposit", number[1])], 200)
    assert "已退还" in clerk.page
    charge = [token, ("trade", trade), ("lot", "1"), ("payer", "winner"), ("name", "甲公司"), ("amount", "100万")]
    await clerk.send("/console/charges", [*charge, ("do", "make")], 400)
    assert "尚无成交确认或结果" in clerk.page and "请先在交易页办理" in clerk.page


SECRETS = ("丙公司", "丁公司", "20,000.00", "BH-7788")


async def test_nothing_tells_who_bids_or_how_many_before_the_deadline_and_all_pages_do_after_it(world: Any) -> None:
    clerk = await world()
    trade = await clerk.register(OTHER, project_name="示例项目", **VOLUNTARY)
    await clerk.act(trade, OTHER, "notice", bid_deadline=clerk.moment(22))
    path, of_trade = "/console/deposits", f"/console/deposits?trade={trade}"
    logged, shown = await clerk.node.store.read(all_logs), await clerk.get(of_trade)
    token = ("csrf", clerk.browser.token(shown))
    given = [token, ("trade", trade), ("lot", "1"), ("purpose", "bid"), ("amount", "20000"), ("do", "take")]
    given += [("paid_at", "2025-11-24 10:00")]
    letter = [("form", "guarantee"), ("document_no", "BH-7788"), ("issuer", "某银行"), ("expires_on", "2025-12-05")]
    await clerk.send(path, [*given, ("name", "丙公司"), ("form", "transfer")], 200)
    await clerk.send(path, [*given, ("name", "丁公司"), *letter], 200)
    assert "丁公司" in clerk.page and "丙公司" not in clerk.page
    bids_path = f"/console/trades/{trade}/bids"
    await bid(clerk, bids_path, b"age-encryption.org/v1\n-> X25519 abc" + bytes(300), name="丙公司")
    pages = [path, of_trade, bids_path, "/console", "/console/trades", "/console/trades.csv", "/console/charges"]
    pages += [f"/console/trades/{trade}", f"/console/trades/{trade}/bids_received", f"/console/charges?trade={trade}"]
    pages += ["/console/failures", "/console/drafts", "/console/venues", f"/trades/{trade}", "/account", "/status"]
    pages += [f"/console/trades/{trade}/print", "/console/print/today", "/console/print/deposits"]
    pages += [f"/console/print/deposits?trade={trade}", "/console/quality", f"/api/trades/{trade}", "/metrics"]
    for each in pages:
        _, page = await clerk.browser.get(each)
        assert not [word for word in SECRETS if word in page], each
    # Neither the log's size nor a counter says that something came.
    assert await clerk.node.store.read(all_logs) == logged
    assert not re.search(r'route="/console/', page)
    ending = OTHER.act("bids_received")
    assert ending is not None
    await clerk.fill(f"/console/trades/{trade}/bids_received", ending.fields, {"bidders": 2}, status=400)
    assert "尚未到投标截止时间" in clerk.page
    await clerk.forward(22.1)
    for each in (of_trade, f"/console/trades/{trade}"):
        page = await clerk.get(each)
        assert "丙公司" in page and "丁公司" in page, each
    assert "BH-7788" in await clerk.get(path)
    for each in ("/console/print/deposits", f"/console/print/deposits?trade={trade}"):
        page = await clerk.get(each)
        assert "丙公司" in page and "2 · 40,000.00" in page, each
    deposit = re.search(r'name="deposit" value="([0-9a-f]+)"', await clerk.get(of_trade))
    assert deposit
    token = ("csrf", clerk.browser.token(clerk.page))
    await clerk.send(path, [token, ("trade", trade), ("deposit", deposit[1]), ("version", "1"), ("do", "return")])
    assert await clerk.node.store.read(all_logs) != logged


async def closed(clerk: Clerk) -> str:
    trade = await clerk.register(OTHER, project_name="示例项目", **VOLUNTARY)
    await clerk.act(trade, OTHER, "notice", bid_deadline=clerk.moment(22))
    await clerk.forward(22.1)
    await clerk.act(trade, OTHER, "bids_received", bidders=3)
    await clerk.act(trade, OTHER, "result", winners=[{"name": "甲公司"}], amount=900_000_00)
    return trade


async def test_a_charge_is_made_on_the_result_whatever_is_typed_and_once_for_a_side(world: Any) -> None:
    clerk = await world()
    trade = await closed(clerk)
    clerk.node.rules.hold_tables([table("fees", {"fee": [fee()]})], "2026-01-01")
    page = await clerk.get(f"/console/charges?trade={trade}")
    assert "900,000.00" in page and "甲公司" in page and 'name="amount"' not in page
    given = [*FormPage(page).fields, ("payer", "winner"), ("amount", "9亿"), ("base", "1"), ("base_fen", "1")]
    given = [each for each in given if each != ("payer", "owner")]
    await clerk.send("/console/charges", [*given, ("do", "make")])
    page = await clerk.get(f"/console/charges?trade={trade}")
    assert "9,000.00" in page and "甲公司" in page
    receipt = re.search(r"/console/print/charges/[0-9a-f]{32}", page)
    assert receipt
    page = await clerk.get(receipt[0])
    assert "收费单" in page and "9,000.00" in page and "示例价〔2025〕1号" in page and "（盖章）" in page
    await clerk.get(f"/console/print/charges/{'0' * 32}", 404)
    typed = [(name, "另一公司" if name == "name" else text) for name, text in given]
    await clerk.send("/console/charges", [*typed, ("do", "make")], 400)
    assert "已向该方计收" in clerk.page


async def bid(clerk: Clerk, path: str, content: bytes, status: int = 200, **fields: str) -> str:
    """The form with a file, as a browser sends it; gives the receipt shown."""
    form = aiohttp.FormData()
    given = {"csrf": clerk.browser.token(await clerk.get(path)), "lot": "1", "do": "receive", **fields}
    for name, text in given.items():
        form.add_field(name, text)
    form.add_field("file", content, filename="bid.age", content_type="application/octet-stream")
    cookie = "; ".join(f"{name}={value}" for name, value in clerk.browser.cookies.items())
    async with clerk.browser.client.post(path, data=form, headers={"Cookie": cookie}) as answer:
        clerk.page = await answer.text()
        assert answer.status == status, problems(clerk.page) or clerk.page[:2000]
    return dict(FormPage(clerk.page.split('enctype="multipart')[0].rpartition("<form")[0]).fields).get("receipt", "")


async def test_a_bid_comes_in_its_receipt_is_shown_once_and_the_end_of_bidding_knows_it(world: Any) -> None:
    clerk = await world()
    trade = await clerk.register(OTHER, project_name="示例项目", **VOLUNTARY)
    await clerk.act(trade, OTHER, "notice", bid_deadline=clerk.moment(22))
    path = f"/console/trades/{trade}/bids"
    logged = await clerk.node.store.read(all_logs)
    sealed = b"age-encryption.org/v1\n-> X25519 abc" + bytes(300)
    await bid(clerk, path, b"%PDF-1.7 open", 400, name="甲公司")
    assert "未加密" in clerk.page and "请用投标工具加密" in clerk.page and 'value="甲公司"' in clerk.page
    await bid(clerk, path, sealed, 400, name="")
    note = (await bid(clerk, path, sealed, name="甲公司", uscc="91350100M000100Y43")).strip() + "\n"
    receipt, _ = open_bid_receipt(note.encode(), [clerk.node.keys.custody.verifier])
    assert (receipt.bidder, receipt.size, receipt.form) == ("甲公司", len(sealed), "age")
    assert receipt.digest == hashlib.sha256(sealed).hexdigest()
    other = open_bid_receipt(
        ((await bid(clerk, path, sealed, name="乙公司")).strip() + "\n").encode(),
        [clerk.node.keys.custody.verifier],
    )[0]
    assert "甲公司" not in clerk.page  # only the receipt just made
    for page in (path, f"/console/trades/{trade}", f"{path}?receipt={receipt.number}"):
        told = (await clerk.get(page)).replace(f"receipt={receipt.number}", "")  # its own address
        assert not any(each in told for each in ("甲公司", "乙公司", receipt.number, other.number)), page
    # The size of the log tells nobody that a bid came.
    assert await clerk.node.store.read(all_logs) == logged
    token = ("csrf", clerk.browser.token(await clerk.get(path)))
    await clerk.send(path, [token, ("do", "file"), ("receipt", note.replace("\n", "\r\n"))], 200)
    assert clerk.page == note and "attachment" in clerk.browser.last.headers["Content-Disposition"]
    await clerk.send(path, [token, ("do", "file"), ("receipt", note.replace("甲", "丙"))], 400)
    await clerk.send(path, [token, ("do", "withdraw"), ("number", receipt.number), ("of", "")], 400)
    assert "没有该投标" in clerk.page
    await clerk.send(path, [token, ("do", "withdraw"), ("number", other.number), ("of", "")], 200)
    assert "state withdrawn" in clerk.page
    await clerk.forward(22.1)
    await bid(clerk, path, sealed, 400, name="丙公司")
    assert "已过截止时间" in clerk.page
    shown = dict(FormPage(await clerk.get(f"/console/trades/{trade}/bids_received")).fields)
    assert shown["f.bidders"] == "1" and shown["f.bids.0.party.name"] == "甲公司"
    assert shown["f.bids.0.receipt"] == receipt.number and "乙公司" not in clerk.page


async def test_bids_are_taken_by_the_posts_of_their_act_with_the_forms_token_alone(world: Any) -> None:
    clerk = await world()
    trade = await clerk.register(OTHER, project_name="示例项目", **VOLUNTARY)
    path = f"/console/trades/{trade}/bids"
    await clerk.send(path, [("do", "withdraw"), ("number", "1")], 403)
    await clerk.get(f"/console/trades/{'0' * 32}/bids", 404)
    for account in ("zhao.min", "wang.fang"):
        await (await world(account)).get(path, 403)


async def test_the_register_is_asked_by_its_address_and_goes_home_as_a_table(world: Any) -> None:
    clerk = await world()
    for name in ("甲道路工程", "乙设备采购"):
        await clerk.register(OTHER, project_name=name, **VOLUNTARY)
    page = await clerk.get("/console/trades?words=道路&state=open")
    assert "甲道路工程" in page and "乙设备采购" not in page
    assert "没有这个选项" in await clerk.get("/console/trades?state=nonsense", 400)
    table = await clerk.get("/console/trades.csv?words=道路")
    assert "甲道路工程" in table and "乙设备采购" not in table and table.count("\r\n") == 2
    logs = await clerk.node.store.read(all_logs)
    assert [log.own for log in logs] == [True]
