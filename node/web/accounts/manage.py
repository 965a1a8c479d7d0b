"""`/accounts`: the administrator gives the centre's posts, and is refused in plain words what nobody may hold."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable

from aiohttp import web

from node.accounts.person import Person
from node.accounts.register import own
from node.domain import posts
from node.errors import NodeError
from node.web import pages, session
from node.web.accounts.shown import Shown
from node.web.keys import ACCOUNTS, STORE
from node.web.problems import status_of

routes = web.RouteTableDef()
PERMISSION = "user.manage"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@routes.get("/accounts")
async def show(request: web.Request) -> web.Response:
    return await _page(request, await session.need(request, PERMISSION), Shown({"login": "", "name": ""}))


@routes.post("/accounts")
async def add(request: web.Request) -> web.Response:
    who, fields = await session.need(request, PERMISSION), await session.form(request)
    form = Shown({"login": session.text(fields, "login", 80), "name": session.text(fields, "name", 80)})
    password = first_password()
    try:
        account = await request.app[ACCOUNTS].add(
            form.value("login").lower(),
            form.value("name"),
            [str(role) for role in fields.getall("role", [])],
            password,
            by=who,
            must_change=True,
        )
    except NodeError as error:
        form.refuse(error)
        return await _page(request, who, form, status_of(error))
    return await _page(request, who, Shown({"login": "", "name": ""}, done=_shown_once(account, password)))


@routes.post("/accounts/roles")
async def set_roles(request: web.Request) -> web.Response:
    who, fields = await session.need(request, PERMISSION), await session.form(request)
    account, roles = session.text(fields, "account", 120), [str(role) for role in fields.getall("role", [])]
    return await _do(request, who, request.app[ACCOUNTS].set_roles(account, roles, by=who))


@routes.post("/accounts/active")
async def set_active(request: web.Request) -> web.Response:
    who, fields = await session.need(request, PERMISSION), await session.form(request)
    account, active = session.text(fields, "account", 120), session.text(fields, "active", 5) == "yes"
    return await _do(request, who, request.app[ACCOUNTS].set_active(account, active, by=who))


@routes.post("/accounts/reset")
async def reset(request: web.Request) -> web.Response:
    who, fields = await session.need(request, PERMISSION), await session.form(request)
    account, password, form = session.text(fields, "account", 120), first_password(), Shown()
    try:
        await request.app[ACCOUNTS].reset(account, password, by=who)
    except NodeError as error:
        form.refuse(error)
        return await _page(request, who, form, status_of(error))
    form.done = _shown_once(account, password)
    return await _page(request, who, form)


def first_password() -> str:
    """A password to be read out once: four groups of four letters and digits that cannot be confused, 79 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


async def _do(request: web.Request, who: Person, work: Awaitable[None]) -> web.Response:
    form = Shown()
    try:
        await work
    except NodeError as error:
        form.refuse(error)
        return await _page(request, who, form, status_of(error))
    return web.Response(status=303, headers={"Location": "/accounts"})


async def _page(request: web.Request, who: Person, form: Shown, status: int = 200) -> web.Response:
    rows = await request.app[STORE].read(own)
    return pages.render(
        request,
        "accounts/list.html",
        status=status,
        form=form,
        who=who,
        staff=[row for row in rows if row.realm == "service"],
        parties=[row for row in rows if row.realm == "party"],
        roles=posts.ROLES,
        choices=[role for role in posts.ROLES.values() if role.realm == "service"],
    )


def _shown_once(account: str, password: str) -> tuple[str, str]:
    return (
        f"{account} 的初始密码：{password}（仅显示一次，首次登录须修改）",
        f"First password of {account}: {password} (shown once, to be changed at log-in)",
    )
