"""The Excel template: what is filled in comes back as a form would send it, and each input knows its cell."""

from __future__ import annotations

import io

import pytest
from openpyxl import load_workbook

from node.errors import Malformed, TooLarge
from node.web.console import forms, sheets
from tests.web.console.test_forms import RULES, TABLES, USCC

ACT = "construction@1/register"
VALUES = {
    "project_name": "=道路工程",
    "owner": {"name": "某某公司", "uscc": USCC},
    "bidders": [{"name": "甲"}, {"name": "乙", "uscc": USCC}],
    "estimate": 123_456_700,
    "sector": "A02",
    "lots": [
        {"number": "1", "estimate": 5_000_000, "opening": 1_767_603_600_000},
        {"number": "2", "estimate": 7_000_000},
    ],
}


def test_a_filled_template_is_read_back() -> None:
    data = sheets.template("登记", ACT, RULES, forms.fill(RULES, VALUES), TABLES)
    found = sheets.read(data, ACT, RULES)
    assert forms.read_form(RULES, found.raw, TABLES).values == VALUES
    assert found.unknown == []


def test_what_is_typed_in_excel_is_understood_and_faults_name_their_cell() -> None:
    book = load_workbook(io.BytesIO(sheets.template("登记", ACT, RULES, {}, TABLES)))
    first, lots = book[sheets.FIRST], book["标段"]
    rows = {first.cell(row, 1).value: row for row in range(4, first.max_row + 1)}
    first.cell(rows["estimate"], 5, 12_000_000)
    first.cell(rows["sector"], 5, "市政")
    first.cell(rows["owner.uscc"], 5, "123")
    lots.cell(5, 1, "甲标")  # a row is left empty above it
    lots.cell(5, 2, "许多")
    lots.cell(3, 9, "我的备注")
    out = io.BytesIO()
    book.save(out)
    found = sheets.read(out.getvalue(), ACT, RULES)
    read = forms.read_form(RULES, found.raw, TABLES)
    assert read.values == {"estimate": 1_200_000_000, "sector": "A02", "lots": [{"number": "甲标"}]}
    assert {path: found.cell(path) for path in read.notes} == {
        "owner.uscc": f"填写!E{rows['owner.uscc']}",
        "lots.0.estimate": "标段!B5",
    }
    assert found.cell("project_name") == f"填写!E{rows['project_name']}" and found.cell("lots") == "标段!A4"
    assert found.cell("nobody") == ""
    assert found.unknown == ["标段!I3"]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04broken", b"a,b\n1,2\n"])
def test_what_is_no_workbook_is_refused(data) -> None:
    with pytest.raises(Malformed):
        sheets.read(data, ACT, RULES)


def test_the_template_of_another_act_is_refused_and_too_much_too() -> None:
    with pytest.raises(Malformed):
        sheets.read(sheets.template("x", "land@1/register", RULES, {}, TABLES), ACT, RULES)
    with pytest.raises(TooLarge):
        sheets.read(b"x" * (sheets.MAX_BYTES + 1), ACT, RULES)
    full = {f"lots.{n}.number": str(n) for n in range(forms.MAX_LINES)}
    data = sheets.template("x", ACT, RULES, full, TABLES)
    assert len(forms.read_form(RULES, sheets.read(data, ACT, RULES).raw, TABLES).values["lots"]) == forms.MAX_LINES
    book = load_workbook(io.BytesIO(data))
    book["标段"].cell(sheets.HEAD + 1 + forms.MAX_LINES, 1, "x")
    out = io.BytesIO()
    book.save(out)
    with pytest.raises(TooLarge):
        sheets.read(out.getvalue(), ACT, RULES)
