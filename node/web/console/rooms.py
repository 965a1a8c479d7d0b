"""场地和房间: add, rename, close and open again; what is closed takes no new booking and keeps those it has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.errors import NotFound, Rejected
from node.trading import venues
from node.trading.venues import SORTS
from node.web import session
from node.web.console import shell
from node.web.console.inputs import Note
from node.web.console.typed import Typed
from node.web.console.venues import BOOK
from node.web.keys import AUDIT, STORE

routes = web.RouteTableDef()
ROOMS: Final = "/console/venues/rooms"
Work = Callable[[Connection], Any]


@routes.get(ROOMS)
async def page(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    return await _page(request, who, Typed({}))


@routes.post(ROOMS)
async def change(request: web.Request) -> web.Response:
    """What the pressed button says, to one venue or room. The page again where it is refused."""
    who = await shell.centre(request, BOOK)
    form = Typed(await session.form(request))
    work = _work(form)
    if work is None:
        raise web.HTTPSeeOther(ROOMS)
    if form["seats"] and not (form["seats"].isascii() and form["seats"].isdigit()):
        form.notes["seats"] = Note("请填写整数。", "Give a whole number.")
        return await _page(request, who, form)
    try:
        made = await request.app[STORE].write(work)
    except (NotFound, Rejected) as error:
        form.refuse(error, {})
        return await _page(request, who, form)
    about = form["room"] or form["venue"] or str(made)
    await request.app[AUDIT].note(who, f"venue.{form['do']}", about, form["name"], permission=BOOK)
    raise web.HTTPSeeOther(f"{ROOMS}?done=noted")


def _work(form: Typed) -> Work | None:
    venue, room = form.number("venue"), form.number("room")
    match form["do"]:
        case "add-venue":
            return partial(venues.add_venue, name=form["name"], address=form["address"])
        case "change-venue":
            return partial(venues.change_venue, venue=venue, name=form["name"], address=form["address"])
        case "close-venue" | "open-venue":
            return partial(venues.close_venue, venue=venue, closed=form["do"] == "close-venue")
        case "add-room":
            return partial(
                venues.add_room, venue=venue, name=form["name"], sort=form["sort"], seats=form.number("seats")
            )
        case "change-room":
            return partial(
                venues.change_room, room=room, name=form["name"], sort=form["sort"], seats=form.number("seats")
            )
        case "close-room" | "open-room":
            return partial(venues.close_room, room=room, closed=form["do"] == "close-room")
    return None


async def _page(request: web.Request, who: Person, form: Typed) -> web.Response:
    now = shell.now_ms(request)

    def look(conn: Connection) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[int, int]]:
        return venues.all_venues(conn), venues.rooms(conn), venues.to_come(conn, now)

    places, rooms, booked = await request.app[STORE].read(look)
    for place in places:
        place["rooms"] = [
            room | {"booked": booked.get(room["id"], 0)} for room in rooms if room["venue_id"] == place["id"]
        ]
    return shell.render(
        request,
        "rooms.html",
        who,
        status=400 if form.notes else 200,
        form=form,
        venues=places,
        sorts=SORTS,
        may=who.may(BOOK),
    )
