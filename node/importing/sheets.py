"""Sheets: CSV as UTF-8 (with or without BOM) or GB18030, and the first sheet of an XLSX workbook.

The header is the first of the first ten rows whose names fit what is read (`Fits`), since offices put titles above
their tables; else the first row that is not empty. Rows are numbered as a spreadsheet program numbers them.
"""

from __future__ import annotations

import codecs
import csv
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from node.errors import Malformed, Rejected, TooLarge
from node.importing.rows import MAX_FILE_BYTES, MAX_ROW_BYTES, Row, clean, too_long, unarm

MAX_WORKBOOK_BYTES = 64 * 1024 * 1024
# A spreadsheet keeps 15 significant digits; a longer number has been rounded before we saw it.
_EXACT = 10**15
_SAVE_ZH = "请在电子表格软件中打开它，另存为“CSV UTF-8”或 .xlsx 后重新导入。"
_SAVE_EN = "Open it in a spreadsheet program, save it as CSV UTF-8 or .xlsx, and import that."

HEADER_ROWS = 10
Fits = Callable[[Sequence[str]], bool]
"""Whether names of columns are those of a table that is understood."""


def _header_place(rows: Sequence[Iterable[Any]], fits: Fits | None) -> int:
    """Which of the first rows is the header. Where none fits: the first, or the widest of those that were asked."""
    named = [[name for cell in cells if (name := clean(cell_text(cell))[0])] for cells in rows]
    if fits is not None:
        found = next((place for place, names in enumerate(named) if fits(names)), None)
        if found is None:
            found = max(range(len(named)), key=lambda place: (len(named[place]), -place), default=0)
        return found
    return next((place for place, names in enumerate(named) if names), 0)


class _Columns:
    """The header: which cells are columns of the source. Raises Malformed when it is empty or ambiguous."""

    def __init__(self, cells: Iterable[Any]) -> None:
        named = [(place, clean(cell_text(cell))[0]) for place, cell in enumerate(cells)]
        self.places = [(place, name) for place, name in named if name and name[0] != "_"]
        self.names = tuple(name for _, name in self.places)
        self.width = max((place for place, name in named if name), default=-1) + 1
        if not self.names:
            raise Malformed(
                "the file has no header row",
                zh="文件没有标题行",
                advice_zh="请把列名写在第一行；各类别的列名见 docs/records.md。",
                advice_en="Put the columns' names in the first row; docs/records.md lists them for each kind.",
            )
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise Malformed(
                f"columns named twice: {', '.join(twice)}",
                zh=f"重复的列名：{'、'.join(twice)}",
                advice_zh="请在标题行中删去或改名重复的列。",
                advice_en="Remove or rename the repeated columns in the header row.",
            )

    def row(self, number: int, cells: list[Any]) -> Row:
        values: dict[str, Any] = {}
        notes: list[tuple[str, str]] = []
        count = len(cells)
        for place, name in self.places:
            cell = cells[place] if place < count else ""
            if type(cell) is not str:
                if type(cell) is float and abs(cell) >= _EXACT:
                    notes.append((name, "number-rounded"))
                cell = cell_text(cell)
            if cell:
                cell, dirty = clean(unarm(cell))
                if dirty:
                    notes.append((name, "text-cleaned"))
            values[name] = cell
        raw = [cells[place] if place < count else "" for place, _ in self.places]
        row = Row(number, values, raw=raw, notes=notes)
        surplus = [cell for cell in cells[self.width :] if cell not in ("", None)]
        if surplus:
            row.error = Rejected(
                f"row {number} has {count} cells, the header {self.width}: {cell_text(surplus[0])[:40]!r} is left over",
                zh=f"第 {number} 行有 {count} 格，标题行只有 {self.width} 格，多出：{cell_text(surplus[0])[:40]}",
                advice_zh="请检查该行是否多了逗号；含逗号的内容要用引号括起。",
                advice_en="Look for a comma too many; text with a comma needs quotation marks.",
            )
        return row


def cell_text(cell: Any) -> str:
    """The text that a CSV would have for a cell of a workbook.

    >>> cell_text(5.0), cell_text(0.0036), cell_text(datetime(2025, 11, 2)), cell_text(True)
    ('5', '0.0036', '2025-11-02', 'TRUE')
    """
    match cell:
        case str():
            return cell
        case None:
            return ""
        case bool():
            return "TRUE" if cell else "FALSE"
        case float():
            if cell.is_integer():
                return str(int(cell))
            text = repr(cell)
            return format(Decimal(text), "f") if "e" in text else text
        case datetime():
            return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
        case date() | time():
            return cell.isoformat()
        case _:
            return str(cell)


