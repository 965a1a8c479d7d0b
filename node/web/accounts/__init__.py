"""Pages of accounts: log-in, one's own account, registration of parties, the administrator's list."""

from __future__ import annotations

from aiohttp import web

from node.settings import Settings
from node.web.accounts import log_in, manage, own, register

__all__ = ["routes_for"]


def routes_for(settings: Settings) -> list[web.RouteTableDef]:
    """The pages of a node of this role: parties register at a centre; a department makes its accounts by command."""
    common = [log_in.routes, own.routes]
    return common if settings.role == "supervision" else [*common, register.routes, manage.routes]
