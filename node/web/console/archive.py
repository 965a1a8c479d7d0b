"""档案: what waits to be archived, what is on the shelf and until when; nothing is disposed of here."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.domain.calendar import day_of
from node.trading import files_kept
from node.web.console import shell
from node.web.keys import STORE
from node.web.portal_query import form_of
from node.web.portal_text import Pair

routes = web.RouteTableDef()
ADDRESS: Final = "/console/archive"
KEEP: Final = "archive.keep"
STATES: Final[dict[str, Pair]] = {
    "short": ("短于规定，须更正", "too short: correct it"),
    "doubt": ("短于待核实的规定", "shorter than an unverified clause"),
    "good": ("符合", "fits"),
}
TONES: Final = {"short": "bad", "doubt": "warn", "good": "good"}


@routes.get(ADDRESS)
async def archive(request: web.Request) -> web.Response:
    who = await shell.centre(request, KEEP)
    rules, now = shell.desk(request).rules, shell.now_ms(request)
    form = form_of(request.query, ("words", "page"))
    words, number = form.words(), form.page()

    def read(conn: Connection) -> dict[str, Any]:
        return {
            "shelf": files_kept.shelf(conn, rules.book, rules.calendar, words=words, page=number),
            "waiting": files_kept.waiting(conn, rules.book, rules.calendar, now_ms=now),
        }

    return shell.render(
        request,
        "archive.html",
        who,
        status=400 if form.errors else 200,
        form=form,
        today=day_of(now),
        states=STATES,
        tones=TONES,
        **await request.app[STORE].read(read),
    )
