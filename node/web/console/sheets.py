"""A form as an Excel file: a template made from the same rules, and what was filled in there read back, cell by cell.

The first sheet has one field a row, each repeatable field a sheet of its own with one line a row. What is read is
`Raw`, as a form sends it; a note about an input then also knows its cell.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from node.domain.rulebook import FieldRule
from node.domain.spreadsheet import defuse
from node.errors import Malformed, TooLarge
from node.importing.sheets import cell_text
from node.trading import excel_read
from node.web.console.forms import MAX_LINES, PARTY, Raw, Tables, choices_of
from node.web.console.inputs import UNITS

MAX_BYTES = 4 << 20
MAX_ROWS, MAX_COLUMNS = 2000, 100
FIRST, HEAD = "填写", 3
"""Name of the first sheet, and in each sheet the row of the headers: filling begins under it."""
_ANSWER = 5
_BOLD, _SOFT = Font(bold=True), PatternFill("solid", fgColor="EAF1FA")
_REPEATED = ("rows", "parties")


@dataclass(slots=True)
class Sheet:
    """What was read: typed texts, and where each input stands (`填写!E7`)."""

    raw: dict[str, str] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def cell(self, path: str) -> str:
        """The cell of an input, that of what holds it where it has none of its own; empty when nothing is known."""
        while path and path not in self.cells:
            path = path.rpartition(".")[0]
        return self.cells.get(path, "")


def template(title: str, act: str, rules: Sequence[FieldRule], raw: Raw, tables: Tables) -> bytes:
    """An Excel file to fill in, with what `raw` already has. `act` is a mark: a file for another act is refused."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = FIRST
    _head(sheet, title, act, ["字段", "名称", "是否必填", "填写说明", "在此填写"], (18, 26, 10, 46, 46))
    lists: dict[str, str] = {}
    row = HEAD + 1
    for rule in rules:
        if rule.type in _REPEATED:
            _lines(book, rule, act, raw, tables, lists)
            continue
        for path, zh, inner in _inputs(rule):
            need = "必填" if rule.required and not rule.when else "条件必填" if rule.required else ""
            for column, text in enumerate((path, zh, need, _hint(inner), _typed(inner, path, raw)), 1):
                cell = sheet.cell(row, column, defuse(text))
                cell.alignment = Alignment(wrap_text=True, vertical="top")
            sheet.cell(row, _ANSWER).number_format = "@"  # numbers stay as they are typed
            _choose(book, sheet, f"E{row}", inner, tables, lists)
            row += 1
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(data: bytes, act: str, rules: Sequence[FieldRule]) -> Sheet:
    """What a clerk filled in. Raises Malformed for what is no such file, TooLarge."""
    if len(data) > MAX_BYTES:
        raise TooLarge(f"a workbook of more than {MAX_BYTES} bytes", zh="工作簿过大")
    pages = _cells(data)
    rows = pages.get(FIRST, [])
    if len(rows) < HEAD or _text(rows[1][1] if len(rows[1]) > 1 else "") != act:
        raise _no_template("it is not the template of this act")
    found = Sheet()
    known = {path: rule for rule in rules if rule.type not in _REPEATED for path, _, rule in _inputs(rule)}
    for number, cells in enumerate(rows[HEAD:], HEAD + 1):
        path = _text(cells[0]) if cells else ""
        if path in known:
            found.cells[path] = f"{FIRST}!E{number}"
            if len(cells) >= _ANSWER:
                _put(found, path, known[path], _text(cells[_ANSWER - 1]))
        elif path:
            found.unknown.append(f"{FIRST}!A{number}")
    for rule in rules:
        if rule.type in _REPEATED:
            _read_lines(found, rule, pages.get(_name(rule), []))
    return found


