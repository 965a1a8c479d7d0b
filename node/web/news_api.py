"""The request that a node below holds open until there is news for it (DESIGN L18)."""

from __future__ import annotations

from aiohttp import web

from node.errors import Malformed
from node.web.keys import BULLETIN, CALLERS
from node.wire import paths

MAX_WAIT_S = 60
routes = web.RouteTableDef()


@routes.get(paths.NEWS)
async def news(request: web.Request) -> web.Response:
    """Members only: whoever could hold requests open without a name could hold all of them."""
    caller = await request.app[CALLERS].require(request, b"")
    after, wait_s = _number(request, "after", 2**53 - 1), _number(request, "wait", MAX_WAIT_S)
    number = await request.app[BULLETIN].after(after, wait_s, caller)
    return web.json_response({"number": number}, headers={"Cache-Control": "no-store"})


def _number(request: web.Request, name: str, most: int) -> int:
    text = request.query.get(name, "0")
    if not text.isascii() or not text.isdigit() or len(text) > 16 or int(text) > most:
        raise Malformed(f"{name} must be a number from 0 to {most}", field=name)
    return int(text)
