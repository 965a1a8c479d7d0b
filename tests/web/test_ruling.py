"""Pages for drafting rules: a department takes its package from draft to publication; who may not; holidays loaded."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from node import provision
from node.app import Node, build
from node.domain.ruletext import dumps, plain
from node.store.tables import RecordView
from node.store.tables import table as rows_of
from tests import ruled
from tests.web.persons import CHEAP, PASSWORD, Browser, Clock, serving

DEPARTMENT = "重庆市发展改革委"


@asynccontextmanager
async def department(directory: Path, title: str = DEPARTMENT, **settings: Any) -> AsyncIterator[tuple[Node, Any]]:
    """A department's node below a hub, with two supervisors and an auditor."""
    made = provision.make_node(
        directory / "d",
        role="supervision",
        division="500000",
        title=title,
        department=title,
    )
    hub = provision.make_node(directory / "h", role="hub", division="500000", title="市公共资源交易中心")
    signer = provision.keyring.policy_signer(hub.settings.keys, hub.settings.name, create=True)
    node = Node(made.settings.model_copy(update=settings), clock=Clock(), password_cost=CHEAP)
    async with TestClient(TestServer(build(node, jobs=False))) as client:
        await node.trusted.adopt(
            [provision.first_policy("ggzy.example/cq", signer, [hub, made], {made.settings.name: hub.settings.name})]
        )
        for login, role, sectors in (
            ("zhou", "supervisor", []),
            ("qian", "supervisor", []),
            ("sun", "supervisor", ["水利"]),
            ("wu", "auditor", []),
        ):
            await node.accounts.add(login, login, [role], PASSWORD, sectors=sectors)
        yield node, client


