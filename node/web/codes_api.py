"""The hub issues unified trade identification codes on request of an enrolled node (data-standard V2.0, chapter 4)."""

from __future__ import annotations

import json
import re

from aiohttp import web

from node.errors import Malformed, NotAllowed
from node.routing.issuing import Wanted
from node.routing.series import MAX_SUBJECT
from node.web.bodies import read_body
from node.web.keys import CALLERS, ISSUER, TRUSTED
from node.wire import paths

MAX_BYTES = 4096
REQUEST = r"[A-Za-z0-9_.:-]{1,100}"
CLASS = "[A-Z][0-9]{2}"
routes = web.RouteTableDef()


@routes.post(paths.UNIFIED_CODES)
async def issue(request: web.Request) -> web.Response:
    """A node below asks by `request`, its own name for it: asked again, it gets the same code."""
    request.app[CALLERS].expect(request)
    body = await read_body(request, MAX_BYTES)
    caller = await request.app[CALLERS].require(request, body)
    trusted = request.app[TRUSTED]
    if trusted.me not in trusted.policy.path_up(caller):
        raise NotAllowed("codes are issued to nodes below this one")
    given = await request.app[ISSUER].issue_unified(caller, _wanted(body))
    return web.json_response({"code": given.code, "again": given.again}, headers={"Cache-Control": "no-store"})


def _wanted(body: bytes) -> Wanted:
    try:
        plain = json.loads(body)
        named, cls, subject = plain["request"], plain["class"], plain.get("subject", "")
        fits = re.fullmatch(REQUEST, named) and re.fullmatch(CLASS, cls) and len(subject) <= MAX_SUBJECT
        if not fits or not subject.isprintable():
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Malformed('the body must be {"request", "class", "subject"}', field="request") from None
    return Wanted(named, cls, subject)
