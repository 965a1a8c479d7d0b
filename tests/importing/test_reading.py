"""Files as clerks give them: three formats, two encodings, broken lines, formulas."""

from __future__ import annotations

import csv
import datetime
import doctest
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from node.errors import Malformed, NotFound, TooLarge
from node.importing import facts, jsonl, reading, rows, sheets
from node.importing.jsonl import members, read_line
from node.importing.reading import open_table
from node.importing.rows import clean, defuse, unarm


def _values(path: Path) -> list[dict[str, Any]]:
    table = open_table(path)
    try:
        return [row.values for row in table.rows()]
    finally:
        table.close()


TEXT = '名称,金额,备注\r\n甲公司,1.50,"他说“好”,\n第二行"\r\n乙公司,-17,\'=1+1\r\n'
PLAIN = [
    {"名称": "甲公司", "金额": "1.50", "备注": "他说“好”,\n第二行"},
    {"名称": "乙公司", "金额": "-17", "备注": "=1+1"},
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_csv_is_the_same_in_each_encoding(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.encode(encoding))
    assert _values(path) == PLAIN


def test_a_broken_byte_in_utf8_does_not_turn_the_file_into_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.encode().replace("乙".encode(), "乙".encode()[:2]))
    table = open_table(path)
    rows = list(table.rows())
    table.close()
    assert rows[0].values == PLAIN[0] and "�" in rows[1].values["名称"]
    assert rows[1].notes == [("名称", "text-cleaned")]


def test_rows_are_counted_as_the_program_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\nname,uscc\n"a\nb",1\n\n,,\nc,2\n', encoding="utf-8")
    table = open_table(path)
    assert [row.number for row in table.rows()] == [3, 6]
    table.close()
    book = openpyxl.Workbook()
    book.active["A3"], book.active["B3"], book.active["A4"], book.active["A6"] = "name", "uscc", "a", "c"
    book.save(tmp_path / "a.xlsx")
    table = open_table(tmp_path / "a.xlsx")
    assert [(row.number, row.values) for row in table.rows()] == [
        (4, {"name": "a", "uscc": ""}),
        (6, {"name": "c", "uscc": ""}),
    ]


def test_a_workbook_gives_the_text_that_a_csv_would_have(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["n", "share", "small", "day", "moment", "yes", "code", "text", "none", "_row"])
    book.active.append(
        [
            5.0,
            0.108,
            0.0000125,
            datetime.date(2025, 11, 2),
            datetime.datetime.fromisoformat("2025-11-02 09:30"),
            True,
            914205007261348842,
            "007",
            None,
            9,
        ]
    )
    book.save(tmp_path / "a.xlsx")
    table = open_table(tmp_path / "a.xlsx")
    (row,) = table.rows()
    assert row.values | {"code": ""} == {
        "n": "5",
        "share": "0.108",
        "small": "0.0000125",
        "day": "2025-11-02",
        "moment": "2025-11-02 09:30:00",
        "yes": "TRUE",
        "code": "",
        "text": "007",
        "none": "",
    }
    assert row.notes == [("code", "number-rounded")]  # a spreadsheet keeps 15 digits: the code is lost and said so


def test_a_row_with_a_cell_too_many_is_an_error_of_that_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n1,2,3\n1,2,,\n1\n", encoding="utf-8")
    table = open_table(path)
    rows = list(table.rows())
    table.close()
    assert [row.error is None for row in rows] == [True, False, True, True]
    assert rows[3].values == {"a": "1", "b": ""}


def test_an_unclosed_quote_or_an_endless_line_costs_that_row_only(tmp_path: Path) -> None:
    sheet = tmp_path / "a.csv"
    sheet.write_text('a,b\n1,"' + "x" * 300_000 + "\n2,3\n", encoding="utf-8")
    table = open_table(sheet)
    assert table.rows().__next__().error is not None
    table.close()
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"a": "' + "x" * 300_000 + '"}\n{"a": 1}\n', encoding="utf-8")
    table = open_table(lines)
    first, second = table.rows()
    table.close()
    assert first.error is not None and (second.number, second.values) == (2, {"a": "1"})


