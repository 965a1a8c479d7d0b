"""Acts of each category become records that the standard takes; what they lack is said, not invented."""

from __future__ import annotations

from typing import Any

import pytest

from node.domain.acts import Act
from node.domain.engine import replay
from node.domain.faults import Fault
from node.domain.record import Amount, Document, Party, Source
from node.domain.trades import TradeCandidates, TradeListing, TradeNotice, TradeResult
from node.rules import load_packaged
from node.uplink import acts, held, legacy, lint, mapping
from node.uplink.shape import Numbers, Sender, moment, nature, region_of_party, yuan

DAY = 86_400_000
START = 1_764_000_000_000
OWNER = {"name": "示例建设单位", "uscc": "91500103MA5U4YJ27L"}
AGENCY = {"name": "示例代理公司", "uscc": "91500105MA5U4YJ27L"}
WINNER = {"name": "示例施工公司", "uscc": "91500106MA5U4YJ27L"}
REGISTER: dict[str, Any] = {
    "project_name": "示例道路工程",
    "owner": OWNER,
    "agency": AGENCY,
    "division": "500103",
    "mandatory": True,
    "estimate": 50_000_000_00,
    "method": "open",
    "content": "道路两公里",
    "lots": [{"number": "1", "name": "道路", "estimate": 30_000_000_00}, {"number": "2", "name": "桥梁"}],
}
RANKED = [{"rank": 1, "party": WINNER, "price": 40_000_000_00, "quality": "合格", "score": "92"}]
CONSTRUCTION: list[tuple[str, list[str], dict[str, Any]]] = [
    ("register", [], REGISTER),
    (
        "notice",
        [],
        {
            "content": "招标公告全文，共十个字以上",
            "doc_from": "2025-11-25",
            "doc_until": "2025-12-01",
            "bid_deadline": START + 25 * DAY,
            "opening_at": START + 25 * DAY,
            "security_asked": False,
        },
    ),
    (
        "bids_received",
        ["1"],
        {"bidders": 1, "bids": [{"party": WINNER, "received_at": START + 20 * DAY}]},
    ),
    ("opening", ["1"], {"opened_at": START + 25 * DAY, "place": "第一开标室", "prices": [{"party": WINNER}]}),
    (
        "candidates",
        ["1"],
        {"candidates": RANKED, "publicity_until": "2026-02-10", "content": "公示", "objection_channel": "向招标人"},
    ),
    ("result", ["1"], {"winners": [WINNER], "amount": 40_000_000_00, "winner_rank": 1, "content": "中标结果公告"}),
    (
        "contract",
        ["1"],
        {
            "name": "施工合同",
            "parties": [OWNER, WINNER],
            "amount": 40_000_000_00,
            "signed_on": "2026-01-10",
            "content": "要点",
        },
    ),
    ("completion", ["1"], {"finished_on": "2026-11-01", "settled": 41_000_000_00, "content": "已完工"}),
    ("failed", ["2"], {"reason": "投标人少于三个"}),
]
SETS = {
    "register": {"500", "501", "502"},
    "notice": {"503", "504"},
    "bids_received": set(),
    "opening": {"506", "507"},
    "candidates": {"510", "511"},
    "result": {"513"},
    "contract": {"512"},
    "completion": {"522"},
    "failed": {"517"},
}


def trade_of(category: str, package: str, rows: list[tuple[str, list[str], dict[str, Any]]], upto: int) -> list[Act]:
    book = load_packaged()
    rules = next(each for each in book.packages if each.id == package)
    made = []
    for seq, (name, lots, fields) in enumerate(rows[:upto], 1):
        rule = rules.act(name)
        assert rule is not None
        made.append(
            Act(
                trade="0" * 32,
                seq=seq,
                category=category,
                act=name,
                rules=rules.name,
                at=START + seq * 10 * DAY,
                title=f"示例道路工程 {rule.zh}",
                division="500103",
                lots=lots,
                fields=fields,
                disclosure=rule.disclosure,  # type: ignore[arg-type]
            )
        )
    return made


def judged(category: str, package: str, rows: list[tuple[str, list[str], dict[str, Any]]], upto: int) -> list[Fault]:
    made = trade_of(category, package, rows, upto)
    trade = replay(made, load_packaged())
    return lint.faults_of_act(made[-1], trade, division="500103", centre="渝中区公共资源交易中心")


@pytest.mark.parametrize("upto", range(1, len(CONSTRUCTION) + 1), ids=[row[0] for row in CONSTRUCTION])
def test_each_act_of_a_tender_is_taken(upto: int) -> None:
    found = judged("工程建设", "construction", CONSTRUCTION, upto)
    assert [(f.field, f.rule) for f in found if f.severity == "refuse"] == []
    assert all(fault.zh and fault.en for fault in found)


