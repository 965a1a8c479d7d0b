"""Whose rules count: the hub's, and a department's for what is its own; of one name the first."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.domain.rulebook import Package, Rulebook
from node.rule_judging import judged, same_department
from node.rules import Rules, load_packaged, load_tables
from node.tlog.note import KeyType
from node.wire.trust import KeyGrant, Member, TrustPolicy
from tests.publishing.made import signer

CITY = "ggzy.example/cq"
NATION, HUB, EAST, REFORM, WATER = (f"{CITY}/{name}" for name in ("100000", "500000", "500103", "fgw", "slj"))
OTHER_HUB = "ggzy.example/sc/510000"
FIRST = load_packaged().of("工程建设", "2025-11-25")
assert FIRST is not None
POLICY = TrustPolicy(
    CITY,
    1,
    "-",
    1,
    (signer("s").verifier,),
    (
        Member(NATION, "national", "100000", "", "国家级平台"),
        Member(HUB, "hub", "500000", NATION, "市中心"),
        Member(OTHER_HUB, "hub", "510000", NATION, "外省中心"),
        Member(EAST, "district", "500103", HUB, "渝中区"),
        Member(REFORM, "supervision", "500000", HUB, "重庆市发展改革委"),
        Member(WATER, "supervision", "500000", HUB, "重庆市水利局"),
    ),
    tuple(
        KeyGrant(node, "log", signer(f"{node}/1", KeyType.ED25519).verifier)
        for node in (NATION, HUB, OTHER_HUB, EAST, REFORM, WATER)
    ),
)


def package(version: str = "2", **changes: Any) -> Package:
    return msgspec.structs.replace(FIRST, version=version, effective_from="2026-01-01", **changes)


def taken(*issued: tuple[str, Package], me: str = EAST) -> list[bool]:
    bodies = [(f"{node}/1", bytes([at]), at, "package", False, body) for at, (node, body) in enumerate(issued)]
    found = judged(bodies, POLICY, me, Rulebook([FIRST]), load_tables())
    return [each.taken for each in sorted(found, key=lambda each: each.index)]


@pytest.mark.parametrize("me", [EAST, HUB, REFORM])
def test_the_hub_and_the_owning_department_rule_their_city(me: str) -> None:
    assert taken((HUB, package()), me=me) == [True]
    assert taken((REFORM, package(department="发展改革委")), me=me) == [True]


def test_who_does_not_count() -> None:
    assert taken((EAST, package())) == [False]
    assert taken((NATION, package())) == [False]
    assert taken((OTHER_HUB, package())) == [False], "another city's"
    assert taken((HUB, package()), me=NATION) == [False], "nobody rules the nation from below"
    assert taken((WATER, package(department="水利局"))) == [False], "not its category"
    assert taken((WATER, package())) == [False], "in another department's name"


def test_the_hub_may_give_a_category_to_another_department() -> None:
    handed = (HUB, package("2", department="水利局"))
    assert taken((WATER, package("3", department="水利局")), handed) == [True, True]
    assert taken((REFORM, package("3")), handed) == [False, True]


def test_of_one_name_the_first_counts_and_the_program_comes_before_all() -> None:
    assert taken((HUB, package()), (HUB, package(zh="改写"))) == [True, False]
    assert taken((HUB, msgspec.structs.replace(FIRST, zh="改写"))) == [False]
    assert taken((HUB, FIRST)) == [True], "the same again is no news"


def test_rules_that_make_no_sense_are_left_aside_by_every_node() -> None:
    """A department's node may have checked nothing: what would stop a page or a job elsewhere is taken over by none."""
    far = msgspec.structs.replace(FIRST.clocks[0], value=10**12)
    lost = msgspec.structs.replace(FIRST.limits[0], act="nothing")
    hostile: list[dict[str, Any]] = [{"acts": []}, {"stages": []}, {"clocks": [far]}, {"limits": [lost]}]
    barred = msgspec.structs.replace(FIRST.acts[1], zh="招标公告（须资质验证）")
    hostile.append({"acts": [FIRST.acts[0], barred, *FIRST.acts[2:]]})
    for changes in [*hostile, {"effective_to": "2026-13-99"}]:
        assert taken((REFORM, package(department="发展改革委", **changes)), me=EAST) == [False], changes
    assert taken((REFORM, package("9" * 5000, department="发展改革委"))) == [False]
    assert taken((REFORM, package(zh="长" * 301, department="发展改革委"))) == [False]


@pytest.mark.parametrize("year", [0, -1, 10_000, 2**62])
def test_a_table_that_cannot_even_be_checked_stops_no_node(year: int) -> None:
    held = load_tables().program["holidays"]
    (first, *_) = held.content["year"]
    row = {**first, "year": year, "legal_basis": f"{year} 年"}
    evil = msgspec.structs.replace(held, version="evil", content={**held.content, "year": [row]})
    (found,) = judged([(f"{HUB}/1", b"1", 1, "holidays", False, evil)], POLICY, EAST, Rulebook([FIRST]), load_tables())
    assert not found.taken and found.why[0]


def test_a_reader_never_sees_the_book_without_what_was_published() -> None:
    """Threads replay trades while a day comes: between tables and packages nothing may be missing."""
    rules = Rules.packaged()
    rules.hold([package()])
    rules.hold_tables([], "2026-01-02")
    assert rules.book.get("construction@2") is not None
    rules.hold([])
    assert rules.book.get("construction@2") is None and rules.book.get("construction@1") is not None


def test_names_of_departments() -> None:
    assert same_department("发展改革委", "重庆市发展改革委") and same_department("市水利局", "水利局")
    assert not same_department("", "") and not same_department("水利局", "市交委")


def test_what_is_held_is_replaced_as_a_whole_and_what_was_withdrawn_stays_by_name() -> None:
    rules = Rules.packaged()
    before, new = rules.book, package()
    rules.hold([new])
    stamp = rules.stamp
    assert before.get(new.name) is None and rules.book.of("工程建设", "2026-02-01") == new
    rules.hold([], [new], {"class": {"A01"}})
    assert rules.book.of("工程建设", "2026-02-01") == FIRST and rules.book.get(new.name) == new
    assert rules.stamp != stamp and rules.tables == {"class": {"A01"}}
