"""Pages of a supervising department's node: trades in its scope, its orders, the audit trail. All else is read-only."""

from __future__ import annotations

from aiohttp import web

from node.settings import Settings
from node.web.supervision import agencies, audit, orders, trades

__all__ = ["routes_for"]


def routes_for(settings: Settings) -> list[web.RouteTableDef]:
    """No node but a department's has these pages: a centre neither supervises nor shows how it is supervised."""
    return [trades.routes, orders.routes, agencies.routes, audit.routes] if settings.role == "supervision" else []
