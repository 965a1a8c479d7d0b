"""`/supervision/agencies` (R58): the share of each agency at each centre, for who watches that none is assigned."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.rules import load_barriers
from node.trading import agencies
from node.trusted import newest
from node.web import pages, session
from node.web.keys import SETTINGS, STORE
from node.web.portal_people import People

routes = web.RouteTableDef()
PERMISSION = "supervise.read"


@routes.get("/supervision/agencies")
async def show(request: web.Request) -> web.Response:
    who = await session.need(request, PERMISSION)
    bound = load_barriers().agency

    def read(conn: Connection) -> dict[str, Any]:
        people = People(request.app[SETTINGS], newest(conn))
        return {"rows": agencies.shares(conn, bound), "people": people}

    found = await request.app[STORE].read(read)
    return pages.render(request, "supervision/agencies.html", who=who, bound=bound, **found)
