"""`/register`: a party makes its own account, once and for every node; nothing is asked for beforehand (R61)."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from node.domain import posts
from node.domain.identifiers import check_uscc
from node.errors import NodeError, Overloaded, Rejected
from node.web import pages, session
from node.web.accounts.shown import Shown
from node.web.keys import ACCOUNTS, REGISTER_LIMITS, SETTINGS
from node.web.problems import status_of

routes = web.RouteTableDef()
PER_S = 0.5
"""So many registrations a second from one address in the long run, ten seconds' worth at once."""
NAMES = ("login", "name", "org_name", "org", "password")


@routes.get("/register")
async def show(request: web.Request) -> web.Response:
    return _page(request, Shown(dict.fromkeys(NAMES, "")), [])


@routes.post("/register")
async def register(request: web.Request) -> web.Response:
    fields = await session.form(request)
    form = Shown({name: session.text(fields, name, 200) for name in NAMES if name != "password"} | {"password": ""})
    roles = [str(role) for role in fields.getall("role", []) if str(role) in posts.ROLES]
    try:
        request.app[REGISTER_LIMITS].admit("", request.remote or "")
        password = fields.get("password", "")
        if password != fields.get("again", ""):
            raise Rejected("the two passwords differ", zh="两次输入的密码不一致", field="password")
        if any(posts.ROLES[role].realm != "party" for role in roles):
            raise Rejected("posts of the centre are not for registration", zh="中心岗位不开放注册", field="roles")
        posts.check(roles, "party")
        org = _organisation(form, roles)
        account = await request.app[ACCOUNTS].add(
            form.value("login").lower(),
            form.value("name"),
            roles,
            str(password),
            org=org,
            org_name=form.value("org_name"),
            own=True,
            address=request.remote or "",
        )
    except NodeError as error:
        form.refuse(error)
        response = _page(request, form, roles, status_of(error))
        if isinstance(error, Overloaded):
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    return web.Response(status=303, headers={"Location": f"/login?made={quote(account)}&account={quote(account)}"})


def _organisation(form: Shown, roles: list[str]) -> str:
    """The credit code, where the roles ask for one: in form and check character, nothing else (GB 32100-2015)."""
    if not any(posts.ROLES[role].org == "uscc" for role in roles):
        form.values["org_name"] = ""
        return ""
    code = form.value("org").upper()
    if not check_uscc(code).valid:
        raise Rejected(
            "this is no unified social credit code",
            zh="统一社会信用代码不正确",
            field="org",
            advice_zh="请核对营业执照上的 18 位代码。",
            advice_en="Compare the 18 characters with the business licence.",
        )
    if not form.value("org_name"):
        raise Rejected("the organisation has no name", zh="请填写单位名称", field="org_name")
    return code


def _page(request: web.Request, form: Shown, chosen: list[str], status: int = 200) -> web.Response:
    session.open_form(request)
    return pages.render(
        request,
        "accounts/register.html",
        status=status,
        form=form,
        chosen=chosen,
        choices=[role for role in posts.ROLES.values() if role.realm == "party"],
        least=request.app[SETTINGS].password_min_chars,
    )
