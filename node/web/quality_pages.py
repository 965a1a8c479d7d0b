"""`/quality`: the data quality board, and the records behind each of its figures, as a list and as CSV.

Public, without log-in and without JavaScript: charts are drawn of the tables that stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import Connection

from node.domain import divisions
from node.domain.trades import CATEGORIES
from node.errors import NotFound
from node.quality import board, lags, listing
from node.quality.board import NONE, Filter
from node.quality.listing import Listing
from node.quality.measures import ANY, BITS, MASKS, MEASURES, STEPS
from node.quality.yardstick import load as yardstick
from node.web import pages
from node.web.board_text import BIT_NAMES, LAG_NAMES, MEASURE_NAMES, SHOWN, STEP_NAMES
from node.web.exports import CONTENT_TYPES, CSV_MARK, csv_lines, csv_text, not_understood
from node.web.i18n import Words, language
from node.web.keys import CLOCK, SETTINGS, STORE, TRUSTED
from node.web.portal_format import when
from node.web.portal_query import CATEGORY_NAMES, Form, form_of
from node.web.portal_text import Pair

routes = web.RouteTableDef()
MOST_PLACES: Final = 100
PIECE: Final = 500
_FIELDS = ("measure", "division", "category", "step")
_NAMES = {**MEASURE_NAMES, **BIT_NAMES}


@routes.get("/quality")
async def show(request: web.Request) -> web.Response:
    form = form_of(request.query, ("measure", "division", "category"))
    wanted = _filter(form, MEASURE_NAMES)
    path_up = _path_up(request)

    def read(conn: Connection) -> dict[str, Any]:
        known = board.places(conn)
        found = board.read(conn, wanted)
        return {"places": known, "board": found, "funnels": board.funnels(conn, path_up)}

    t = Words(language(request))
    found = await request.app[STORE].read(read)
    return pages.render(
        request,
        "quality/board.html",
        status=400 if form.errors else 200,
        form=form,
        wanted=wanted,
        measures=MEASURES,
        names=_NAMES,
        steps=STEPS,
        step_names=STEP_NAMES,
        bits=BITS,
        buckets=lags.BUCKETS,
        lag_names=LAG_NAMES,
        most=MOST_PLACES,
        any=ANY,
        none=NONE,
        place=partial(_place, t),
        place_choices=_place_choices(found["places"], t),
        measure_choices=[(name, t.pick(pair)) for name, pair in MEASURE_NAMES.items()],
        category_choices=[(name, t.pick(pair)) for name, pair in CATEGORY_NAMES.items()],
        records=partial(_address, wanted),
        yardstick=yardstick(),
        **found,
    )


@routes.get("/quality/records")
async def records(request: web.Request) -> web.Response:
    form, wanted = _listing(request.query)
    after = form.values["after"]

    def read(conn: Connection) -> dict[str, Any]:
        if form.errors:
            return {"places": board.places(conn), "rows": [], "next": "", "figure": None}
        rows, following = listing.read(conn, wanted, after, listing.PAGE)
        figure = None if wanted.lag else board.count(conn, wanted.filter)
        return {"places": board.places(conn), "rows": rows, "next": following, "figure": figure}

    t = Words(language(request))
    found = await request.app[STORE].read(read)
    return pages.render(
        request,
        "quality/records.html",
        status=400 if form.errors else 200,
        form=form,
        wanted=wanted,
        names=_NAMES,
        bit_names=BIT_NAMES,
        step_names=STEP_NAMES,
        lag_name=_lag_name(wanted.lag, t),
        place=partial(_place, t),
        place_choices=_place_choices(found["places"], t),
        measure_choices=[(name, t.pick(pair)) for name, pair in _NAMES.items()],
        category_choices=[(name, t.pick(pair)) for name, pair in CATEGORY_NAMES.items()],
        step_choices=[(name, t.pick(pair)) for name, pair in STEP_NAMES.items()],
        show_choices=[(name, t.pick(pair)) for name, pair in SHOWN.items()],
        address=_row_address,
        **found,
    )


@routes.get("/quality/records.csv")
async def records_csv(request: web.Request) -> web.StreamResponse:
    """All rows of a list, sent as they are read."""
    form, wanted = _listing(request.query)
    if form.errors:
        raise not_understood(form)
    t = Words(language(request))
    day = when(request.app[CLOCK]())[:10].replace("-", "")
    headers = {"Content-Disposition": f'attachment; filename="quality-{day}.csv"', "Cache-Control": "no-cache"}
    response = web.StreamResponse(headers=headers | pages.SAFE | {"Vary": "Cookie"})
    response.content_type, response.charset = CONTENT_TYPES["csv"], "utf-8"
    await response.prepare(request)
    columns = ("title", "board_wrong", "board_step", "category", "division", "date", "origin", "board_address")
    await response.write((CSV_MARK + csv_lines([[t(name) for name in columns]])).encode())
    if request.method != "HEAD":
        after, more = form.values["after"], True
        while more:
            reading = partial(listing.read, wanted=wanted, after=after, limit=PIECE)
            rows, after = await request.app[STORE].read(reading)
            more = bool(after)
            await response.write(csv_lines([_cells(row, t, request) for row in rows]).encode())
    await response.write_eof()
    return response


def _cells(row: Mapping[str, Any], t: Words, request: web.Request) -> list[str]:
    values = (
        row["title"],
        "；".join(t.pick(BIT_NAMES[name]) for name in row["wrong"]),
        t.pick(STEP_NAMES[row["step"]]),
        t.name(CATEGORIES, row["category"]),
        _place(t, row["division"]),
        row["day"],
        row["origin"],
        request.app[SETTINGS].url.rstrip("/") + _row_address(row),
    )
    return [csv_text(value) for value in values]


def _row_address(row: Mapping[str, Any]) -> str:
    return f"/trades/{row['trade']}" if row["sort"] == "trade" else f"/records/{row['record_id'].hex()}"


def _listing(given: Mapping[str, str]) -> tuple[Form, Listing]:
    form = form_of(given, (*_FIELDS, "show", "lag", "after"))
    wanted = _filter(form, _NAMES)
    for name, good in (("lag", listing.is_lag), ("after", listing.is_place)):
        if form.values[name] and not good(form.values[name]):
            form.errors[name] = ("无法识别，请从看板重新进入。", "Not understood; come again from the board.")
    return form, Listing(wanted, form.choice("show", SHOWN, "bad"), "" if "lag" in form.errors else form.values["lag"])


def _filter(form: Form, measures: Mapping[str, object]) -> Filter:
    division = form.values["division"]
    if division and division != NONE and not divisions.is_known(division):
        form.errors["division"] = ("没有这个行政区划代码。", "There is no such division.")
        division = ""
    return Filter(
        measure=form.choice("measure", measures, ANY),
        division=division,
        category=form.choice("category", CATEGORIES),
        step=form.choice("step", STEP_NAMES) if "step" in form.values else "",
    )


def _address(wanted: Filter, **changes: str) -> str:
    """The list of records behind a figure of the board."""
    values = {name: getattr(wanted, name) for name in _FIELDS} | changes
    assert values["measure"] in MASKS
    return "/quality/records?" + urlencode({name: value for name, value in values.items() if value})


def _place(t: Words, code: str) -> str:
    """How a district is called; those outside the tables by their code."""
    if code in ("", NONE):
        return t("board_no_place")
    return divisions.name_of(code) or code


def _place_choices(known: list[str], t: Words) -> list[tuple[str, str]]:
    return [(code or NONE, _place(t, code)) for code in known]


def _lag_name(lag: str, t: Words) -> str:
    if not lag:
        return ""
    name, _, number = lag.partition(".")
    _, zh, en = lags.BUCKETS[int(number)]
    pair: Pair = (zh, en)
    return f"{t.pick(LAG_NAMES[name])}{t('colon')}{t.pick(pair)}"


def _path_up(request: web.Request) -> Any:
    trusted = request.app[TRUSTED]

    def path_up(node: str) -> list[str]:
        try:
            return trusted.policy.path_up(node)
        except NotFound:
            return []

    return path_up
