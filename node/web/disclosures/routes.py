"""Every route of the pages about what is disclosed."""

from __future__ import annotations

from aiohttp import web

from node.web.disclosures import listing, projects, trades

ROUTES: tuple[web.RouteTableDef, ...] = (listing.routes, trades.routes, projects.routes)
