"""A filled workbook read into rows: values by field, and what is wrong by cell. Nothing is judged by the rules here.

A workbook comes from anywhere: its size, members and rows are bounded, document types are refused, and a cell with a
formula is a fault, since what it shows is not what stands in it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from io import BytesIO
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from node.domain.rulebook import FieldRule
from node.errors import Malformed, Rejected, TooLarge
from node.trading import values
from node.trading.excel import CODE, EXPLAINED, LOTS, MAX_ROWS, NUMBER, TITLE, TRADE, Layout, Sheet, column_of

MAX_BYTES = 20 << 20
MAX_OPEN_BYTES = 64 << 20
MAX_STRINGS_BYTES = 8 << 20
EMPTY_ROWS = 1000
"""So many rows may stand empty between those that hold something."""
MAX_MEMBERS = 1000
MAX_SUB_ROWS = 20_000
MAX_COLUMNS = 400
_EXACT = 10**15


@dataclass(frozen=True, slots=True)
class CellFault:
    """What is wrong with a cell: where it is, which field, and what to do."""

    sheet: str
    cell: str
    field: str
    zh: str
    en: str
    severity: str = "refuse"


@dataclass(slots=True)
class Typed:
    """One row of a sheet as typed: text by column, where each stands, and what could not be read."""

    row: int
    texts: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    faults: list[CellFault] = field(default_factory=list)


@dataclass(slots=True)
class ActRow:
    """One act of the workbook. `subs` are the rows of its other sheets, by field."""

    main: Typed
    subs: dict[str, list[Typed]] = field(default_factory=dict)

    @property
    def number(self) -> str:
        return self.main.texts.get(NUMBER, "")

    def text(self, column: str) -> str:
        return self.main.texts.get(column, "").strip()

    @property
    def at(self) -> int | None:
        return self.main.values.get("@at")

    @property
    def lots(self) -> list[str]:
        text = self.text(LOTS)
        for each in "，,；;\n":
            text = text.replace(each, "、")
        return [part.strip() for part in text.split("、") if part.strip()]

    @property
    def fields(self) -> dict[str, Any]:
        found = {name: value for name, value in self.main.values.items() if name[0] != "@"}
        for name, rows in self.subs.items():
            found[name] = [{key: value for key, value in row.values.items() if key[0] != "@"} for row in rows]
        return found

    @property
    def faults(self) -> list[CellFault]:
        return [*self.main.faults, *(fault for rows in self.subs.values() for row in rows for fault in row.faults)]

    @property
    def code(self) -> str:
        return self.text(CODE)

    @property
    def trade(self) -> str:
        return self.text(TRADE)

    @property
    def title(self) -> str:
        return self.text(TITLE)


def read(data: bytes, shape: Layout) -> list[ActRow]:
    """The rows of a filled template. Raises Malformed, TooLarge for a file that is none, or of another act."""
    check(data)
    try:
        book = load_workbook(BytesIO(data), read_only=True, data_only=False, keep_links=False)
    except Exception as error:  # a broken file fails in many ways deep inside the library
        raise _unreadable(type(error).__name__) from None
    try:
        _require_act(book, shape)
        main, *others = shape.sheets
        if main.name not in book.sheetnames:
            raise Malformed(f"no sheet {main.name}", zh=f"没有工作表“{main.name}”，请使用本环节的模板", field="file")
        rows = [ActRow(typed) for typed in _rows(book[main.name], main, MAX_ROWS)]
        by_number = {row.number.strip(): row for row in rows if row.number.strip()}
        for sheet in others:
            if sheet.name in book.sheetnames and sheet.field is not None:
                for typed in _rows(book[sheet.name], sheet, MAX_SUB_ROWS):
                    _attach(typed, sheet, rows, by_number)
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise _unreadable(type(error).__name__) from None
    finally:
        book.close()
    _require_own_numbers(rows, main)
    return rows


def _attach(typed: Typed, sheet: Sheet, rows: list[ActRow], by_number: dict[str, ActRow]) -> None:
    assert sheet.field is not None
    number = typed.texts.get(NUMBER, "").strip()
    owner = by_number.get(number) or (rows[0] if len(rows) == 1 and not number else None)
    if owner is not None:
        owner.subs.setdefault(sheet.field.name, []).append(typed)
    elif rows:
        rows[0].main.faults.append(
            CellFault(
                sheet.name,
                typed.places.get(NUMBER, f"A{typed.row}"),
                sheet.field.name,
                f"“{NUMBER}”{number or '（空）'} 在主表中没有对应的行",
                f"number {number or '(empty)'} stands on no row of the main sheet",
            )
        )


def _rows(sheet: Any, shape: Sheet, limit: int) -> Iterator[Typed]:
    """Rows that hold something. The first row is the header."""
    columns: list[FieldRule | None] = []
    count = 0
    most = limit + EMPTY_ROWS
    for index, cells in enumerate(sheet.iter_rows(max_row=most + 1, max_col=MAX_COLUMNS), 1):
        # A row may call itself the millionth; all before it would be made up.
        if index > most:
            raise TooLarge(f"{shape.name} goes on beyond row {most}", zh=f"“{shape.name}”超过 {most} 行，请删去空行")
        if index == 1:
            columns = [column_of(shape, _plain(cell)) for cell in cells]
            _require_columns(columns, shape)
            continue
        typed = _typed(index, cells, columns, shape)
        if not any(text.strip() for name, text in typed.texts.items() if name != NUMBER):
            continue
        count += 1
        if count > limit:
            raise TooLarge(f"{shape.name} has more than {limit} rows", zh=f"“{shape.name}”超过 {limit} 行，请分批导入")
        yield typed


def _typed(index: int, cells: Any, columns: list[FieldRule | None], shape: Sheet) -> Typed:
    typed = Typed(index)
    for place, (cell, rule) in enumerate(zip(cells, columns, strict=False), 1):
        if rule is None:
            continue
        where = f"{get_column_letter(place)}{index}"
        typed.places[rule.zh] = where
        text = _plain(cell)
        typed.texts[rule.zh] = text
        if getattr(cell, "data_type", "") == "f":
            typed.faults.append(
                CellFault(
                    shape.name,
                    where,
                    rule.name,
                    f"“{rule.zh}”是公式，请改为只粘贴数值",
                    f"{rule.en} is a formula: paste values only",
                )
            )
            continue
        if isinstance(cell.value, float) and abs(cell.value) >= _EXACT:
            typed.faults.append(
                CellFault(
                    shape.name,
                    where,
                    rule.name,
                    f"“{rule.zh}”数字过长，末位已被电子表格改写，请以文本格式填写",
                    f"{rule.en}: a number this long has lost its last digits: fill it in as text",
                )
            )
            continue
        try:
            value = values.read(rule, text)
        except Rejected as error:
            typed.faults.append(CellFault(shape.name, where, rule.name, error.zh, error.detail))
            continue
        if value is not None:
            typed.values[rule.name] = value
    return typed


def _plain(cell: Any) -> str:
    match getattr(cell, "value", None):
        case None:
            return ""
        case bool() as flag:
            return "是" if flag else "否"
        case float() as number:
            return format(Decimal(repr(number)), "f").removesuffix(".0")
        case datetime() as moment:
            return moment.date().isoformat() if moment.time() == time() else moment.isoformat(" ", "minutes")
        case date() | time() as day:
            return day.isoformat()
        case other:
            return str(other)


def check(data: bytes) -> None:
    """Refuse a workbook that would cost more to read than it can hold. Raises TooLarge, Malformed."""
    if len(data) > MAX_BYTES:
        raise TooLarge(f"a workbook has at most {MAX_BYTES} bytes", zh="文件过大，请分批导入", field="file")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS or sum(each.file_size for each in members) > MAX_OPEN_BYTES:
                raise TooLarge("the workbook is too large when unpacked", zh="文件解压后过大", field="file")
            # Read as a whole, an object for each: empty ones cost a hundred times their bytes.
            if any(each.file_size > MAX_STRINGS_BYTES for each in members if "sharedStrings" in each.filename):
                raise TooLarge("the workbook is too large when unpacked", zh="文件解压后过大", field="file")
            for each in members:
                if each.filename.endswith((".xml", ".rels")):
                    with archive.open(each) as part:
                        if b"<!DOCTYPE" in part.read(4096).upper():
                            raise _unreadable("document type")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise _unreadable(type(error).__name__) from None


def _require_act(book: Any, shape: Layout) -> None:
    """A template of another act would be read by chance where columns are alike."""
    if EXPLAINED not in book.sheetnames:
        return
    told = {}
    for cells in book[EXPLAINED].iter_rows(min_row=1, max_row=2, max_col=2):
        if len(cells) == 2:
            told[_plain(cells[0])] = _plain(cells[1])
    if told.get("环节", shape.act.id) != shape.act.id or told.get("规则包", shape.package.name).partition("@")[0] != (
        shape.package.id
    ):
        raise Malformed(
            f"the workbook is of {told.get('规则包')} {told.get('环节')}",
            zh=f"该文件是“{told.get('规则包')} {told.get('环节')}”的模板，不是本环节的",
            field="file",
        )


def _require_columns(columns: list[FieldRule | None], shape: Sheet) -> None:
    named = [rule.zh for rule in columns if rule is not None]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice or not named:
        raise Malformed(
            f"{shape.name}: {'columns stand twice: ' + ', '.join(twice) if twice else 'no known column'}",
            zh=f"“{shape.name}”" + (f"重复的列：{'、'.join(twice)}" if twice else "没有可识别的列，请使用模板"),
            field="file",
        )


def _require_own_numbers(rows: list[ActRow], main: Sheet) -> None:
    seen: set[str] = set()
    for row in rows:
        number = row.number.strip()
        if number and number in seen:
            place = row.main.places.get(NUMBER, f"A{row.main.row}")
            row.main.faults.append(
                CellFault(main.name, place, "@number", f"序号 {number} 重复", f"number {number} stands twice")
            )
        seen.add(number)


def _unreadable(why: str) -> Malformed:
    return Malformed(
        f"not a workbook that can be read: {why}",
        zh="无法读取该文件，请使用 .xlsx 格式的模板",
        field="file",
        advice_zh="请下载本环节的模板，填写后另存为 .xlsx 再导入。",
        advice_en="Download the template of this act, fill it in and save it as .xlsx.",
    )
