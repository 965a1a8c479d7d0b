"""All addresses of the console, in the order in which they are asked."""

from __future__ import annotations

from aiohttp import web

from node.web.console import acting, drafts, prints, register, today, trade

routes: list[web.AbstractRouteDef] = [
    *today.routes,
    *register.routes,
    *trade.routes,
    *prints.routes,
    *drafts.routes,
    *acting.routes,
]
