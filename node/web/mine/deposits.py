"""`/mine/deposits`: one's own deposits at this centre with the clock of their refund, once it is shown whose one is."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.trading import deposits
from node.trading.deposits import FORMS, PURPOSES
from node.web.console.deposits import STATES
from node.web.keys import STORE
from node.web.mine import elsewhere, shell

routes = web.RouteTableDef()


@routes.get("/mine/deposits")
async def deposits_page(request: web.Request) -> web.Response:
    one = await shell.party(request)
    now = shell.now_ms(request)

    def read(conn: Connection) -> dict[str, Any]:
        rows = deposits.of_bidder(conn, one.code) if one.proven and not one.is_expert else []
        return {"rows": rows, "centres": elsewhere.centres(conn, request)}

    found = await request.app[STORE].read(read)
    for row in found["rows"]:
        running = row["state"] == deposits.HELD and row["due_ms"] is not None
        row["left_ms"] = row["due_ms"] - now if running else None
    return shell.render(request, "deposits.html", one, forms=FORMS, purposes=PURPOSES, states=STATES, **found)
