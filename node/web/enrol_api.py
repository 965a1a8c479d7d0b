"""Answers to invitations: open to anyone, judged by the one-time code, slow on purpose (DESIGN L20)."""

from __future__ import annotations

from aiohttp import web

from node.web.bodies import read_body
from node.web.keys import ENROL_LIMITS, INVITATIONS
from node.wire import paths
from node.wire.enrol import MAX_CARD_BYTES

PER_S = 0.5
"""Answers that one address may send each second in the long run; five at once."""
routes = web.RouteTableDef()


@routes.post(paths.ENROL)
async def enrol(request: web.Request) -> web.Response:
    request.app[ENROL_LIMITS].admit("enrol", request.remote or "")
    fingerprint = await request.app[INVITATIONS].answer(await read_body(request, MAX_CARD_BYTES))
    return web.json_response({"fingerprint": fingerprint}, headers={"Cache-Control": "no-store"})
