"""Who sends a request, and whether a form is its own: sessions and forms of all pages that people log in to.

    who = await session.need(request, "trade.register")     # a Person, or the log-in page, or NotAllowed
    fields = await session.form(request)                    # the POSTed form, with its CSRF token checked
    hand = who.sign(stated, "trade.register")               # node.domain.hands.Hand

Every page with a form that POSTs has `<input type="hidden" name="csrf" value="{{ csrf }}">`; templates also get
`person` (or None). The cookie holds a random token and nothing else; what it means is in the database, so any worker
answers.

A form must bear a token that is made from the session's cookie (HMAC-SHA256, compared in constant time), and the
browser must not say that it comes from elsewhere (`Sec-Fetch-Site`, else `Origin`). Before log-in a cookie of its own
takes the session's place.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from node.accounts.person import Person
from node.errors import BadProof, Malformed, NotAllowed, TooLarge, Unauthenticated
from node.web.keys import ACCOUNTS, SETTINGS

SESSION, DEVICE, FORM = "ggzy_session", "ggzy_device", "ggzy_form"
TOKEN_BYTES: Final = 32
DEVICE_AGE_S: Final = 180 * 24 * 3600
FIELD: Final = "csrf"
MAX_FIELDS: Final = 5000
UPLOAD_BYTES: Final = 32 << 20
"""A form with files, such as an import: all of it."""
_PERSON: Final = web.RequestKey("ggzy.person", object)
_FORM_TOKEN: Final = web.RequestKey("ggzy.form", bytes)
_PROGRAMS = ("/api/", "/tlog/", "/witness/", "/static/", "/healthz", "/readyz", "/metrics", "/openapi.json")
Field = str | bytes | bytearray | web.FileField
Fields = MultiDictProxy[Field]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ForeignForm(NotAllowed):
    """A form without this session's token, or from another site."""

    code = "foreign-form"
    title_zh = "表单已失效或来自其他网站"
    title_en = "The form is out of date or comes from another site"
    advice_zh = "请返回上一页，刷新后重新提交；内容未被保存。"
    advice_en = "Go back, reload the page and submit it again; nothing was saved."


# --- who --------------------------------------------------------------------------------------------------------------


async def person(request: web.Request) -> Person | None:
    """Who is logged in; None for a stranger, and for one whose session has ended."""
    if _PERSON not in request:
        token = _cookie(request, SESSION)
        found = None
        if token and ACCOUNTS in request.app:
            try:
                found = await request.app[ACCOUNTS].person(token, request.remote or "")
            except BadProof:
                found = None
        request[_PERSON] = found
    return here(request)


async def need(request: web.Request, permission: str = "") -> Person:
    """Who is logged in and may do this; with no permission anyone who is logged in.

    Whoever reads pages and is not logged in is sent to the log-in page and comes back; a person whose password is to be
    changed is sent to do that first. Raises Unauthenticated for programs, NotAllowed when no role has the permission.
    """
    who = await person(request)
    if who is None:
        if "text/html" not in request.headers.get("Accept", "text/html"):
            raise Unauthenticated(
                "log in first", zh="请先登录", advice_zh="请在 /login 登录。", advice_en="See /login."
            )
        back = request.path_qs if request.method in ("GET", "HEAD") else ""
        raise web.HTTPSeeOther("/login" + (f"?next={quote(back, safe='')}" if back else ""))
    if who.must_change and request.path.split("/")[1] != "account":
        raise web.HTTPSeeOther("/account")
    if permission and not who.may(permission):
        raise NotAllowed(
            f"none of the roles of {who.account} has the permission {permission}",
            zh="您的角色没有此项权限",
            advice_zh="请由担任相应岗位的人员办理；角色由本节点管理员分配。",
            advice_en="Somebody whose post it is must do this; roles are given by this node's administrator.",
        )
    return who


def here(request: web.Request) -> Person | None:
    """The person that `middleware` has found for this page, without waiting."""
    found = request.get(_PERSON)
    return found if isinstance(found, Person) else None


# --- forms ------------------------------------------------------------------------------------------------------------


async def form(request: web.Request, *, files: bool = False) -> Fields:
    """The fields of a POSTed form, its CSRF token and where it comes from checked; `csrf` itself is left out.

    At most `max_form_bytes` of the settings, or `UPLOAD_BYTES` with `files`; then a field may be a `web.FileField`.
    Raises ForeignForm, TooLarge, Malformed.
    """
    _require_own_site(request)
    settings = request.app[SETTINGS]
    most = UPLOAD_BYTES if files else settings.max_form_bytes
    if request.content_type not in ("application/x-www-form-urlencoded", *(["multipart/form-data"] if files else [])):
        raise Malformed("not a form", zh="不是表单")
    if (request.content_length or 0) > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(settings.request_timeout_s * (10 if files else 1)):
            given = await request.clone(client_max_size=most).post()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(most) from None
    except TimeoutError:
        raise Malformed("the form stopped arriving", zh="表单未传完") from None
    except (ValueError, LookupError, AssertionError) as error:
        raise Malformed(f"the form cannot be read: {type(error).__name__}", zh="表单无法读取") from None
    if len(given) > MAX_FIELDS:
        raise TooLarge(f"a form of more than {MAX_FIELDS} fields")
    token, right = given.get(FIELD, ""), csrf(request)
    if not right or not isinstance(token, str) or not hmac.compare_digest(token.encode(), right.encode()):
        raise ForeignForm()
    fields: MultiDict[Field] = MultiDict(given)
    del fields[FIELD]
    return MultiDictProxy(fields)


