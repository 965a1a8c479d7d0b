"""The list of disclosures: by the five kinds (R30), category, place and day, whatever they came as."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.domain.acts import DISCLOSURE_NAMES
from node.store import views
from node.web import pages
from node.web.exports import XLSX_ROWS, not_understood
from node.web.keys import STORE
from node.web.portal_query import CATEGORY_NAMES, disclosure_query

routes = web.RouteTableDef()


@routes.get("/disclosures")
async def disclosures(request: web.Request) -> web.Response:
    query, form = disclosure_query(request.query)

    def read(conn: Connection) -> dict[str, Any]:
        return {"places": views.places(conn), "page": None if form.errors else views.search_trades(conn, query)}

    found = await request.app[STORE].read(read)
    accept = request.headers.get("Accept", "")
    if form.errors and "json" in accept and "text/html" not in accept:
        raise not_understood(form)
    return pages.render(
        request,
        "disclosures/list.html",
        status=400 if form.errors else 200,
        form=form,
        names={"categories": CATEGORY_NAMES, "disclosures": DISCLOSURE_NAMES},
        xlsx_limit=XLSX_ROWS,
        **found,
    )
