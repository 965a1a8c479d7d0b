"""Data sets beside the main course of a trade: invitations, bidders, evaluations, objections, registrations, companies.

Each is taken as it is mapped, with every field that the standard asks for.
"""

from __future__ import annotations

from typing import Any

import pytest

from node.rules import load_packaged
from node.uplink import held, mapping
from node.uplink.shape import Sender
from tests.uplink.test_mapping import (
    AGENCY,
    CONSTRUCTION,
    DAY,
    OTHER_TRADES,
    RANKED,
    REGISTER,
    START,
    WINNER,
    case_of,
    judged,
    numbers,
    trade_of,
)

Rows = list[tuple[str, list[str], dict[str, Any]]]
NOTICE = CONSTRUCTION[1][2] | {"security_asked": False}
OPENING: tuple[str, list[str], dict[str, Any]] = (
    "opening",
    ["1"],
    {
        "opened_at": START + 25 * DAY,
        "place": "第一开标室",
        "prices": [{"party": WINNER, "price": 100, "duration": 30}, {"party": AGENCY, "rate": "九五折"}],
    },
)
BIDS: tuple[str, list[str], dict[str, Any]] = (
    "bids_received",
    ["1"],
    {
        "bidders": 2,
        "bids": [
            {"party": WINNER, "received_at": START + 20 * DAY},
            {"party": AGENCY, "received_at": START + 21 * DAY},
        ],
    },
)
TENDER: Rows = [
    ("register", [], REGISTER | {"qualification": "pre", "method": "invited"}),
    (
        "prequal_notice",
        [],
        {
            "content": "资格预审公告全文，共十个字以上",
            "doc_from": "2025-11-25",
            "doc_until": "2025-12-01",
            "deadline": START + 30 * DAY,
            "opens_at": START + 30 * DAY,
        },
    ),
    ("prequal_clarification", [], {"content": "澄清", "affects": True}),
    ("notice", [], NOTICE | {"invited": [WINNER, AGENCY], "reply_until": START + 30 * DAY}),
    BIDS,
    OPENING,
    (
        "evaluation",
        ["1"],
        {
            "completed_on": "2025-12-30",
            "report": "评标报告",
            "candidates": RANKED,
            "rejected": [{"party": AGENCY, "reason": "未响应"}],
        },
    ),
    ("objection", [], {"kind": "result", "raised_on": "2026-01-01", "party": AGENCY, "text": "异议内容"}),
]
PURCHASE: Rows = [
    ("register", [], REGISTER),
    ("notice", [], {"content": "采购公告", "bid_deadline": START + 30 * DAY, "security_asked": False}),
    BIDS,
    OPENING,
]


def rights(right: str, *, oil_gas: bool) -> Rows:
    lot = {"number": "1", "name": "一区", "area": 3, "years": 5, "mineral": "12345", "location": "某乡"}
    notice = {
        "content": "登记公告",
        "licence_no": "C1",
        "valid_from": "2026-01-01",
        "valid_until": "2036-01-01",
        "design_scale": 10,
        "scale_unit": "万吨每年",
        "oil_gas": oil_gas,
    }
    return [
        ("register", [], REGISTER | {"right": right, "lots": [lot]}),
        ("result", ["1"], {"winners": [WINNER], "amount": 1, "content": "成交公示"}),
        ("registration_notice", ["1"], notice),
    ]


EQUITY: Rows = [
    ("register", [], REGISTER | {"kind": "equity", "appraisal": 8, "approval_authority": "某国资委"}),
    (
        "notice",
        [],
        {
            "content": "挂牌",
            "from_on": "2025-12-01",
            "until_on": "2025-12-28",
            "price": 900,
            "target": WINNER,
            "share": 512,
            "industry_code": "C13",
            "employees": 10,
            "allotted_land": False,
            "report_on": "2025-09-30",
            "total_assets": 5_000_000,
            "shareholders": [{"name": "甲", "shares": 100, "share": 512}, {"name": "乙", "shares": 95, "share": 488}],
        },
    ),
    ("result", ["1"], {"winners": [WINNER], "amount": 900, "dealt_on": "2026-01-05"}),
]
CASES: list[tuple[str, str, str, Rows, set[str]]] = [
    ("tender", "工程建设", "construction", TENDER, {"503", "504", "505", "506", "507", "509", "514", "520", "521"}),
    ("purchase", "政府采购", "procurement", PURCHASE, {"551", "556", "557"}),
    ("exploration", "矿业权", "mining", rights("exploration", oil_gas=False), {"652", "657"}),
    ("mining", "矿业权", "mining", rights("mining", oil_gas=False), {"653", "658"}),
    ("oil exploration", "矿业权", "mining", rights("exploration", oil_gas=True), {"652", "659"}),
    ("oil mining", "矿业权", "mining", rights("mining", oil_gas=True), {"653", "660"}),
    ("equity", "国有产权", "property", EQUITY, {"750", "751", "752", "753"}),
]
BASES = {"500", "501", "502", "550"}


