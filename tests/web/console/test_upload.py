"""Large files through a form in a real browser: cut in the middle, the page reloaded, gone on with, given up."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route, async_playwright

from node.attachments.rows import uploads
from tests.web.console.walking import POSTS, Clerk, FormPage
from tests.web.persons import PASSWORD, Clock, serving
from tests.web.test_accessibility import CHROMIUM, FLAGS, faults

FORM = "/console/trades/new/other"
MIB = 1 << 20
SIZE = 100 * MIB

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture
async def clerk(tmp_path: Path) -> AsyncIterator[Clerk]:
    clock = Clock()
    async with serving(tmp_path / "n", clock) as (node, client):
        await node.accounts.add("li.na", "李娜", list(POSTS), PASSWORD)
        yield await Clerk(node, client, clock).log_in("li.na")


@pytest.fixture
async def page(clerk: Clerk) -> AsyncIterator[Page]:
    base = str(clerk.browser.client.make_url("")).rstrip("/")
    async with async_playwright() as made:
        browser = await made.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = await browser.new_context(base_url=base, locale="zh-CN")
        cookies = clerk.browser.cookies.items()
        await context.add_cookies([{"name": name, "value": value, "url": base} for name, value in cookies])
        yield await context.new_page()
        await browser.close()


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A drawing of 100 MiB: a PDF by its first bytes, and no two of its pieces the same."""
    file = tmp_path / "总平面图.pdf"
    with file.open("wb") as out:
        out.write(b"%PDF-1.7\n".ljust(MIB, b"\x01"))
        for number in range(1, SIZE // MIB):
            out.write(bytes([number]) * MIB)
    return file


class Line:
    """What goes up, piece by piece; after `most` pieces the line is cut."""

    def __init__(self, most: int) -> None:
        self.most, self.sent = most, 0
        self.cut = asyncio.Event()

    async def carry(self, route: Route) -> None:
        if route.request.method == "PATCH":
            if self.sent >= self.most:
                self.cut.set()
                await route.abort("internetdisconnected")
                return
            self.sent += 1
        await route.continue_()


async def choose(page: Page, file: Path) -> None:
    await page.set_input_files("#new-file", file)
    await page.click("#send-file")


async def kept(clerk: Clerk) -> int:
    """How many uploads are begun."""
    return len(await clerk.node.store.read(lambda conn: conn.execute(uploads.select()).all()))


async def test_a_large_file_goes_on_after_a_cut_and_a_reload(clerk: Clerk, page: Page, plan: Path) -> None:
    first = Line(10)
    await page.route("**/files/uploads/*", first.carry)
    await page.goto(FORM)
    await choose(page, plan)
    await asyncio.wait_for(first.cut.wait(), 120)
    await page.wait_for_selector("text=恢复后自动续传")
    assert await faults(page, FORM) == []
    # The page is lost with everything that was going on in it; while it stands the line stays cut, for it tries again.
    await page.goto(FORM)
    await page.unroute("**/files/uploads/*")
    left = await page.inner_text("#upload-left")
    assert "总平面图.pdf（40.0 MiB / 100.0 MiB）" in left
    second = Line(1000)
    await page.route("**/files/uploads/*", second.carry)
    await choose(page, plan)
    await page.wait_for_selector("ul.files a:has-text('总平面图.pdf')", timeout=120_000)
    assert (first.sent, second.sent) == (10, 15), "nothing that was kept goes up twice"
    assert hashlib.sha256(await asyncio.to_thread(plan.read_bytes)).hexdigest() in await page.content()
    assert await page.evaluate("Object.keys(localStorage).length") == 0 and await kept(clerk) == 0
    draft = re.search(r"draft=([0-9a-f]{32})", page.url)
    assert draft
    fields = dict(FormPage(await clerk.get(f"{FORM}?draft={draft[1]}")).fields)
    assert fields["draft"] == draft[1] and "总平面图.pdf" in clerk.page


async def test_when_the_line_is_back_it_goes_on_by_itself(clerk: Clerk, page: Page, plan: Path) -> None:
    line = Line(3)
    await page.route("**/files/uploads/*", line.carry)
    await page.goto(FORM)
    await choose(page, plan)
    await asyncio.wait_for(line.cut.wait(), 120)
    line.most = 1000
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await page.wait_for_selector("ul.files a:has-text('总平面图.pdf')", timeout=120_000)
    assert line.sent == 25


async def test_an_upload_is_cancelled_and_one_left_over_is_given_up(clerk: Clerk, page: Page, plan: Path) -> None:
    for way in ("cancel", "give up"):
        line = Line(2)
        await page.route("**/files/uploads/*", line.carry)
        await page.goto(FORM)
        await choose(page, plan)
        await asyncio.wait_for(line.cut.wait(), 120)
        assert await kept(clerk) == 1
        if way == "cancel":
            await page.click("#upload-stop")
            await page.wait_for_selector("#upload", state="hidden")
        else:
            await page.goto(FORM)
            await page.click("#upload-left button")
        await page.wait_for_function("Object.keys(localStorage).length === 0")
        await page.wait_for_selector("#upload-left", state="hidden")
        await page.unroute("**/files/uploads/*")
        assert await kept(clerk) == 0, way


async def test_what_is_not_taken_is_said_beside_the_file_in_the_readers_language(
    clerk: Clerk, page: Page, tmp_path: Path
) -> None:
    program = tmp_path / "工具.pdf"
    program.write_bytes(b"MZ\x90\x00" + bytes(2000))
    for address, words in ((FORM, "请"), (f"{FORM}?lang=en", "PDF")):
        await page.goto(address)
        await choose(page, program)
        fault = page.locator("#upload-fault")
        await fault.wait_for(state="visible")
        assert words in await fault.inner_text()
        assert await page.get_attribute("#new-file", "aria-invalid") == "true"
    assert await kept(clerk) == 0


async def test_who_is_logged_out_is_told_and_keeps_what_came(clerk: Clerk, page: Page, plan: Path) -> None:
    line = Line(2)
    await page.route("**/files/uploads/*", line.carry)
    await page.goto(FORM)
    await choose(page, plan)
    await asyncio.wait_for(line.cut.wait(), 120)
    cookies: list[Any] = await page.context.cookies()
    await page.context.clear_cookies()
    line.most = 1000
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await page.wait_for_selector("#upload-fault:has-text('登录已失效')")
    await page.context.add_cookies(cookies)
    await page.click("#upload-again")
    await page.wait_for_selector("ul.files a:has-text('总平面图.pdf')", timeout=120_000)
    assert line.sent == 25


async def test_a_hash_that_was_never_uploaded_here_is_not_attached(clerk: Clerk) -> None:
    fields = FormPage(await clerk.get(FORM)).fields
    given = [*fields, ("do", "attach"), ("uploaded", "ab" * 32), ("uploaded_name", "别人的.pdf")]
    await clerk.send(FORM, given, 400)
    assert "尚未上传到本节点" in clerk.page
