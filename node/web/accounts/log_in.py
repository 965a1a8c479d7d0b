"""`/login` and `/logout`. One form for account, password and one-time code: no half-logged-in state lies anywhere."""

from __future__ import annotations

from aiohttp import web

from node.accounts.desk import WrongLogin
from node.errors import Overloaded
from node.web import pages, session
from node.web.accounts.shown import Shown
from node.web.keys import ACCOUNTS, SETTINGS
from node.web.problems import status_of

routes = web.RouteTableDef()
# Where the work of each realm lies; the console is a centre's.
WORK = {"party": "/mine", "service": "/console", "supervision": "/supervision"}
CENTRES = ("district", "hub")
# Who logs in at a node of a department, and who at a centre.
REALMS = {
    "supervision": ("行政监督", "supervision"),
    "service": ("交易服务与交易主体", "trading service and market parties"),
}


@routes.get("/login")
async def show(request: web.Request) -> web.Response:
    who = await session.person(request)
    if who is not None:
        raise web.HTTPSeeOther(_next(request, request.query.get("next", ""), who.realm))
    form = Shown({"account": request.query.get("account", "")[:120], "next": request.query.get("next", "")[:1000]})
    if made := request.query.get("made"):
        form.done = (f"账号 {made[:120]} 已建立，请登录。", f"The account {made[:120]} is ready: log in.")
    if request.query.get("changed"):
        form.done = ("已保存，请重新登录。", "Saved. Please log in again.")
    return _page(request, form)


@routes.post("/login")
async def log_in(request: web.Request) -> web.Response:
    fields = await session.form(request)
    form = Shown({"account": session.text(fields, "account", 120), "next": session.text(fields, "next", 1000)})
    password = fields.get("password", "")
    try:
        done = await request.app[ACCOUNTS].log_in(
            form.value("account"),
            password if isinstance(password, str) else "",
            session.text(fields, "code", 20),
            address=request.remote or "",
            agent=request.headers.get("User-Agent", ""),
            device=session.device(request),
        )
    except (WrongLogin, Overloaded) as error:
        form.refuse(error)
        response = _page(request, form, status_of(error))
        if isinstance(error, Overloaded):
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    response = web.Response(status=303, headers={"Location": _next(request, form.value("next"), done.person.realm)})
    session.start(request, response, done.token, done.device)
    return response


@routes.post("/logout")
async def log_out(request: web.Request) -> web.Response:
    await session.form(request)
    who = await session.person(request)
    if who is not None:
        await request.app[ACCOUNTS].log_out(who)
    response = web.Response(status=303, headers={"Location": "/"})
    session.stop(request, response)
    return response


def _page(request: web.Request, form: Shown, status: int = 200) -> web.Response:
    session.open_form(request)
    realm = "supervision" if request.app[SETTINGS].role == "supervision" else "service"
    return pages.render(request, "accounts/login.html", status=status, form=form, realm=realm, realms=REALMS)


def _next(request: web.Request, wanted: str, realm: str) -> str:
    """Where to go after log-in: an address of this node, never another site's; by itself to where one's work lies."""
    good = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    if good and not wanted.startswith(("/login", "/logout")):
        return wanted
    if realm == "service" and request.app[SETTINGS].role not in CENTRES:
        return "/account"
    return WORK.get(realm, "/account")
