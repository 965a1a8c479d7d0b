"""`/quality/records.csv`: the records behind a figure, all of them, by the parameters of the page that lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web
from sqlalchemy import Connection

from node.domain import divisions
from node.domain.spreadsheet import CSV_MARK, defuse
from node.domain.trades import CATEGORIES
from node.quality import board, listing
from node.quality.listing import Place
from node.web import board_text
from node.web.csv_lines import csv_lines
from node.web.exports import CONTENT_TYPES, PIECE, not_understood
from node.web.i18n import Words, language
from node.web.keys import CLOCK, SETTINGS, STORE
from node.web.pages import SAFE
from node.web.portal_format import when
from node.web.portal_query import Form
from node.web.quality.forms import Asked, asked

RECORDS_CSV: Final = "/quality/records.csv"
_COLUMNS: Final = (
    "title",
    "quality_faults",
    "quality_step",
    "category",
    "division",
    "quality_division_name",
    "date",
    "origin",
    "quality_address",
)
routes = web.RouteTableDef()


@routes.get(RECORDS_CSV)
async def download(request: web.Request) -> web.StreamResponse:
    """Sent as it is read. Raises Malformed for what the page would show beside its form."""

    def read(conn: Connection) -> tuple[Asked, Form]:
        return asked(request.query, board.nodes(conn))

    store, t = request.app[STORE], Words(language(request))
    what, form = await store.read(read)
    if form.errors:
        raise not_understood(form)
    day = when(request.app[CLOCK]())[:10].replace("-", "")
    headers = {"Content-Disposition": f'attachment; filename="quality-{day}.csv"', "Cache-Control": "no-cache"}
    response = web.StreamResponse(headers=SAFE | headers | {"Vary": "Cookie"})
    response.content_type, response.charset = CONTENT_TYPES["csv"], "utf-8"
    await response.prepare(request)
    if request.method != "HEAD":
        await response.write((CSV_MARK + _lines([[t(name) for name in _COLUMNS]])).encode())
        site, place, more = request.app[SETTINGS].url.rstrip("/"), None, True
        while more:
            piece = partial(_piece, what=what, place=place)
            rows, place = await store.read(piece)
            await response.write(_lines([_cells(row, t, site) for row in rows]).encode())
            more = place is not None
    await response.write_eof()
    return response


def _piece(conn: Connection, what: Asked, place: Place | None) -> tuple[list[dict[str, Any]], Place | None]:
    return listing.after(conn, what.wanted, what.measure, place, PIECE, all_of_them=what.whole)


def _cells(row: Mapping[str, Any], t: Words, site: str) -> Sequence[str]:
    path = f"/trades/{quote(row['trade'], safe='')}" if row["sort"] == "trade" else f"/records/{row['record_id'].hex()}"
    return (
        row["title"],
        "；".join(t.pick(board_text.FAULTS[name]) for name in board.faults_of(row)),
        t.pick(board_text.STEPS[row["step"]]),
        t.name(CATEGORIES, row["category"]),
        row["division"],
        divisions.name_of(row["division"]),
        row["day"],
        row["origin"],
        site + path,
    )


def _lines(rows: Sequence[Sequence[str]]) -> str:
    return csv_lines([defuse(cell) for cell in row] for row in rows)
