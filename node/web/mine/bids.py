"""`/mine/bids`: one's own receipts at this centre, each as the signed note that anybody verifies offline."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection, select

from node.store.tables import table
from node.store.tables_trading import TradeState
from node.trading import bidders
from node.web.console.bids import SORTS
from node.web.keys import KEYRING, SETTINGS, STORE
from node.web.mine import elsewhere, shell
from node.web.mine.trades import STATES

routes = web.RouteTableDef()
NUMBER: Final = "{number:[0-9a-f]{32}}"
_states = table(TradeState)


@routes.get("/mine/bids")
async def bids_page(request: web.Request) -> web.Response:
    one = await shell.party(request)
    me = request.app[SETTINGS].name

    def read(conn: Connection) -> dict[str, Any]:
        rows = bidders.of_holder(conn, one.holder)
        which = (_states.c.trade.in_({row["trade"] for row in rows}), _states.c.node == me)
        titles = {row.trade: row.title for row in conn.execute(select(_states.c.trade, _states.c.title).where(*which))}
        return {
            "rows": [{**row, "title": titles.get(row["trade"], row["trade"])} for row in rows],
            "centres": elsewhere.centres(conn, request),
        }

    found = await request.app[STORE].read(read)
    return shell.render(request, "bids.html", one, sorts=SORTS, states=STATES, **found)


@routes.get(f"/mine/bids/{NUMBER}")
async def receipt(request: web.Request) -> web.Response:
    """The note as a file. Another's is not there, as one that does not exist."""
    one = await shell.party(request)
    number, settings = request.match_info["number"], request.app[SETTINGS]
    custody = request.app[KEYRING].custody

    def read(conn: Connection) -> bytes:
        return bidders.note_of(conn, number, one.holder, node=settings.name, custody=custody)

    return web.Response(
        body=await request.app[STORE].read(read),
        content_type="text/plain",
        charset="utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="bid-{number}.txt"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
