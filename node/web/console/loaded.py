"""The trade that an address names, replayed from what this node holds."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from sqlalchemy import Connection

from node.domain.engine import Trade
from node.store import loading
from node.store.loading import Recorded
from node.web.console import shell
from node.web.keys import STORE

KEY: Final = "{key:[0-9a-f]{32}}"
"""A trade's key in an address."""


async def load(request: web.Request) -> tuple[Trade, list[Recorded]]:
    """The trade of the address. Raises NotFound, Malformed where it cannot be replayed here."""
    return await load_key(request, request.match_info["key"])


async def load_key(request: web.Request, key: str) -> tuple[Trade, list[Recorded]]:
    """The same for a key. Raises NotFound, Malformed."""
    book = shell.desk(request).rules.book

    def read(conn: Connection) -> tuple[Trade, list[Recorded]]:
        return loading.trade_of(conn, book, key)

    return await request.app[STORE].read(read)
