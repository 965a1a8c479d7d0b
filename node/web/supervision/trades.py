"""`/supervision` and one trade with its acts: read-only, what is disclosed and what is shared among authorities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, select

from node.accounts import hands
from node.accounts.person import Person
from node.accounts.register import NodeOf
from node.domain.rulebook import Rulebook
from node.domain.supervision import MEASURE_NAMES
from node.domain.tablebook import TableBook
from node.errors import NotFound
from node.store import loading
from node.store.loading import Recorded
from node.store.tables import table
from node.store.tables_accounts import OrderView
from node.trusted import newest
from node.web import hands_shown, pages, session, uplink_shown
from node.web.accounts.shown import Shown
from node.web.disclosures import values
from node.web.keys import RULES, SETTINGS, STORE, TRUSTED
from node.web.portal_fields import Field
from node.web.portal_people import People
from node.web.portal_text import Pair
from node.web.supervision import scope, words

routes = web.RouteTableDef()
PERMISSION = "supervise.read"
MAX_ORDERS = 50
_orders = table(OrderView)


@dataclass(frozen=True, slots=True)
class ActShown:
    """One act as the page shows it: its name, its fields as public pages show them, those that are not disclosed apart;
    what the signature of its person is worth, and the class of that tag."""

    recorded: Recorded
    name: Pair
    fields: list[Field]
    inner: list[Field]
    signed: tuple[Pair, str] | None = None


@routes.get("/supervision")
async def overview(request: web.Request) -> web.Response:
    who = await session.need(request, PERMISSION)
    settings = request.app[SETTINGS]
    sectors, before = scope.sectors_of(who, settings), _place(request.query.get("before", ""))

    def read(conn: Connection) -> dict[str, Any]:
        found, place = scope.trades(conn, request.app[RULES].by_day, sectors, before)
        people = People(settings, newest(conn))
        return {"trades": found, "place": place, "orders": orders_of(conn), "people": people}

    found = await request.app[STORE].read(read)
    return pages.render(
        request, "supervision/trades.html", who=who, sectors=sorted(sectors), measures=MEASURE_NAMES, **found
    )


@routes.get("/supervision/trades/{trade}")
async def one(request: web.Request) -> web.Response:
    who = await session.need(request, PERMISSION)
    form = Shown(dict.fromkeys(("number", "measure", "reason", "target", "basis"), ""))
    return await page(request, who, request.match_info["trade"], form)


async def page(request: web.Request, who: Person, trade: str, form: Shown, status: int = 200) -> web.Response:
    """The page of a trade with the form of an order, for those who may give one."""
    settings, node = request.app[SETTINGS], request.query.get("node", "")
    sectors, rules = scope.sectors_of(who, settings), request.app[RULES]
    book = rules.book
    node_of = hands_shown.node_of(request)

    def read(conn: Connection) -> dict[str, Any]:
        acts, _ = of_scope(conn, rules.by_day, sectors, trade, node)
        people = People(settings, newest(conn))
        shown = [_shown(each, book, _signed(conn, each, node_of)) for each in acts]
        return {"acts": shown, "orders": orders_of(conn, trade), "people": people}

    found = await request.app[STORE].read(read)
    recorded = [each.recorded for each in found["acts"]]
    reported = await uplink_shown.of_acts(request, recorded, book.get(recorded[0].act.rules))
    policy = request.app[TRUSTED].held
    centres = [] if policy is None else [each for each in policy.members if each.role in ("hub", "district")]
    return pages.render(
        request,
        "supervision/trade.html",
        status=status,
        who=who,
        trade=trade,
        form=form,
        may_order=who.may("order.give"),
        measures=MEASURE_NAMES,
        centres=centres,
        roles=words.roles,
        reported=reported,
        **found,
    )


def of_scope(
    conn: Connection, held: TableBook, sectors: frozenset[str], trade: str, node: str = ""
) -> tuple[list[Recorded], tuple[str, ...]]:
    """The acts of a trade and all that a scope may call its sector. Raises NotFound also for one of another sector."""
    acts = loading.recorded(conn, trade, node)
    first = acts[0].act
    sector, code = scope.sector_in(first.fields if first.seq == 1 else {})
    if not scope.within(held, sectors, first.category, sector, first.at, code):
        raise NotFound(
            "this trade is of a sector that is not in this person's scope",
            zh="该交易不在您的监管行业范围内",
            advice_zh="请由负责该行业的监管人员查看。",
            advice_en="Whoever supervises that sector can see it.",
        )
    return acts, scope.named(held, first.category, sector, first.at, code)


def orders_of(conn: Connection, trade: str = "") -> list[Any]:
    """Orders, newest first; with `trade` those that name it."""
    which = [_orders.c.trade == trade] if trade else []
    return list(conn.execute(select(_orders).where(*which).order_by(_orders.c.at_ms.desc()).limit(MAX_ORDERS)))


def _signed(conn: Connection, each: Recorded, node_of: NodeOf) -> tuple[Pair, str] | None:
    return None if each.hand is None else hands_shown.shown(hands.finding(conn, each.stated, each.hand, node_of))


def _shown(each: Recorded, book: Rulebook, signed: tuple[Pair, str] | None) -> ActShown:
    package = book.get(each.act.rules)
    rule = None if package is None else package.act(each.act.act)
    known = () if rule is None else rule.fields
    disclosed = each.document.body.fields
    inner = {name: value for name, value in each.inner.items() if name not in disclosed}
    name = (each.act.act, each.act.act) if rule is None else (rule.zh, rule.en)
    return ActShown(each, name, values.fields(known, disclosed), values.fields(known, inner), signed)


def _place(text: str) -> tuple[int, int, int] | None:
    parts = text.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 17 for part in parts):
        return None
    return int(parts[0]), int(parts[1]), int(parts[2])
