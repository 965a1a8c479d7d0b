"""Pages for those who rule: drafts of rule packages and tables, at a department's node and at the hub."""

from __future__ import annotations

from aiohttp import web

from node.settings import Settings
from node.web.ruling import editing, listing

__all__ = ["routes_for"]


def routes_for(settings: Settings) -> list[web.RouteTableDef]:
    """No district has these pages: it reads rules, and may change none."""
    return [listing.routes, editing.routes] if settings.role in ("supervision", "hub") else []
