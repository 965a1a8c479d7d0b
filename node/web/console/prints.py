"""Plain pages to print: an act, a whole trade, the to-do list, the ledger of deposits, the receipt of a charge."""

from __future__ import annotations

from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.domain import engine
from node.domain.engine import Trade
from node.errors import NotFound
from node.store.loading import Recorded
from node.trading import charges, deposits, sealed
from node.web import files_shown
from node.web.console import loaded, shell, shown_trade, today
from node.web.console.charges import PAYERS
from node.web.console.deposits import STATES
from node.web.console.loaded import KEY
from node.web.disclosures import values
from node.web.keys import SETTINGS, STORE

routes = web.RouteTableDef()


@routes.get(f"/console/trades/{KEY}/print/{{seq:[0-9]{{1,6}}}}")
async def one(request: web.Request) -> web.Response:
    """One act, as it is in its record, with place for signatures (签字) and what verifies it."""
    who = await shell.centre(request)
    trade, records = await loaded.load(request)
    seq = int(request.match_info["seq"])
    record = next((each for each in records if each.act.seq == seq), None)
    if record is None:
        raise NotFound(f"no act {seq}", zh=f"没有第 {seq} 号环节", field="seq")
    shown = _act(trade, record)
    return shell.render(request, "print.html", who, trade=trade, each=shown, file_size=files_shown.size)


@routes.get(f"/console/trades/{KEY}/print")
async def whole(request: web.Request) -> web.Response:
    """A trade's file: a cover with where each lot stands and what there is, then every act with what verifies it."""
    who = await shell.centre(request)
    trade, records = await loaded.load(request)
    return shell.render(
        request,
        "print_trade.html",
        who,
        trade=trade,
        lots=shown_trade.lots(trade),
        supervisor=shown_trade.supervisor(trade, shell.desk(request).rules.by_day),
        acts=[_act(trade, record) for record in records],
        file_size=files_shown.size,
    )


@routes.get("/console/print/today")
async def owed(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    found = await today.owed(request, who)
    return shell.render(request, "print_today.html", who, rows=found["rows"], more=found["more"])


@routes.get("/console/print/deposits")
async def ledger(request: web.Request) -> web.Response:
    """Deposits of a trade, or of all; those of bidding that is still open are on no paper either."""
    who = await shell.centre(request)
    key, now = request.query.get("trade", ""), shell.now_ms(request)
    trade = (await loaded.load_key(request, key))[0] if key else None

    def read(conn: Connection) -> list[dict[str, Any]]:
        return deposits.ledger(conn, trade, now_ms=now)

    rows = await request.app[STORE].read(read)
    totals: dict[str, tuple[int, int]] = {}
    for row in rows:
        number, fen = totals.get(row["state"], (0, 0))
        totals[row["state"]] = number + 1, fen + row["amount_fen"]
    return shell.render(
        request,
        "print_deposits.html",
        who,
        trade=trade,
        rows=rows,
        totals=totals,
        waiting=sealed.waiting(trade, now) if trade is not None else [],
        forms=deposits.FORMS,
        purposes=deposits.PURPOSES,
        states=STATES,
    )


@routes.get("/console/print/charges/{id:[0-9a-f]{32}}")
async def receipt(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    row = await request.app[STORE].read(partial(charges.receipt, number=request.match_info["id"]))
    trade, _ = await loaded.load_key(request, row["trade"])
    centre = request.app[SETTINGS].title
    return shell.render(request, "print_charge.html", who, row=row, trade=trade, payers=PAYERS, centre=centre)


def _act(trade: Trade, record: Recorded) -> dict[str, Any]:
    """An act as paper shows it: its record, its name, and its fields under their own names."""
    rule = trade.package.act(record.act.act)
    target = trade.act(record.act.corrects)
    amended = trade.package.act(target.act) if target and rule and rule.amends else None
    fields = engine.fields_of(trade.package, rule, amended) if rule else []
    name = shell.act_name(trade.package, record.act.act)
    return {"record": record, "name": name, "rows": values.fields(fields, record.act.fields)}
