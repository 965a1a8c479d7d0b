"""`/account`: one's own password, one-time codes, log-ins; a party also its roles, and the end of its account."""

from __future__ import annotations

import base64
import binascii

from aiohttp import web

from node.accounts import codes
from node.accounts.person import Person
from node.domain import posts
from node.errors import NodeError, NotAllowed, Rejected
from node.web import pages, session
from node.web.accounts.shown import Shown
from node.web.keys import ACCOUNTS, SETTINGS
from node.web.problems import status_of
from node.web.session import Fields

routes = web.RouteTableDef()


@routes.get("/account")
async def show(request: web.Request) -> web.Response:
    return await _page(request, await session.need(request), Shown())


@routes.post("/account/password")
async def change_password(request: web.Request) -> web.Response:
    who, fields = await session.need(request), await session.form(request)
    form = Shown({"old": "", "password": "", "code": ""})
    try:
        new = _secret(fields, "password")
        if new != _secret(fields, "again"):
            raise Rejected("the two passwords differ", zh="两次输入的密码不一致", field="password")
        code = session.text(fields, "code", 20)
        await request.app[ACCOUNTS].change_password(who, _secret(fields, "old"), new, code=code)
    except NodeError as error:
        form.refuse(error)
        return await _page(request, who, form, status_of(error))
    return _again(request)


@routes.post("/account/totp")
async def set_totp(request: web.Request) -> web.Response:
    who, fields = await session.need(request), await session.form(request)
    form, secret = Shown({"totp_code": ""}), b""
    try:
        secret = _base32(session.text(fields, "secret", 80))
        await request.app[ACCOUNTS].set_totp(
            who,
            _secret(fields, "old"),
            secret,
            session.text(fields, "code", 20),
            old_code=session.text(fields, "old_code", 20),
        )
    except NodeError as error:
        form.refuse(error)
        return await _page(request, who, form, status_of(error), secret=secret)
    return _again(request)


@routes.post("/account/sessions")
async def end_session(request: web.Request) -> web.Response:
    who, fields = await session.need(request), await session.form(request)
    try:
        wanted = bytes.fromhex(session.text(fields, "session", 64))
    except ValueError:
        wanted = b""
    await request.app[ACCOUNTS].end_session(who, wanted)
    return web.Response(status=303, headers={"Location": "/account"})


@routes.post("/account/roles")
async def set_roles(request: web.Request) -> web.Response:
    who, fields = await _party(request), await session.form(request)
    form = Shown()
    try:
        await request.app[ACCOUNTS].set_roles(who.account, [str(role) for role in fields.getall("role", [])], by=who)
    except NodeError as error:
        form.refuse(error)
        return await _page(request, who, form, status_of(error))
    return web.Response(status=303, headers={"Location": "/account"})


@routes.post("/account/close")
async def close(request: web.Request) -> web.Response:
    who, fields = await _party(request), await session.form(request)
    form = Shown()
    try:
        await request.app[ACCOUNTS].close(who, _secret(fields, "old"), code=session.text(fields, "code", 20))
    except NodeError as error:
        form.refuse(error)
        return await _page(request, who, form, status_of(error))
    response = web.Response(status=303, headers={"Location": "/"})
    session.stop(request, response)
    return response


async def _party(request: web.Request) -> Person:
    who = await session.need(request)
    if who.realm != "party":
        raise NotAllowed("posts are given and taken by the administrator", zh="岗位由管理员分配")
    return who


async def _page(
    request: web.Request, who: Person, form: Shown, status: int = 200, *, secret: bytes = b""
) -> web.Response:
    secret = secret or codes.new_secret()
    settings = request.app[SETTINGS]
    party = [role for role in posts.ROLES.values() if role.realm == "party"]
    return pages.render(
        request,
        "accounts/own.html",
        status=status,
        form=form,
        who=who,
        roles=[posts.ROLES[role] for role in sorted(who.roles) if role in posts.ROLES],
        realms=posts.REALM_NAMES,
        choices=party if who.realm == "party" else [],
        least=settings.password_min_chars,
        sessions=await request.app[ACCOUNTS].sessions(who),
        has_totp=bool(who.secrets and who.secrets.totp),
        public=who.secrets.public.hex() if who.secrets else "",
        totp_secret=codes.as_text(secret),
        totp_address=codes.address(secret, who.account, settings.title),
    )


def _again(request: web.Request) -> web.Response:
    """All sessions have ended with the old password: log in with the new one."""
    response = web.Response(status=303, headers={"Location": "/login?changed=1"})
    session.stop(request, response)
    return response


def _secret(fields: Fields, name: str) -> str:
    """A password as it was typed: blanks count."""
    value = fields.get(name, "")
    return value if isinstance(value, str) else ""


def _base32(text: str) -> bytes:
    plain = "".join(text.split())
    try:
        secret = base64.b32decode(plain + "=" * (-len(plain) % 8)) if plain else b""
    except binascii.Error:
        secret = b"x"
    if secret and len(secret) != codes.SECRET_BYTES:
        raise Rejected("the secret is not the one that was shown", zh="密钥与所示不符", field="totp_code")
    return secret