@pytest.mark.parametrize(
    "line",
    ["", "nonsense", "[1]", '{"a": NaN}', '{"a": 1', "\ufffd", '{"a":' * 100_000, '{"a":' + "[" * 13 + "]" * 13 + "}"],
)
def test_a_line_that_is_no_object_is_a_rejected_row(line: str) -> None:
    assert read_line(7, line).error is not None


def test_numbers_keep_their_digits_and_are_never_floats() -> None:
    line = '{"price": 1.50, "big": 123456789012345678901234567890, "flag": true, "none": null, "list": [1, {"x": 2e3}]}'
    assert read_line(1, line).values == {
        "price": "1.50",
        "big": "123456789012345678901234567890",
        "flag": "true",
        "none": "",
        "list": ["1", {"x": "2e3"}],
    }
    assert dict(members(line))["price"] == "1.50"
    assert list(members("{ }")) == []


def test_our_own_columns_are_ignored_and_a_wrapped_line_is_unwrapped() -> None:
    assert read_line(1, '{"a": "1", "_row": 3, "_reason_zh": "x"}').values == {"a": "1"}
    wrapped = json.dumps({"_raw": '{"a": "1"}', "_row": 3})
    assert read_line(1, wrapped).values == {"a": "1"}
    assert read_line(1, json.dumps({"_raw": "still broken"})).raw == "still broken"


def test_text_is_normal_and_without_invisible_characters() -> None:
    assert clean("e\u0301") == ("\u00e9", False)
    assert clean("\u3000甲\u202e乙\x00\u200b ") == ("甲乙", True)
    assert clean("a\r\nb\u2028c\td") == ("a\nb\nc\td", False)
    assert clean("\ud800") == ("\ufffd", True)


@pytest.mark.parametrize("text", ["=1", "+a", "-a", "@x", "\tx", "\rx", "--", "-1", "+3.5", "plain", "", "'", "'=x"])
def test_defused_cells_come_back(text: str) -> None:
    safe = defuse(text)
    assert safe[:1] not in "=@\t\r" or not safe
    assert unarm(safe) == (text if text != "'=x" else "=x")


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.pdf", b"a", Malformed),
        ("a.json", b"{}", Malformed),
        ("a.json", b"[{}", Malformed),
        ("a.json", b'{"data": [{}, 3', Malformed),
        ("a", b"a", Malformed),
        ("a.xls", b"a", Malformed),
        ("a.xlsx", b"no workbook", Malformed),
        ("a.xlsx", b"PK\x05\x06" + bytes(18), Malformed),
        ("a.csv", b"", Malformed),
        ("a.csv", b"\n\n", Malformed),
        ("a.csv", b"a,a\n1,2\n", Malformed),
        ("a.csv", "a,b\n".encode("utf-16"), Malformed),
        ("a.csv", b"a,b\n\x00\n", Malformed),
    ],
)
def test_a_file_that_cannot_be_read_says_so(name: str, content: bytes, error: type[Exception], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error):
        open_table(tmp_path / name)


def test_a_missing_or_enormous_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound):
        open_table(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_text("a\n1\n")
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 3)
    with pytest.raises(TooLarge):
        open_table(tmp_path / "a.csv")


@pytest.mark.parametrize("module", [facts, jsonl, rows, sheets])
def test_examples_in_the_documentation_hold(module: Any) -> None:
    extra = {"datetime": datetime.datetime} if module is sheets else {}
    assert not doctest.testmod(module, extraglobs=extra).failed


def test_csv_module_is_used_with_its_own_limits() -> None:
    assert csv.field_size_limit() == 131072  # a process-wide setting that reading must not change
