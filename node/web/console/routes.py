"""All addresses of the console, in the order in which they are asked."""

from __future__ import annotations

from aiohttp import web

from node.web.console import (
    acting,
    archive,
    bids,
    bindings,
    bookings,
    charge_report,
    charges,
    deposits,
    drafts,
    failures,
    imports,
    prints,
    register,
    rooms,
    services,
    sites,
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
    *bookings.routes,
    *rooms.routes,
    *deposits.routes,
    *bids.routes,
    *bindings.routes,
    *charges.routes,
    *charge_report.routes,
    *services.routes,
    *sites.routes,
    *archive.routes,
    *failures.routes,
    *imports.routes,
    *acting.routes,
]
