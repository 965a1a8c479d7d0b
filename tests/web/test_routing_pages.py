"""`/routing` for people, and codes for nodes: who may, what is shown, and a draft of a hand-over by one click."""

from __future__ import annotations

import json
from pathlib import Path

from node.domain.handover import Handover
from node.domain.record import Document, Draft, Source
from tests.web.api_node import EAST, served
from tests.web.persons import PASSWORD, Browser, Clock, serving

FACTS = {
    "project_name": "示例国道改建工程",
    "owner": {"name": "示例建设单位"},
    "division": "500103",
    "approval_level": "city",
    "mandatory": True,
    "estimate": 50_000_000_00,
}


def handover(to: str) -> Draft:
    body = Handover(
        id="1", to=to, category="工程建设", title="示例国道改建工程", at=1, facts=FACTS, decision={},
        reason_zh="应在市级平台", reason_en="it belongs to the city",
    )  # fmt: skip
    return Draft("trade.handover", "1", {"main": Document("1", body, Source("某中心"))}, {"n": "1"})


async def test_a_hand_over_becomes_a_draft_by_one_click(tmp_path: Path) -> None:
    async with serving(tmp_path / "node", Clock(), role="hub") as (node, client):
        browser = Browser(client)
        status, _ = await browser.get("/routing")
        assert status in (302, 303) and "/login" in browser.last.headers["Location"]  # type: ignore[union-attr]
        await node.accounts.add("anna", "安娜", ["acceptance"], PASSWORD)
        assert await browser.log_in("anna") in (302, 303)
        await node.publisher.publish([handover(node.settings.name)])
        await node.projector.run()
        status, page = await browser.get("/routing")
        assert status == 200 and "示例国道改建工程" in page and "全市矿业权出让" in page
        record = page.partition('name="handover" value="')[2][:32]
        status, _ = await browser.post("/console/trades/new", {"handover": record}, token=browser.token(page))
        assert status == 303, status
        assert browser.last is not None
        status, page = await browser.get(browser.last.headers["Location"])
        assert status == 200 and "示例国道改建工程" in page and "示例建设单位" in page
        _, page = await browser.get("/routing")
        assert "已生成草稿" in page and 'name="handover"' not in page


NO_REQUESTS = (
    b"",
    b"{}",
    b"[]",
    b'{"request": "a b", "class": "A01"}',
    b'{"request": "a", "class": "x"}',
    b"\xff",
    b"1",
)


async def test_only_an_enrolled_node_below_gets_a_code_and_the_same_for_one_request(tmp_path: Path) -> None:
    async with served(tmp_path, platform_uscc="91350100M000100Y43") as node:
        for wrong in NO_REQUESTS:
            headers = node.signed("POST", "/api/codes/unified", wrong)
            assert (await node.client.post("/api/codes/unified", data=wrong, headers=headers)).status == 400, wrong
        body = json.dumps({"request": "lot-1", "class": "A01", "subject": "某标段"}).encode()
        assert (await node.client.post("/api/codes/unified", data=body)).status == 401
        codes = []
        for _ in range(2):
            headers = node.signed("POST", "/api/codes/unified", body)
            answer = await node.client.post("/api/codes/unified", data=body, headers=headers)
            assert answer.status == 200, await answer.text()
            codes.append((await answer.json())["code"])
        assert codes[0] == codes[1]
        (row,) = await node.hub.store.read(
            lambda conn: conn.exec_driver_sql("select asker, subject from code_issued").all()
        )
        assert tuple(row) == (EAST, "某标段")
        other = json.dumps({"request": "lot-1", "class": "A02"}).encode()
        headers = node.signed("POST", "/api/codes/unified", other)
        assert (await node.client.post("/api/codes/unified", data=other, headers=headers)).status == 409
