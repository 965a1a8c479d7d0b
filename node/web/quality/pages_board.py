"""The data quality board and the records behind its figures: public pages, whole without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from node.domain.calendar import day_of
from node.domain.divisions import CHONGQING
from node.quality import board, funnel
from node.quality.board import Board, Line, Listed
from node.quality.lags import BUCKETS, LAGS
from node.quality.measures import ANY, BITS, MEASURES, STEPS
from node.rules import load_milestones
from node.store import views
from node.store.view_counts import COUNT_CAP
from node.web import board_text, pages
from node.web.exports import not_understood
from node.web.i18n import Words, language
from node.web.keys import CLOCK, STORE
from node.web.portal import people
from node.web.portal_query import CATEGORY_NAMES, Form
from node.web.portal_text import Pair
from node.web.quality.forms import SORTS, Asked, asked

BOARD, RECORDS = "/quality", "/quality/records"
CITY = "500000"
HEAT_LINES = 60
routes = web.RouteTableDef()


@routes.get(BOARD)
async def quality(request: web.Request) -> web.Response:
    def read(conn: Connection) -> dict[str, Any]:
        nodes = board.nodes(conn)
        wanted, form = asked(request.query, nodes)
        who = people(conn, request)
        names = {"node": {node: who.title(node) for node in nodes}, "place": _places(conn)}
        made = board.board(conn, wanted.wanted, by=wanted.by, sort=wanted.sort)
        return {
            "asked": wanted,
            "form": form,
            "titles": names,
            "board": made,
            "covered": _covered(conn, wanted),
            "funnels": [
                ("quality_funnel_owed", funnel.disclosed(conn, wanted.wanted)),
                ("quality_funnel_mirror", funnel.mirrored(conn, wanted.wanted)),
                ("quality_funnel_up", funnel.reported(conn, wanted.wanted)),
            ],
            "verdicts": funnel.verdicts(conn),
        }

    found = await request.app[STORE].read(read)
    t, form, made = Words(language(request)), found["form"], found["board"]
    _refuse(request, form)
    return pages.render(
        request,
        "quality/board.html",
        status=400 if form.errors else 200,
        charts=_charts(t, made, found),
        link=lambda **changes: form.address(BOARD, **changes, page="", measure="", all=""),
        records=lambda **changes: form.address(RECORDS, **{"by": "", "sort": "", "page": "", **changes}),
        line_name=lambda name: line_name(t, found["asked"].by, name, found["titles"]),
        heat_lines=made.by[:HEAT_LINES],
        steps=[step for step in STEPS if step in made.steps],
        milestones=[(each, _days(day_of(request.app[CLOCK]()), each.due)) for each in load_milestones()],
        buckets=[(zh, en) for _, zh, en in BUCKETS],
        measures=board_text.MEASURES,
        meanings=board_text.MEANINGS,
        step_names=board_text.STEPS,
        funnel_names=board_text.FUNNEL,
        lag_names=board_text.LAGS,
        sorts={name: board_text.MEASURES.get(name, board_text.FAULTS[ANY]) for name in SORTS},
        bys=board_text.BY,
        categories=CATEGORY_NAMES,
        **found,
    )


@routes.get(RECORDS)
async def behind(request: web.Request) -> web.Response:
    def read(conn: Connection) -> dict[str, Any]:
        nodes = board.nodes(conn)
        wanted, form = asked(request.query, nodes)
        who = people(conn, request)
        of_log = {log_id: node for node, ids in nodes.items() for log_id in ids}
        listed = Listed([], 0, 1)
        if not form.errors:
            listed = board.records(conn, wanted.wanted, wanted.measure, all_of_them=wanted.whole, page=wanted.page)
        rows = [
            row | {"publisher": who.title(of_log.get(row["log_id"], "")), "faults": board.faults_of(row)}
            for row in listed.rows
        ]
        titles = {"node": {node: who.title(node) for node in nodes}, "place": _places(conn)}
        return {"asked": wanted, "form": form, "listed": listed, "rows": rows, "titles": titles}

    found = await request.app[STORE].read(read)
    form = found["form"]
    _refuse(request, form)
    measure_names: dict[str, Pair] = {**board_text.MEASURES, **board_text.FAULTS}
    return pages.render(
        request,
        "quality/records.html",
        status=400 if form.errors else 200,
        measure_names=measure_names,
        step_names=board_text.STEPS,
        categories=CATEGORY_NAMES,
        reach=COUNT_CAP,
        link=lambda **changes: form.address(RECORDS, **changes),
        board_url=form.address(BOARD, measure="", all="", page=""),
        **found,
    )


@routes.get("/quality/measures")
async def definitions(request: web.Request) -> web.Response:
    return pages.render(
        request,
        "quality/measures.html",
        measures=board_text.MEASURES,
        meanings=board_text.MEANINGS,
        faults=board_text.FAULTS,
        definitions=board_text.DEFINITIONS,
        bits={measure: [bit for bit in BITS if BITS[bit] & mask] for measure, mask in MEASURES.items()},
    )


def line_name(t: Words, by: str, name: str, titles: Mapping[str, Mapping[str, str]]) -> str:
    """A node's title or a place's name, as a reader knows it."""
    if by == "place":
        return titles["place"].get(name, name) if name else t("quality_no_place")
    return titles["node"].get(name, name)


def _days(start: str, end: str) -> int:
    return (date.fromisoformat(end) - date.fromisoformat(start)).days


def _refuse(request: web.Request, form: Form) -> None:
    accept = request.headers.get("Accept", "")
    if form.errors and "json" in accept and "text/html" not in accept:
        raise not_understood(form)


def _places(conn: Connection) -> dict[str, str]:
    """Code -> name: the city's own, and those that records name themselves."""
    return {code[:6]: name for code, name in views.places(conn, limit=1000)} | CHONGQING