def _cells(data: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """The cells of each sheet, as many as a template can have: a lone cell far out costs no memory."""
    excel_read.check(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        return {
            sheet.title: list(sheet.iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS, values_only=True))
            for sheet in book.worksheets
        }
    except TooLarge:
        raise
    except Exception as error:  # whatever a broken file makes of the parsers: zip, XML, or a missing part
        raise _no_template(f"no workbook: {type(error).__name__}") from None


def _inputs(rule: FieldRule) -> list[tuple[str, str, FieldRule]]:
    """(path, Chinese name, rule) of the inputs of a field that is not repeatable."""
    if rule.type == "party":
        return [(f"{rule.name}.{part.name}", f"{rule.zh}·{part.zh}", part) for part in PARTY]
    return [(rule.name, rule.zh, rule)]


def _columns(rule: FieldRule) -> list[tuple[str, str, FieldRule]]:
    if rule.type == "parties":
        return [(part.name, part.zh, part) for part in PARTY]
    return [each for column in rule.columns for each in _inputs(column) if column.type not in _REPEATED]


def _lines(book: Workbook, rule: FieldRule, act: str, raw: Raw, tables: Tables, lists: dict[str, str]) -> None:
    sheet = book.create_sheet(_name(rule))
    columns = _columns(rule)
    _head(sheet, rule.zh, act, [zh for _, zh, _ in columns], [max(16, len(zh) * 2 + 4) for _, zh, _ in columns])
    for place, (name, _, inner) in enumerate(columns, 1):
        letter = get_column_letter(place)
        _choose(book, sheet, f"{letter}{HEAD + 1}:{letter}{HEAD + MAX_LINES}", inner, tables, lists)
        for number in range(MAX_LINES):
            text = _typed(inner, f"{rule.name}.{number}.{name}", raw)
            if text:
                sheet.cell(HEAD + 1 + number, place, defuse(text))
    hints = [f"{zh}：{hint}" for _, zh, inner in columns if (hint := _hint(inner))]
    sheet.cell(1, 2, defuse("；".join(hints)))


def _read_lines(found: Sheet, rule: FieldRule, rows: Sequence[Sequence[Any]]) -> None:
    name = _name(rule)
    found.cells[rule.name] = f"{name}!A{HEAD + 1}"
    columns = {zh: (path, inner) for path, zh, inner in _columns(rule)}
    heads = [_text(cell) for cell in rows[HEAD - 1]] if len(rows) >= HEAD else []
    found.unknown += [
        f"{name}!{get_column_letter(place)}{HEAD}"
        for place, head in enumerate(heads, 1)
        if head and head not in columns
    ]
    line = 0
    for number, cells in enumerate(rows[HEAD:], HEAD + 1):
        if not any(_text(cell) for cell in cells):
            continue
        if line >= MAX_LINES:
            raise TooLarge(f"more than {MAX_LINES} lines in the sheet {name}", zh=f"工作表“{name}”超过 {MAX_LINES} 行")
        for place, (head, cell) in enumerate(zip(heads, cells, strict=False), 1):
            if head in columns:
                path, inner = columns[head]
                whole = f"{rule.name}.{line}.{path}"
                found.cells[whole] = f"{name}!{get_column_letter(place)}{number}"
                _put(found, whole, inner, _text(cell))
        line += 1


def _put(found: Sheet, path: str, rule: FieldRule, text: str) -> None:
    if not text:
        return
    if rule.type == "money":
        # A cell that says nothing of its unit is in yuan, as the template's hint says.
        found.raw[f"{path}.unit"] = "元"
    found.raw[path] = text


def _typed(rule: FieldRule, path: str, raw: Raw) -> str:
    text = raw.get(path, "")
    unit = raw.get(f"{path}.unit", "元")
    return f"{text}{unit}" if rule.type == "money" and text and unit in UNITS and text[-1:].isdigit() else text


def _hint(rule: FieldRule) -> str:
    forms = {
        "day": "日期，如 2026-03-24",
        "moment": "北京时间，如 2026-03-24 09:30",
        "money": "金额，以元计；也可写 50万元",
        "integer": "整数",
        "share": "百分数，如 12.5",
        "flag": "填“是”或“否”",
        "code": "从列表中选择",
        "texts": "一行一项（单元格内换行用 Alt+Enter）",
    }
    return "；".join(part for part in (forms.get(rule.type, ""), rule.hint_zh) if part)


def _choose(
    book: Workbook, sheet: Worksheet, cells: str, rule: FieldRule, tables: Tables, lists: dict[str, str]
) -> None:
    """A drop-down in cells that take a code or a flag."""
    names = ["是", "否"] if rule.type == "flag" else [zh for _, zh, _ in choices_of(rule, tables)]
    if rule.type not in ("flag", "code") or not names:
        return
    key = "\n".join(names)
    if key not in lists:
        page = book["列表"] if "列表" in book.sheetnames else book.create_sheet("列表")
        page.sheet_state = "hidden"
        column = len(lists) + 1
        for row, name in enumerate(names, 1):
            page.cell(row, column, defuse(name))
        letter = get_column_letter(column)
        lists[key] = f"{quote_sheetname('列表')}!${letter}$1:${letter}${len(names)}"
    made = DataValidation(type="list", formula1=lists[key], allow_blank=True)
    made.showErrorMessage = False  # our own message names the cell and says what to do
    sheet.add_data_validation(made)
    made.add(cells)


def _head(sheet: Worksheet, title: str, act: str, heads: Sequence[str], widths: Sequence[int]) -> None:
    sheet.cell(1, 1, defuse(title)).font = _BOLD
    sheet.cell(2, 1, "模板编号")
    sheet.cell(2, 2, act)
    for place, (head, width) in enumerate(zip(heads, widths, strict=True), 1):
        cell = sheet.cell(HEAD, place, head)
        cell.font, cell.fill = _BOLD, _SOFT
        sheet.column_dimensions[get_column_letter(place)].width = width
    sheet.freeze_panes = f"A{HEAD + 1}"


def _name(rule: FieldRule) -> str:
    """A sheet's name: what Excel allows, at most 31 characters."""
    return re.sub(r"[\[\]:*?/\\]", " ", rule.zh)[:31]


def _text(cell: Any) -> str:
    if isinstance(cell, datetime | date):
        return cell_text(cell)
    text = cell_text(cell)
    # The apostrophe that `defuse` put before what a spreadsheet would take for a formula.
    return text[1:].strip() if text.startswith("'") else text.strip()


def _no_template(why: str) -> Malformed:
    return Malformed(
        why,
        zh="不是本环节的 Excel 模板",
        field="file",
        advice_zh="请在本页下载模板，填写后原样上传（.xlsx）。",
        advice_en="Download the template on this page, fill it in and upload it as .xlsx.",
    )
