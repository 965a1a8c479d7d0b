"""预订房间: find a room that is free for a time and book it; change a booking or give it back, with a reason."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.domain.engine import Trade
from node.errors import NodeError, NotFound, Overtaken, Refused, Rejected
from node.trading import bids, venues
from node.trading.venues import PURPOSES, SORTS
from node.web import session
from node.web.console import loaded, shell
from node.web.console.sent import number_of
from node.web.console.typed import Typed
from node.web.console.venues import BOOK
from node.web.keys import AUDIT, STORE
from node.web.portal_format import when

routes = web.RouteTableDef()
FREE: Final = "/console/venues/free"
BOOKING: Final = "/console/venues/bookings/{booking:[0-9]{1,9}}"
LONG_MS: Final = 2 * 3_600_000
"""What the form begins with: most openings are over by then."""
_KEY: Final = re.compile(r"[0-9a-f]{32}")
_NAMES: Final = {"starts": "from", "ends": "to"}


@routes.get(FREE)
async def free(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    form = Typed(request.query)
    trade = await _trade(request, form)
    if trade is not None and not form["from"] and not form["to"]:
        _begin(form, trade)
    return await _found(request, who, form, trade)


@routes.post(FREE)
async def book(request: web.Request) -> web.Response:
    """Book the room whose button was pressed; if somebody was faster, the rooms that are free now."""
    who = await shell.centre(request, BOOK)
    given = await session.form(request)
    form = Typed(given)
    trade = await _trade(request, form)
    starts, ends = form.read("moment", "from"), form.read("moment", "to")
    lots = [str(lot) for lot in given.getall("lots", []) if trade is not None and lot in trade.lots]
    if not form.notes:
        work = partial(
            venues.book,
            room=form.number("room"),
            starts_ms=starts,
            ends_ms=ends,
            account=who.account,
            now_ms=shell.now_ms(request),
            purpose=form["purpose"],
            title=form["title"] or (trade.title if trade is not None else ""),
            trade=trade.key if trade is not None else "",
            lots=lots,
        )
        try:
            number = await request.app[STORE].write(work)
        except (NotFound, Overtaken, Refused, Rejected) as error:
            form.refuse(error, {**_NAMES, "room": ""})
            status = 409 if isinstance(error, Overtaken) else 400
            return await _found(request, who, form, trade, status=status)
        await request.app[AUDIT].note(who, "venue.book", str(number), form["title"], permission=BOOK)
        raise web.HTTPSeeOther(f"/console/venues/bookings/{number}?done=booked")
    return await _found(request, who, form, trade, status=400)


async def _found(
    request: web.Request, who: Person, form: Typed, trade: Trade | None, *, status: int = 200
) -> web.Response:
    asked = bool(form["from"] or form["to"])
    starts = form.read("moment", "from") if asked else None
    ends = form.read("moment", "to") if asked else None
    rows: list[dict[str, Any]] | None = None
    if starts is not None and ends is not None:
        sort, seats = form["sort"] if form["sort"] in SORTS else "", number_of(form["seats"])
        work = partial(venues.free_rooms, starts_ms=starts, ends_ms=ends, sort=sort, seats=seats)
        try:
            rows = await request.app[STORE].read(work)
        except Rejected as error:
            form.refuse(error, _NAMES)
    return shell.render(
        request,
        "free_rooms.html",
        who,
        status=400 if form.notes and status == 200 else status,
        form=form,
        trade=trade,
        rooms=rows,
        purposes=PURPOSES,
        sorts=SORTS,
        may=who.may(BOOK),
    )


def _begin(form: Typed, trade: Trade) -> None:
    """What the trade says of its opening: when bidding ends, for two hours."""
    for lot in trade.lots:
        try:
            moment = bids.deadline_ms(trade, lot)
        except (Refused, KeyError):
            continue
        form.texts["from"], form.texts["to"] = (_input(ms) for ms in (moment, moment + LONG_MS))
        form.texts.setdefault("sort", "opening")
        return


async def _trade(request: web.Request, form: Typed) -> Trade | None:
    """The trade that the form is about, none where it names none. Raises NotFound."""
    return (await loaded.load_key(request, form["trade"]))[0] if _KEY.fullmatch(form["trade"]) else None


def _input(ms: int) -> str:
    """A moment to the minute, as an input of a form holds it."""
    return when(ms)[:16].replace(" ", "T")


# --- one booking ------------------------------------------------------------------------------------------------------


@routes.get(BOOKING)
async def one(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    return await _one(request, who, Typed({}))


@routes.post(BOOKING)
async def change(request: web.Request) -> web.Response:
    who = await shell.centre(request, BOOK)
    form = Typed(await session.form(request))
    number = number_of(request.match_info["booking"])
    work = {"change": _change, "cancel": _cancel}.get(form["do"])
    if work is None:
        raise web.HTTPSeeOther(f"/console/venues/bookings/{number}")
    status = 400
    try:
        await work(request, who, form, number)
    except (Overtaken, Refused, Rejected) as error:
        form.refuse(error, _NAMES)
        status = 409 if isinstance(error, Overtaken) else 400
    if form.notes:
        return await _one(request, who, form, status=status)
    await request.app[AUDIT].note(who, f"venue.{form['do']}", str(number), form["reason"], permission=BOOK)
    done = "noted" if form["do"] == "change" else "cancelled"
    raise web.HTTPSeeOther(f"/console/venues/bookings/{number}?done={done}")


async def _change(request: web.Request, who: Person, form: Typed, number: int) -> None:
    starts, ends = form.read("moment", "from"), form.read("moment", "to")
    if form.notes:
        return
    work = partial(
        venues.change,
        booking=number,
        version=form.number("version"),
        reason=form["reason"],
        account=who.account,
        now_ms=shell.now_ms(request),
        room=form.number("room"),
        starts_ms=starts,
        ends_ms=ends,
    )
    await request.app[STORE].write(work)


async def _cancel(request: web.Request, who: Person, form: Typed, number: int) -> None:
    try:
        work = partial(
            venues.cancel,
            booking=number,
            version=form.number("version"),
            reason=form["why"],
            account=who.account,
            now_ms=shell.now_ms(request),
        )
        await request.app[STORE].write(work)
    except Rejected as error:
        # The two forms of the page have a reason each.
        raise _of_cancel(error) from None
    form.texts["reason"] = form["why"]


def _of_cancel(error: Rejected) -> NodeError:
    error.field = "why" if error.field == "reason" else error.field
    return error


async def _one(request: web.Request, who: Person, form: Typed, *, status: int = 200) -> web.Response:
    number = number_of(request.match_info["booking"])

    def look(conn: Connection) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        return venues.get(conn, number), venues.rooms(conn)

    booking, rooms = await request.app[STORE].read(look)
    if not form["do"]:
        form.texts |= {"room": str(booking["room_id"])}
        form.texts |= {"from": _input(booking["starts_ms"]), "to": _input(booking["ends_ms"])}
    return shell.render(
        request,
        "booking.html",
        who,
        status=status,
        form=form,
        booking=booking,
        rooms=[room for room in rooms if not room["closed"] or room["id"] == booking["room_id"]],
        purposes=PURPOSES,
        sorts=SORTS,
        may=who.may(BOOK) and booking["state"] == "booked",
    )
