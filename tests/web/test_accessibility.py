"""axe-core in a real browser on the main pages, public and behind log-in: nothing serious, and keys find their way."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright
from sqlalchemy import Connection

from node.rules import load_packaged
from node.trading import venues
from tests.web.console.test_walk import construction, dated
from tests.web.console.walking import POSTS, Clerk
from tests.web.mine.parties import AGE, FIRM, OWNER, RIVAL, World
from tests.web.persons import PASSWORD, Clock, serving
from tests.web.test_supervision import HOUSES, department

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text("utf-8")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage"
).split()
GRAVE = ("serious", "critical")
RUN = """async () => (await axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  resultTypes: ["violations"],
})).violations.map(each => ({id: each.id, impact: each.impact, help: each.help,
  where: each.nodes.slice(0, 5).map(node => node.html.slice(0, 200))}))"""
RULES = ("", "/construction@1", "/fees@2016-03-14", "/holidays@2026", "/templates@1", "/diff?from=land@1&to=mining@1")
# Every page of a centre's node, by its route: the addresses that are looked at, and as whom. `{…}` are facts of the
# world below. A route that is in no list fails the test: a new page is looked at like the others.
STRANGER: dict[str, list[str]] = {
    "/": ["/"],
    "/trades": ["/trades", "/trades?min=x", "/trades?words=nothing"],
    "/trades/{trade}": ["/trades/{trade}", "/trades/{failed}"],
    "/records/{record_id}": ["/records/{record}", "/records/{withdrawn}"],
    "/projects/{code}": ["/projects/{code}"],
    "/credit": ["/credit"],
    "/entities": ["/entities"],
    "/codes": ["/codes"],
    "/disclosures": ["/disclosures"],
    "/open-data": ["/open-data"],
    "/rules": ["/rules"],
    "/rules/{rule}": ["/rules/construction@1"],
    "/rules/diff": ["/rules/diff?from=construction@1&to=construction@1"],
    "/services": ["/services"],
    "/fees": ["/fees"],
    "/status": ["/status"],
    "/verify-help": ["/verify-help"],
    "/login": ["/login"],
    "/register": ["/register"],
}
CLERK: dict[str, list[str]] = {
    "/console": ["/console"],
    "/console/trades": ["/console/trades", "/console/trades?division=x&state=late"],
    "/console/trades/new": ["/console/trades/new"],
    "/console/trades/new/{category}": ["/console/trades/new/construction", "/console/trades/new/property"],
    "/console/trades/{key}": ["/console/trades/{trade}", "/console/trades/{failed}"],
    "/console/trades/{key}/{act}": [
        "/console/trades/{trade}/candidates",
        "/console/trades/{trade}/result",
        "/console/trades/{trade}/correction",
        "/console/trades/{trade}/correction?corrects=2",
        "/console/trades/{trade}/objection",
        "/console/trades/{failed}/retender",
    ],
    "/console/trades/{key}/bids": ["/console/trades/{trade}/bids"],
    "/console/trades/{key}/print/{seq}": ["/console/trades/{trade}/print/2"],
    "/console/trades/{key}/withdraw/{seq}": ["/console/trades/{trade}/withdraw/5"],
    "/console/drafts": ["/console/drafts"],
    "/console/drafts/{id}": ["{draft}"],
    "/console/venues": ["/console/venues"],
    "/console/venues/free": ["/console/venues/free?trade={trade}"],
    "/console/venues/rooms": ["/console/venues/rooms"],
    "/console/venues/day/{day}": ["/console/venues/day/2025-11-25"],
    "/console/venues/bookings/{booking}": ["/console/venues/bookings/{booking}"],
    "/console/trades/{key}/print": ["/console/trades/{trade}/print"],
    "/console/print/today": ["/console/print/today"],
    "/console/print/deposits": ["/console/print/deposits"],
    "/routing/approved": ["/routing/approved"],
    "/console/deposits": ["/console/deposits", "/console/deposits?trade={trade}"],
    "/console/charges": ["/console/charges", "/console/charges?trade={trade}"],
    "/console/charges/report": ["/console/charges/report"],
    "/console/services": ["/console/services", "/console/services?state=late"],
    "/console/sites": ["/console/sites"],
    "/console/archive": ["/console/archive"],
    "/console/bindings": ["/console/bindings"],
    "/console/import": ["/console/import?form=construction/register"],
    "/account": ["/account"],
    "/routing": ["/routing"],
}
ADMINISTRATOR: dict[str, list[str]] = {
    "/accounts": ["/accounts"],
    "/console/failures": ["/console/failures"],
    "/uplink": ["/uplink"],
    "/quality": ["/quality"],
    "/quality/measures": ["/quality/measures"],
    "/quality/records": ["/quality/records?measure={measure}"],
}
DEPARTMENT: dict[str, dict[str, list[str]]] = {
    "zhou": {
        "/supervision": ["/supervision"],
        "/supervision/trades/{trade}": ["/supervision/trades/{trade}"],
        "/supervision/orders": ["/supervision/orders"],
        "/supervision/agencies": ["/supervision/agencies"],
    },
    "wu": {"/supervision/audit": ["/supervision/audit"]},
}
# Looked at by the tests below, which have what they show; a charge's paper is laid out as the others are.
ELSEWHERE = frozenset(
    "/rule-drafts /rule-drafts/{id} /mine /mine/bids /mine/bids/{number} /mine/credit /mine/deposits"
    " /mine/trades/{key} /console/print/charges/{id}".split()
)
NO_PAGES = frozenset(
    "/healthz /readyz /metrics /openapi.json /files/{sha256} /static/{name} /open-data/{file} /{name}.{format}"
    " /console/trades.{format} /console/import.xlsx /quality/records.csv"
    " /supervision/audit.csv /fees.csv /routing/approved.csv /routing/approved/template.xlsx"
    " /console/failures/imports/{id}.xlsx".split()
)
NO_PAGES_UNDER = ("/api/", "/tlog/", "/witness/", "/supervision")
NARROW, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture
async def clerk(tmp_path: Path) -> AsyncIterator[Clerk]:
    """A centre with a trade that was evaluated, and a clerk of all posts."""
    clock = Clock()
    async with serving(tmp_path / "n", clock, role="hub") as (node, client):
        await node.accounts.add("li.na", "李娜", list(POSTS), PASSWORD)
        await node.accounts.add("zhao.min", "赵敏", ["administrator"], PASSWORD)
        yield await Clerk(node, client, clock).log_in("li.na")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as made:
        found = await made.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        await found.close()


async def half_way(clerk: Clerk) -> str:
    """A construction trade up to its evaluation, through the pages."""
    package = next(each for each in load_packaged().packages if each.id == "construction")
    trade = ""
    for days, act, given in construction(clerk)[:5]:
        await clerk.forward(days)
        fields = dated(clerk, package, act, given)
        if not trade:
            trade = await clerk.register(package, project_name="城市更新配套道路及综合管廊工程", **fields)
        else:
            await clerk.act(trade, package, act, **fields)
    return trade


async def faults(page: Page, address: str) -> list[str]:
    """What axe finds grave on the page as it now is."""
    await page.evaluate(AXE)
    found: list[dict[str, Any]] = await page.evaluate(RUN)
    return [f"{address}: {each['id']}: {each['help']} {each['where']}" for each in found if each["impact"] in GRAVE]


async def test_no_page_has_a_serious_fault(clerk: Clerk, browser: Browser, tmp_path: Path) -> None:
    world = await made(clerk)
    routes = {each.resource.canonical for each in clerk.browser.client.app.router.routes() if each.method == "GET"}
    pages = {each for each in routes - NO_PAGES if not each.startswith(NO_PAGES_UNDER)}
    assert pages == {*STRANGER, *CLERK, *ADMINISTRATOR, *ELSEWHERE}, "every page is looked at: name it above"
    base = str(clerk.browser.client.make_url("")).rstrip("/")
    stranger = await browser.new_page(viewport=WIDE)
    await stranger.set_content("<html lang=en><title>t</title><main><h1>h</h1><input></main>")
    assert "label" in str(await faults(stranger, "a page with a fault"))
    found = await looked_at(stranger, base, [*_of(STRANGER, world), "/nowhere"], missing={"/nowhere"})
    found += await looked_at(await _logged_in(browser, base), base, _of(CLERK, world))
    found += await looked_at(await _logged_in(browser, base, account="zhao.min"), base, _of(ADMINISTRATOR, world))
    async with department(tmp_path / "s") as (_, client):
        there = str(client.make_url("")).rstrip("/")
        listed = {each.resource.canonical for each in client.app.router.routes() if each.method == "GET"}
        named = {*DEPARTMENT["zhou"], *DEPARTMENT["wu"]}
        assert {each for each in listed if each.startswith("/supervision")} - NO_PAGES == named, "name it above"
        for account, lists in DEPARTMENT.items():
            page = await _logged_in(browser, there, account=account, to="/supervision")
            found += await looked_at(page, there, _of(lists, {"trade": HOUSES}))
    assert found == []


async def test_no_page_of_a_party_has_a_serious_fault_wide_or_narrow(clerk: Clerk, browser: Browser) -> None:
    world = World(clerk.node, clerk.browser.client, clerk.clock)
    trade = await world.noticed(clerk)
    for login, role, org in (("anan", "bidder", FIRM), ("xiangmu", "owner", OWNER), ("xiehui", "association", RIVAL)):
        await world.party(login, role, org)
    await world.level()
    base = str(clerk.browser.client.make_url("")).rstrip("/")
    page = await _logged_in(browser, base, to="/console/bindings")
    await page.fill("#i-account", "anan@500103")
    await page.press("#i-account", "Enter")
    assert await page.inner_text("h2 >> nth=0") == "账号自述"
    found = await faults(page, "/console/bindings with an account")
    await page.check("[value=licence]")
    await page.click("button[value=note]")
    assert "已记录" in await page.inner_text("[role=status]")
    found += await faults(page, "/console/bindings")
    for viewport in (WIDE, NARROW):
        for login in ("anan", "xiangmu", "xiehui"):
            page = await _logged_in(browser, base, viewport, account=login, to="/mine")
            for path in ("", "/bids", "/deposits", "/credit", f"/trades/{trade}"):
                await page.goto(f"{base}/mine{path}")
                found += await faults(page, f"/mine{path} of {login}")
                assert await page.evaluate("document.documentElement.scrollWidth") == viewport["width"], path
            if login == "anan":
                bid = {
                    "name": "bid.age",
                    "mimeType": "application/octet-stream",
                    "buffer": AGE + viewport["width"].to_bytes(2),
                }
                await page.set_input_files("#i-file", bid)  # type: ignore[arg-type] # playwright's own shape of a file
                await page.click("button[value=receive]")
                assert "请下载并妥善保存" in await page.inner_text("[role=status]")
                found += await faults(page, "a bid that was handed in")
                await page.click("button[value=receive]")
                assert await page.get_attribute("#i-file", "aria-invalid") == "true"
                found += await faults(page, "a bid without a file")
            await page.context.clear_cookies()
    assert found == []


def _of(lists: dict[str, list[str]], world: dict[str, str]) -> list[str]:
    return [path.format(**world) for paths in lists.values() for path in paths]


async def looked_at(page: Page, base: str, paths: list[str], missing: Iterable[str] = ()) -> list[str]:
    """What is grave on pages, and what is wider than a telephone."""
    found = []
    for path in paths:
        answer = await page.goto(base + path)
        allowed = {404} if path in missing else {200, 400} if "=x" in path else {200}
        assert answer is not None and answer.status in allowed, (path, answer and answer.status)
        found += await faults(page, path)
        await page.set_viewport_size(NARROW)
        width = await page.evaluate("document.documentElement.scrollWidth")
        if width > NARROW["width"]:
            found.append(f"{path} is {width} wide on a screen of {NARROW['width']}")
        await page.set_viewport_size(WIDE)
    return found


async def made(clerk: Clerk) -> dict[str, str]:
    """A trade that was evaluated, one that failed, a withdrawn notice, a draft: what the addresses above name."""
    trade = await half_way(clerk)
    package = next(each for each in load_packaged().packages if each.id == "other")
    failed = await clerk.register(package, project_name="示例采购", mandatory=False, owner_decision="业主决定")
    for _ in range(2):
        await clerk.act(failed, package, "notice", bid_deadline=clerk.moment(20))
        await clerk.withdraw(failed, 2, "误发") if _ == 0 else None
    await clerk.act(failed, package, "failed", reason="无人报名")
    rule = next(each for each in load_packaged().packages if each.id == "construction").act("candidates")
    assert rule is not None
    held, records = await clerk.recorded(trade)
    values = clerk.values(rule, held.facts, {"publicity_until": clerk.day(4)})
    draft = await clerk.fill(f"/console/trades/{trade}/candidates", rule.fields, values)
    now, who = clerk.clock() // 60_000 * 60_000, f"li.na@{clerk.node.settings.division}"

    def booked(conn: Connection) -> int:
        room = venues.add_room(conn, venues.add_venue(conn, "市中心"), "开标一室", "opening")
        return venues.book(
            conn, room, now + 86_400_000, now + 90_000_000, account=who, now_ms=now, trade=trade, title="开标"
        )

    booking = await clerk.node.store.write(booked)
    await clerk.node.projector.run()
    _, others = await clerk.recorded(failed)
    record = next(each for each in records if each.act.act == "notice")
    return {
        "trade": trade,
        "failed": failed,
        "draft": draft,
        "booking": str(booking),
        "record": record.record_id.hex(),
        "withdrawn": next(each for each in others if each.withdrawn).record_id.hex(),
        "code": record.act.project_code,
        "measure": "timeliness",
    }


async def test_pages_of_rules_and_their_drafts(clerk: Clerk, browser: Browser) -> None:
    base = str(clerk.browser.client.make_url("")).rstrip("/")
    found: list[str] = []
    page = await browser.new_page(viewport=WIDE)
    for path in RULES:
        await page.goto(f"{base}/rules{path}")
        found += await faults(page, f"/rules{path}")
    for viewport in (WIDE, NARROW):
        drafting = await _logged_in(browser, base, viewport, account="zhao.min", to="/rule-drafts")
        found += await faults(drafting, "/rule-drafts")
        await drafting.click("#own tr:has-text('catalogue@') button")
        await drafting.fill("[name='r.row.3.threshold_fen']", "很多")
        await drafting.click("button[value='rows']")
        assert "处须改正" in await drafting.inner_text("#faults")
        found += await faults(drafting, "a draft with faults")
        await drafting.fill("[name='r.row.3.threshold_fen']", "500000000")
        await drafting.click("button[value='rows']")
        assert "500000000" in await drafting.inner_text("#changes")
        found += await faults(drafting, "a draft")
        assert await drafting.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    assert found == []


async def test_a_form_leads_to_its_faults_and_to_its_preview(clerk: Clerk, browser: Browser) -> None:
    """By keys alone: the summary has the focus, its link goes to the field; then the preview, on a narrow screen."""
    base = str(clerk.browser.client.make_url("")).rstrip("/")
    page = await _logged_in(browser, base, NARROW)
    await page.goto(f"{base}/console/trades/new/other")
    await page.fill("[name='f.estimate']", "12万")
    assert await page.inner_text("#f-estimate-sum") == "= 120,000.00 元（12.00 万元）"
    await page.press("[name='f.project_name']", "Enter")  # as a clerk may: it must not add a line
    assert await page.evaluate("document.activeElement.id") == "problems"
    assert await page.get_attribute("[name='f.project_name']", "aria-invalid") == "true"
    assert await faults(page, "a form with faults") == []
    await page.click("#problems a:has-text('项目名称')")
    assert await page.evaluate("document.activeElement.id") == "f-project_name"
    assert await page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    await page.fill("[name='f.project_name']", "示例项目")
    await page.fill("[name='f.owner.name']", "某某公司")
    await page.fill("[name='f.owner_decision']", "业主决定 2025 年第 1 号")
    await page.select_option("[name='f.division']", "500103")
    await page.select_option("[name='f.mandatory']", "0")
    await page.select_option("[name='f.method']", index=1)
    await page.press("[name='f.project_name']", "Enter")
    assert "/console/drafts/" in page.url, await page.inner_text("main")
    assert await faults(page, "a preview") == []


async def _logged_in(
    browser: Browser, base: str, viewport: Any = WIDE, *, account: str = "li.na", to: str = "/console"
) -> Page:
    context = await browser.new_context(viewport=viewport)
    page = await context.new_page()
    await page.goto(f"{base}/login?next={to}")
    await page.fill("[name=account]", account)
    await page.fill("[name=password]", PASSWORD)
    await page.press("[name=password]", "Enter")
    assert page.url == f"{base}{to}"
    return page
