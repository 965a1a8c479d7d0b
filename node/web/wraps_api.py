"""Endpoints for key wraps of sealed sections: who may hold the ciphertext may have the list of its wraps (L23)."""

from __future__ import annotations

import json
from functools import partial

from aiohttp import web
from sqlalchemy import Connection

from node.errors import Malformed, NotAllowed, Unauthenticated
from node.store import logs, wraps
from node.store.logs import LogState
from node.sync.wraps import take
from node.trusted import audiences_for
from node.web.bodies import read_body, upload
from node.web.keys import CALLERS, NEWS, STORE, TRUSTED
from node.wire import paths

MAX_BYTES = 8 << 20
routes = web.RouteTableDef()


@routes.get(paths.WRAPS)
async def get_wraps(request: web.Request) -> web.Response:
    caller = await request.app[CALLERS].identify(request)
    if caller is None:
        raise Unauthenticated("key wraps are for enrolled nodes")
    after = request.query.get("after", "0")
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        raise Malformed("after must be a decimal number", field="after")

    def work(conn: Connection) -> tuple[list[wraps.StoredWraps], int]:
        state = _log(conn, request)
        holdings = audiences_for(request.app[TRUSTED], caller, state.origin)
        return wraps.after(conn, state.id, int(after), holdings)

    rows, end = await request.app[STORE].read(work)
    plain = {"next": end, "wraps": [row.note for row in rows]}
    return web.json_response(plain, headers={"Cache-Control": "private, no-store"})


@routes.post(paths.WRAPS)
async def put_wraps(request: web.Request) -> web.Response:
    request.app[CALLERS].expect(request)
    async with upload(request, request.match_info["origin_hash"]):
        body = await read_body(request, MAX_BYTES)
    caller = await request.app[CALLERS].require(request, body)
    state = await request.app[STORE].read(partial(_log, request=request))
    trusted = request.app[TRUSTED]
    node = trusted.policy.node_of_origin(state.origin)
    if node is None or state.own or caller not in (node, *trusted.policy.path_up(node)):
        raise NotAllowed("key wraps of this log are taken only from its origin and the nodes above it")
    done = await request.app[STORE].write(partial(take, trusted=trusted, origin=state.origin, notes=_notes(body)))
    request.app[NEWS].set()
    return web.json_response({"taken": done.taken, "early": done.early})


def _notes(body: bytes) -> list[bytes]:
    try:
        plain = json.loads(body)
        found = plain["wraps"]
        if not isinstance(found, list) or len(found) > wraps.MAX_NOTES:
            raise TypeError
        return [note.encode() for note in found]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Malformed(f'the body must be {{"wraps": [...]}} with at most {wraps.MAX_NOTES} notes') from None


def _log(conn: Connection, request: web.Request) -> LogState:
    return logs.by_hash(conn, request.match_info["origin_hash"])
