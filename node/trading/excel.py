"""Workbooks of acts: the template that a clerk fills in, and what comes back with the reasons beside (openpyxl).

One sheet an act: a row is an act, a column a field under its Chinese name. A field that holds rows has a sheet of its
own, whose rows name theirs by 序号. A sheet of explanations says how each is filled in. All cells are text, so that no
spreadsheet program turns a number into a date, and nothing that was typed becomes a formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from node.domain.rulebook import ActRule, FieldRule, Package
from node.trading import values

NUMBER, TRADE, LOTS, AT, TITLE, CODE = "序号", "交易编号", "标段", "办理时间", "标题", "项目编号"
REASON = "未接收原因"
EXPLAINED, CHOICES = "填写说明", "选项"
MAX_ROWS = 1000
_MARK = "*"
_NO_SHEET = re.compile(r"[\[\]:*?/\\']")
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_HEAD = PatternFill("solid", fgColor="FFDCE6F1")
_WRONG = PatternFill("solid", fgColor="FFFFC7CE")

_AT = FieldRule(name="@at", zh=AT, en="Done at", type="moment", hint_zh="空着为导入之时")
_TITLE = FieldRule(name="@title", zh=TITLE, en="Title", hint_zh="空着则由项目名称和环节组成")
_CODE = FieldRule(name="@code", zh=CODE, en="Project code")
_TRADE = FieldRule(name="@trade", zh=TRADE, en="Trade", required=True, hint_zh="交易编号，或唯一的项目编号")
_LOTS = FieldRule(name="@lots", zh=LOTS, en="Lots", type="text", hint_zh="以顿号分开；空着为全部")
_NUMBER = FieldRule(name="@number", zh=NUMBER, en="Number", hint_zh="本表内的行号，供其他工作表引用")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet's name, the rows field that it holds (None for the acts themselves), and its columns."""

    name: str
    field: FieldRule | None
    columns: tuple[FieldRule, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a workbook of one act looks: the sheet of the acts comes first."""

    package: Package
    act: ActRule
    sheets: tuple[Sheet, ...]

    @property
    def first(self) -> bool:
        """Whether the act is the registration: then a row makes a trade."""
        return self.act is self.package.acts[0]


def layout(package: Package, act: ActRule) -> Layout:
    plain = tuple(rule for rule in act.fields if rule.type != "rows")
    about = (_CODE,) if act is package.acts[0] else (_TRADE, _LOTS)
    main = Sheet(_sheet_name(act.zh), None, (_NUMBER, *about, _AT, _TITLE, *plain))
    taken = {main.name, EXPLAINED, CHOICES}
    more = []
    for rule in act.fields:
        if rule.type == "rows":
            name = _sheet_name(rule.zh if rule.zh not in taken else f"{rule.zh} {rule.name}")
            taken.add(name)
            more.append(Sheet(name, rule, (_NUMBER, *rule.columns)))
    return Layout(package, act, (main, *more))


def template(shape: Layout) -> bytes:
    """An empty workbook to fill in."""
    return _bytes(_workbook(shape))


def returned(shape: Layout, rows: Iterable[tuple[Mapping[str, list[dict[str, str]]], str, frozenset[str]]]) -> bytes:
    """The rows that were not taken, as they were typed: (sheet -> its rows by column, the reason, bad cells).

    A bad cell is `<sheet>!<column>!<n>`, n counting the rows of that act on the sheet from 0.
    """
    book = _workbook(shape, reason=True)
    nexts = dict.fromkeys((sheet.name for sheet in shape.sheets), 2)
    for typed, reason, bad in rows:
        for sheet in shape.sheets:
            for n, cells in enumerate(typed.get(sheet.name, ())):
                row = nexts[sheet.name]
                nexts[sheet.name] += 1
                for place, rule in enumerate(sheet.columns, 1):
                    cell = _put(book[sheet.name], row, place, cells.get(rule.zh, ""))
                    if f"{sheet.name}!{rule.zh}!{n}" in bad:
                        cell.fill = _WRONG
                if sheet.field is None:
                    cell = _put(book[sheet.name], row, len(sheet.columns) + 1, reason)
                    cell.fill, cell.alignment = _WRONG, Alignment(wrap_text=True, vertical="top")
    return _bytes(book)


def header_of(rule: FieldRule) -> str:
    return rule.zh + (_MARK if rule.required and not rule.when else "")


def column_of(sheet: Sheet, header: str) -> FieldRule | None:
    """The field that a header names, by its Chinese name or its name in the rule book."""
    plain = header.strip().rstrip(_MARK + "＊").strip()
    return next((rule for rule in sheet.columns if plain in (rule.zh, rule.name)), None)


def _workbook(shape: Layout, *, reason: bool = False) -> Workbook:
    book = Workbook()
    book.remove(book.active)
    for sheet in shape.sheets:
        made = book.create_sheet(sheet.name)
        for place, rule in enumerate(sheet.columns, 1):
            _head(made, place, header_of(rule), rule)
        if reason and sheet.field is None:
            _head(made, len(sheet.columns) + 1, REASON, None)
        made.freeze_panes = "B2"
    _explain(book, shape)
    _offer(book, shape)
    return book


def _head(sheet: Any, place: int, text: str, rule: FieldRule | None) -> None:
    cell = _put(sheet, 1, place, text)
    cell.font, cell.fill = Font(bold=True), _HEAD
    letter = get_column_letter(place)
    wide = 48 if rule is None or rule.type in ("long", "parties") else 26 if rule.type == "party" else 18
    sheet.column_dimensions[letter].width = wide
    sheet.column_dimensions[letter].number_format = "@"
    if rule is not None:
        cell.comment = Comment("\n".join(_told(rule)), "ggzy-node", width=320, height=120)


def _told(rule: FieldRule) -> Iterator[str]:
    yield "；".join(part for part in ("必填" if rule.required else "选填", values.form_of(rule)[0]) if part)
    if rule.required and rule.when:
        yield "在规则所列情形下必填"
    if rule.hint_zh:
        yield rule.hint_zh
    if rule.max:
        yield f"不超过 {rule.max} " + ("项" if rule.type in ("parties", "texts", "rows") else "字")
    if rule.table:
        yield f"取值见代码表：{rule.table}"


def _explain(book: Workbook, shape: Layout) -> None:
    sheet = book.create_sheet(EXPLAINED)
    lines = [
        ("规则包", shape.package.name),
        ("环节", shape.act.id),
        ("说明", "每行一个环节；带 * 的列必填。金额以元填写，时间为北京时间。请勿使用公式，只粘贴数值。"),
        ("", "表格类字段在各自的工作表中填写，以“序号”对应主表的行。"),
        ("", "未被接收的行会连同原因一起退回，改正后可直接再次导入。"),
    ]
    for number, line in enumerate(lines, 1):
        for place, text in enumerate(line, 1):
            _put(sheet, number, place, text)
    row = len(lines) + 2
    for place, text in enumerate(("工作表", "列", "Field", "怎样填写"), 1):
        _put(sheet, row, place, text).font = Font(bold=True)
    for each in shape.sheets:
        for rule in each.columns:
            row += 1
            for place, text in enumerate((each.name, header_of(rule), rule.en, "。".join(_told(rule))), 1):
                _put(sheet, row, place, text)
    for letter, width in zip("ABCD", (22, 30, 30, 80), strict=True):
        sheet.column_dimensions[letter].width = width


def _offer(book: Workbook, shape: Layout) -> None:
    """Lists to choose from: they lie on a hidden sheet, since a list inside a cell's rule may have 255 characters."""
    offered = book.create_sheet(CHOICES)
    offered.sheet_state = "hidden"
    column = 0
    for sheet in shape.sheets:
        for place, rule in enumerate(sheet.columns, 1):
            names = ["是", "否"] if rule.type == "flag" else [each.zh for each in rule.choices]
            if not names:
                continue
            column += 1
            for row, name in enumerate(names, 1):
                _put(offered, row, column, name)
            letter = get_column_letter(column)
            check = DataValidation(
                type="list", formula1=f"='{CHOICES}'!${letter}$1:${letter}${len(names)}", allow_blank=True
            )
            check.error, check.errorTitle = "请从列表中选择", rule.zh
            own = get_column_letter(place)
            check.add(f"{own}2:{own}{MAX_ROWS + 1}")
            book[sheet.name].add_data_validation(check)


def _put(sheet: Any, row: int, column: int, text: str) -> Any:
    cell = sheet.cell(row=row, column=column)
    # Set as a string whatever it begins with: as a value, `=…` would become a formula.
    cell.value, cell.data_type, cell.number_format = _UNFIT.sub("", text)[:32_000], "s", "@"
    return cell


def _sheet_name(name: str) -> str:
    return _NO_SHEET.sub(" ", name).strip()[:31]


def _bytes(book: Workbook) -> bytes:
    out = BytesIO()
    book.save(out)
    return out.getvalue()
