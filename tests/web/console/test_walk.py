"""Each category from registration through performance to the archive, through the pages, as a clerk does it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.domain.calendar import DAY_MS
from node.rules import load_packaged
from tests.web.console.walking import FIRM, POSTS, Clerk
from tests.web.persons import PASSWORD, Clock, serving

PACKAGES = {each.id: each for each in load_packaged().packages}
SECOND = {"name": "重庆某某第二有限公司"}
RANKED = [
    {"rank": 1, "party": FIRM, "price": 900_000_00},
    {"rank": 2, "party": SECOND, "price": 950_000_00},
    {"rank": 3, "party": {"name": "重庆某某第三有限公司"}, "price": 960_000_00},
]
Steps = list[tuple[float, str, dict[str, Any]]]


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Any]:
    """The city's centre: all categories may be held there."""
    clock = Clock()
    async with serving(tmp_path / "n", clock, role="hub") as (node, client):
        await node.accounts.add("li.na", "李娜", list(POSTS), PASSWORD)
        yield await Clerk(node, client, clock).log_in("li.na")


def construction(clerk: Clerk) -> Steps:
    return [
        (
            0,
            "register",
            {
                "approval_level": "city",
                "mandatory": True,
                "qualification": "post",
                "method": "open",
                "state_funds": True,
                "lots": [{"number": "1", "name": "道路"}, {"number": "2", "name": "桥梁"}],
            },
        ),
        (
            1,
            "notice",
            {"doc_from": 0, "doc_until": 6, "bid_deadline": 22.0, "opening_at": 22.0, "ceiling": 1_000_000_00},
        ),
        (22, "bids_received", {"bidders": 3}),
        (0.01, "opening", {"opened_at": 0.0, "bidders": 3, "place": "第一开标室"}),
        (1, "evaluation", {"candidates": RANKED}),
        (1, "candidates", {"publicity_until": 5}),
        (6, "result", {"winners": [FIRM], "winner_rank": 1, "amount": 900_000_00}),
        (1, "award_notice", {}),
        (5, "contract", {"name": "施工合同", "parties": [FIRM]}),
        (200, "completion", {}),
        (5, "archive", {"file_no": "2025-001", "keep_until": 16 * 366}),
    ]


def procurement(clerk: Clerk) -> Steps:
    return [
        (
            0,
            "register",
            {"fund_level": "city", "mandatory": True, "method": "open", "qualification": "post", "open_amount": True},
        ),
        (1, "notice", {"doc_from": 0, "doc_until": 9, "bid_deadline": 22.0}),
        (22, "bids_received", {"bidders": 3}),
        (0.01, "opening", {"opened_at": 0.0, "bidders": 3}),
        (1, "evaluation", {"candidates": RANKED}),
        (1, "decision", {"winners": [FIRM]}),
        (1, "result", {"publicity_until": 2, "amount": 900_000_00}),
        (1, "award_notice", {}),
        (5, "contract", {"amount": 900_000_00}),
        (90, "completion", {}),
        (5, "archive", {"keep_until": 16 * 366}),
    ]


def granted(clerk: Clerk) -> Steps:
    """Land and mining rights: listed, bid for, confirmed."""
    return [
        (0, "register", {"owner_level": "city", "mandatory": True, "method": "listing"}),
        (
            1,
            "notice",
            {"applications_until": 40.0, "bidding_from": 35.0, "bidding_until": 56.0, "start_price": 500_000_00},
        ),
        (40, "bids_received", {"bidders": 4}),
        (0.1, "bidding_opened", {"bidders": 4}),
        (16, "bidding_closed", {"closed_at": 0.0}),
        (1, "confirmation", {"winner": FIRM, "price": 800_000_00}),
        (2, "result", {"winners": [FIRM], "amount": 800_000_00, "publicity_until": 20}),
        (21, "contract", {}),
        (300, "completion", {}),
        (5, "archive", {"keep_until": 16 * 366}),
    ]


def property_(clerk: Clerk) -> Steps:
    return [
        (
            0,
            "register",
            {
                "owner_level": "city",
                "mandatory": True,
                "kind": "equity",
                "control_change": False,
                "appraisal": 700_000_00,
            },
        ),
        (1, "notice", {"from_on": 0, "until_on": 32, "price": 750_000_00}),
        (33, "bids_received", {"bidders": 2}),
        (1, "bidding_opened", {"bidders": 2}),
        (1, "bidding_closed", {"closed_at": 0.0}),
        (1, "confirmation", {"winner": FIRM, "price": 800_000_00}),
        (1, "result", {"winners": [FIRM], "amount": 800_000_00, "publicity_until": 10}),
        (11, "contract", {"amount": 800_000_00, "instalments": False}),
        (2, "payment", {}),
        (20, "completion", {}),
        (5, "archive", {"keep_until": 16 * 366}),
    ]


def other(clerk: Clerk) -> Steps:
    return [
        (0, "register", {"mandatory": False, "owner_decision": "业主决定进场（2025）1号"}),
        (1, "notice", {"bid_deadline": 22.0}),
        (22, "bids_received", {"bidders": 3}),
        (1, "result", {"winners": [FIRM], "amount": 900_000_00}),
        (1, "contract", {"amount": 900_000_00}),
        (30, "completion", {}),
        (5, "archive", {"keep_until": 16 * 366}),
    ]


WALKS = {
    "construction": construction,
    "procurement": procurement,
    "land": granted,
    "mining": granted,
    "property": property_,
    "other": other,
}


def dated(clerk: Clerk, package: Any, act: str, given: dict[str, Any]) -> dict[str, Any]:
    """Numbers given for days and moments count from now."""
    rule = package.act(act)
    found = {}
    for name, each in given.items():
        field = rule.field(name)
        if field is None:
            continue  # land and mining share one walk
        if field.type == "day":
            each = clerk.day(int(each))
        elif field.type == "moment":
            each = clerk.moment(each)
        found[name] = each
    return found


@pytest.mark.parametrize("category", WALKS)
async def test_a_trade_goes_from_registration_to_the_archive_through_the_pages(hub: Clerk, category: str) -> None:
    package = PACKAGES[category]
    trade = ""
    for days, act, given in WALKS[category](hub):
        await hub.forward(days)
        fields = dated(hub, package, act, given)
        if not trade:
            trade = await hub.register(package, project_name="示例项目", **fields)
        else:
            await hub.act(trade, package, act, **fields)
    page = await hub.get(f"/console/trades/{trade}")
    assert re.search(r'class="here" aria-current="step">已归档', page)
    assert "暂无可办理" not in page and "已结束" in page
    assert "示例项目" in await hub.get("/console/trades?state=ended")
    # What was published can be read by anyone, and its receipt fetched.
    record = re.search(r"/records/([0-9a-f]{32})", page)
    assert record
    public = await hub.get(f"/records/{record[1]}")
    assert "示例项目" in public
    assert hub.clock() > DAY_MS
