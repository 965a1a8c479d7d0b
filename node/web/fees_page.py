"""`/fees` (R27): what this centre charged by payer, category and month, beside its tariff; the same as CSV."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from node.domain.calendar import day_of
from node.domain.spreadsheet import CSV_MARK, defuse
from node.domain.trades import CATEGORIES
from node.trading import charge_report
from node.trading.charge_report import Line, Report
from node.web import pages
from node.web.csv_lines import csv_lines
from node.web.exports import not_understood
from node.web.i18n import Words, language
from node.web.keys import CLOCK, RULES, STORE
from node.web.pages import SAFE
from node.web.portal_format import when
from node.web.portal_query import Form, form_of
from node.web.portal_text import Pair

routes = web.RouteTableDef()
PAGE, FILE = "/fees", "/fees.csv"
MONTH: Final = re.compile(r"(20|21)[0-9]{2}-(0[1-9]|1[0-2])")
PAYERS: Final[dict[str, Pair]] = {
    "owner": ("项目单位（招标人、转让方）", "Owner"),
    "winner": ("中标（成交、受让）人", "Winner"),
}


@routes.get(PAGE)
async def show(request: web.Request) -> web.Response:
    context, status = await context_of(request)
    return pages.render(request, "fees/page.html", status=status, **context)


@routes.get(FILE)
async def download(request: web.Request) -> web.Response:
    """Each line of the report. Raises Malformed for what the page would show beside its form."""
    since, until, form = asked(request.query)
    if form.errors:
        raise not_understood(form)
    found: Report = await request.app[STORE].read(partial(charge_report.report, since=since, until=until))
    t = Words(language(request))
    heads = ("month", "category", "payer", "receipts", "total", "paid", "deals", "share")
    titles = [t(name if name == "category" else f"fees_{name}") for name in heads]
    lines = csv_lines([titles, *(_cells(line, t) for line in found.lines)])
    day = when(request.app[CLOCK]())[:10].replace("-", "")
    headers = {"Content-Disposition": f'attachment; filename="fees-{day}.csv"', "Cache-Control": "no-cache"}
    return web.Response(
        body=(CSV_MARK + lines).encode(),
        content_type="text/csv",
        charset="utf-8",
        headers=SAFE | headers | {"Vary": "Cookie"},
    )


async def context_of(request: web.Request) -> tuple[dict[str, Any], int]:
    """What the report's template shows, and the status of its page."""
    since, until, form = asked(request.query)
    found: Report = await request.app[STORE].read(partial(charge_report.report, since=since, until=until))
    by_day, today = request.app[RULES].by_day, day_of(request.app[CLOCK]())
    context = {
        "form": form,
        "report": found,
        "trend": trend(found.months),
        "payers": PAYERS,
        "tariff": by_day.tariff(today).fee,
        "tariff_name": by_day.on("fees", today).name,
    }
    return context, 400 if form.errors else 200


def asked(given: Mapping[str, str]) -> tuple[str, str, Form]:
    """The months from and to, empty for all, and the form they stand in."""
    form = form_of(given, ("since", "until"))
    for name, value in form.values.items():
        if value and not MONTH.fullmatch(value):
            form.errors[name] = ("月份格式应为 YYYY-MM。", "A month is written YYYY-MM.")
    since, until = ("" if name in form.errors else form.values[name] for name in ("since", "until"))
    return since, until, form


def trend(months: tuple[Line, ...]) -> list[str]:
    """Of each month, newest first, its change against the month with charges before it: `+12.5%`, or a dash."""
    found = []
    for line, before in zip(months, (*months[1:], None), strict=False):
        change = "—"
        if before is not None and before.total_fen:
            more = line.total_fen - before.total_fen
            tenths = abs(more) * 1000 // before.total_fen
            sign = "+" if more > 0 else "-" if more < 0 else ""
            change = f"{sign}{tenths // 10}.{tenths % 10}%"
        found.append(change)
    return found


def _cells(line: Line, t: Words) -> list[str]:
    payer = t.pick(PAYERS[line.payer]) if line.payer in PAYERS else line.payer
    sums = (f"{fen // 100}.{fen % 100:02d}" for fen in (line.total_fen, line.paid_fen, line.deals_fen))
    return [line.month, t.name(CATEGORIES, line.category), defuse(payer), str(line.receipts), *sums, line.per_mille]