@pytest.mark.parametrize("upto", range(1, len(CONSTRUCTION) + 1), ids=[row[0] for row in CONSTRUCTION])
def test_each_act_becomes_its_sets_and_those_above(upto: int) -> None:
    made = trade_of("工程建设", "construction", CONSTRUCTION, upto)
    case = case_of(made)
    messages = mapping.of_case(held.packaged(), case, numbers(case), Sender(platform_code="1" * 18))
    numbers_made = [message.number for message in messages]
    if made[-1].act == "bids_received":
        assert messages == []  # nobody is named before bids are opened
        return
    own = SETS[made[-1].act]
    assert {number for number in numbers_made if number not in ("500", "501", "502") or own & {"500"}} == own
    # Parents before children, in the order in which they are sent.
    assert numbers_made[:2] == ["500", "501"]
    assert all(message.base == (message.number in ("500", "501", "502")) for message in messages)


def case_of(made: list[Act]) -> Any:
    trade = replay(made, load_packaged())
    return acts.case_of("b", made[-1], trade, held.packaged(), centre="中心", place="500103", url="https://x/1")


def numbers(case: Any) -> Numbers:
    lots = [lot["number"] for lot in case.lots]
    return Numbers("A" * 17, "A" * 20, {lot: f"{lot:>023}" for lot in lots}, {lot: f"{lot:>040}" for lot in lots})


def test_values_are_written_as_the_standard_asks() -> None:
    made = trade_of("工程建设", "construction", CONSTRUCTION, 7)
    case = case_of(made)
    fields = {m.number: m.fields for m in mapping.of_case(held.packaged(), case, numbers(case), Sender())}
    contract = fields["512"]
    assert contract["CONTRACT_PRICE"] == "40000000" and contract["PRICE_UNIT"] == "0"
    assert (contract["BIDDER_NAME"], contract["BIDDER_CODE"]) == (WINNER["name"], WINNER["uscc"])
    assert contract["CONTRACT_SIGN_TIME"] == "20260110000000"
    assert fields["502"]["BID_SECTION_NAME"] == "道路"  # the lot's name, not the contract's
    assert fields["500"]["PROJECT_NAME"] == "示例道路工程"


def test_a_correction_reaches_the_record_that_it_corrects() -> None:
    rows = [
        *CONSTRUCTION[:2],
        ("clarification", [], {"content": "延期", "affects": True, "bid_deadline": START + 40 * DAY}),
    ]
    made = trade_of("工程建设", "construction", rows, 3)
    trade = replay(made, load_packaged())
    case = acts.case_of("b", made[1], trade, held.packaged(), centre="", place="500103", url="")
    assert case.fields["bid_deadline"] == START + 40 * DAY


OTHER_TRADES: list[tuple[str, str, list[tuple[str, list[str], dict[str, Any]]], set[str]]] = [
    (
        "政府采购",
        "procurement",
        [
            ("register", [], REGISTER),
            ("notice", [], {"content": "采购公告", "bid_deadline": START + 30 * DAY}),
            ("result", ["1"], {"winners": [WINNER], "amount": 1_000_00, "content": "成交公告"}),
        ],
        {"550", "551", "553"},
    ),
    (
        "土地使用权",
        "land",
        [
            ("register", [], REGISTER | {"lots": [{"number": "1", "name": "一宗", "area": 12000, "years": 40}]}),
            (
                "notice",
                [],
                {"content": "出让公告", "bidding_from": START + 30 * DAY, "bidding_until": START + 40 * DAY},
            ),
            ("result", ["1"], {"winners": [WINNER], "amount": 9_000_000_00, "content": "成交公示"}),
        ],
        {"600", "601"},
    ),
    (
        "矿业权",
        "mining",
        [
            (
                "register",
                [],
                REGISTER | {"right": "exploration", "lots": [{"number": "1", "name": "一区", "area": 3, "years": 5}]},
            ),
            ("notice", [], {"content": "出让公告"}),
            ("result", ["1"], {"winners": [WINNER], "amount": 9_000_000_00, "content": "成交公示"}),
        ],
        {"650", "652"},
    ),
    (
        "国有产权",
        "property",
        [
            ("register", [], REGISTER | {"kind": "asset", "appraisal": 8_000_000_00}),
            (
                "notice",
                [],
                {
                    "content": "挂牌公告",
                    "from_on": "2025-12-01",
                    "until_on": "2025-12-28",
                    "price": 9_000_000_00,
                    "extend": True,
                },
            ),
            ("result", ["1"], {"winners": [WINNER], "amount": 9_000_000_00, "dealt_on": "2026-01-05"}),
        ],
        {"700", "701"},
    ),
    (
        "其他",
        "other",
        [
            ("register", [], REGISTER),
            ("notice", [], {"content": "公告"}),
            ("result", ["1"], {"winners": [WINNER], "content": "成交公示"}),
        ],
        {"1800", "1801"},
    ),
]


