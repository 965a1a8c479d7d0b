"""The trades of a dump as tables: the same rows as CSV and as an Excel workbook, headings in both languages."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import IO, Any

from openpyxl import Workbook
from sqlalchemy import Connection

from node.domain.spreadsheet import CSV_MARK, defuse
from node.store import views
from node.store.views import Row, TradeQuery

PIECE = 1000
XLSX_ROWS = 1_000_000
"""A worksheet ends at 1 048 576 rows; more go on to the next sheet."""

# name in trade_view -> heading
COLUMNS: dict[str, str] = {
    "title": "标题 title",
    "kind": "信息类型 kind",
    "category": "交易类别 category",
    "stage": "环节 stage",
    "project_code": "项目编号 project code",
    "section_code": "标段（包）编号 section code",
    "division": "行政区划代码 division code",
    "division_name": "行政区划 division",
    "owner": "项目单位 owner",
    "agency": "代理机构 agency",
    "winner": "中标（成交）人 winner",
    "amount_fen": "金额（元） amount (yuan)",
    "amount_text": "金额原文 amount as given",
    "published_on": "发布日期 published on",
    "source_url": "来源网址 source",
    "record_id": "记录编号 record id",
    "version": "版本 version",
    "origin": "日志名称 log",
    "idx": "日志序号 log index",
    "made_up": "虚构 made up",
}


def rows(conn: Connection) -> Iterator[Row]:
    """Every trade that the public lists show, newest first."""
    place = None
    while True:
        found, place = views.trades_after(conn, TradeQuery(), place, PIECE)
        yield from found
        if place is None:
            return


def cells(row: Row) -> list[Any]:
    """The cells of one row: sums in yuan, ids in hex, and nothing that a spreadsheet would run."""
    return [_cell(name, row[name]) for name in COLUMNS]


def write_csv(out: IO[str], found: Iterable[Row]) -> int:
    """Write rows as CSV for Excel (UTF-8 with a mark); gives how many."""
    out.write(CSV_MARK)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS.values())
    count = 0
    for row in found:
        writer.writerow(cells(row))
        count += 1
    return count


def write_xlsx(out: IO[bytes], found: Iterable[Row]) -> int:
    """Write rows as a workbook, as many sheets as they need; gives how many rows."""
    book = Workbook(write_only=True)
    count = 0
    sheet: Any = None
    for row in found:
        if count % XLSX_ROWS == 0:
            sheet = _sheet(book, count // XLSX_ROWS + 1)
        sheet.append(cells(row))
        count += 1
    if sheet is None:
        _sheet(book, 1)
    book.save(out)
    return count


def _sheet(book: Any, number: int) -> Any:
    sheet = book.create_sheet(f"交易 trades {number}")
    sheet.freeze_panes = "A2"
    sheet.append(list(COLUMNS.values()))
    return sheet


def _cell(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if name == "amount_fen":
        return None if value is None else Decimal(value).scaleb(-2)
    if isinstance(value, bool):
        return "是 yes" if value else ""
    return defuse(value) if isinstance(value, str) else value
