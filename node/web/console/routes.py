"""All addresses of the console, in the order in which they are asked."""

from __future__ import annotations

from aiohttp import web

from node.web.console import (
    acting,
    bids,
    bindings,
    charges,
    deposits,
    drafts,
    failures,
    imports,
    prints,
    register,
    today,
    trade,
    venues,
)

routes: list[web.AbstractRouteDef] = [
    *today.routes,
    *register.routes,
    *trade.routes,
    *prints.routes,
    *drafts.routes,
    *venues.routes,
    *deposits.routes,
    *bids.routes,
    *bindings.routes,
    *charges.routes,
    *failures.routes,
    *imports.routes,
    *acting.routes,
]
