"""`POST /supervision/orders`: a supervisor signs an order about a trade, or about a project that is not registered."""

from __future__ import annotations

from aiohttp import web

from node.domain.supervision import MEASURE_NAMES
from node.errors import NodeError, Rejected
from node.web import pages, session
from node.web.accounts.shown import Shown
from node.web.keys import ORDERING, RULES, SETTINGS, STORE, TRUSTED
from node.web.problems import status_of
from node.web.supervision import scope, trades

routes = web.RouteTableDef()
NAMES = ("number", "measure", "reason", "target", "basis", "project_code")


@routes.get("/supervision/orders")
async def show(request: web.Request) -> web.Response:
    who = await session.need(request, "order.give")
    return await _page(request, Shown(dict.fromkeys(NAMES, "") | {"sector": (who.sectors or ("",))[0]}))


@routes.post("/supervision/orders")
async def give(request: web.Request) -> web.Response:
    who, fields = await session.need(request, "order.give"), await session.form(request)
    trade, node = session.text(fields, "trade", 64), session.text(fields, "node", 200)
    form = Shown({name: session.text(fields, name, 4000) for name in NAMES})
    sectors = scope.sectors_of(who, request.app[SETTINGS])
    try:
        sector = session.text(fields, "sector", 60)
        if trade:
            held = request.app[RULES].by_day
            _, names = await request.app[STORE].read(lambda conn: trades.of_scope(conn, held, sectors, trade, node))
            sector = next((each for each in names if not sectors or each in sectors), "")
        policy, target = request.app[TRUSTED].held, form.value("target")
        if target and (policy is None or (member := policy.member(target)) is None or member.role == "supervision"):
            raise Rejected("no trading centre of that name", zh="没有这个交易中心节点", field="target")
        await request.app[ORDERING].give(
            who,
            number=form.value("number"),
            measure=form.value("measure"),
            reason=form.value("reason"),
            trade=trade,
            project_code="" if trade else form.value("project_code"),
            target=target,
            sector=sector,
            basis=form.value("basis"),
        )
    except NodeError as error:
        form.refuse(error)
        if trade:
            return await trades.page(request, who, trade, form, status_of(error))
        return await _page(request, form, status_of(error))
    return web.Response(status=303, headers={"Location": f"/supervision/trades/{trade}" if trade else "/supervision"})


async def _page(request: web.Request, form: Shown, status: int = 200) -> web.Response:
    who = await session.need(request, "order.give")
    policy = request.app[TRUSTED].held
    centres = [] if policy is None else [each for each in policy.members if each.role in ("hub", "district")]
    return pages.render(
        request,
        "supervision/order.html",
        status=status,
        who=who,
        form=form,
        measures=MEASURE_NAMES,
        centres=centres,
        sectors=sorted(scope.sectors_of(who, request.app[SETTINGS])),
    )
