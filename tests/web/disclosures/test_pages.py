"""A trade through its pages: what is disclosed, changed and withdrawn stays to be seen, what is not public never is."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from node.domain.record import Document, Draft, Party, Source
from node.domain.trades import TradeCandidates
from node.web import openapi
from tests.scenarios.net import Net, result
from tests.scenarios.test_trades import ANNA, registration
from tests.trading.bench import DAY

# What the interface's description says of the answer, held against every answer of these tests.
SHAPE = Draft202012Validator({"$ref": "#/components/schemas/Trade", "components": openapi.document("")["components"]})


@pytest.fixture
async def east(tmp_path):
    net = Net(tmp_path)
    running, *_ = await net.start("east", "hub", "national")
    running.clock = net.clock
    yield running
    await net.stop()


async def noticed(east):
    """A trade with its notice; gives its key, the notice's number and a way to do more."""
    desk, clock = east.node.desk, east.clock
    trade = (await desk.begin(ANNA, "工程建设", "", registration(), project_code="E5001030001")).trade

    async def act(what, days=0.0, corrects=0, **fields):
        clock.forward(hours=days * 24)
        return await desk.act(ANNA, trade, what, fields=fields, corrects=corrects)

    from node.domain.calendar import day_of

    notice = await act(
        "notice",
        content="第一行\n第二行",
        doc_from=day_of(clock()),
        doc_until=day_of(clock() + 6 * DAY),
        bid_deadline=clock() + 25 * DAY,
        opening_at=clock() + 25 * DAY,
        ceiling=48_000_000_00,
        security_asked=False,
    )
    return trade, notice.seq, act


async def told(east, trade):
    status, body = await east.get(f"/api/trades/{trade}")
    assert status == 200
    told = json.loads(body)
    SHAPE.validate(told)
    return told


async def test_a_change_is_shown_against_what_it_changed_field_by_field(east):
    trade, seq, act = await noticed(east)
    first = await act("correction", 1, corrects=seq, why="笔误", ceiling=47_000_000_00, content="第一行\n另一行")
    await act("correction", 1, corrects=seq, why="又一笔误", ceiling=46_000_000_00)
    shown = {each["seq"]: each for each in (await told(east, trade))["disclosures"]}
    changes = {each["label"]["zh"]: each for each in shown[first.seq]["changes"]}
    ceiling = next(each for label, each in changes.items() if "最高" in label)
    assert [ceiling["old"][0]["en"], ceiling["new"][0]["en"]] == ["CNY 48,000,000.00", "CNY 47,000,000.00"]
    content = changes["公告内容"]
    assert [content["old"], content["new"]] == [[{"zh": "第二行", "en": "第二行"}], [{"zh": "另一行", "en": "另一行"}]]
    (again,) = shown[first.seq + 1]["changes"]
    assert again["old"][0]["en"] == "CNY 47,000,000.00", "the second correction is held against the first"
    assert shown[seq]["changed_by"] == [first.seq, first.seq + 1] and shown[first.seq]["changes_act"] == seq
    page = await east.page(f"/trades/{trade}")
    assert "<del>48,000,000.00 元（4,800.00 万元）</del>" in page and "<ins>另一行</ins>" in page


async def test_what_was_withdrawn_stays_with_reason_time_and_publisher(east):
    trade, seq, _ = await noticed(east)
    east.clock.forward(hours=24)
    await east.node.desk.withdraw(ANNA, trade, seq, "误发")
    (shown,) = (await told(east, trade))["disclosures"]
    assert (shown["withdrawn"], shown["reason"]) == (True, "误发")
    assert shown["withdrawn_ms"] - shown["published_ms"] == DAY
    for path in (f"/trades/{trade}", "/disclosures", "/trades"):
        page = await east.page(path)
        assert "已撤回" in page and "招标公告" in page, path
    assert f"<del>{shown['name']['zh']}</del>" in await east.page(f"/trades/{trade}")
    rows = json.loads(await east.page("/disclosures.json?disclosure=trade_notice"))["rows"]
    assert [(row["state"], row["trade"]) for row in rows] == [("withdrawn", trade)]


