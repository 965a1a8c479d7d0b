"""`/supervision/audit`: what persons did at all nodes, by filters; the same as CSV for who checks it elsewhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from node.accounts import trail
from node.accounts.trail import Filter
from node.domain.spreadsheet import CSV_MARK, defuse
from node.errors import Malformed
from node.web import pages, session
from node.web.csv_lines import csv_lines
from node.web.keys import AUDIT, STORE
from node.web.portal_format import BEIJING, iso
from node.web.supervision import words

routes = web.RouteTableDef()
PERMISSION = "audit.read"
NAMES = ("account", "action", "object", "node", "from", "to")
COLUMNS = ("at_ms", "account", "realm", "role", "action", "object", "detail", "address", "node")
EXPORT_ROWS = 100_000


@routes.get("/supervision/audit")
async def show(request: web.Request) -> web.Response:
    who = await session.need(request, PERMISSION)
    values = {name: request.query.get(name, "")[:200] for name in NAMES}
    wanted, after = _filter(values), _place(request.query.get("before", ""))
    rows, place = await request.app[STORE].read(lambda conn: trail.piece(conn, wanted, after))
    query = {name: value for name, value in values.items() if value}
    more = request.rel_url.with_query(query | {"before": "-".join(map(str, place))}) if place else None
    export = request.rel_url.with_path("/supervision/audit.csv").with_query(query)
    return pages.render(
        request,
        "supervision/audit.html",
        who=who,
        rows=rows,
        values=values,
        more=more and str(more),
        export=str(export),
        action=words.action,
        roles=words.roles,
    )


@routes.get("/supervision/audit.csv")
async def export(request: web.Request) -> web.StreamResponse:
    """All rows that fit, up to `EXPORT_ROWS`, in pieces; that it was taken out is itself on record."""
    who = await session.need(request, PERMISSION)
    wanted = _filter({name: request.query.get(name, "")[:200] for name in NAMES})
    await request.app[AUDIT].note(who, "audit.export", str(request.rel_url)[:300], permission=PERMISSION)
    response = web.StreamResponse(
        headers={"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "private, no-store"}
    )
    response.content_type, response.charset = "text/csv", "utf-8"
    await response.prepare(request)
    await response.write((CSV_MARK + ",".join(("at", *COLUMNS[1:])) + "\r\n").encode())
    place, written = None, 0
    while written < EXPORT_ROWS:
        after = place
        rows, place = await request.app[STORE].read(lambda conn, after=after: trail.piece(conn, wanted, after, 1000))  # type: ignore[misc]
        await response.write(_lines(rows).encode())
        written += len(rows)
        if place is None:
            break
    await response.write_eof()
    return response


def _lines(rows: list[Any]) -> str:
    return csv_lines([iso(row["at_ms"]), *(defuse(row[name]) for name in COLUMNS[1:])] for row in rows)


def _filter(values: dict[str, str]) -> Filter:
    """Raises Malformed for a day that is none; days are those of Beijing."""
    return Filter(
        account=values["account"],
        action=values["action"],
        object=values["object"],
        node=values["node"],
        from_ms=_day(values["from"]),
        to_ms=_day(values["to"], later=1),
    )


def _day(text: str, *, later: int = 0) -> int | None:
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=BEIJING) + timedelta(days=later)
        return int(day.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Malformed("not a day", zh="日期格式应为 YYYY-MM-DD", field="from") from None


def _place(text: str) -> trail.Place | None:
    parts = text.split("-")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) < 17 for part in parts):
        return None
    return int(parts[0]), int(parts[1]), int(parts[2]), int(parts[3])
