"""A trade's page: where each lot stands, what may come next, clocks, all acts with their records; withdrawing one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.accounts import hands
from node.domain import medium, retention
from node.errors import ActRefused, NotFound, Rejected
from node.store import loading
from node.store.loading import Recorded
from node.web import hands_shown, session, uplink_shown
from node.web.console import archive, beside, loaded, shell, shown_trade
from node.web.console.inputs import Note, one_line
from node.web.console.loaded import KEY
from node.web.disclosures import values
from node.web.keys import AUDIT, SETTINGS, STORE
from node.web.portal_text import Pair

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
        signed=await _signed(request, records),
        supervisor=shown_trade.supervisor(trade, shell.desk(request).rules.by_day),
        kept=list(retention.retentions(trade, days)),
        kept_states=archive.STATES,
        kept_tones=archive.TONES,
        medium=medium.NAMES.get(medium.medium_of(trade)),
        reported=await uplink_shown.of_acts(request, records, trade.package),
        facts=values.fields(first.fields, {n: v for n, v in trade.facts.items() if "." not in n}),
        **await beside.of_trade(request, trade, who),
    )


async def _signed(request: web.Request, records: Sequence[Recorded]) -> dict[int, tuple[Pair, str]]:
    """Of each act that a person signed, by its number: what the signature is worth, and the class of its tag."""
    node_of = hands_shown.node_of(request)

    def read(conn: Connection) -> dict[int, tuple[Pair, str]]:
        found = {}
        for each in records:
            worth = None if each.hand is None else hands.finding(conn, each.stated, each.hand, node_of)
            if (words := hands_shown.shown(worth)) is not None and worth != "unsigned":
                found[each.act.seq] = words
        return found

    return await request.app[STORE].read(read)


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
