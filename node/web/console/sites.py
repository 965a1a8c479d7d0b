"""场所与人员 (R63): who works at which site, which trades are held there; allocating both."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.errors import NodeError, NotAllowed, NotFound, Refused
from node.trading import sites
from node.web import session
from node.web.console import shell
from node.web.console.inputs import Note
from node.web.console.loaded import KEY
from node.web.console.typed import Typed
from node.web.keys import AUDIT, STORE

routes = web.RouteTableDef()
ADDRESS: Final = "/console/sites"
BIND: Final = "user.manage"
ALLOCATE: Final = ("venue.book", "trade.register")


@routes.get(ADDRESS)
async def sites_page(request: web.Request) -> web.Response:
    return await _page(request, await shell.centre(request), Typed({}))


@routes.post(ADDRESS)
async def bind(request: web.Request) -> web.Response:
    """Where an account of this centre works; the administrator says so."""
    who = await shell.centre(request, BIND)
    form = Typed(await session.form(request))
    work = partial(
        sites.bind, account=form["account"], venue=form.number("venue"), by=who.account, now_ms=shell.now_ms(request)
    )
    try:
        await request.app[STORE].write(work)
    except (NotFound, Refused) as error:
        return await _refused(request, who, form, error)
    await request.app[AUDIT].note(who, "site.bind", form["account"], str(form.number("venue")), permission=BIND)
    raise web.HTTPSeeOther(f"{ADDRESS}?done=noted")


@routes.post(f"/console/trades/{KEY}/site")
async def allocate(request: web.Request) -> web.Response:
    """Where a trade is held; the posts of venues and acceptance say so. Raises NotFound, Refused for a closed venue."""
    who = await shell.centre(request)
    permission = may_allocate(who)
    if not permission:
        raise NotAllowed(
            "the posts of venues and acceptance allocate trades to sites",
            zh="承办场所由场地岗或受理岗分配",
            advice_zh="请由场地岗或受理岗的同事办理。",
            advice_en="Ask a colleague of one of these posts.",
        )
    form, key = Typed(await session.form(request)), request.match_info["key"]
    work = partial(
        sites.allocate, trade=key, venue=form.number("venue"), account=who.account, now_ms=shell.now_ms(request)
    )
    await request.app[STORE].write(work)
    await request.app[AUDIT].note(who, "site.allocate", key, str(form.number("venue")), permission=permission)
    raise web.HTTPSeeOther(f"/console/trades/{key}?done=noted")


def may_allocate(who: Person) -> str:
    """The permission by which this person allocates trades to sites; empty without one."""
    return next((each for each in ALLOCATE if who.may(each)), "")


async def _refused(request: web.Request, who: Person, form: Typed, error: NodeError) -> web.Response:
    form.notes[""] = Note(error.zh, error.detail)  # above the page: it has a form for each person
    return await _page(request, who, form, 400)


async def _page(request: web.Request, who: Person, form: Typed, status: int = 200) -> web.Response:
    def read(conn: Connection) -> dict[str, Any]:
        return {"rows": sites.overview(conn), "staff": sites.staff(conn), "mine": sites.site_of(conn, who.account)}

    return shell.render(
        request,
        "sites.html",
        who,
        status=status,
        form=form,
        may=who.may(BIND),
        **await request.app[STORE].read(read),
    )