def fields_of(category: str, package: str, rows: Rows, upto: int) -> list[tuple[str, dict[str, str]]]:
    case = case_of(trade_of(category, package, rows, upto))
    return [(m.number, m.fields) for m in mapping.of_case(held.packaged(), case, numbers(case), Sender())]


@pytest.mark.parametrize(("category", "package", "rows", "sets"), [row[1:] for row in CASES], ids=[c[0] for c in CASES])
def test_they_are_taken(category: str, package: str, rows: Rows, sets: set[str]) -> None:
    seen = set()
    for upto in range(1, len(rows) + 1):
        found = judged(category, package, rows, upto)
        assert [(f.field, f.rule) for f in found if f.severity == "refuse"] == [], rows[upto - 1][0]
        seen |= {number for number, _ in fields_of(category, package, rows, upto)}
    assert seen - BASES == sets


def test_nobody_is_named_before_bids_are_opened() -> None:
    """The end of bidding knows who bid, and becomes no message."""
    assert fields_of("工程建设", "construction", TENDER, 5) == []
    assert fields_of("政府采购", "procurement", PURCHASE, 3) == []


def test_bidders_come_with_what_the_end_of_bidding_noted() -> None:
    first, second = (made for number, made in fields_of("工程建设", "construction", TENDER, 6) if number == "507")
    assert (first["BIDDER_NAME"], first["CHECKIN_TIME"], first["TIME_LIMIT"]) == (
        WINNER["name"],
        "20251215000000",
        "30",
    )
    assert (first["PRICE_FORM_CODE"], first["BID_PRICE"]) == ("1", "1")
    assert (second["PRICE_FORM_CODE"], second["OTHER_BID_PRICE"]) == ("9", "九五折")
    assert first["IS_COMMIT_MARGIN"] == "0"


def test_a_security_that_was_asked_for_needs_its_time() -> None:
    rows = [PURCHASE[0], ("notice", [], PURCHASE[1][2] | {"security_asked": True}), BIDS, OPENING]
    found = judged("政府采购", "procurement", rows, 4)
    assert [f.field for f in found if f.severity == "refuse"] == ["MARGIN_RECEIVE_TIME"]
    noted = [row | {"deposit_at": START + 19 * DAY} for row in BIDS[2]["bids"]]
    rows[2] = ("bids_received", ["1"], BIDS[2] | {"bids": noted})
    assert [f.field for f in judged("政府采购", "procurement", rows, 4) if f.severity == "refuse"] == []


def test_an_objection_does_not_tell_whose_it_is() -> None:
    (made,) = [made for number, made in fields_of("工程建设", "construction", TENDER, 8) if number == "521"]
    assert made["TYPE"] == "3" and made["ASK"] == "异议内容"
    assert AGENCY["name"] not in "".join(made.values())


def test_a_candidate_is_reported_once() -> None:
    """With the publication of candidates, not also with the report of the committee."""
    rule = next(each for each in load_packaged().packages if each.id == "construction")
    naming = [act.id for act in rule.acts if "510" in act.datasets]
    assert naming == ["candidates"]


def test_shares_and_shareholders() -> None:
    made = fields_of("国有产权", "property", EQUITY, 2)
    company = next(fields for number, fields in made if number == "751")
    assert (company["SELL_PERCENT"], company["TOTAL_CAPITAL"]) == ("51.2", "50000")
    holders = [fields["TOP10_HOLDER_PERCENT"] for number, fields in made if number == "752"]
    assert holders == ["51.2", "48.8"]


def test_a_listing_says_what_its_own_act_says() -> None:
    """The set is what others hang on, and still told by the act that it is named by."""
    rows = next(row for row in OTHER_TRADES if row[1] == "property")[2]
    (made,) = [fields for number, fields in fields_of("国有产权", "property", rows, 2) if number == "700"]
    assert (made["PROJECT_PRICE"], made["PUBLISH_DURATION"], made["POST_PONE"]) == ("9000000", "28", "T")


def test_every_set_that_an_act_names_is_mapped() -> None:
    for package in load_packaged().packages:
        templates = mapping.TEMPLATES[package.category]
        named = {number for act in package.acts for number in act.datasets}
        assert named <= set(templates), package.id
