"""Tier routing: each row of the table at the right node and at the wrong one; voluntary trades; orders; re-running."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.routing import LEVELS, Office, Order, again, bare_zone, faults, route
from node.domain.trades import CATEGORIES
from node.errors import Refused
from node.rules import load_tables

TABLE = load_tables().routing("")
DAY = "2026-11-02"
HUB = Office("g/cq/500000", "city", "500000", "市中心")
EAST = Office("g/cq/500103", "district", "500103", "渝中区中心")
WEST = Office("g/cq/500107", "district", "500107", "九龙坡区中心")
ZONE = Office("g/cq/500112-liangjiang", "district", "500112", "两江新区中心", zone="两江新区")
NORTH = Office("g/cq/500112", "district", "500112", "渝北区中心")
OFFICES = [HUB, EAST, WEST, NORTH, ZONE]

# (row, facts, tier): what the decision table of policy-requirements §2 says, category by category.
ROWS = [
    ("construction-city", {"category": "工程建设", "approval_level": "city"}, "city"),
    ("construction-city", {"category": "工程建设", "approval_level": "national"}, "city"),
    ("construction-district", {"category": "工程建设", "approval_level": "district"}, "district"),
    ("procurement-city", {"category": "政府采购", "fund_level": "city"}, "city"),
    ("procurement-district", {"category": "政府采购", "fund_level": "district"}, "district"),
    ("procurement-national", {"category": "政府采购", "fund_level": "national"}, "city"),
    ("property-city", {"category": "国有产权", "owner_level": "city"}, "city"),
    ("property-district", {"category": "国有产权", "owner_level": "district"}, "district"),
    ("property-national", {"category": "国有产权", "owner_level": "national"}, "city"),
    ("land-city", {"category": "土地使用权", "owner_level": "city"}, "city"),
    ("land-district", {"category": "土地使用权", "owner_level": "district"}, "district"),
    ("mining-city", {"category": "矿业权", "owner_level": "district", "approval_level": "district"}, "city"),
]


def facts_of(row: dict[str, object]) -> dict[str, object]:
    return {"mandatory": True, "division": "500103", "project_name": "某项目", **row}


@pytest.mark.parametrize(("row", "facts", "tier"), ROWS)
def test_each_row_is_held_at_the_right_node_and_refused_at_every_other(
    row: str, facts: dict[str, object], tier: str
) -> None:
    given_facts = facts_of(facts)
    right = HUB if tier == "city" else EAST
    for office in OFFICES:
        decision, found, order = faults(given_facts, office, TABLE, OFFICES, day=DAY)
        assert (decision.row, decision.tier, decision.node) == (row, tier, right.node) and order is None
        if office is right:
            assert not found
        else:
            (fault,) = found
            assert fault.refuse and fault.right == right
            assert right.title in fault.zh and right.node in fault.en and decision.clause in fault.zh


def test_every_row_of_the_table_is_tried_above_or_is_the_owners_choice() -> None:
    assert {row.id for row in TABLE.rows} == {row for row, _, _ in ROWS} | {"voluntary", "other"}
    assert {category for row in TABLE.rows for category in row.categories} == set(CATEGORIES)


@given(
    category=st.sampled_from(["工程建设", "其他"]),
    level=st.sampled_from([*LEVELS, ""]),
    division=st.sampled_from(["500103", "500107", "500000", ""]),
    office=st.sampled_from(OFFICES),
)
def test_no_voluntary_trade_is_ever_forced_to_a_tier(category: str, level: str, division: str, office: Office) -> None:
    facts = {
        "category": category,
        "mandatory": False,
        "approval_level": level,
        "division": division,
        "owner_decision": "董事会决议 2026-3",
    }
    decision, found, _ = faults(facts, office, TABLE, OFFICES, day=DAY)
    assert decision.tier == "any" and not found


def test_a_voluntary_trade_records_its_owners_decision() -> None:
    _, (fault,), _ = faults({"category": "工程建设", "mandatory": False}, EAST, TABLE, OFFICES, day=DAY)
    assert (fault.field, fault.rule) == ("owner_decision", "voluntary-decision")


def test_a_box_that_was_not_ticked_makes_nothing_voluntary() -> None:
    assert route({"category": "工程建设", "approval_level": "city"}, TABLE, OFFICES, day=DAY).tier == "city"


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"category": "工程建设"}, "approval_level"),
        ({"category": "政府采购"}, "fund_level"),
        ({"category": "国有产权"}, "owner_level"),
        ({"category": "政府采购", "fund_level": "district"}, "division"),
        ({"category": "政府采购", "fund_level": "district", "division": "500000"}, "division"),
        ({"category": "政府采购", "fund_level": "district", "division": "420500x"}, "division"),
    ],
)
def test_a_fact_that_is_missing_is_named(facts: dict[str, object], field: str) -> None:
    decision, (fault,), _ = faults(facts, EAST, TABLE, OFFICES, day=DAY)
    assert decision.lacking == fault.field == field and fault.refuse


def test_a_level_that_nobody_knows_and_a_day_before_the_plan_are_refused() -> None:
    with pytest.raises(Refused, match="fund_level"):
        route({"category": "政府采购", "fund_level": "village"}, TABLE, OFFICES, day=DAY)
    with pytest.raises(Refused):
        route({"category": "矿业权"}, TABLE, OFFICES, day="2016-03-13")
    assert route({"category": "矿业权"}, TABLE, OFFICES, day="2016-03-14").tier == "city"


def test_a_zone_has_its_own_centre_and_without_one_falls_to_its_district() -> None:
    facts = {"category": "政府采购", "fund_level": "district", "division": "500112", "zone": "两江新区"}
    assert route(facts, TABLE, OFFICES, day=DAY).node == ZONE.node
    assert route(facts | {"zone": ""}, TABLE, OFFICES, day=DAY).node == NORTH.node
    assert route(facts, TABLE, [HUB, NORTH], day=DAY).node == NORTH.node
    assert bare_zone("重庆两江新区") == "两江新区"


def test_a_former_county_belongs_to_its_successor() -> None:
    kaizhou = Office("g/cq/500154", "district", "500154", "开州区中心")
    facts = {"category": "政府采购", "fund_level": "district", "division": "500234"}
    assert route(facts, TABLE, [*OFFICES, kaizhou], day=DAY).node == kaizhou.node


def test_a_district_that_has_not_joined_is_named_and_the_trade_is_refused() -> None:
    facts = {"category": "政府采购", "fund_level": "district", "division": "500106"}
    _, (fault,), _ = faults(facts, HUB, TABLE, OFFICES, day=DAY)
    assert fault.right is None and "沙坪坝区" in fault.zh and fault.refuse


ORDER = Order("ab" * 16, "市发展改革委", EAST.node, project_code="A5000002611020001", number="渝发改〔2026〕1号")


@pytest.mark.parametrize(
    ("change", "lets"),
    [
        ({}, True),
        ({"sectors": frozenset({"交通"})}, True),
        ({"sectors": frozenset({"水利"})}, False),
        ({"target": HUB.node}, False),
        ({"project_code": "A5000002611020002"}, False),
        ({"project_code": ""}, False),
        ({"trade": "ff" * 16, "project_code": ""}, True),
        ({"trade": "00" * 16, "project_code": ""}, False),
        ({"expires_on": DAY}, True),
        ({"expires_on": "2026-11-01"}, False),
        ({"division": "500103"}, True),
        ({"division": "500107"}, False),
        ({"division": "500000"}, True),
    ],
)
def test_only_an_order_that_names_this_trade_and_node_overrides(change: dict[str, object], lets: bool) -> None:
    import dataclasses

    order = dataclasses.replace(ORDER, **change)  # type: ignore[arg-type]
    facts = facts_of(
        {"category": "工程建设", "approval_level": "city", "sector": "交通", "project_code": "A5000002611020001"}
    )
    _, found, used = faults(facts, EAST, TABLE, OFFICES, [order], day=DAY, trade="ff" * 16)
    assert (used is order, not found) == (lets, lets)


@pytest.mark.parametrize(("row", "facts", "tier"), ROWS)
def test_a_stored_decision_can_be_run_again(row: str, facts: dict[str, object], tier: str) -> None:
    decision = route(facts_of(facts), TABLE, OFFICES, day=DAY)
    stored = decision.plain()
    assert again(stored, TABLE, OFFICES, day=DAY).plain() == stored
    assert stored["rules"] == TABLE.name and stored["inputs"]["category"] == facts["category"]


def test_a_decision_says_why_in_both_languages_and_whether_its_rule_was_read() -> None:
    decision = route(facts_of({"category": "政府采购", "fund_level": "national"}), TABLE, OFFICES, day=DAY)
    assert "待核实" in decision.why_zh and "not verified" in decision.why_en
    decision = route(facts_of({"category": "工程建设", "approval_level": "district"}), TABLE, OFFICES, day=DAY)
    assert "渝中区" in decision.why_zh and "渝中区中心" in decision.why_en and "待核实" not in decision.why_zh
