"""`/mine/credit`: the public credit records that bear one's code, of all nodes whose logs are held here."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection, select

from node.store.tables import CreditView, Log, table
from node.web.keys import STORE
from node.web.mine import shell
from node.web.portal_query import SORTS

routes = web.RouteTableDef()
MOST = 200
_credit, _log = table(CreditView), table(Log)


@routes.get("/mine/credit")
async def credit_page(request: web.Request) -> web.Response:
    one = await shell.party(request)

    def read(conn: Connection) -> list[dict[str, Any]]:
        if not one.code or one.is_expert:
            return []
        joined = select(_credit, _log.c.origin).join(_log, _log.c.id == _credit.c.log_id)
        order = (_credit.c.starts_on.desc(), _credit.c.log_id, _credit.c.idx.desc())
        rows = conn.execute(joined.where(_credit.c.uscc == one.code).order_by(*order).limit(MOST))
        return [dict(row) for row in rows.mappings()]

    rows = await request.app[STORE].read(read)
    return shell.render(request, "credit.html", one, rows=rows, sorts=SORTS, more=len(rows) == MOST)
