"""`/routing`: which tier holds a trade, who holds what is not theirs, what is held nowhere, and hand-overs.

For people who may read what authorities share: registrations are not public. What is handed over becomes a draft by one
click, which the console's page of registrations does.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.domain.calendar import day_of
from node.domain.routing import LEVELS, TIERS
from node.routing import handing, offplatform, watch
from node.web import pages, session
from node.web.keys import CLOCK, RULES, SETTINGS, STORE

routes = web.RouteTableDef()


@routes.get("/routing")
async def show(request: web.Request) -> web.Response:
    who = await session.need(request, "read.shared")
    settings = request.app[SETTINGS]

    def read(conn: Connection) -> dict[str, Any]:
        return {
            "findings": watch.findings(conn),
            "missing": offplatform.missing(conn),
            "doubtful": offplatform.missing(conn, verdict="open"),
            "incoming": handing.incoming(conn, settings.name),
            "outgoing": handing.outgoing(conn, settings.name),
        }

    found = await request.app[STORE].read(read)
    response = pages.render(
        request,
        "routing/routing.html",
        table=request.app[RULES].by_day.routing(day_of(request.app[CLOCK]())),
        tiers=TIERS,
        levels=LEVELS,
        states=watch.STATES,
        may_take=who.realm == "service" and who.may("trade.register"),
        **found,
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response
