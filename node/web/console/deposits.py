"""保证金: what must go back and by when, what was taken in; noting that it came, went back, or is kept.

Who pays for a bid is a bidder. Before the end of bidding this page shows the deposit just noted and nothing else, and
its number is what lets somebody give it back until then. Until then nothing goes into the audit trail either: that is
in the log, whose size anyone may watch. What is done afterwards names who took it in.
"""

from __future__ import annotations

import re
import secrets
from functools import partial
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.domain.calendar import DAY_MS, day_of
from node.domain.engine import Trade
from node.errors import NotFound, Overtaken, Refused, Rejected
from node.trading import deposits, sealed
from node.trading.deposits import FORMS, PURPOSES
from node.web import session
from node.web.console import loaded, shell
from node.web.console.inputs import UNITS
from node.web.console.typed import Typed
from node.web.keys import AUDIT, STORE
from node.web.portal_format import when
from node.web.portal_text import Pair

routes = web.RouteTableDef()
DO: Final = "trade.act"
SOON_DAYS: Final = 30
STATES: Final[dict[str, Pair]] = {
    "held": ("在存", "Held"),
    "returned": ("已退还", "Returned"),
    "kept": ("不予退还", "Kept"),
}
_NUMBER: Final = re.compile(r"[0-9a-f]{32}")
_NAMES: Final = {"party": "name", "paid": "paid_at", "at": "at", "interest": "interest"}


@routes.get("/console/deposits")
async def deposits_page(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    return await _page(request, who, Typed({}))


@routes.post("/console/deposits")
async def note(request: web.Request) -> web.Response:
    who = await shell.centre(request, DO)
    form = Typed(await session.form(request))
    work = {"take": _take, "return": _return, "back": _back, "keep": _keep}.get(form["do"])
    if work is None:
        raise web.HTTPSeeOther("/console/deposits")
    try:
        number = await work(request, who, form)
    except (NotFound, Overtaken, Refused, Rejected) as error:
        form.refuse(error, _NAMES)
        number = ""
    if form.notes:
        return await _page(request, who, form)
    row = await request.app[STORE].read(partial(deposits.get, number=number))
    trade, _ = await loaded.load_key(request, row["trade"])
    if _is_told(trade, row, shell.now_ms(request)):
        taken = f"taken in by {row['taken_by']} {when(row['paid_ms'])}" if form["do"] != "take" else ""
        await request.app[AUDIT].note(who, f"deposit.{form['do']}", number, taken, permission=DO)
    elif form["do"] in ("take", "back"):
        # Shown in the answer itself: an address that could be asked again would be one more place that tells.
        return await _page(request, who, Typed({"trade": trade.key}), row)
    trade_part = f"&trade={form['trade']}" if form["trade"] else ""
    raise web.HTTPSeeOther(f"/console/deposits?done=noted{trade_part}")


def _is_told(trade: Trade, row: deposits.Row, now_ms: int) -> bool:
    return row["purpose"] != "bid" or sealed.is_told(trade, row["lot"], now_ms)


async def _take(request: web.Request, who: Person, form: Typed) -> str:
    amount, paid, party = form.read("money", "amount"), form.read("moment", "paid_at"), form.party()
    expires = form.read("day", "expires_on", required=False)
    if form.notes:
        return ""
    trade, _ = await loaded.load_key(request, form["trade"])
    work = partial(
        deposits.take,
        trade=trade,
        calendar=shell.desk(request).rules.calendar,
        lot=form["lot"],
        party=party,
        form=form["form"],
        amount_fen=amount,
        paid_ms=paid,
        account=who.account,
        now_ms=shell.now_ms(request),
        purpose=form["purpose"],
        document_no=form["document_no"],
        issuer=form["issuer"],
        expires_on=expires or "",
        number=form["number"] if _NUMBER.fullmatch(form["number"]) else "",
    )
    return await request.app[STORE].write(work)


async def _return(request: web.Request, who: Person, form: Typed) -> str:
    at, interest = form.read("moment", "at", required=False), form.read("money", "interest", required=False)
    if form.notes:
        return ""
    work = partial(
        deposits.give_back,
        number=form["deposit"],
        version=form.number("version"),
        at_ms=at or shell.now_ms(request),
        account=who.account,
        interest_fen=interest or 0,
    )
    await request.app[STORE].write(work)
    return form["deposit"]


async def _back(request: web.Request, who: Person, form: Typed) -> str:
    """Give back by the number that was shown when it was taken in: for bids that are taken back before the deadline."""
    number = str(form.read("text", "deposit") or "")
    if form.notes:
        return ""
    trade, _ = await loaded.load_key(request, form["trade"])

    def work(conn: Connection) -> str:
        row = deposits.by_number(conn, trade, number)
        now = shell.now_ms(request)
        deposits.give_back(conn, number, row["version"], at_ms=now, account=who.account)
        return number

    return await request.app[STORE].write(work)


async def _keep(request: web.Request, who: Person, form: Typed) -> str:
    work = partial(
        deposits.keep,
        number=form["deposit"],
        version=form.number("version"),
        at_ms=shell.now_ms(request),
        account=who.account,
        reason=form["reason"],
    )
    await request.app[STORE].write(work)
    return form["deposit"]


async def _page(request: web.Request, who: Person, form: Typed, just: deposits.Row | None = None) -> web.Response:
    """The lists, or one trade's; above them `just`, the deposit that this answer is about."""
    key = form["trade"] or request.query.get("trade", "")
    trade = (await loaded.load_key(request, key))[0] if key else None
    now = shell.now_ms(request)
    until = day_of(now + SOON_DAYS * DAY_MS)

    def read(conn: Connection) -> dict[str, Any]:
        return {
            "owed": deposits.todo(conn, now_ms=now),
            "expiring": deposits.expiring(conn, now_ms=now, until=until),
            "rows": deposits.of_trade(conn, trade, now_ms=now) if trade is not None else [],
        }

    found = await request.app[STORE].read(read)
    return shell.render(
        request,
        "deposits.html",
        who,
        status=400 if form.notes else 200,
        trade=trade,
        form=form,
        forms=FORMS,
        purposes=PURPOSES,
        states=STATES,
        units=list(UNITS),
        may=who.may(DO),
        just=just,
        waiting=sealed.waiting(trade, now) if trade is not None else [],
        number=form["number"] or secrets.token_hex(16),
        **found,
    )
