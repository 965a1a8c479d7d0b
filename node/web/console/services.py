"""服务时限 (R24): who asked for what, what was promised, how long it took; noting a request and that it was done."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.errors import NotFound, Overtaken, Rejected
from node.trading import services
from node.web import session
from node.web.console import shell
from node.web.console.typed import Typed
from node.web.keys import AUDIT, STORE
from node.web.portal_query import form_of
from node.web.portal_text import Pair

routes = web.RouteTableDef()
ADDRESS: Final = "/console/services"
DO: Final = "trade.act"
ABOVE: Final = {"id": "-", "trade": "-", "note": "-", "do": "-"}
"""Fields of which the page has no one input: what is wrong with them stands above it."""
STATES: Final[dict[str, Pair]] = {
    "open": ("未办结", "Open"),
    "late": ("已超过承诺时限", "Past the promise"),
    "done": ("已办结", "Done"),
    "dropped": ("已撤销", "Taken back"),
}


@routes.get(ADDRESS)
async def services_page(request: web.Request) -> web.Response:
    return await _page(request, await shell.centre(request), Typed({}))


@routes.post(ADDRESS)
async def change(request: web.Request) -> web.Response:
    """Note a request, or that one is done or wanted no more: what the pressed button says."""
    who = await shell.centre(request, DO)
    form = Typed(await session.form(request))
    try:
        number = await {"ask": _ask, "done": _end, "drop": _end}.get(form["do"], _none)(request, who, form)
    except (NotFound, Overtaken, Rejected) as error:
        form.refuse(error, ABOVE)
        status = 409 if isinstance(error, Overtaken) else 400
        return await _page(request, who, form, status)
    if form.notes:
        return await _page(request, who, form, 400)
    await request.app[AUDIT].note(who, f"service.{form['do']}", number, permission=DO)
    raise web.HTTPSeeOther(f"{ADDRESS}?done=noted")


async def _ask(request: web.Request, who: Person, form: Typed) -> str:
    asked = form.read("moment", "asked_at", required=False)
    if form.notes:
        return ""
    rules, now = shell.desk(request).rules, shell.now_ms(request)
    work = partial(
        services.note,
        promise=rules.promises.get(form["service"]),
        calendar=rules.calendar,
        title=form["title"],
        asker=form["asker"],
        asked_ms=now if asked is None else asked,
        now_ms=now,
        account=who.account,
        trade=form["trade"],
    )
    return await request.app[STORE].write(work)


async def _end(request: web.Request, who: Person, form: Typed) -> str:
    work = partial(
        services.end,
        id=form["id"],
        now_ms=shell.now_ms(request),
        account=who.account,
        done=form["do"] == "done",
        words=form["note"],
    )
    row: dict[str, Any] = await request.app[STORE].write(work)
    return str(row["id"])


async def _none(request: web.Request, who: Person, form: Typed) -> str:
    raise Rejected("press a button of the page", zh="请使用页面上的按钮", field="do")


async def _page(request: web.Request, who: Person, form: Typed, status: int = 200) -> web.Response:
    rules, now = shell.desk(request).rules, shell.now_ms(request)
    promises = rules.promises
    names: dict[str, Pair] = {name: (each.zh, each.en) for name, each in promises.items()}
    query = form_of(request.query, ("service", "state"))
    service, state = query.choice("service", names), query.choice("state", STATES, "open")

    def read(conn: Connection) -> dict[str, Any]:
        return {
            "rows": services.listed(conn, now_ms=now, service=service, state=state),
            "kept": services.kept(conn, now_ms=now),
        }

    return shell.render(
        request,
        "services.html",
        who,
        status=400 if query.errors else status,
        form=form,
        query=query,
        promises=promises,
        names=names,
        nothing=services.Kept(),
        states=STATES,
        state=state,
        trade=form["trade"] or request.query.get("trade", "")[:32],
        offered={name: names[name] for name in services.open_to_staff(promises)},
        may=who.may(DO),
        used=used,
        **await request.app[STORE].read(read),
    )


def used(ms: int) -> Pair:
    """How long something took, in words.

    >>> used(90_000_000), used(3_600_000), used(59_000)
    (('1 天 1 小时', '1 d 1 h'), ('1 小时 0 分钟', '1 h 0 min'), ('0 分钟', '0 min'))
    """
    minutes = ms // 60_000
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} 天 {hours} 小时", f"{days} d {hours} h"
    return (f"{hours} 小时 {rest} 分钟", f"{hours} h {rest} min") if hours else (f"{rest} 分钟", f"{rest} min")
