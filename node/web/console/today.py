"""今日待办: what is owed, late first, then by time left; beside it what waits for this person."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.trading import register, services, sites
from node.web.console import failures, keeping, shell, shown_trade
from node.web.keys import STORE

routes = web.RouteTableDef()
SHOWN, REQUESTS = 200, 50


@routes.get("/console")
async def today(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    found = await owed(request, who)
    mine, waiting = await keeping.lists(request, who) if who.may("draft.edit") else ([], [])
    return shell.render(
        request,
        "today.html",
        who,
        mine=mine,
        waiting=waiting,
        failures=await failures.count(request),
        promises=shell.desk(request).rules.promises,
        **found,
    )


async def owed(request: web.Request, who: Person) -> dict[str, Any]:
    """What is owed, late first, each with its act's name and whose it is; whether there is `more`, and the counts.

    With `?site=mine` that of the person's own site alone.
    """
    now, rules = shell.now_ms(request), shell.desk(request).rules
    book = rules.book
    only_mine = request.query.get("site") == "mine"

    def read(conn: Connection) -> dict[str, Any]:
        site = sites.site_of(conn, who.account)
        place = site["id"] if site is not None and only_mine else None
        rows = register.todo(conn, now_ms=now, site=place, limit=SHOWN + 1)
        return {
            "rows": rows[:SHOWN],
            "more": len(rows) > SHOWN,
            "board": register.board(conn, now_ms=now),
            "site": site,
            "requests": services.listed(conn, now_ms=now, limit=REQUESTS),
        }

    found = await request.app[STORE].read(read)
    for row in found["rows"]:
        package = book.get(row["rules"])
        rule = package.act(row["act"]) if package else None
        row["act_name"] = shell.act_name(package, row["act"])
        row["stage_name"] = shell.stage_name(package, row["stage"])
        clock = next((each for each in package.clocks if each.id == row["clock"]), None) if package else None
        row["estimated"] = shown_trade.estimated(rules.calendar, clock, row["started_ms"], row["due_ms"])
        row["mine"] = rule is not None and shell.may_do(who, rule)
        row["posts"] = shell.posts_of(rule) if rule else []
    return found | {"only_mine": only_mine}
