"""收费: by the published tariff alone. A clerk names the lot; the trade says its deal, and no page takes a sum."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.domain.calendar import day_of
from node.domain.engine import Trade
from node.domain.fees import Charge, Tariff
from node.errors import NodeError, NotFound, Refused, Rejected
from node.trading import charges
from node.web import session
from node.web.console import loaded, shell
from node.web.console.inputs import Note
from node.web.console.typed import Typed
from node.web.keys import AUDIT, STORE
from node.web.portal_text import Pair

routes = web.RouteTableDef()
DO: Final = "trade.act"
PAYERS: Final[dict[str, Pair]] = {
    "owner": ("项目单位（招标人、转让方）", "Owner"),
    "winner": ("中标（成交、受让）人", "Winner"),
}


@routes.get("/console/charges")
async def charges_page(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    return await _page(request, who, Typed({}))


@routes.post("/console/charges")
async def charge(request: web.Request) -> web.Response:
    """Compute for a look, make out, or note as paid."""
    who = await shell.centre(request, DO)
    form = Typed(await session.form(request))
    computed: list[Charge] | None = None
    try:
        if form["do"] == "paid":
            work = partial(charges.paid, number=form["charge"], at_ms=shell.now_ms(request))
            await request.app[STORE].write(work)
            return await _noted(request, who, form, "noted", form["charge"])
        computed = await _compute(request, form)
        if form["do"] == "make":
            return await _noted(request, who, form, "charged", await _make(request, who, form))
    except (NotFound, Refused, Rejected) as error:
        if isinstance(error, NotFound) and not form["lot"]:
            raise  # a receipt, not a lot, that is not there
        form.refuse(error, {})
        form.notes = {name: _said(error) if note.en == error.detail else note for name, note in form.notes.items()}
    return await _page(request, who, form, computed)


async def _compute(request: web.Request, form: Typed) -> list[Charge]:
    """What the tariff asks for. Raises NotFound, Refused."""
    trade, _ = await loaded.load_key(request, form["trade"])
    rules, day = shell.desk(request).rules, day_of(shell.now_ms(request))
    return charges.compute(rules.by_day.tariff(day), trade, form["lot"], form["payer"], day=day)


async def _make(request: web.Request, who: Person, form: Typed) -> str:
    trade, _ = await loaded.load_key(request, form["trade"])
    said = charges.payer_of(trade, form["lot"], form["payer"])
    party = form.party() if form["name"] or said is None else said
    if form.notes:
        raise Rejected("a charge names its payer", zh="请填写缴费单位", field="name")
    work = partial(
        charges.charge,
        tariff=_tariff(request),
        trade=trade,
        lot=form["lot"],
        payer=form["payer"],
        party=party,
        day=day_of(shell.now_ms(request)),
        account=who.account,
        now_ms=shell.now_ms(request),
    )
    row: dict[str, Any] = await request.app[STORE].write(work)
    return str(row["id"])


async def _noted(request: web.Request, who: Person, form: Typed, done: str, number: str) -> web.Response:
    await request.app[AUDIT].note(who, f"charge.{form['do']}", number, permission=DO)
    trade = f"&trade={form['trade']}" if form["trade"] else ""
    raise web.HTTPSeeOther(f"/console/charges?done={done}{trade}")


async def _page(request: web.Request, who: Person, form: Typed, computed: list[Charge] | None = None) -> web.Response:
    key = form["trade"] or request.query.get("trade", "")
    trade = (await loaded.load_key(request, key))[0] if key else None

    def read(conn: Connection) -> list[dict[str, Any]]:
        return charges.of_trade(conn, key) if key else charges.unpaid(conn)

    return shell.render(
        request,
        "charges.html",
        who,
        status=400 if form.notes else 200,
        trade=trade,
        form=form,
        computed=computed,
        deals=_deals(trade) if trade else [],
        rows=await request.app[STORE].read(read),
        payers=PAYERS,
        tariff=_tariff(request).fee,
        may=who.may(DO),
    )


def _tariff(request: web.Request) -> Tariff:
    return shell.desk(request).rules.by_day.tariff(day_of(shell.now_ms(request)))


def _deals(trade: Trade) -> list[dict[str, Any]]:
    """Each lot with its deal and who would pay, to read and not to type; `why` where there is none, and what to do."""
    found = []
    for lot in trade.lots:
        row: dict[str, Any] = {"lot": lot, "deal": None, "why": None, "payers": {}, "act": None}
        try:
            row["deal"] = deal = charges.deal_of(trade, lot)
            row["act"] = shell.act_name(trade.package, deal.rule)
            row["payers"] = {payer: charges.payer_of(trade, lot, payer) for payer in PAYERS}
        except Refused as error:
            row["why"] = _said(error).pair
        found.append(row)
    return found


def _said(error: NodeError) -> Note:
    """What was refused, and what to do next."""
    end = "" if error.detail.endswith(".") else "."
    return Note(f"{error.zh}。{error.advice_zh}", f"{error.detail}{end} {error.advice_en}")