def _covered(conn: Connection, wanted: Asked) -> tuple[int, list[str]]:
    """How many of the city's districts have anything here, and the names of those that have nothing."""
    there = board.divisions(conn, wanted.wanted)
    missing = [name for code, name in CHONGQING.items() if code not in there]
    return len(CHONGQING) - len(missing), missing


# --- what the charts draw; the tables say the same ------------------------------------------------------------------


def _charts(t: Words, made: Board, found: Mapping[str, Any]) -> dict[str, str]:
    """Data of each chart as JSON, for an attribute: the script only draws it."""
    by, form = found["asked"].by, found["form"]

    def name(line: Line) -> str:
        return line_name(t, by, line.name, found["titles"])

    steps = [step for step in STEPS if step in made.steps]
    lines = made.by[:HEAT_LINES]
    key = "node" if by == "node" else "division"
    heat = {
        "x": [t.pick(board_text.STEPS[step]) for step in steps],
        "y": [name(line) for line in lines],
        "cells": [
            {
                "at": [x, y],
                "share": share.good * 1000 // share.judged / 10,  # cut, as the table's
                "of": share.judged,
                "url": form.address(RECORDS, **{key: line.name, "step": step, "by": "", "sort": "", "page": ""}),
            }
            for y, line in enumerate(lines)
            for x, step in enumerate(steps)
            if (share := made.heat.get((line.name, step))) is not None and share.judged
        ],
    }
    funnels = [
        {
            "title": t(title),
            "steps": [[t.pick(board_text.FUNNEL[step]), number] for step, number in steps_ if step != "overdue"],
        }
        for title, steps_ in found["funnels"]
        if any(number for _, number in steps_)
    ]
    lags = {
        "x": [t.pick((zh, en)) for _, zh, en in BUCKETS],
        "series": [{"name": t.pick(board_text.LAGS[lag]), "data": list(made.lags[lag])} for lag in LAGS],
    }
    return {kind: _json(data) for kind, data in (("heat", heat), ("funnel", funnels), ("lags", lags))}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