async def test_the_strip_says_what_is_owed_by_when_and_by_which_clause(east):
    trade, _, act = await noticed(east)
    await act("bids_received", 25, bidders=3)
    await act("opening", 0.01, opened_at=east.clock(), place="第一开标室", bidders=3)
    ranked = [{"rank": 1, "party": {"name": "示例施工公司"}, "price": 1_00}]
    await act("evaluation", 1, completed_on="2025-12-21", candidates=ranked)
    shown = await told(east, trade)
    strip = {each["disclosure"]: each for each in shown["strip"]}
    assert list(strip) == ["trade_notice", "qualification_review", "result", "performance", "change"]
    assert strip["trade_notice"]["state"] == "done" and strip["performance"]["state"] == "none"
    (owed,) = [each for each in strip["result"]["owed"] if each["state"] == "owed"]
    assert owed["basis"] and owed["due_ms"] > east.clock() and owed["act"]["zh"] == "中标候选人公示"
    east.clock.forward(hours=30 * 24)
    late = {each["disclosure"]: each["state"] for each in (await told(east, trade))["strip"]}
    assert late["result"] == "late" and "逾期未公开" in await east.page(f"/trades/{trade}")
    assert [lot["stage"]["zh"] for lot in shown["lots"]] == ["已评标", "已评标"]


async def test_steps_inside_and_what_is_kept_back_are_never_shown(east):
    trade, _, _ = await noticed(east)
    page = await east.page(f"/trades/{trade}")
    assert "王先生" not in page and "项目登记" not in page and "估算" not in page
    assert [each["seq"] for each in (await told(east, trade))["disclosures"]] == [2]
    other = (await east.node.desk.begin(ANNA, "工程建设", "", registration())).trade
    for path in (f"/trades/{other}", f"/api/trades/{other}", f"/api/trades/{'0' * 32}", "/trades/x"):
        assert (await east.get(path))[0] == 404, "nothing of it is public yet"


async def test_an_acts_record_has_names_for_its_fields_and_leads_to_its_trade(east):
    trade, seq, _ = await noticed(east)
    (shown,) = (await told(east, trade))["disclosures"]
    page = await east.page(f"/records/{shown['record_id']}")
    assert f'href="/trades/{trade}#a{seq}"' in page and "开标时间" in page and "（北京时间）" in page


async def test_a_node_without_the_rules_shows_the_acts_and_says_so(east):
    trade, _, _ = await noticed(east)
    from node.domain.rulebook import Rulebook

    east.node.rules._book = Rulebook([])
    shown = await told(east, trade)
    assert shown["fault"] and shown["lots"] == shown["strip"] == []
    assert shown["disclosures"][0]["fields"]["ceiling"] == 48_000_000_00
    assert "本节点无法判断" in await east.page(f"/trades/{trade}")


async def test_imported_records_of_one_project_stand_on_one_page(east):
    said = {"project_code": "P/2025 1", "project_name": "示例桥梁"}
    await east.publish(result("P-01", title="示例桥梁中标结果", **said))
    body = TradeCandidates(
        category="工程建设",
        stage="中标候选人公示",
        title="示例桥梁候选人",
        project_name="示例 桥梁",
        owner=Party("示例建设单位"),
        published_on="2025-11-20",
    )
    await east.publish(Draft("trade.candidates", "c1", {"main": Document("c1", body, Source("test"))}, {"n": "c1"}))
    await east.node.projector.run()
    assert (await east.get("/projects/P%2F2025%201"))[0] == 200
    await east.node.quality.run()
    page = await east.page("/projects/P%2F2025%201")
    assert page.index("示例桥梁候选人") < page.index("示例桥梁中标结果"), "in the order of their days"
    assert "按项目名称归入" in page and "导入的事实" in page
    assert 'href="/projects/P%2F2025%201"' in await east.page("/disclosures?disclosure=result")
    assert (await east.get("/projects/none"))[0] == 404
