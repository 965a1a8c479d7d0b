"""收费统计 (R27) in the console: the public report, reached from the page of charges."""

from __future__ import annotations

from aiohttp import web

from node.web import fees_page
from node.web.console import shell

routes = web.RouteTableDef()


@routes.get("/console/charges/report")
async def show(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    context, status = await fees_page.context_of(request)
    return shell.render(request, "charge_report.html", who, status=status, **context)
