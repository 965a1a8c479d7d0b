"""Lists of approved projects: Chinese and English headers; what cannot be read goes back with its reason."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from openpyxl import Workbook

from node.errors import Malformed
from node.importing.catalogue import read_list

HEADER = ["项目名称", "类别", "项目编号", "采购内容", "估算价（万元）", "资金性质", "批准日期", "所在区县", "必须进场"]
ROWS = [
    ["解放碑道路改造工程", "工程建设", "A1", "施工", "500", "财政资金", "2026年1月5日", "渝中区", ""],
    ["某厂房", "工程", "A2", "施工", "900.5", "民间投资", "2026-01-06", "500107", "否"],
    ["", "工程建设", "A3", "", "", "", "", "", ""],
    ["某采购", "买东西", "A4", "", "", "", "", "", ""],
    ["某采购", "政府采购", "A5", "", "一百万", "", "", "", ""],
    ["某采购", "政府采购", "A6", "", "", "", "近日", "", ""],
    ["某采购", "政府采购", "A7", "", "", "", "", "", "也许"],
]


def test_a_csv_list_is_read_and_what_is_wrong_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "批准项目.csv"
    with file.open("w", encoding="gb18030", newline="") as out:
        csv.writer(out).writerows([HEADER, *ROWS])
    found = read_list(file)
    first, second = (each.item for each in found.rows)
    assert (first.estimate_fen, first.private, first.day, first.division) == (
        500_000_000,
        False,
        "2026-01-05",
        "500103",
    )
    assert (second.category, second.private, second.mandatory, second.estimate_fen) == (
        "工程建设", True, False, 900_500_000
    )  # fmt: skip
    assert (found.read, found.rejected) == (7, 5) and found.rejects is not None
    back = list(csv.DictReader(found.rejects.read_text("utf-8-sig").splitlines()))
    assert [row["_field"] for row in back] == ["项目名称", "交易类别", "估算价（万元）", "批准日期", "必须进场"]


def test_an_xlsx_list_says_the_same(tmp_path: Path) -> None:
    book = Workbook()
    for row in [HEADER, *ROWS[:2]]:
        book.active.append(row)  # type: ignore[union-attr]
    file = tmp_path / "list.xlsx"
    book.save(file)
    assert [each.item.name for each in read_list(file).rows] == ["解放碑道路改造工程", "某厂房"]
    assert read_list(file).rejects is None


def test_a_category_may_be_given_for_a_list_that_names_none(tmp_path: Path) -> None:
    file = tmp_path / "list.jsonl"
    file.write_text('{"name": "某预算", "estimate": 1000}\n', "utf-8")
    assert read_list(file).rejected == 1
    (row,) = read_list(file, category="政府采购").rows
    assert row.item.estimate_fen == 100_000


def test_a_list_without_names_of_projects_is_no_list(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("甲,乙\n1,2\n", "utf-8")
    with pytest.raises(Malformed, match="project"):
        read_list(file)
