"""The catalogue: what must be held, on its day and at its scale; finding a project; nothing voluntary counts."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.catalogue import Approved, Held, judge, keys_of, likeness, match
from node.rules import load_tables

RULES = load_tables().catalogue("")
TODAY = "2026-11-02"
WORKS = Approved(
    "渝中区解放碑道路改造工程",
    "工程建设",
    day="2026-01-05",
    sort="施工",
    estimate_fen=400_000_000,
    private=False,
    invest_code="2026-500103-48-01-000001",
    project_code="A5001032601050001",
)
NAME = RULES.name_permille


@pytest.mark.parametrize(
    ("sort", "day", "yuan"),
    [
        ("施工", "2026-01-05", 4_000_000),
        ("设备", "2026-01-05", 2_000_000),
        ("监理", "2026-01-05", 1_000_000),
        ("施工", "2018-06-01", 4_000_000),
        ("施工", "2018-05-31", 2_000_000),
        ("货物", "2018-05-31", 1_000_000),
        ("设计", "2018-05-31", 500_000),
    ],
)
def test_the_scale_of_its_day_decides_to_the_fen(sort: str, day: str, yuan: int) -> None:
    item = dataclasses.replace(WORKS, sort=sort, day=day, estimate_fen=yuan * 100)
    assert judge(item, RULES, today=TODAY).verdict == "mandatory"
    item = dataclasses.replace(item, estimate_fen=yuan * 100 - 1)
    assert judge(item, RULES, today=TODAY).verdict == "voluntary"


@pytest.mark.parametrize("category", ["土地使用权", "矿业权", "国有产权", "政府采购"])
def test_the_other_regulated_categories_have_no_scale(category: str) -> None:
    assert judge(Approved("某项目", category), RULES, today=TODAY).verdict == "mandatory"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"private": None}, "资金"),
        ({"estimate_fen": None}, "估算价"),
        ({"sort": "", "estimate_fen": 300_000_000}, "内容"),
    ],
)
def test_what_the_list_leaves_open_is_said_to_be_open(change: dict[str, object], word: str) -> None:
    found = judge(dataclasses.replace(WORKS, **change), RULES, today=TODAY)  # type: ignore[arg-type]
    assert found.verdict == "open" and word in found.why_zh


@given(
    estimate=st.none() | st.integers(0, 10**12),
    sort=st.sampled_from(["施工", "设备", ""]),
    flag=st.sampled_from([False, None]),
)
def test_private_and_voluntary_projects_are_never_counted(estimate: int | None, sort: str, flag: bool | None) -> None:
    private = flag is None
    item = Approved("某民间项目", "工程建设", sort=sort, estimate_fen=estimate, private=private or None, mandatory=flag)
    assert judge(item, RULES, today=TODAY).verdict == "voluntary"


def test_a_project_is_found_by_its_codes_before_its_name() -> None:
    same_name = Held("aa", "o", WORKS.name)
    same_code = Held("bb", "o", "别的名称", project_code=WORKS.project_code)
    same_invest = Held("cc", "o", "又一名称", invest_code=WORKS.invest_code)
    assert match(WORKS, [same_name, same_code, same_invest], name_permille=NAME).held == same_invest
    assert match(WORKS, [same_name, same_code], name_permille=NAME).how == "project-code"
    assert match(WORKS, [same_name], name_permille=NAME).how == "name"


def test_what_is_not_alike_is_not_found_and_the_nearest_is_named() -> None:
    other = Held("dd", "o", "渝中区某小学新建工程")
    found = match(WORKS, [other], name_permille=NAME)
    assert found.how == "none" and found.held == other and 0 < found.permille < NAME
    assert match(WORKS, [], name_permille=NAME).held is None


def test_an_empty_code_is_no_code() -> None:
    bare = dataclasses.replace(WORKS, invest_code="", project_code="", name="甲项目")
    assert match(bare, [Held("ee", "o", "乙工程")], name_permille=NAME).how == "none"


@given(one=st.text(max_size=30), other=st.text(max_size=30))
def test_likeness_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    assert 0 <= likeness(one, other) <= 1000
    assert likeness(one, other) == likeness(other, one)
    assert all(len(piece) >= 2 for piece in keys_of(one))
