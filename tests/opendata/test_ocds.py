"""Releases and records are valid OCDS 1.1 and say what the record says, for imported notices and for acts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft4Validator, FormatChecker

from node import resources
from node.domain.acts import Act, Attached
from node.domain.record import Amount, Document, Party, Source
from node.domain.trades import Candidate, TradeCandidates, TradeListing, TradeNotice
from node.importing.facts import Context
from node.importing.kinds import Adapter, import_kind
from node.importing.rows import Row
from node.opendata import packages
from node.opendata.ocds import Said, identity, ocid, release
from tests.projections.world import NOW_MS, result

PREFIX, URL = "ocds-abc123", "https://hub.example"
TRADE = "0199a0b1c2d37e4f8a9b0c1d2e3f4a5b"
OWNER = Party("渝中区建设局", "11500103009271235X")
WINNER = Party("示例建设集团有限公司", "91350100M000100Y43", True)
VALID = Draft4Validator(packages.schema(), format_checker=FormatChecker())


def said(body: Any, kind: str = "trade.result", version: int = 1, **document: Any) -> Said:
    source = Source("来源", "https://source.example/1")
    return Said("east/1", "ab" * 16, version, kind, NOW_MS, Document(key="k", body=body, source=source, **document))


def made(body: Any, kind: str = "trade.result", **more: Any) -> dict[str, Any]:
    found = json.loads(json.dumps(release(said(body, kind, **more), prefix=PREFIX, url=URL)))
    assert [error.message for error in VALID.iter_errors(found)] == []
    return found


def act(name: str = "notice", disclosure: Any = "trade_notice", **more: Any) -> Act:
    values: dict[str, Any] = {
        "trade": TRADE,
        "seq": 3,
        "category": "工程建设",
        "act": name,
        "rules": "construction@1",
        "at": NOW_MS,
        "title": "道路改造工程",
        "disclosure": disclosure,
        "fields": {"owner": {"name": "渝中区建设局", "uscc": ""}, "estimate": 123_45},
    }
    return Act(**(values | more))


def test_a_result_names_the_winner_the_price_and_where_to_verify() -> None:
    found = made(result(owner=OWNER))
    assert found["ocid"] == "ocds-abc123-E-2025-001" and found["tag"] == ["award"]
    (award,) = found["awards"]
    assert award["value"] == {"amount": 20_797_381.58, "currency": "CNY"} and award["status"] == "active"
    supplier = next(each for each in found["parties"] if "supplier" in each["roles"])
    assert supplier["identifier"]["id"] == "91350100M000100Y43" and supplier["details"] == {
        "identifierJoinedByName": True
    }
    assert award["suppliers"] == [{"id": supplier["id"], "name": supplier["name"]}]
    urls = {each["documentType"]: each["url"] for each in found["tender"]["documents"]}
    assert urls["x_signedRecord"] == f"{URL}/records/{'ab' * 16}?version=1"
    assert urls["x_receipt"].startswith(f"{URL}/api/records/{'ab' * 16}/receipt")
    assert urls["x_source"] == "https://source.example/1"
    assert found["date"] == "2025-11-20T00:00:00+08:00" and found["tender"]["mainProcurementCategory"] == "works"


def test_a_rent_or_a_sentence_is_no_value() -> None:
    for amount in (Amount("55.6887万元/年", 55_688_700, "年"), Amount("下浮率20.50%"), None):
        assert "value" not in made(result(amount=amount))["awards"][0]


def test_candidates_are_tenderers_and_the_first_is_a_pending_award() -> None:
    ranked = [Candidate(2, Party("乙")), Candidate(1, WINNER, Amount("100元", 10_000))]
    body = TradeCandidates(category="工程建设", stage="中标候选人公示", title="候选人", candidates=ranked)
    found = made(body, "trade.candidates")
    assert [each["name"] for each in found["tender"]["tenderers"]] == ["乙", WINNER.name]
    assert found["awards"][0]["status"] == "pending" and found["awards"][0]["value"]["amount"] == 100
    assert found["ocid"].endswith("ab" * 16), "nothing but the record itself names this trade"


def test_notices_and_listings() -> None:
    notice = TradeNotice(
        category="政府采购", stage="公告", title="采购", amount=Amount("1元", 100), opens_at="2026-03-17T09:00"
    )
    found = made(notice, "trade.notice")
    assert found["tag"] == ["tender"] and found["tender"]["tenderPeriod"] == {"endDate": "2026-03-17T09:00:00+08:00"}
    assert "mainProcurementCategory" not in found["tender"]
    awarded = made(
        TradeNotice(category="政府采购", stage="中标", title="采购", winners=[WINNER]), "trade.notice", version=2
    )
    assert awarded["tag"] == ["awardUpdate"] and awarded["id"].endswith("-2")
    listing = TradeListing(category="国有产权", stage="挂牌", title="房产", amount=Amount("9元", 900))
    assert made(listing, "trade.listing")["tender"]["minValue"]["amount"] == 9


def test_a_withdrawn_record_is_a_cancellation_with_its_reason() -> None:
    found = made(result(), status="withdrawn", reason="重复发布", version=2)
    assert found["tag"] == ["tenderCancellation"] and "awards" not in found
    assert (found["tender"]["status"], found["tender"]["description"]) == ("withdrawn", "重复发布")


@pytest.mark.parametrize(
    ("name", "disclosure", "tag"),
    [
        ("notice", "trade_notice", "tender"),
        ("prequalification", "qualification_review", "tenderUpdate"),
        ("result", "result", "award"),
        ("contract", "performance", "contract"),
        ("change", "change", "tenderAmendment"),
        ("failed", "change", "tenderCancellation"),
    ],
)
def test_acts_by_what_they_disclose(name: str, disclosure: str, tag: str) -> None:
    fields = {"owner": {"name": "甲", "uscc": ""}, "winners": [{"name": "乙", "uscc": ""}], "price": 100_01}
    papers = [
        Attached("文件.pdf", "ab" * 32, 9, "application/pdf"),
        Attached("内部.pdf", "cd" * 32, 9, audience="shared"),
    ]
    body = act(name, disclosure, fields=fields, lots=["1"], attachments=papers)
    found = made(body, "trade.act")
    assert found["tag"] == [tag] and found["ocid"] == f"{PREFIX}-{TRADE}" and found["buyer"]["name"] == "甲"
    titles = [each["title"] for each in found["tender"]["documents"]]
    assert "文件.pdf" in titles and "内部.pdf" not in titles
    if tag == "award":
        assert found["awards"][0]["suppliers"][0]["name"] == "乙" and found["awards"][0]["value"]["amount"] == 100.01
    if tag == "contract":
        assert found["contracts"][0]["awardID"] == f"{TRADE}-1-award"


def test_a_withdrawn_act_cancels_what_it_told_and_not_the_trade() -> None:
    fields = {"winners": [{"name": "乙", "uscc": ""}], "amount": 100}
    found = made(act("result", "result", fields=fields), "trade.act", status="withdrawn", reason="笔误", version=2)
    assert found["tag"] == ["awardCancellation"] and found["awards"][0]["status"] == "cancelled"
    assert found["tender"]["amendments"][0]["rationale"] == "笔误" and "status" not in found["tender"]
    notice = made(act(), "trade.act", status="withdrawn", reason="笔误", version=2)
    assert notice["tag"] == ["tenderAmendment"] and notice["tender"]["status"] == "planned"
    ended = made(act("terminated", "change"), "trade.act", status="withdrawn", reason="笔误", version=2)
    assert ended["tender"]["status"] == "active"
    signed = made(act("contract", "performance"), "trade.act", status="withdrawn", reason="笔误", version=2)
    assert signed["tag"] == ["contractTermination"] and signed["contracts"][0]["status"] == "cancelled"


def test_what_the_record_repeats_of_its_trade_is_told_too() -> None:
    context = {
        "owner": {"name": "甲"},
        "method": "invited",
        "object": "goods",
        "lots": [{"number": "2", "name": "二包"}],
    }
    body = act(category="政府采购", context=context, lots=["2"], fields={"bid_deadline": NOW_MS, "ceiling": 5_00})
    tender = made(body, "trade.act")["tender"]
    assert (tender["procurementMethod"], tender["mainProcurementCategory"]) == ("selective", "goods")
    assert tender["items"] == [{"id": "2", "description": "二包"}] and tender["value"]["amount"] == 5
    sold = made(act(category="矿业权", fields={"start_price": 5_00}), "trade.act")["tender"]
    assert sold["minValue"]["amount"] == 5 and "value" not in sold


def test_identity_is_the_trade_then_the_project_then_the_record() -> None:
    assert identity(said(act(), "trade.act")) == TRADE
    assert identity(said(result(project_code="", section_code="渝 01"))) == identity(said(result(project_code="渝 01")))
    assert identity(said(result(project_code="", section_code=""))) == "ab" * 16


def test_a_record_is_what_its_releases_come_to() -> None:
    notice = TradeNotice(
        category="工程建设", stage="公告", title="道路", project_code="E-2025-001", published_on="2025-10-01"
    )
    both = [made(result(owner=OWNER)), made(notice, "trade.notice")]
    record = packages.record(both)
    compiled = record["compiledRelease"]
    assert [error.message for error in VALID.iter_errors(compiled)] == []
    assert compiled["tag"] == ["compiled"] and compiled["awards"] and compiled["tender"]["status"] == "complete"
    assert [each["tag"] for each in record["releases"]] == [["tender"], ["award"]]
    assert ocid(said(result()), PREFIX) == record["ocid"]


@pytest.mark.parametrize("name", ["results", "candidates", "notices", "mining"])
def test_every_row_of_the_sample_is_a_valid_release(name: str) -> None:
    kind = {"results": "result", "candidates": "candidates"}.get(name, "notice")
    adapter = Adapter(import_kind(kind), Context(file_name=name, as_of="", as_of_given=False))
    lines = (resources.samples_dir() / f"{name}.jsonl").read_text("utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        draft = adapter.adapt(Row(number, json.loads(line), raw={}))
        found = release(
            Said("east/1", "ab" * 16, 1, draft.kind, NOW_MS, draft.sections["main"]), prefix=PREFIX, url=URL
        )
        assert [error.message for error in VALID.iter_errors(json.loads(json.dumps(found)))] == [], number
        assert found["tender"]["title"]