@pytest.mark.parametrize(("category", "package", "rows", "sets"), OTHER_TRADES, ids=[row[1] for row in OTHER_TRADES])
def test_the_other_categories_are_taken(
    category: str, package: str, rows: list[tuple[str, list[str], dict[str, Any]]], sets: set[str]
) -> None:
    seen: set[str] = set()
    for upto in range(1, len(rows) + 1):
        found = judged(category, package, rows, upto)
        assert [(f.field, f.rule) for f in found if f.severity == "refuse"] == [], rows[upto - 1][0]
        case = case_of(trade_of(category, package, rows, upto))
        seen |= {m.number for m in mapping.of_case(held.packaged(), case, numbers(case), Sender())}
    assert seen == sets


def test_a_missing_value_is_told_at_the_field_of_the_form() -> None:
    rows = [CONSTRUCTION[0], ("notice", [], {"content": "招标公告全文，共十个字以上", "doc_from": "2025-11-25"})]
    found = judged("工程建设", "construction", rows, 2)
    missing = {fault.field for fault in found if fault.rule == "NotNull"}
    assert {"doc_until", "bid_deadline", "opening_at"} <= missing


# --- records of former systems ---------------------------------------------------------------------------------------


def _sets(body: Any) -> tuple[str, ...]:
    return legacy.sets_of(body)


@pytest.mark.parametrize(
    ("body", "sets"),
    [
        (TradeResult(category="工程建设", stage="中标结果公告", title="某工程"), ("513",)),
        (TradeCandidates(category="工程建设", stage="中标候选人公示", title="某工程"), ("511", "510")),
        (TradeNotice(category="政府采购", stage="采购公告", title="某采购"), ("551",)),
        (TradeNotice(category="政府采购", stage="更正公告", title="某采购"), ("552",)),
        (TradeNotice(category="政府采购", stage="中标公告", title="某采购"), ("553",)),
        (TradeNotice(category="政府采购", stage="合同公告", title="某采购"), ("554",)),
        (TradeNotice(category="工程建设", stage="流标公告", title="某工程"), ("517",)),
        (TradeNotice(category="土地使用权", stage="出让公告", title="某地块"), ("600",)),
        (TradeNotice(category="土地使用权", stage="公告", title="某地块", winners=[Party("某公司")]), ("601",)),
        (TradeNotice(category="矿业权", stage="出让公告", title="某矿采矿权"), ("651",)),
        (TradeNotice(category="矿业权", stage="成交结果", title="某探矿权"), ("652",)),
        (TradeListing(category="国有产权", stage="挂牌披露", title="某公司30%股权"), ("750",)),
        (TradeListing(category="国有产权", stage="挂牌披露", title="房屋一套"), ("700",)),
        (TradeResult(category="国有产权", stage="成交", title="房屋一套"), ("701",)),
        (TradeNotice(category="其他", stage="公告", title="某交易"), ("1800",)),
        (TradeNotice(category="碳排放权", stage="公告", title="某交易"), ("",)),
    ],
)
def test_what_a_record_is_about_is_read_from_its_words(body: Any, sets: tuple[str, ...]) -> None:
    assert _sets(body) == sets


def test_an_imported_result_without_a_code_is_held_and_says_so() -> None:
    body = TradeResult(
        category="工程建设",
        stage="中标结果公告",
        title="某工程",
        division="500103",
        owner=Party("业主", OWNER["uscc"]),
        winners=[Party("某公司")],
        amount=Amount("", 100_00),
        published_on="2025-03-24",
    )
    found = lint.faults_of_document("0" * 32, Document("k", body, Source("来源", "https://x/1")))
    assert [(f.field, f.rule) for f in found if f.severity == "refuse"] == [("WIN_BIDDER_CODE", "NotNull")]


# --- values ----------------------------------------------------------------------------------------------------------


def test_money_moments_and_places() -> None:
    assert [yuan(fen) for fen in (0, 1, 10, 100, 123_456, -5)] == ["0", "0.01", "0.1", "1", "1234.56", "-0.05"]
    assert moment(START) == "20251125000000"  # midnight in Beijing
    assert region_of_party(OWNER["uscc"]) in ("", "500103")
    assert nature("12500103450000000X") == "6" and nature("91500103MA5U4YJ27L") == "9"


def test_the_desk_warns_of_what_would_be_refused_and_of_nothing_else() -> None:
    warn = lint.warnings_for("中心", "500103", "https://x")
    good = trade_of("工程建设", "construction", CONSTRUCTION, 2)
    assert warn(good[-1], replay(good, load_packaged())) == []
    rows = [CONSTRUCTION[0], ("notice", [], {"content": "招标公告全文，共十个字以上", "doc_from": "2025-11-25"})]
    bad = trade_of("工程建设", "construction", rows, 2)
    found = warn(bad[-1], replay(bad, load_packaged()))
    assert {fault.severity for fault in found} == {"warn"}
    assert ("bid_deadline", "national:NotNull") in {(fault.field, fault.rule) for fault in found}
