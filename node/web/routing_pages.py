"""`/routing`: which tier holds a trade, who holds what is not theirs, what is held nowhere, and hand-overs.

For people who may read what authorities share: registrations are not public. A hand-over becomes a draft by one click.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node import tiers
from node.domain.routing import LEVELS, TIERS
from node.errors import NotFound
from node.routing import handing, offplatform, watch
from node.web import pages, session
from node.web.console import acting, keeping, shell
from node.web.console.forms import fill
from node.web.console.sent import Sent
from node.web.keys import AUDIT, CLOCK, DESK, SETTINGS, STORE
from node.wire.ids import read_record_id

routes = web.RouteTableDef()


@routes.get("/routing")
async def show(request: web.Request) -> web.Response:
    who = await session.need(request, "read.shared")
    settings = request.app[SETTINGS]

    def read(conn: Connection) -> dict[str, Any]:
        return {
            "findings": watch.findings(conn),
            "missing": offplatform.missing(conn),
            "doubtful": offplatform.missing(conn, verdict="open"),
            "incoming": handing.incoming(conn, settings.name),
            "outgoing": handing.outgoing(conn, settings.name),
        }

    found = await request.app[STORE].read(read)
    response = pages.render(
        request,
        "routing/routing.html",
        table=tiers.routing_table(),
        tiers=TIERS,
        levels=LEVELS,
        states=watch.STATES,
        may_take=who.realm == "service" and who.may("draft.edit"),
        **found,
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


@routes.post("/routing/handovers/{record_id:[0-9a-f]{32}}")
async def take(request: web.Request) -> web.Response:
    """Make a draft of a hand-over, with all that was typed; the clerk looks through it and registers."""
    who = await shell.centre(request, "draft.edit")
    await session.form(request)
    app, record_id = request.app, read_record_id(request.match_info["record_id"])
    offered = await app[STORE].read(partial(handing.one, record_id=record_id, me=app[SETTINGS].name))
    about = acting.registration(request, _package(request, offered.category))
    raw = fill(about.fields, dict(offered.facts))
    draft = await keeping.save(request, who, "", about, Sent(raw=raw, key=app[DESK].new_key(), title=offered.title))
    await handing.take(app[STORE], app[SETTINGS], app[CLOCK], record_id, account=who.account, done=draft)
    await app[AUDIT].note(who, "handover.take", offered.id, offered.title, permission="draft.edit")
    raise web.HTTPSeeOther(f"/console/drafts/{draft}")


def _package(request: web.Request, category: str) -> str:
    """The id of the package of a category. Raises NotFound where none is held."""
    for each in request.app[DESK].rules.book.packages:
        if each.category == category:
            return each.id
    raise NotFound(f"no rules for {category}", zh=f"没有类别“{category}”的规则", field="category")
