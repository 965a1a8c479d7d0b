"""The public pages: from the read tables, without log-in and without JavaScript; every search is an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.accounts import hands
from node.store import views
from node.store.alarms import raised
from node.store.logs import all_logs
from node.store.view_record import record
from node.store.view_status import counts, federation, policy_version, quarantine
from node.tlog.note import parse_note
from node.trusted import newest as newest_policy
from node.web import files_shown, hands_shown, pages
from node.web.exports import XLSX_ROWS, not_understood
from node.web.keys import CLOCK, RULES, SETTINGS, STORE
from node.web.portal_format import day, midnight_ms
from node.web.portal_people import People
from node.web.portal_query import (
    CATEGORY_NAMES,
    CODE_TABLES,
    GRADES,
    ORDERS,
    SORTS,
    TRADE_KINDS,
    code_query,
    credit_query,
    plain_query,
    record_id,
    trade_query,
    version_number,
)
from node.web.portal_record import page_of
from node.web.portal_status import alarm_rows, home_tables, quiet_ms, status_tables
from node.wire import trust

routes = web.RouteTableDef()

LATEST: Final = 8
NOTICES: Final = ("trade.notice", "trade.candidates", "trade.listing")
QUARANTINE_ROWS: Final = 200


def people(conn: Connection, request: web.Request) -> People:
    return People(request.app[SETTINGS], newest_policy(conn))


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    now_ms = request.app[CLOCK]()
    today = day(now_ms)

    def read(conn: Connection) -> dict[str, Any]:
        return {
            "counts": counts(conn, today, midnight_ms(now_ms)),
            "results": views.latest_trades(conn, ("trade.result",), today, LATEST, acts=("result",)),
            "notices": views.latest_trades(conn, NOTICES, today, LATEST, acts=("trade_notice", "qualification_review")),
            **home_tables(federation(conn), people(conn, request)),
        }

    found = await request.app[STORE].read(read)
    return pages.render(request, "home.html", today=today, names={"categories": CATEGORY_NAMES}, **found)


@routes.get("/trades")
async def trades(request: web.Request) -> web.Response:
    def read(conn: Connection) -> dict[str, Any]:
        origins = _origins(conn, request)
        query, form = trade_query(request.query, origins)
        choices = {"origins": list(origins.items()), "places": views.places(conn)}
        return {"form": form, "choices": choices, "page": None if form.errors else views.search_trades(conn, query)}

    return await _list(request, "trades.html", read, categories=CATEGORY_NAMES, kinds=TRADE_KINDS, orders=ORDERS)


@routes.get("/credit")
async def credit(request: web.Request) -> web.Response:
    def read(conn: Connection) -> dict[str, Any]:
        origins = _origins(conn, request)
        grades = views.grades(conn)
        query, form = credit_query(request.query, origins, dict.fromkeys(grades))
        choices = {
            "origins": list(origins.items()),
            "grades": {grade: GRADES.get(grade, (grade, grade)) for grade in grades},
        }
        return {"form": form, "choices": choices, "page": None if form.errors else views.search_credit(conn, query)}

    return await _list(request, "credit.html", read, sorts=SORTS)


@routes.get("/entities")
async def entities(request: web.Request) -> web.Response:
    words, number, form = plain_query(request.query)

    def read(conn: Connection) -> dict[str, Any]:
        return {"form": form, "page": None if form.errors else views.search_entities(conn, words, number)}

    return await _list(request, "entities.html", read)


@routes.get("/codes")
async def codes(request: web.Request) -> web.Response:
    name, words, number, form = code_query(request.query)

    def read(conn: Connection) -> dict[str, Any]:
        return {"form": form, "page": None if form.errors else views.search_codes(conn, name, words, number)}

    return await _list(request, "codes.html", read, tables=CODE_TABLES)


@routes.get("/records/{record_id}")
async def one_record(request: web.Request) -> web.Response:
    wanted = record_id(request.match_info["record_id"])
    number = version_number(request.query.get("version"))
    origin = request.query.get("origin", "")
    node_of = hands_shown.node_of(request)

    def read(conn: Connection) -> dict[str, Any]:
        history = record(conn, wanted, origin, version=number)
        shown = history.version(number)
        found = page_of(history, shown, people(conn, request), request.app[RULES].book, asked=origin)
        files = files_shown.of_section(conn, shown.payload, "public") if found["document"] else []
        hand = hands.finding_at(conn, shown.kind, shown.log.id, shown.index, node_of)
        return found | {"files": files, "hand": hands_shown.shown(hand)}

    return pages.render(request, "record.html", **await request.app[STORE].read(read))


@routes.get("/status")
async def status(request: web.Request) -> web.Response:
    def read(conn: Connection) -> dict[str, Any]:
        who = people(conn, request)
        held = quarantine(conn, limit=QUARANTINE_ROWS)
        stale_ms = request.app[CLOCK]() - quiet_ms(request.app[SETTINGS].sync_interval_s)
        shown: dict[str, Any] = {"policy": policy_version(conn), "alarms": alarm_rows(raised(conn), who)}
        shown["files"] = files_shown.state(conn, who)
        return status_tables(federation(conn), held, who, stale_ms=stale_ms) | shown

    found = await request.app[STORE].read(read)
    return pages.render(request, "status.html", quarantine_limit=QUARANTINE_ROWS, **found)


@routes.get("/verify-help")
async def verify_help(request: web.Request) -> web.Response:
    note = await request.app[STORE].read(newest_policy)
    policy = None if note is None else trust.parse(parse_note(note))
    return pages.render(request, "verify_help.html", policy=policy)


@routes.get("/static/{name}")
async def static(request: web.Request) -> web.Response:
    return await pages.static(request)


async def _list(request: web.Request, template: str, read: Any, **names: Mapping[str, tuple[str, str]]) -> web.Response:
    """A search page; 400 when the form was not understood, with the form to correct. `names` are its fixed choices.

    Raises Malformed instead when the caller reads JSON and no pages.
    """
    found: dict[str, Any] = await request.app[STORE].read(read)
    bad = bool(found["form"].errors)
    accept = request.headers.get("Accept", "")
    if bad and "json" in accept and "text/html" not in accept:
        raise not_understood(found["form"])
    return pages.render(request, template, status=400 if bad else 200, names=names, xlsx_limit=XLSX_ROWS, **found)


def _origins(conn: Connection, request: web.Request) -> dict[str, str]:
    who = people(conn, request)
    return {log.origin: who.of_origin(log.origin) for log in all_logs(conn)}
