"""收费: by the published tariff alone. A clerk names the deal; the sum is computed, and no page takes one."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.domain.calendar import day_of
from node.domain.engine import Trade
from node.domain.fees import Charge
from node.errors import Refused, Rejected
from node.trading import charges
from node.web import session
from node.web.console import loaded, shell
from node.web.console.inputs import UNITS
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
        if form["do"] == "make" and computed is not None:
            return await _noted(request, who, form, "charged", await _make(request, who, form))
    except (Refused, Rejected) as error:
        form.refuse(error, {})
    return await _page(request, who, form, computed)


async def _compute(request: web.Request, form: Typed) -> list[Charge] | None:
    """What the tariff asks for; None with notes where the form says too little. Raises Refused."""
    amount, base = form.read("money", "amount"), form.read("money", "base", required=False)
    if form.notes:
        return None
    trade, _ = await loaded.load_key(request, form["trade"])
    rules, day = shell.desk(request).rules, day_of(shell.now_ms(request))
    return charges.compute(rules.tariff, trade, form["lot"], form["payer"], amount, day=day, base_fen=base)


async def _make(request: web.Request, who: Person, form: Typed) -> str:
    trade, _ = await loaded.load_key(request, form["trade"])
    work = partial(
        charges.charge,
        tariff=shell.desk(request).rules.tariff,
        trade=trade,
        lot=form["lot"],
        payer=form["payer"],
        party=form.party(),
        amount_fen=form.read("money", "amount"),
        day=day_of(shell.now_ms(request)),
        account=who.account,
        now_ms=shell.now_ms(request),
        base_fen=form.read("money", "base", required=False),
    )
    if form.notes:
        raise Rejected("a charge names its payer", zh="请填写缴费单位", field="name")
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
        begun=_begun(trade) if trade else {},
        rows=await request.app[STORE].read(read),
        payers=PAYERS,
        units=list(UNITS),
        tariff=shell.desk(request).rules.tariff.fee,
        may=who.may(DO),
    )


def _begun(trade: Trade) -> dict[str, str]:
    """What the form begins with: owner and amount as the trade says them."""
    owner, facts = trade.facts.get("owner") or {}, trade.facts
    amount = next((facts[name] for name in ("result.amount", "confirmation.price") if facts.get(name)), 0)
    return {
        "name": str(owner.get("name", "")) if isinstance(owner, dict) else "",
        "uscc": str(owner.get("uscc", "")) if isinstance(owner, dict) else "",
        "amount": f"{amount // 100}.{amount % 100:02d}" if amount else "",
    }
