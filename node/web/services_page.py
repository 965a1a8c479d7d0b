"""`/services` (R24): the published service list, and how its promises were kept at this centre: counts alone."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from node.trading import services
from node.web import pages
from node.web.keys import CLOCK, RULE_RECORDS, RULES, STORE

routes = web.RouteTableDef()


@routes.get("/services")
async def show(request: web.Request) -> web.Response:
    await request.app[RULE_RECORDS].refresh()
    kept = await request.app[STORE].read(partial(services.kept, now_ms=request.app[CLOCK]()))
    return pages.render(
        request, "services.html", promises=request.app[RULES].promises, kept=kept, nothing=services.Kept()
    )
