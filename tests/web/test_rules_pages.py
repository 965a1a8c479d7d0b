from __future__ import annotations

import re
from pathlib import Path

import msgspec

from node.domain.record import Document, Draft, Source
from node.publishing import rules as publishing
from tests.web.persons import Clock, serving


async def test_rules_are_on_pages_with_clause_mark_and_difference(tmp_path: Path) -> None:
    async with serving(tmp_path / "n", Clock(), role="hub") as (node, client):
        first = node.rules.book.of("工程建设", "2025-11-25")
        assert first is not None
        clocks = [msgspec.structs.replace(first.clocks[0], value=77), *first.clocks[1:]]
        new = msgspec.structs.replace(first, version="2<b>", effective_from="2025-12-01", clocks=clocks)
        (outcome,) = await node.publisher.publish([publishing.draft(new, "中心", today="2025-11-25")])
        assert outcome.state == "published", outcome
        await node.projector.run()
        index = await (await client.get("/rules")).text()
        assert "即将生效" in index and "construction@2&lt;b&gt;" in index and "工程建设" in index
        page = await (await client.get("/rules/construction@1")).text()
        clock = first.clocks[0]
        assert clock.legal_basis in page and clock.zh in page
        assert ("未核实" in page) == any(not row.verified for row in (*first.clocks, *first.limits, *first.notices))
        changed = await client.get("/rules/diff", params={"from": first.name, "to": new.name})
        text = await changed.text()
        assert changed.status == 200 and f"<del>{clock.value}</del>" in text and "<ins>77</ins>" in text
        assert "<script" not in re.sub(r"<script src[^>]*></script>", "", text) and "<b>" not in text
        for address in ("/rules/construction@9", "/rules/nothing", "/rules/diff?from=x&to=construction@1"):
            assert (await client.get(address)).status == 404, address
        record = re.search(r'href="/records/([0-9a-f]{32})"', index)
        assert record is not None and (await client.get(f"/records/{record[1]}")).status == 200


async def test_rules_that_are_left_aside_fill_no_page_and_break_none(tmp_path: Path) -> None:
    """What an altered node issued, with all that a checking publisher refuses: each has its page, the list an end."""
    async with serving(tmp_path / "n", Clock(), role="hub") as (node, client):
        held = node.rules.by_day.program["fees"]
        (first, *_) = held.content["fee"]
        drafts = []
        for number, bands in enumerate([3, [[]], [{"upto": []}], ["<script>alert(1)</script>"]] * 30):
            content = {**held.content, "fee": [{**first, "bands": bands}]}
            body = msgspec.structs.replace(held, version=f"e{number}", zh="<script>" + "长" * 5000, content=content)
            main = Document(body.name, body, Source("x"))
            drafts.append(Draft("rule.table", body.name, {"main": main}, {"name": body.name}))
        assert all(each.error is None for each in await node.publisher.publish(drafts))
        await node.projector.run()
        index = await client.get("/rules")
        text = await index.text()
        assert index.status == 200 and text.count("<code>fees@e") == 100 and len(text) < 400_000
        assert "<script>" not in text and "长" * 301 not in text
        for number in range(4):
            page = await client.get(f"/rules/fees@e{number}")
            assert page.status == 200 and "<script>" not in await page.text()
        assert node.rules.by_day.on("fees", "2025-11-25") is held
