"""场地安排: the rooms of a week and who has them, venue by venue; one day of them to print."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.domain.calendar import DAY_MS, day_of, start_of
from node.trading import venues
from node.trading.venues import PURPOSES, SORTS
from node.web.console import shell
from node.web.console.sent import number_of
from node.web.keys import STORE
from node.web.portal_format import when

routes = web.RouteTableDef()
BOOK: Final = "venue.book"
DAYS: Final = 7


@routes.get("/console/venues")
async def week(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    now = shell.now_ms(request)
    first_ms = _monday(request.query.get("week", ""), now)
    venue = number_of(request.query.get("venue", ""))

    def look(conn: Connection) -> dict[str, Any]:
        return {"rooms": venues.rooms(conn), "bookings": venues.week(conn, first_ms), "venues": venues.all_venues(conn)}

    found = await request.app[STORE].read(look)
    calendar = shell.desk(request).rules.calendar
    days = [day_of(first_ms + number * DAY_MS) for number in range(DAYS)]
    rooms = [room for room in found["rooms"] if not venue or room["venue_id"] == venue]
    return shell.render(
        request,
        "venues.html",
        who,
        days=[{"day": day, "today": day == day_of(now), "off": not calendar.is_workday(day)} for day in days],
        rooms=[room | {"cells": _cells(room["id"], first_ms, found["bookings"])} for room in rooms],
        venues=found["venues"],
        venue=venue,
        week=days[0],
        before=day_of(first_ms - DAYS * DAY_MS),
        after=day_of(first_ms + DAYS * DAY_MS),
        purposes=PURPOSES,
        sorts=SORTS,
        may=who.may(BOOK),
    )


@routes.get("/console/venues/day/{day:[0-9]{4}-[0-9]{2}-[0-9]{2}}")
async def day(request: web.Request) -> web.Response:
    """The rooms of one day by time: to hang beside the door."""
    who = await shell.centre(request)
    on = _day(request.match_info["day"]) or date.fromisoformat(day_of(shell.now_ms(request)))
    start = start_of(on.isoformat())

    def look(conn: Connection) -> dict[str, Any]:
        return {"rooms": venues.rooms(conn), "bookings": venues.week(conn, start, span_ms=DAY_MS)}

    found = await request.app[STORE].read(look)
    rooms = [
        room | {"bookings": [_part(row, start) for row in found["bookings"] if row["room_id"] == room["id"]]}
        for room in found["rooms"]
    ]
    return shell.render(
        request,
        "print_day.html",
        who,
        day=on.isoformat(),
        weekday=on.weekday(),
        rooms=[room for room in rooms if room["bookings"]],
        purposes=PURPOSES,
        sorts=SORTS,
    )


def _cells(room: int, first_ms: int, bookings: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The bookings of a room, day by day; one over several days stands in each of them."""
    mine = [row for row in bookings if row["room_id"] == room]
    return [
        [_part(row, start) for row in mine if row["starts_ms"] < start + DAY_MS and row["ends_ms"] > start]
        for start in (first_ms + number * DAY_MS for number in range(DAYS))
    ]


def _part(row: dict[str, Any], start: int) -> dict[str, Any]:
    """A booking with what of it lies in one day: `from` and `to` as clock times."""
    end = start + DAY_MS
    to = "24:00" if row["ends_ms"] >= end else when(row["ends_ms"])[11:16]
    return row | {"from": when(max(row["starts_ms"], start))[11:16], "to": to}


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return found if found is not None and 1970 < found.year < 2900 else None


def _monday(text: str, now_ms: int) -> int:
    """The first moment in Beijing of the week of a day; of this week where the address names none."""
    on = _day(text) or date.fromisoformat(day_of(now_ms))
    return start_of(on.isoformat()) - on.weekday() * DAY_MS
