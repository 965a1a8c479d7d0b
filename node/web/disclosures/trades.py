"""The page of one trade, and the same as JSON: everything that it disclosed, from one query and the payloads."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from aiohttp import web
from sqlalchemy import Connection, and_, select

from node.domain.acts import DISCLOSURE_NAMES
from node.domain.engine import Trade
from node.errors import Malformed
from node.rules import Rules
from node.store import loading, logs
from node.store.loading import Recorded
from node.store.tables import RecordView, table
from node.web import pages
from node.web.disclosure_text import STATES, STEPS, TONES
from node.web.disclosures import model, plain
from node.web.disclosures.shapes import PUBLIC, Said, TradeShown
from node.web.keys import CLOCK, RULES, STORE
from node.web.portal import people
from node.web.portal_labels import LABELS, OWNERS
from node.web.portal_people import People
from node.wire import header as headers

KEY = re.compile(r"[0-9a-f]{32}")
PAGE, API = "/trades/{trade}", "/api/trades/{trade}"
_records = table(RecordView)
routes = web.RouteTableDef()


@routes.get(PAGE)
async def trade_page(request: web.Request) -> web.Response:
    shown, node = await _shown(request)
    return pages.render(
        request,
        "disclosures/trade.html",
        trade=shown,
        trade_node=node,
        states=STATES,
        step_states=STEPS,
        tones=TONES,
        kinds=DISCLOSURE_NAMES,
        labels={"owner": OWNERS.get(shown.category, LABELS["owner"]), "agency": LABELS["agency"]},
    )


@routes.get(API)
async def trade_json(request: web.Request) -> web.Response:
    shown, node = await _shown(request)
    body = msgspec.json.encode(plain.of_trade(shown, node))
    headers_ = {"Cache-Control": "no-cache"}
    return web.Response(body=body, content_type="application/json", charset="utf-8", headers=headers_)


async def _shown(request: web.Request) -> tuple[TradeShown, str]:
    """The trade and the node whose it is. Raises NotFound, also for one that has disclosed nothing yet."""
    key, wanted = request.match_info["trade"], request.query.get("node", "")
    if KEY.fullmatch(key) is None:
        raise loading.not_found(key)
    return await request.app[STORE].read(lambda conn: read(conn, request, key, wanted)[:2])


def read(
    conn: Connection, request: web.Request, key: str, wanted: str = "", *, inside: bool = False
) -> tuple[TradeShown, str, Trade | None]:
    """What anyone may see of a trade, the node whose it is, and the trade as replayed.

    Raises NotFound, without `inside` also for one that has disclosed nothing yet.
    """
    rules, now_ms = request.app[RULES], request.app[CLOCK]()
    found = loading.recorded(conn, key, wanted)
    said = said_of(conn, found, people(conn, request))
    if not inside and not any(each.kind == PUBLIC for each in said):
        raise loading.not_found(key)
    trade, fault = _replayed(found, rules)
    package = rules.book.get(found[0].act.rules)
    shown = model.shown(said, trade, package, fault, now_ms=now_ms, calendar=rules.calendar)
    return shown, loading.node_of(found[0].origin), trade


def _replayed(found: list[Recorded], rules: Rules) -> tuple[Trade | None, tuple[str, str] | None]:
    try:
        return loading.replayed(found, rules.book), None
    except Malformed as error:
        return None, (error.zh, error.detail)


def said_of(conn: Connection, found: list[Recorded], who: People) -> list[Said]:
    """What anyone may see of each act; one whose own header keeps it from the public is treated as a step inside."""
    firsts = _first_published(conn, found)
    return [_said(conn, each, firsts.get(each.record_id, each.claimed_ms), who) for each in found]


def _said(conn: Connection, each: Recorded, published_ms: int, who: People) -> Said:
    public = each.kind == PUBLIC and _is_public(conn, each)
    body = each.document.body
    if not public:
        body = msgspec.structs.replace(body, fields={}, context={}, attachments=[], title="")
    shared = [file for file in body.attachments if file.audience == "public"]
    return Said(
        act=msgspec.structs.replace(body, attachments=shared),
        kind=each.kind if public else "",
        record_id=each.record_id.hex(),
        version=each.version,
        origin=each.origin,
        index=each.index,
        leaf=each.leaf.hex(),
        published_ms=published_ms,
        withdrawn_ms=each.claimed_ms if each.withdrawn else 0,
        reason=each.reason,
        publisher=who.of_origin(each.origin),
        made_up=each.document.made_up,
    )


def _is_public(conn: Connection, each: Recorded) -> bool:
    main = headers.parse(logs.entry(conn, logs.get(conn, each.origin).id, each.index)).section("main")
    return main is not None and main.audience == "public"


def _first_published(conn: Connection, found: list[Recorded]) -> Mapping[bytes, int]:
    """When the first version of each record was published."""
    ids = [each.record_id for each in found]
    first = and_(_records.c.record_id.in_(ids), _records.c.version == 1)
    rows = conn.execute(select(_records.c.record_id, _records.c.claimed_ms).where(first))
    return {record_id: claimed_ms for record_id, claimed_ms in rows}
