"""axe-core in a real browser on the main pages, public and behind log-in: nothing serious, and keys find their way."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from node.rules import load_packaged
from tests.web.console.test_walk import construction, dated
from tests.web.console.walking import POSTS, Clerk
from tests.web.persons import PASSWORD, Clock, serving

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
PUBLIC = ("/", "/trades", "/trades?min=x", "/credit", "/entities", "/codes", "/disclosures", "/status", "/verify-help")
CONSOLE = (
    "",
    "/trades",
    "/trades?division=x&state=late",
    "/trades/new",
    "/drafts",
    "/venues",
    "/venues/free?from=2025-11-26T09:00&to=2025-11-26T11:00",
    "/venues/rooms",
    "/venues/day/2025-11-25",
    "/print/today",
    "/print/deposits",
    "/deposits",
    "/charges",
    "/failures",
    "/import?form=construction/register",
)
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


async def test_no_page_has_a_serious_fault(clerk: Clerk, browser: Browser) -> None:
    trade = await half_way(clerk)
    base = str(clerk.browser.client.make_url("")).rstrip("/")
    found: list[str] = []
    stranger = await browser.new_page(viewport=WIDE)
    await stranger.set_content("<html lang=en><title>t</title><main><h1>h</h1><input></main>")
    assert "label" in str(await faults(stranger, "a page with a fault"))
    for path in (*PUBLIC, f"/trades/{trade}", "/login", "/register", "/nowhere"):
        await stranger.goto(base + path)
        found += await faults(stranger, path)
    page = await _logged_in(browser, base)
    for path in (*CONSOLE, f"/trades/{trade}", f"/trades/{trade}/candidates", f"/trades/{trade}/print/2"):
        await page.goto(f"{base}/console{path}")
        found += await faults(page, f"/console{path}")
    await page.goto(f"{base}/routing/approved")
    found += await faults(page, "/routing/approved")
    for path in (
        f"/trades/{trade}/print",
        f"/venues/free?trade={trade}",
        f"/trades/{trade}/withdraw/5",
        f"/deposits?trade={trade}",
        f"/charges?trade={trade}",
        f"/trades/{trade}/bids",
    ):
        await page.goto(f"{base}/console{path}")
        found += await faults(page, f"/console{path}")
    await page.goto(f"{base}/account")
    found += await faults(page, "/account")
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


async def _logged_in(browser: Browser, base: str, viewport: Any = WIDE) -> Page:
    page = await browser.new_page(viewport=viewport)
    await page.goto(f"{base}/login?next=/console")
    await page.fill("[name=account]", "li.na")
    await page.fill("[name=password]", PASSWORD)
    await page.press("[name=password]", "Enter")
    assert page.url == f"{base}/console"
    return page
