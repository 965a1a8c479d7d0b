"""`/mine`: who one is here, what is owed in one's trades and by when, and the trades that name one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, select

from node.domain.accounts import PAPERS
from node.store.tables import CodeView, ExpertView, table
from node.trading import bidders, parties
from node.trading.parties import OWN_PARTS
from node.web.keys import SETTINGS, STORE
from node.web.mine import shell
from node.web.mine.shell import Party
from node.web.portal_text import Pair

routes = web.RouteTableDef()
MOST = 200
_experts, _codes = table(ExpertView), table(CodeView)


@dataclass
class Mine:
    """One trade that names a party: its row of the register, as what it names the party, and in which acts."""

    state: dict[str, Any]
    stage: Pair
    parts: list[Pair] = field(default_factory=list)
    acts: list[Pair] = field(default_factory=list)
    own: bool = False
    public: bool = False


@routes.get("/mine")
async def overview(request: web.Request) -> web.Response:
    one = await shell.party(request)
    settings = request.app[SETTINGS]

    def read(conn: Connection) -> dict[str, Any]:
        rows = parties.of_code(conn, one.code, proven=one.proven, limit=MOST)
        return {
            "rows": rows,
            "dues": parties.dues_of_code(conn, one.code, proven=one.proven),
            "bids": len(bidders.of_holder(conn, one.holder)),
            "people": shell.people(conn, settings),
            "expert": _expert(conn, one),
        }

    found = await request.app[STORE].read(read)
    for due in found["dues"]:
        package = shell.package_of(request, due["rules"])
        rule = package.act(due["act"]) if package else None
        due["act_name"] = (rule.zh, rule.en) if rule else (due["act"], due["act"])
        due["left_ms"] = due["due_ms"] - shell.now_ms(request)
    rows = found.pop("rows")
    return shell.render(
        request,
        "overview.html",
        one,
        trades=_trades(request, rows),
        more=len(rows) == MOST,
        papers=PAPERS,
        here=settings.name,
        **found,
    )


def _trades(request: web.Request, rows: Iterable[dict[str, Any]]) -> list[Mine]:
    found: dict[tuple[str, str], Mine] = {}
    for row in rows:
        state = row["state"]
        package = shell.package_of(request, state["rules"])
        mine = found.get((row["trade"], row["node"]))
        if mine is None:
            mine = Mine(state, shell.stage_name(package, state["stage"]))
            found[row["trade"], row["node"]] = mine
        rule = package.act(row["act"]) if package else None
        part, act = (row["zh"], row["en"]), (rule.zh, rule.en) if rule else (row["act"], row["act"])
        if part not in mine.parts:
            mine.parts.append(part)
        mine.own = mine.own or row["part"] in OWN_PARTS
        mine.public = mine.public or row["public"]
        if row["part"] not in OWN_PARTS and act not in mine.acts:
            mine.acts.append(act)
    return list(found.values())


def _expert(conn: Connection, one: Party) -> dict[str, Any] | None:
    """The expert's own profile; it is shared among authorities, so only for whom it was shown to be about."""
    if not (one.is_expert and one.proven):
        return None
    row = conn.execute(select(_experts).where(_experts.c.alias == one.code).limit(1)).mappings().first()
    if row is None:
        return None
    codes = row["classes"].split()
    named = select(_codes.c.code, _codes.c.name).where(_codes.c.table_name == "expert.class", _codes.c.code.in_(codes))
    names = {each.code: each.name for each in conn.execute(named)}
    return {**row, "classes": [(code, names.get(code, "")) for code in codes]}
