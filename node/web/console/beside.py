"""What stands beside a trade's acts on its page: deposits, bids once they are opened, rooms booked, charges, files."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from node.accounts.person import Person
from node.domain.engine import Trade


async def of_trade(request: web.Request, trade: Trade, who: Person) -> dict[str, Any]:
    return {"beside": []}