def _encoding_of(path: Path) -> tuple[str, int]:
    """The encoding of a CSV and its number of lines; the file is read once, in pieces.

    UTF-8 proves itself; what is no UTF-8 is GB18030, as Excel saves it in China. A file that is neither has broken
    bytes: the encoding with fewer of them is taken, and the rows that hold them are flagged.
    """
    lines = 0
    broken = {"utf-8-sig": 0, "gb18030": 0}
    decoders = {name: codecs.getincrementaldecoder(name)("replace") for name in broken}
    with path.open("rb") as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            raise Malformed("the file is UTF-16", zh="文件为 UTF-16 编码", advice_zh=_SAVE_ZH, advice_en=_SAVE_EN)
        file.seek(0)
        while chunk := file.read(1 << 20):
            lines += chunk.count(b"\n")
            if b"\x00" in chunk:
                raise Malformed(
                    "the file is no text",
                    zh="文件不是文本，不能按 CSV 读取",
                    advice_zh=_SAVE_ZH,
                    advice_en=_SAVE_EN,
                )
            for name, decoder in decoders.items():
                if name == "utf-8-sig" or broken["utf-8-sig"]:  # the second is tried once the first has failed
                    broken[name] += decoder.decode(chunk).count("\ufffd")
    for name, decoder in decoders.items():
        broken[name] += decoder.decode(b"", True).count("\ufffd")
    return ("utf-8-sig" if broken["utf-8-sig"] <= broken["gb18030"] else "gb18030"), lines


class CsvTable:
    """`above` are the texts of the rows over the header."""

    def __init__(self, path: Path, fits: Fits | None = None) -> None:
        encoding, lines = _encoding_of(path)
        self._file = path.open(encoding=encoding, errors="replace", newline="")
        self.expected = max(lines - 1, 1)
        try:
            self._reader = csv.reader(self._file, delimiter=self._delimiter())
            self._numbered = self._rows()
            first: list[tuple[int, list[str]]] = []
            for number, cells in islice(self._numbered, HEADER_ROWS if fits else 1):
                if isinstance(cells, Rejected) and not first:
                    raise Malformed(
                        "the header row is too long",
                        zh="标题行过长",
                        advice_zh="请核对第一行是否为列名，引号是否成对。",
                        advice_en="The first row must hold the columns' names; quotation marks must be in pairs.",
                    )
                first.append((number, cells if isinstance(cells, list) else []))
                if isinstance(cells, Rejected):
                    self._numbered = chain([(number, cells)], self._numbered)
                    first.pop()
                    break
            place = _header_place([cells for _, cells in first], fits)
            self._columns = _Columns(first[place][1] if first else ())
            self.above = tuple(cell for _, cells in first[:place] for cell in cells if cell)
            self._numbered = chain(first[place + 1 :], self._numbered)
        except Exception:
            self._file.close()
            raise
        self.columns: tuple[str, ...] | None = self._columns.names
        self.places = tuple(place for place, _ in self._columns.places)

    def _delimiter(self) -> str:
        """What divides the first rows: a comma, or else a tab or semicolon, as other programs write."""
        head = "".join(islice(self._file, HEADER_ROWS))
        self._file.seek(0)
        return max(",\t;", key=lambda mark: (head.count(mark), mark == ","))

    def _rows(self) -> Iterator[tuple[int, list[str] | Rejected]]:
        number = 0
        while True:
            number += 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error:  # a field over the csv module's own limit; the reader goes on with the next line
                yield number, too_long(number)
                continue
            if any(cells):
                yield number, cells

    def rows(self) -> Iterator[Row]:
        for number, cells in self._numbered:
            if isinstance(cells, Rejected):
                yield Row(number, {}, raw=[], error=cells)
                continue
            row = self._columns.row(number, cells)
            if row.error is None and sum(map(len, cells)) > MAX_ROW_BYTES // 4:  # four bytes a character at most
                row.error = too_long(number)
            row.notes.extend((name, "text-cleaned") for name, text in row.values.items() if "\ufffd" in text)
            yield row

    def close(self) -> None:
        self._file.close()


class XlsxTable:
    """`above` are the texts of the rows over the header."""

    def __init__(self, path: Path, fits: Fits | None = None) -> None:
        self._cells = _first_sheet(path)
        start = next((place for place, cells in enumerate(self._cells) if any(c != "" for c in cells)), 0)
        self._header = start + _header_place(self._cells[start : start + HEADER_ROWS], fits)
        self.above = tuple(cell_text(cell) for cells in self._cells[start : self._header] for cell in cells if cell)
        self._columns = _Columns(self._cells[self._header] if self._cells else ())
        self.columns: tuple[str, ...] | None = self._columns.names
        self.places = tuple(place for place, _ in self._columns.places)
        self.expected = max(len(self._cells) - self._header - 1, 1)

    def rows(self) -> Iterator[Row]:
        for number, cells in enumerate(self._cells[self._header + 1 :], self._header + 2):
            if any(cell != "" for cell in cells):
                yield self._columns.row(number, cells)

    def close(self) -> None:
        self._cells = []


def _first_sheet(path: Path) -> list[list[Any]]:
    try:
        with zipfile.ZipFile(path) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
        if path.stat().st_size > MAX_WORKBOOK_BYTES or unpacked > MAX_FILE_BYTES:
            raise TooLarge(
                f"{path.name} is too large for a workbook",
                zh=f"工作簿 {path.name} 过大",
                advice_zh="请另存为 CSV 后导入。",
                advice_en="Save it as CSV and import that.",
            )
        return CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (zipfile.BadZipFile, CalamineError, IndexError) as error:
        raise Malformed(
            f"{path.name} is no XLSX workbook: {error}",
            zh=f"{path.name} 不是有效的 XLSX 工作簿",
            advice_zh=_SAVE_ZH,
            advice_en=_SAVE_EN,
        ) from None


def header_of(path: Path) -> list[str]:
    """The header of a workbook with our own columns too. Raises Malformed when it is no workbook."""
    return [cell_text(cell) for cell in next((cells for cells in _first_sheet(path) if any(cells)), [])]
