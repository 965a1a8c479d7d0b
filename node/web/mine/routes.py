"""All addresses of a party's own pages."""

from __future__ import annotations

from aiohttp import web

from node.settings import Settings
from node.web.mine import bids, credit, deposits, overview, trades


def routes_for(settings: Settings) -> list[web.RouteTableDef]:
    """A party's account is good at every centre; a department keeps none."""
    if settings.role == "supervision":
        return []
    return [overview.routes, trades.routes, bids.routes, deposits.routes, credit.routes]
