"""The rows of a search as CSV, Excel and JSON: `/trades.csv?…` has the rows that `/trades?…` shows, all pages of them.

Rows are sent newest first as they are read, a piece at a time, so that neither memory nor a transaction is held for a
slow reader. CSV and JSON have no limit; an Excel file ends at `XLSX_ROWS` and says so on its second sheet. A cell that
a spreadsheet would run as a formula gets an apostrophe before it. JSON's field names are stable (docs/portal.md).
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

import msgspec
from aiohttp import web
from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from sqlalchemy import Connection

from node.domain.spreadsheet import CSV_MARK, defuse
from node.errors import Malformed, Overloaded
from node.store import views
from node.store.logs import all_logs
from node.store.view_search import Place
from node.store.views import Row
from node.web.csv_lines import csv_lines
from node.web.i18n import Words, language
from node.web.keys import CLOCK, SETTINGS, STORE
from node.web.portal_columns import COLUMNS, Column
from node.web.portal_format import iso, when
from node.web.portal_query import Form, code_query, credit_query, disclosure_query, plain_query, trade_query

XLSX_ROWS: Final = 50_000
XLSX_CELL: Final = 32_000
XLSX_AT_ONCE: Final = 2
PIECE: Final = 500
CONTENT_TYPES: Final = {
    "csv": "text/csv",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

routes = web.RouteTableDef()

_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_encoder = msgspec.json.Encoder()
_making_xlsx = 0

Read = Callable[[Connection, Place | None, int], tuple[list[Row], Place | None]]


@dataclass(frozen=True, slots=True)
class Export:
    """What one address exports: its columns and how to read a piece."""

    name: str
    columns: tuple[Column, ...]
    read: Read
    form: Form


def not_understood(form: Form) -> Malformed:
    """The first error of a form, for programs; pages show all of them."""
    field, (zh, en) = next(iter(form.errors.items()))
    return Malformed(en, zh=zh, field=field, advice_zh="请修改查询条件后重试。", advice_en="Correct the search.")


@routes.get("/{name:trades|disclosures|credit|entities|codes}.{format:csv|xlsx|json}")
async def export(request: web.Request) -> web.StreamResponse:
    name, kind = request.match_info["name"], request.match_info["format"]
    made = await request.app[STORE].read(lambda conn: search(conn, name, request.query))
    if made.form.errors:
        raise not_understood(made.form)
    if request.method == "HEAD":
        return web.Response(headers=_headers(request, made, kind), content_type=CONTENT_TYPES[kind])
    return await {"csv": _csv, "json": _json, "xlsx": _xlsx}[kind](request, made)


def search(conn: Connection, name: str, given: Mapping[str, str]) -> Export:
    """The search of one address with the parameters of its page; its form tells what was not understood."""
    columns = COLUMNS[name]
    if name in ("trades", "disclosures"):
        trades, form = trade_query(given, _origins(conn)) if name == "trades" else disclosure_query(given)
        return Export(
            name,
            columns,
            lambda conn, place, limit: views.trades_after(conn, trades, place, limit),
            form,
        )
    if name == "credit":
        credit, form = credit_query(given, _origins(conn))
        return Export(
            name,
            columns,
            lambda conn, place, limit: views.credit_after(conn, credit, place, limit),
            form,
        )
    if name == "entities":
        words, _, form = plain_query(given)
        return Export(
            name,
            columns,
            lambda conn, place, limit: views.entities_after(conn, words, place, limit),
            form,
        )
    table, words, _, form = code_query(given)
    return Export(
        name,
        columns,
        lambda conn, place, limit: views.codes_after(conn, table, words, place, limit),
        form,
    )


def _origins(conn: Connection) -> dict[str, str]:
    return {log.origin: log.origin for log in all_logs(conn)}


async def _pieces(request: web.Request, made: Export) -> AsyncIterator[list[Row]]:
    place: Place | None = None
    while True:
        rows, place = await request.app[STORE].read(lambda conn, at=place: made.read(conn, at, PIECE))  # type: ignore[misc]
        yield rows
        if place is None:
            return


def _headers(request: web.Request, made: Export, kind: str) -> dict[str, str]:
    day = when(request.app[CLOCK]())[:10].replace("-", "")
    return {
        "Content-Disposition": "inline" if kind == "json" else f'attachment; filename="{made.name}-{day}.{kind}"',
        "Cache-Control": "no-cache",
        "Vary": "Cookie",
        "X-Content-Type-Options": "nosniff",
    }


async def _csv(request: web.Request, made: Export) -> web.StreamResponse:
    t = Words(language(request))
    response = web.StreamResponse(headers=_headers(request, made, "csv"))
    response.content_type, response.charset = CONTENT_TYPES["csv"], "utf-8"
    await response.prepare(request)
    await response.write((CSV_MARK + csv_lines([[t.pick(column.title) for column in made.columns]])).encode())
    async for rows in _pieces(request, made):
        lines = [[_text(column.shown(row, t)) for column in made.columns] for row in rows]
        await response.write(csv_lines(lines).encode())
    await response.write_eof()
    return response


async def _json(request: web.Request, made: Export) -> web.StreamResponse:
    response = web.StreamResponse(headers=_headers(request, made, "json"))
    response.content_type, response.charset = CONTENT_TYPES["json"], "utf-8"
    query = {name: value for name, value in made.form.values.items() if value and name != "page"}
    head = {"source": request.app[SETTINGS].origin, "made_at": iso(request.app[CLOCK]()), "query": query}
    await response.prepare(request)
    await response.write(_encoder.encode(head)[:-1] + b',"rows":[')
    before, total = b"\n", 0
    async for rows in _pieces(request, made):
        for row in rows:
            await response.write(before + _encoder.encode({c.name: c.plain(row) for c in made.columns}))
            before = b",\n"
        total += len(rows)
    # Last, because only now it is known: nobody counts a million rows before the first is sent.
    await response.write(b'\n],"total":%d}\n' % total)
    await response.write_eof()
    return response


async def _xlsx(request: web.Request, made: Export) -> web.StreamResponse:
    global _making_xlsx
    if _making_xlsx >= XLSX_AT_ONCE:
        # A workbook is built whole before its first byte is sent, which costs seconds of processor time.
        raise Overloaded("other Excel files are being made", retry_after_s=10)
    _making_xlsx += 1
    try:
        with tempfile.TemporaryFile() as file:
            await _write_workbook(request, made, file)
            response = web.StreamResponse(headers=_headers(request, made, "xlsx"))
            response.content_type = CONTENT_TYPES["xlsx"]
            response.content_length = file.tell()
            await response.prepare(request)
            file.seek(0)
            while piece := file.read(1 << 18):
                await response.write(piece)
            await response.write_eof()
            return response
    finally:
        _making_xlsx -= 1


async def _write_workbook(request: web.Request, made: Export, file: IO[bytes]) -> None:
    t = Words(language(request))
    settings, now = request.app[SETTINGS], when(request.app[CLOCK]())
    book = Workbook(write_only=True)
    sheet = book.create_sheet(t(made.name))
    sheet.freeze_panes = "A2"
    for number, column in enumerate(made.columns, 1):
        sheet.column_dimensions[get_column_letter(number)].width = column.width
    sheet.append([t.pick(column.title) for column in made.columns])
    written, all_of_it = 0, True

    def add(rows: list[Row]) -> None:
        for row in rows:
            sheet.append([_cell(column.shown(row, t)) for column in made.columns])

    async for rows in _pieces(request, made):
        kept = rows[: XLSX_ROWS - written]
        await asyncio.to_thread(add, kept)
        written += len(kept)
        if len(kept) < len(rows):
            all_of_it = False
            break
    about = book.create_sheet(t("about"))
    for letter in "ABC":
        about.column_dimensions[letter].width = 32
    query = {name: value for name, value in made.form.values.items() if value and name != "page"}
    about.append([t("about_node"), defuse(settings.title), settings.origin])
    about.append([t("about_made"), now])
    about.append([t("about_rows"), written, t("about_of" if all_of_it else "about_more", total=written)])
    for name, value in query.items():
        about.append([t("about_query"), name, _cell(value)])
    await asyncio.to_thread(book.save, file)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return defuse(value) if isinstance(value, str) else str(value)


def _cell(value: Any) -> Any:
    return _UNFIT.sub("\ufffd", defuse(value))[:XLSX_CELL] if isinstance(value, str) else value
