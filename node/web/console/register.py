"""交易登记册: the trades of this centre, by filters whose state is the address; the same rows as CSV and Excel."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from aiohttp import web
from openpyxl import Workbook
from sqlalchemy import Connection

from node.domain.spreadsheet import CSV_MARK, defuse
from node.domain.trades import CATEGORIES
from node.trading import register, sites
from node.trading.register import Page, Query
from node.web.console import shell
from node.web.csv_lines import csv_lines
from node.web.exports import CONTENT_TYPES
from node.web.i18n import Words, language
from node.web.keys import STORE
from node.web.portal_format import when
from node.web.portal_query import CATEGORY_NAMES, Form, form_of
from node.web.portal_text import Pair

routes = web.RouteTableDef()

STATES: Final[dict[str, Pair]] = {
    "open": ("进行中", "Running"),
    "late": ("有逾期事项", "Something is late"),
    "ended": ("已结束", "Ended"),
    "void": ("登记已撤回", "Registration withdrawn"),
    "fault": ("本节点无法重演", "Cannot be replayed here"),
}
ORDERS: Final[dict[str, Pair]] = {
    "last": ("按最近办理", "Newest act first"),
    "due": ("按最近到期", "Due first"),
    "first": ("按登记时间", "Newest registration first"),
}
WHOSE: Final[dict[str, Pair]] = {"": ("本中心", "This centre"), "all": ("全部节点", "All nodes")}
FIELDS: Final = ("words", "category", "stage", "division", "state", "whose", "site", "order", "page")
EXPORT_ROWS: Final = 5000


def query_of(
    given: Mapping[str, str], stages: Mapping[str, Pair], places: Mapping[str, Pair] | None = None
) -> tuple[Query, Form]:
    """What an address asks for, and the form to show it in."""
    form = form_of(given, FIELDS)
    site = form.choice("site", places or {})
    query = Query(
        words=form.words(),
        category=form.choice("category", CATEGORIES),
        stage=form.choice("stage", stages),
        division=form.words("division").strip(),
        state=form.choice("state", STATES),
        own=form.choice("whose", WHOSE) != "all",
        order=form.choice("order", ORDERS, "last"),
        page=form.page(),
        site=int(site) if site else None,
    )
    return query, form


@routes.get("/console/trades")
async def trades(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    book = shell.desk(request).rules.book
    places = await _places(request)
    query, form = query_of(request.query, _stages(request), places)
    page = None if form.errors else await _page(request, query)
    return shell.render(
        request,
        "register.html",
        who,
        status=400 if form.errors else 200,
        form=form,
        page=page,
        stage_of=lambda row: shell.stage_name(book.get(row["rules"]), row["stage"]),
        names={"categories": CATEGORY_NAMES, "states": STATES, "orders": ORDERS, "stages": _stages(request)},
        whose=WHOSE,
        places=places,
    )


@routes.get("/console/trades.{format:csv|xlsx}")
async def export(request: web.Request) -> web.Response:
    await shell.centre(request)
    kind = request.match_info["format"]
    query, form = query_of(request.query, _stages(request), await _places(request))
    if form.errors:
        raise web.HTTPSeeOther(form.address("/console/trades"))
    rows: list[dict[str, Any]] = []
    for number in range(1, EXPORT_ROWS // register.PAGE_SIZE + 1):
        page = await _page(request, replace(query, page=number))
        rows += page.rows
        if len(page.rows) < page.size:
            break
    table = _table(request, rows)
    body = (CSV_MARK + csv_lines(table)).encode() if kind == "csv" else _xlsx(table)
    name = f"console-trades-{when(shell.now_ms(request))[:10].replace('-', '')}.{kind}"
    return web.Response(
        body=body,
        content_type=CONTENT_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )


async def _page(request: web.Request, query: Query) -> Page:
    now = shell.now_ms(request)

    def read(conn: Connection) -> Page:
        return register.register(conn, query, now_ms=now)

    return await request.app[STORE].read(read)


async def _places(request: web.Request) -> dict[str, Pair]:
    """The sites of this centre by number; 0 is none."""
    rows = await request.app[STORE].read(sites.overview)
    return {str(row["id"]): (row["name"], row["name"]) if row["id"] else ("未分配", "None") for row in rows}


def _stages(request: web.Request) -> dict[str, Pair]:
    """The stages of all packages by id; categories name some alike."""
    found: dict[str, Pair] = {}
    for package in shell.desk(request).rules.book.packages:
        for stage in package.stages:
            found.setdefault(stage.id, (stage.zh, stage.en))
    return found


def _table(request: web.Request, rows: list[dict[str, Any]]) -> list[list[Any]]:
    t, book = Words(language(request)), shell.desk(request).rules.book
    heads = (
        "title",
        "category",
        "stage",
        "project_code",
        "division",
        "owner",
        "agency",
        "first",
        "last",
        "due",
        "late",
    )
    found: list[list[Any]] = [[t(f"console_col_{name}") for name in heads] + [t("console_col_key")]]
    for row in rows:
        stage = t.pick(shell.stage_name(book.get(row["rules"]), row["stage"]))
        texts = [
            row["title"],
            row["category"],
            stage,
            row["project_code"],
            row["division"],
            row["owner"],
            row["agency"],
        ]
        times = [when(row[name]) if row[name] else "" for name in ("first_ms", "last_ms", "next_due_ms")]
        found.append([defuse(text) for text in texts] + [*times, row["late"], row["trade"]])
    return found


def _xlsx(table: list[list[Any]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("交易登记册")
    sheet.freeze_panes = "A2"
    for row in table:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