class Fields(HTMLParser):
    """What the form with the button `do` holds, as a browser would send it."""

    def __init__(self, page: str, do: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._now: dict[str, str] = {}
        self._do, self._hit, self._area, self._select = do, False, "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "form":
            self._now, self._hit = {}, False
        elif tag == "input" and name and given.get("type") != "file":
            self._now[name] = given.get("value") or ""
        elif tag == "textarea":
            self._area, self._now[name] = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and ("selected" in given or self._select not in self._now):
            self._now[self._select] = given.get("value") or ""
        elif tag == "button" and given.get("value") == self._do:
            self._hit = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._hit:
            self.found = {name: text for name, text in self._now.items() if name != "csrf"}
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self._now[self._area] += data


class Desk:
    """One person at the pages of drafts."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.browser, self.page = Browser(client), ""

    async def log_in(self, account: str) -> Desk:
        assert await self.browser.log_in(account) == 303
        return self

    async def get(self, path: str, status: int = 200) -> str:
        found, self.page = await self.browser.get(path)
        assert found == status, (path, found, self.page[:2000])
        return self.page

    async def send(self, path: str, status: int = 303, **fields: str) -> str:
        token = self.browser.token((await self.browser.get(path))[1])
        found, self.page = await self.browser.post(path, fields, token=token)
        assert found == status, (path, found, re.findall(r'role="alert".*?</', self.page, re.S) or self.page[:2000])
        assert self.browser.last is not None
        return self.browser.last.headers.get("Location", "").partition("?")[0]

    async def press(self, path: str, do: str, status: int = 303, **typed: str) -> str:
        """Press a button of the page as it is, with something typed over."""
        return await self.send(path, status, **(Fields(await self.get(path), do).found | typed | {"do": do}))


async def test_a_department_drafts_corrects_signs_and_publishes_its_package(tmp_path: Path) -> None:
    async with department(tmp_path) as (node, client):
        zhou = await Desk(client).log_in("zhou")
        page = await zhou.get("/rule-drafts")
        assert "construction@1" in page and "procurement@1" in page
        own = page[page.index('id="own"') : page.index('id="others"')]
        assert "construction@1" in own and "procurement@1" not in own and "routing@2016-03-14" in own
        draft = await zhou.send("/rule-drafts", **{"from": "construction@1"})
        page = await zhou.get(draft)
        assert "construction@2" in page and "检查无误" in page and 'value="2025-11-26"' in page
        assert "沿用其开始时的版本" in page
        # A row that makes no sense is named, and keeps the draft from being published.
        cell = re.search(r'name="(r\.clocks\.\d+)\.value"', page)
        assert cell is not None
        await zhou.press(draft, "rows", **{f"{cell[1]}.value": "许多"})
        page = await zhou.get(draft)
        assert "应为 int" in page and "clocks id=" in page and 'value="publish"' not in page
        assert "int" in await zhou.get(f"{draft}?lang=en") and "thing" in zhou.page
        await zhou.get(f"{draft}?lang=zh")
        await zhou.press(draft, "publish", 422)
        assert "草稿有误" in zhou.page
        await zhou.press(
            draft, "rows", **{f"{cell[1]}.value": "33", f"{cell[1]}.tag": "S", "h.effective_from": "2025-12-01"}
        )
        page = await zhou.get(draft)
        assert "<ins>33</ins>" in page and "2025-12-01 起新登记的" in page
        assert await zhou.press(draft, "publish") == "/rule-drafts"
        assert node.rules.book.of("工程建设", "2025-11-30").version == "1"
        assert node.rules.book.of("工程建设", "2025-12-01").version == "2"
        view = rows_of(RecordView)
        kinds = await node.store.read(lambda conn: [row.kind for row in conn.execute(view.select())])
        assert "rule.package" in kinds
        await zhou.get(draft, 404)
        assert "将于 2025-12-01 生效" in await zhou.get("/rule-drafts")
        # Before its day it can be taken back, with a reason.
        await zhou.send("/rule-drafts", 400, do="withdraw", name="construction@2", reason="")
        await zhou.send("/rule-drafts", do="withdraw", name="construction@2", reason="条款有误")
        assert node.rules.book.of("工程建设", "2025-12-01").version == "1"
        await zhou.send("/rule-drafts", 404, do="withdraw", name="construction@1", reason="x")


async def test_who_may_not(tmp_path: Path) -> None:
    async with department(tmp_path) as (_, client):
        sun = await Desk(client).log_in("sun")
        await sun.send("/rule-drafts", 403, **{"from": "construction@1"})
        assert "监管行业" in sun.page
        zhou = await Desk(client).log_in("zhou")
        await zhou.send("/rule-drafts", 422, **{"from": "procurement@1"})
        assert "不会采用" in zhou.page
        draft = await zhou.send("/rule-drafts", **{"from": "routing@2016-03-14"})
        qian, wu = await Desk(client).log_in("qian"), await Desk(client).log_in("wu")
        await qian.get(draft, 404)
        await wu.get("/rule-drafts", 403)
        assert (await Browser(client).get("/rule-drafts"))[0] == 303
        assert (await zhou.browser.post(draft, {"do": "discard"}, token="0" * 64))[0] == 403
        await zhou.press(draft, "discard")
        await zhou.get(draft, 404)
    async with serving(tmp_path / "e", Clock()) as (node, client):
        await node.accounts.add("li", "李", ["administrator"], PASSWORD)
        assert (await (await Desk(client).log_in("li")).browser.get("/rule-drafts"))[0] == 404
        page = await (await client.get("/rules")).text()
        assert "本节点只能查阅" in page and "/rule-drafts" not in page


async def test_two_pairs_of_eyes_where_the_node_asks_for_them(tmp_path: Path) -> None:
    async with department(tmp_path, four_eyes="public") as (node, client):
        zhou, qian = await Desk(client).log_in("zhou"), await Desk(client).log_in("qian")
        draft = await zhou.send("/rule-drafts", **{"from": "catalogue@2018-06-01"})
        assert 'value="publish"' not in await zhou.get(draft)
        await zhou.send(draft, 403, do="publish")
        await zhou.press(draft, "submit")
        await zhou.send(draft, 403, do="approve")
        assert draft in await qian.get("/rule-drafts")
        await qian.press(draft, "return", 422)
        await qian.press(draft, "return", note="请写明依据")
        assert "请写明依据" in await zhou.get(draft)
        await zhou.press(draft, "submit")
        await qian.press(draft, "approve")
        await zhou.press(draft, "publish")
        assert node.rules.by_day.on("catalogue", "2025-11-26").version == "2025-11-26"
        assert node.rules.by_day.on("catalogue", "2025-11-25").version == "2018-06-01"


async def test_the_hub_loads_a_notice_of_holidays_and_the_warning_goes(tmp_path: Path) -> None:
    clock = Clock()
    clock.now_ms = 1_795_000_000_000  # 18 November 2026: the table ends with that year
    async with serving(tmp_path / "h", clock, role="hub") as (node, client):
        await node.accounts.add("li", "李", ["administrator"], PASSWORD)
        li = await Desk(client).log_in("li")
        assert "2027 年放假安排尚未发布或未载入" in await li.get("/rule-drafts")
        assert "2027 年放假安排" in await li.get("/rules") and "2027 年放假安排" in await li.get("/status")
        assert "holidays-missing: 2027" in await li.get("/readyz")
        wrong = dumps({"year": [ruled.year(2027, "2027-01-01", work=("2027-01-04",))]})
        await li.send("/rule-drafts", 400, do="holidays", text=wrong)
        assert "须为周六或周日" in li.page
        right = dumps({"year": [ruled.year(2027, "2027-01-01", "2027-01-04", work=("2027-01-09",))]})
        draft = await li.send("/rule-drafts", do="holidays", text=right)
        assert "2027 年内到期的期限将重算" in await li.get(draft)
        await li.press(draft, "publish")
        assert not node.rules.calendar.is_workday("2027-01-04") and node.rules.calendar.is_workday("2027-01-09")
        assert "放假安排尚未发布" not in await li.get("/rules")
        page = await li.get("/rules/holidays@2027")
        assert "2027-01-04" in page and "示例：关于2027年放假安排的通知" in page


UNREADABLE = dumps(plain(ruled.table("templates", {"template": [{"id": "t", "zh": "x"}]}, effective_from="2025-11-26")))


@pytest.mark.parametrize(
    "text",
    [
        "x = [",
        'sort = "fees"',
        "id = 3",
        "x = " + "[" * 5000,
        "x = " + "9" * 5000,
        "x = 1.5\ny = 2026-01-01",
        UNREADABLE,
    ],
)
async def test_a_text_that_is_no_rule_stays_a_draft_with_its_faults(tmp_path: Path, text: str) -> None:
    async with serving(tmp_path / "h", Clock(), role="hub") as (node, client):
        await node.accounts.add("li", "李", ["administrator"], PASSWORD)
        li = await Desk(client).log_in("li")
        draft = await li.send("/rule-drafts", text=text)
        page = await li.get(draft)
        assert "处须改正" in page and 'value="publish"' not in page
        if 'value="rows"' in page:
            await li.press(draft, "rows")
        table = ruled.table("fees", {"fee": [ruled.fee()]}, effective_from="2025-11-26")
        await li.press(draft, "text", text=dumps(plain(table)))
        await li.press(draft, "publish")
        assert node.rules.by_day.tariff("2025-11-26").fee[0].id == "w"
        assert node.rules.by_day.tariff("2025-11-25").fee[0].id != "w"
