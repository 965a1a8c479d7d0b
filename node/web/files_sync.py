"""Files between nodes: what this one waits for, and pieces that a node below brings. Both calls are signed."""

from __future__ import annotations

from aiohttp import web

from node.attachments.carry import MOST_PIECE
from node.errors import Conflict, Malformed
from node.web.bodies import read_body, upload
from node.web.keys import ATTACHMENTS, CALLERS, NEWS
from node.wire import paths

routes = web.RouteTableDef()


@routes.get(paths.FILES_ASKED)
async def asked(request: web.Request) -> web.Response:
    caller = await request.app[CALLERS].require(request)
    found = await request.app[ATTACHMENTS].transfers.asked_of(caller)
    rows = [{"sha256": each.sha256, "node": each.node, "size": each.size, "have": each.have} for each in found]
    return web.json_response({"files": rows}, headers={"Cache-Control": "no-cache"})


@routes.post(paths.FILE_PIECE)
async def piece(request: web.Request) -> web.Response:
    request.app[CALLERS].expect(request)
    sha256, node, at = request.match_info["sha256"], request.query.get("node", ""), request.query.get("at", "")
    if not at.isascii() or not at.isdigit() or len(at) > 15:
        raise Malformed("at must be a decimal number", field="at")
    async with upload(request, sha256):
        body = await read_body(request, MOST_PIECE)
        caller = await request.app[CALLERS].require(request, body)
        try:
            size, held = await request.app[ATTACHMENTS].transfers.take(caller, sha256, node, int(at), body)
        except Conflict as conflict:
            return web.json_response({"size": conflict.size}, status=409)
    if held:
        request.app[NEWS].set()  # nodes further up may have it now
    return web.json_response({"size": size, "held": held})
