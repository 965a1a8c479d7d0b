"""The one department that supervises a trade, by the packaged table."""

from __future__ import annotations

import pytest

from node.domain.departments import names, primary, table_from
from node.domain.trades import CATEGORIES
from node.errors import Malformed
from node.rules import load_packaged, load_tables
from node.web.supervision.scope import within

TABLES = load_tables()
DAY, AT_MS = "2025-11-25", 1_764_000_000_000


@pytest.mark.parametrize(
    ("category", "sector", "department"),
    [
        ("工程建设", "", "发展改革"),
        ("工程建设", "殡葬设施", "发展改革"),
        ("工程建设", "高速公路", "交通"),
        ("工程建设", "水利建筑", "水利"),
        ("工程建设", "房屋建筑", "城乡建设"),
        ("工程建设", "市政工程", "城乡建设"),
        ("工程建设", "土地整治", "国土房管"),
        ("工程建设", "信息化", "经济信息"),
        ("政府采购", "公路", "财政"),
        ("土地使用权", "", "国土资源"),
        ("矿业权", "", "国土资源"),
        ("国有产权", "", "国资"),
    ],
)  # fmt: skip
def test_a_trade_has_one_supervising_department(category: str, sector: str, department: str) -> None:
    row = primary(TABLES.departments(DAY), category, sector, day=DAY)
    assert row is not None and row.department == department and row.clause


def test_the_open_category_has_none_and_categories_are_known() -> None:
    assert primary(TABLES.departments(DAY), "其他", "公路", day=DAY) is None
    assert {each for row in TABLES.departments(DAY).rows for each in row.categories} <= set(CATEGORIES)
    with pytest.raises(Malformed, match=r"x\.toml"):
        table_from({"version": "1", "document": "", "row": [{"id": "a"}]}, "x.toml")


def test_a_supervisors_scope_is_by_word_or_by_department() -> None:
    assert within(TABLES, frozenset({"公路"}), "工程建设", "公路", AT_MS)
    assert within(TABLES, frozenset({"交通"}), "工程建设", "公路", AT_MS)
    assert within(TABLES, frozenset({"工程建设"}), "工程建设", "", AT_MS)
    assert within(TABLES, frozenset(), "其他", "", AT_MS)
    assert not within(TABLES, frozenset({"水利"}), "工程建设", "公路", AT_MS)
    assert not within(TABLES, frozenset({"财政"}), "其他", "", AT_MS)
    assert within(TABLES, frozenset({"财政"}), "政府采购", "", 10**18), "a moment that is no day of ours breaks no page"


def test_a_code_decides_whatever_the_words_say_and_an_unknown_one_leaves_it_to_them() -> None:
    table = TABLES.departments(DAY)
    for code, sector, department in (
        ("water", "高速公路", "水利"),
        ("reform", "高速公路", "发展改革"),
        ("", "高速公路", "交通"),
        ("no-such", "高速公路", "交通"),
        ("procurement", "高速公路", "交通"),
    ):
        row = primary(table, "工程建设", sector, day=DAY, code=code)
        assert row is not None and row.department == department, code
    assert names(table, "工程建设", "高速公路", day=DAY, code="water") == ("water", "水利", "高速公路", "工程建设")
    assert within(TABLES, frozenset({"water"}), "工程建设", "高速公路", AT_MS, "water")
    assert within(TABLES, frozenset({"transport"}), "工程建设", "高速公路", AT_MS), "an old record, by its words"
    assert not within(TABLES, frozenset({"transport"}), "工程建设", "", AT_MS, "water")


def test_the_registration_offers_the_codes_of_the_table() -> None:
    package = next(each for each in load_packaged().packages if each.id == "construction")
    field = package.acts[0].field("sector_code")
    assert field is not None
    assert {each.value for each in field.choices} == {
        row.id for row in TABLES.departments(DAY).rows if "工程建设" in row.categories
    }
