"""核验主体身份: the acceptance post notes that it saw papers of whose an account is, and revokes what was wrong."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection, Row

from node.accounts import bindings, register
from node.accounts.bindings import PERMISSION
from node.accounts.person import Person
from node.accounts.register import Known
from node.domain.accounts import PAPERS
from node.domain.posts import ROLES
from node.errors import NotFound, Rejected
from node.trusted import newest
from node.web import hands_shown, session
from node.web.console import shell
from node.web.console.typed import Typed
from node.web.keys import BINDINGS, SETTINGS, STORE
from node.web.portal_people import People

routes = web.RouteTableDef()
PATH: Final = "/console/bindings"


@routes.get(PATH)
async def bindings_page(request: web.Request) -> web.Response:
    return await _page(request, await shell.centre(request, PERMISSION), Typed({}))


@routes.post(PATH)
async def note(request: web.Request) -> web.Response:
    """Look an account up, note that papers were seen, or revoke. An account never stands in an address."""
    who = await shell.centre(request, PERMISSION)
    given = await session.form(request)
    form = Typed(given)
    known, done = None, ""
    try:
        if form["do"] == "revoke":
            await request.app[BINDINGS].revoke(who, form["account"], form.number("at"), form["reason"])
            done = "gone"
        else:
            known = await _known(request, form["account"])
            if form["do"] == "note":
                if form["code"] != bindings.code_of(known.roles, known.name, known.org):
                    raise Rejected(
                        "the account has changed meanwhile", zh="账号信息已变化，请重新核对", field="account"
                    )
                seen = [str(word) for word in given.getall("seen", [])]
                await request.app[BINDINGS].note(who, known, form["org_name"], seen)
                known, done = None, "noted"
    except (NotFound, Rejected) as error:
        form.refuse(error, {})
    return await _page(request, who, Typed({}) if done else form, known, done)


async def _known(request: web.Request, account: str) -> Known:
    """Raises NotFound for what is no account of a party that this node knows."""
    look = partial(register.find, account=account.lower(), node_of=hands_shown.node_of(request))
    known = await request.app[STORE].read(look) if "@" in account else None
    if known is None or known.realm != "party":
        raise NotFound(
            "no such account of a party is known here",
            zh="没有这个交易主体账号；请核对完整账号",
            field="account",
            advice_zh="在其他中心注册的账号随同步到达本节点后即可核验。",
            advice_en="An account of another centre is known here once it has come with the sync.",
        )
    return known


async def _page(
    request: web.Request, who: Person, form: Typed, known: Known | None = None, done: str = ""
) -> web.Response:
    settings, node_of = request.app[SETTINGS], hands_shown.node_of(request)

    def read(conn: Connection) -> dict[str, Any]:
        before: Row[Any] | None = None if known is None else bindings.proven_known(conn, known, node_of)
        return {
            "rows": bindings.of_node(conn, settings.name),
            "before": before,
            "people": People(settings, newest(conn)),
        }

    found = await request.app[STORE].read(read)
    code = "" if known is None else bindings.code_of(known.roles, known.name, known.org)
    roles = [] if known is None else [ROLES[role] for role in sorted(known.roles) if role in ROLES]
    return shell.render(
        request,
        "bindings.html",
        who,
        status=400 if form.notes else 200,
        form=form,
        known=known,
        code=code,
        roles=[(role.zh, role.en) for role in roles],
        papers=PAPERS,
        said=done,
        **found,
    )