def text(fields: Fields, name: str, most: int = 2000) -> str:
    """A field's text without blanks around it, empty when it is not there. Raises TooLarge."""
    value = fields.get(name, "")
    value = value if isinstance(value, str) else ""
    if len(value) > most:
        raise TooLarge(f"the field {name} has more than {most} characters")
    return value.strip()


def csrf(request: web.Request) -> str:
    """What the hidden field of this request's forms holds; empty where no cookie stands behind it."""
    if here(request) is not None:
        return hmac.new(_cookie(request, SESSION), b"ggzy/csrf/session/v1", sha256).hexdigest()
    token = request.get(_FORM_TOKEN) or _cookie(request, FORM)
    return hmac.new(token, b"ggzy/csrf/form/v1", sha256).hexdigest() if token else ""


def open_form(request: web.Request) -> None:
    """For a page with a form that strangers fill in: give them a cookie that its token is made from."""
    if here(request) is None and not _cookie(request, FORM):
        request[_FORM_TOKEN] = os.urandom(TOKEN_BYTES)


# --- cookies ----------------------------------------------------------------------------------------------------------


def secure(request: web.Request) -> bool:
    """Whether browsers reach this node by TLS: then cookies are `Secure` and bound to this very host."""
    settings = request.app[SETTINGS]
    return bool(settings.tls_cert) or settings.url.startswith("https://") or request.secure


def start(request: web.Request, response: web.StreamResponse, token: bytes, device: bytes) -> None:
    """Hand a new session to the browser. A token that it had before is never taken on: fixation finds nothing."""
    _set(request, response, SESSION, token)
    _set(request, response, DEVICE, device, age_s=DEVICE_AGE_S)
    _drop(request, response, FORM)


def stop(request: web.Request, response: web.StreamResponse) -> None:
    """Take the session's cookie back."""
    _drop(request, response, SESSION)


def remember(request: web.Request, response: web.StreamResponse) -> None:
    """Send the cookie of a form that was opened, and keep pages of persons out of caches."""
    if made := request.get(_FORM_TOKEN):
        _set(request, response, FORM, made)
    if request.get(_PERSON) is not None or made:
        response.headers["Cache-Control"] = "private, no-store"


def device(request: web.Request) -> bytes:
    """What this browser's own cookie holds, empty without one."""
    return _cookie(request, DEVICE)


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who is there before a page is made, so that all of it can say so. Programs are no persons."""
    if not request.path.startswith(_PROGRAMS) and _cookie(request, SESSION):
        await person(request)
    return await handler(request)


def _name(request: web.Request, name: str) -> str:
    return f"__Host-{name}" if secure(request) else name


def _cookie(request: web.Request, name: str) -> bytes:
    given = request.cookies.get(_name(request, name), "")
    try:
        token = bytes.fromhex(given) if len(given) == 2 * TOKEN_BYTES else b""
    except ValueError:
        return b""
    return token if len(token) == TOKEN_BYTES else b""


def _set(
    request: web.Request, response: web.StreamResponse, name: str, token: bytes, *, age_s: int | None = None
) -> None:
    response.set_cookie(
        _name(request, name),
        token.hex(),
        max_age=age_s,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=secure(request),
    )


def _drop(request: web.Request, response: web.StreamResponse, name: str) -> None:
    response.del_cookie(_name(request, name), path="/", httponly=True, samesite="Strict", secure=secure(request))


def _require_own_site(request: web.Request) -> None:
    """Raise ForeignForm when the browser says that another site sends this. Some browsers say nothing: the token does.

    With `Referrer-Policy: no-referrer` a form's `Origin` is `null`; `Sec-Fetch-Site` then still tells.
    """
    site, origin = request.headers.get("Sec-Fetch-Site", ""), request.headers.get("Origin", "")
    if site:
        if site != "same-origin":
            raise ForeignForm(f"the browser says that the form comes from elsewhere: {site[:20]}")
    elif origin and origin != "null" and urlsplit(origin).netloc != request.host:
        raise ForeignForm("the browser names another origin")


def _too_large(most: int) -> TooLarge:
    return TooLarge(
        f"a form of more than {most} bytes",
        zh="提交的内容过大",
        advice_zh=f"表单及附件合计不得超过 {most >> 10} KB。",
        advice_en=f"The form with its files may have {most >> 10} KB.",
    )
