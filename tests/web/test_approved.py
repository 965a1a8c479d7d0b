"""Lists of approved projects at their page: brought, faults named by cell, explained with a reason, exported."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from openpyxl import Workbook, load_workbook

from node.accounts import trail
from node.accounts.trail import Filter
from tests.web.persons import PASSWORD, Browser, Clock, serving

PATH = "/routing/approved"
DEPARTMENT = "重庆市住房城乡建设委员会"
HEADER = ["项目名称", "", "类别", "估算价（万元）", "资金性质", "采购内容", "批复日期"]
GOOD = ["巫山县红叶大道二期建设工程", "", "工程建设", "9000", "财政", "施工", "2025-10-01"]
FREE = ["某民营厂房工程", "", "工程建设", "9000", "民间", "施工", "2025-10-01"]
BAD = ["某桥", "", "工程建设", "很多", "财政", "施工", "2025-10-01"]
WORSE = ["某路", "", "修路", "1", "财政", "施工", "2025-10-01"]


@pytest.fixture(params=["hub", "supervision"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """A centre or a department, one who may bring lists, and one who may read."""
    clock = Clock()
    department = DEPARTMENT if request.param == "supervision" else ""
    async with serving(tmp_path / "n", clock, role=request.param, department=department) as (node, client):
        posts = (["acceptance"], ["archive"]) if request.param == "hub" else (["supervisor"], ["auditor"])
        browsers = []
        for account, roles in zip(("li.na", "wang.fang"), posts, strict=True):
            org = {"org": DEPARTMENT} if department else {}
            await node.accounts.add(account, account, roles, PASSWORD, **org)
            browser = Browser(client)
            assert await browser.log_in(account) == 303
            browsers.append(browser)
        yield node, clock, *browsers


def sheet(*rows: list[str]) -> bytes:
    book = Workbook()
    active = book.active
    assert active is not None
    for row in (HEADER, *rows):
        active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def bring(browser: Browser, data: bytes, name: str = "清单.xlsx") -> tuple[int, str]:
    _, page = await browser.get(PATH)
    form = aiohttp.FormData({"csrf": browser.token(page), "do": "bring", "category": ""}, quote_fields=False)
    if data:
        form.add_field("file", data, filename=name)
    cookie = "; ".join(f"{each}={value}" for each, value in browser.cookies.items())
    async with browser.client.post(PATH, data=form, headers={"Cookie": cookie, "Accept": "text/html"}) as answer:
        return answer.status, await answer.text()


async def test_a_list_is_brought_its_faults_are_named_by_cell_and_what_is_missing_is_explained(site: Any) -> None:
    node, clock, clerk, reader = site
    clock.now_ms += 1000
    status, page = await bring(clerk, sheet(GOOD, FREE, BAD, WORSE))
    assert status == 200 and "读取 4 行：新增 2，已有 0，未通过 2" in page
    assert ">D4<" in page and "不是金额" in page and ">C5<" in page and "修路" in page
    assert 'download="清单' in page
    assert "巫山县红叶大道二期建设工程" in page and "某民营厂房工程" not in page, "what an owner decides is not listed"
    clock.now_ms += 1000
    assert "新增 0，已有 2" in (await bring(clerk, sheet(GOOD, FREE)))[1]
    item = page.split('name="item" value="')[1].split('"')[0]
    token = clerk.token(page)
    explain = {"do": "explain", "item": item}
    status, page = await clerk.post(PATH, {**explain, "reason": " "}, token=token)
    assert status == 400 and "请写明理由" in page
    assert (await clerk.post(PATH, {**explain, "item": "0" * 64, "reason": "x"}, token=token))[0] == 400
    assert (await clerk.post(PATH, {**explain, "reason": "x" * 501}, token=token))[0] == 400
    assert (await clerk.post(PATH, {**explain, "reason": "已在省平台交易"}, token=token))[0] == 303
    assert "巫山县" not in (await clerk.get(PATH))[1]
    page = (await clerk.get(f"{PATH}?view=explained"))[1]
    assert "已在省平台交易" in page and "li.na" in page
    await node.projector.run()
    noted, _ = await node.store.read(lambda conn: trail.piece(conn, Filter(action="catalogue.explain")))
    (row,) = noted
    assert row["account"].startswith("li.na@") and (row["object"], row["detail"]) == (item, "已在省平台交易")
    # It stays explained when the lists are looked through again, until it is taken back.
    clock.now_ms += 1000
    assert (await clerk.post(PATH, {"do": "compare"}, token=token))[0] == 303
    assert "巫山县" not in (await clerk.get(PATH))[1]
    assert (await clerk.post(PATH, {**explain, "back": "1"}, token=token))[0] == 303
    assert "巫山县" in (await clerk.get(PATH))[1]
    status, page = await reader.get(PATH)
    assert status == 200 and "巫山县" in page and 'type="file"' not in page and 'name="item"' not in page
    assert (await reader.post(PATH, {"do": "compare"}, token=reader.token((await reader.get("/account"))[1])))[0] == 403


async def test_the_result_goes_home_and_the_template_comes_back_as_a_list(site: Any) -> None:
    _, clock, clerk, reader = site
    clock.now_ms += 1000
    await bring(clerk, sheet(["@大道工程", *GOOD[1:]]))
    status, text = await reader.get(f"{PATH}.csv")
    assert status == 200 and "'@大道工程" in text and "未找到" in text and "必须进场" in text
    cookie = "; ".join(f"{each}={value}" for each, value in clerk.cookies.items())
    async with clerk.client.get(f"{PATH}/template.xlsx", headers={"Cookie": cookie}) as answer:
        data = await answer.read()
    assert load_workbook(io.BytesIO(data)).worksheets[0]["A1"].value == "项目名称"
    assert "读取 1 行：新增 1" in (await bring(clerk, data))[1]


async def test_what_is_no_list_is_refused_with_what_to_do(site: Any) -> None:
    _, _, clerk, _ = site
    for data, name, words in (
        (b"", "", "请先选择"),
        (b"a,b\n1,2\n", "x.csv", "项目名称"),
        (b"PK\x03\x04 nonsense", "x.xlsx", "。"),
        (b"x", "x.pdf", "。"),
        ("项目名称,类别\n".encode() + "某路,工程建设\n".encode() * 5001, "x.csv", "5000"),
    ):
        status, page = await bring(clerk, data, name)
        assert status == 400 and 'role="alert"' in page and words in page, name
    stranger = Browser(clerk.client)
    assert (await stranger.get(PATH))[0] == 303
