"""A plain page to print: one act, as it is in its record, with place for signatures (签字) and what verifies it."""

from __future__ import annotations

from aiohttp import web

from node.domain import engine
from node.errors import NotFound
from node.web.console import loaded, shell
from node.web.console.loaded import KEY
from node.web.disclosures import values

routes = web.RouteTableDef()


@routes.get(f"/console/trades/{KEY}/print/{{seq:[0-9]{{1,6}}}}")
async def one(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    trade, records = await loaded.load(request)
    seq = int(request.match_info["seq"])
    record = next((each for each in records if each.act.seq == seq), None)
    if record is None:
        raise NotFound(f"no act {seq}", zh=f"没有第 {seq} 号环节", field="seq")
    rule = trade.package.act(record.act.act)
    target = trade.act(record.act.corrects)
    amended = trade.package.act(target.act) if target and rule and rule.amends else None
    fields = engine.fields_of(trade.package, rule, amended) if rule else []
    return shell.render(
        request,
        "print.html",
        who,
        trade=trade,
        record=record,
        name=shell.act_name(trade.package, record.act.act),
        rows=values.fields(fields, record.act.fields),
    )
