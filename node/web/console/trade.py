"""A trade's page: where each lot stands, what may come next, clocks, all acts with their records; withdrawing one."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from node.errors import ActRefused, NotFound, Rejected
from node.trading import loading
from node.web import session, uplink_shown
from node.web.console import beside, loaded, shell, shown_trade
from node.web.console.inputs import Note, one_line
from node.web.console.loaded import KEY
from node.web.disclosures import values
from node.web.keys import AUDIT, SETTINGS

routes = web.RouteTableDef()


@routes.get(f"/console/trades/{KEY}")
async def one(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    trade, records = await loaded.load(request)
    now, days = shell.now_ms(request), shell.desk(request).rules.calendar
    own = loading.node_of(records[0].origin) == request.app[SETTINGS].name
    first = trade.package.acts[0]
    return shell.render(
        request,
        "trade.html",
        who,
        trade=trade,
        own=own,
        void=first.id not in {act.act for act in trade.acts},
        lots=shown_trade.lots(trade),
        next_acts=shown_trade.next_acts(trade, who, now_ms=now, calendar=days) if own and trade.acts else [],
        clocks=shown_trade.clocks(trade, now_ms=now, calendar=days),
        disclosures=shown_trade.disclosures(trade, now_ms=now, calendar=days),
        acts=shown_trade.acts(trade, records, who),
        reported=await uplink_shown.of_acts(request, records, trade.package),
        supervisor=shown_trade.supervisor(trade),
        facts=values.fields(first.fields, {n: v for n, v in trade.facts.items() if "." not in n}),
        **await beside.of_trade(request, trade, who),
    )


@routes.get(f"/console/trades/{KEY}/withdraw/{{seq:[0-9]{{1,6}}}}")
async def ask_withdraw(request: web.Request) -> web.Response:
    who = await shell.centre(request, "trade.act")
    return await _withdraw_page(request, who, {})


@routes.post(f"/console/trades/{KEY}/withdraw/{{seq:[0-9]{{1,6}}}}")
async def withdraw(request: web.Request) -> web.Response:
    who = await shell.centre(request, "trade.act")
    given = await session.form(request)
    key, seq = request.match_info["key"], int(request.match_info["seq"])
    reason = one_line(str(given.get("reason", "")))
    try:
        done = await shell.desk(request).withdraw(who, key, seq, reason)
    except ActRefused as error:
        return await _withdraw_page(
            request, who, {"": [Note(f.zh, f.en, f.basis) for f in error.faults]}, reason=reason
        )
    except Rejected as error:
        return await _withdraw_page(request, who, {"reason": [Note(error.zh, error.detail)]}, reason=reason)
    await request.app[AUDIT].note(who, "trade.withdraw", f"{key}/{seq}", reason, permission="trade.act")
    raise web.HTTPSeeOther(f"/console/trades/{key}?done={'repeated' if done.repeated else 'withdrawn'}#acts")


async def _withdraw_page(
    request: web.Request, who: Any, notes: dict[str, list[Note]], reason: str = ""
) -> web.Response:
    trade, records = await loaded.load(request)
    seq = int(request.match_info["seq"])
    rows = {row["seq"]: row for row in shown_trade.acts(trade, records, who)}
    if seq not in rows:
        raise NotFound(f"no act {seq}", zh=f"没有第 {seq} 号环节", field="seq")
    return shell.render(
        request,
        "withdraw.html",
        who,
        status=400 if notes else 200,
        trade=trade,
        act=rows[seq],
        notes=notes,
        reason=reason,
    )
