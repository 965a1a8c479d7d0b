"""场地安排: the rooms of a week and who has them; booking one, giving it back, adding venues and rooms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.domain.calendar import DAY_MS, day_of, start_of
from node.errors import Overtaken, Refused, Rejected
from node.trading import venues
from node.trading.venues import PURPOSES, SORTS
from node.web import session
from node.web.console import shell
from node.web.console.inputs import Note, Wrong, one_line, read
from node.web.console.sent import number_of
from node.web.keys import AUDIT, STORE
from node.web.portal_format import when

routes = web.RouteTableDef()
BOOK: Final = "venue.book"
DAYS: Final = 7


@routes.get("/console/venues")
async def week(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    return await _page(request, who, {})


@routes.post("/console/venues")
async def change(request: web.Request) -> web.Response:
    """Book, cancel, add: what the pressed button says. A page again, with what is wrong beside its field."""
    who = await shell.centre(request, BOOK)
    given = await session.form(request)
    texts = {name: one_line(text) for name, text in given.items() if isinstance(text, str)}
    do = texts.get("do", "")
    work = {"book": _book, "cancel": _cancel, "venue": _add_venue, "room": _add_room}.get(do)
    if work is None:
        raise web.HTTPSeeOther("/console/venues")
    try:
        done, object = await work(request, who, texts)
    except Wrong as wrong:
        return await _page(request, who, texts, do, wrong.note, str(wrong.args[0]))
    except (Rejected, Refused) as error:
        note = Note(error.zh, error.detail)
        field = {"starts": "from", "ends": "to"}.get(error.field or "", error.field or "")
        return await _page(request, who, texts, do, note, field, status=409 if isinstance(error, Overtaken) else 400)
    await request.app[AUDIT].note(who, f"venue.{do}", object, permission=BOOK)
    raise web.HTTPSeeOther(f"/console/venues?week={texts.get('week', '')}&done={done}")


async def _book(request: web.Request, who: Person, texts: Mapping[str, str]) -> tuple[str, str]:
    work = partial(
        venues.book,
        room=number_of(texts.get("room", "")),
        starts_ms=_moment(texts, "from"),
        ends_ms=_moment(texts, "to"),
        account=who.account,
        now_ms=shell.now_ms(request),
        purpose=texts.get("purpose", ""),
        title=texts.get("title", ""),
        trade=texts.get("trade", ""),
    )
    return "booked", str(await request.app[STORE].write(work))


async def _cancel(request: web.Request, who: Person, texts: Mapping[str, str]) -> tuple[str, str]:
    booking = number_of(texts.get("booking", ""))
    work = partial(
        venues.cancel,
        booking=booking,
        version=number_of(texts.get("version", "")),
        reason=texts.get("reason", ""),
        account=who.account,
        now_ms=shell.now_ms(request),
    )
    await request.app[STORE].write(work)
    return "cancelled", str(booking)


async def _add_venue(request: web.Request, who: Person, texts: Mapping[str, str]) -> tuple[str, str]:
    work = partial(venues.add_venue, name=texts.get("name", ""), address=texts.get("address", ""))
    return "noted", str(await request.app[STORE].write(work))


async def _add_room(request: web.Request, who: Person, texts: Mapping[str, str]) -> tuple[str, str]:
    work = partial(
        venues.add_room,
        venue=number_of(texts.get("venue", "")),
        name=texts.get("name", ""),
        sort=texts.get("sort", ""),
        seats=number_of(texts.get("seats", "")),
    )
    return "noted", str(await request.app[STORE].write(work))


def _moment(texts: Mapping[str, str], name: str) -> int:
    """Raises Wrong with the input's name as its text, so that the note stands beside it."""
    try:
        found = read("moment", texts.get(name, ""))
    except Wrong as wrong:
        again = Wrong(wrong.note.zh, wrong.note.en)
        again.args = (name,)
        raise again from None
    if found is None:
        again = Wrong("请填写时间。", "Give the time.")
        again.args = (name,)
        raise again
    return int(found)


async def _page(
    request: web.Request,
    who: Person,
    texts: Mapping[str, str],
    do: str = "",
    note: Note | None = None,
    field: str = "",
    *,
    status: int = 0,
) -> web.Response:
    now = shell.now_ms(request)
    first_ms = _monday(request.query.get("week", "") or texts.get("week", ""), now)

    def look(conn: Connection) -> dict[str, Any]:
        return {"rooms": venues.rooms(conn), "bookings": venues.week(conn, first_ms), "venues": venues.all_venues(conn)}

    found = await request.app[STORE].read(look)
    calendar = shell.desk(request).rules.calendar
    days = [day_of(first_ms + number * DAY_MS) for number in range(DAYS)]
    return shell.render(
        request,
        "venues.html",
        who,
        status=status or (400 if note else 200),
        days=[{"day": day, "today": day == day_of(now), "off": not calendar.is_workday(day)} for day in days],
        rooms=[room | {"cells": _cells(room["id"], first_ms, found["bookings"])} for room in found["rooms"]],
        venues=found["venues"],
        week=days[0],
        before=day_of(first_ms - DAYS * DAY_MS),
        after=day_of(first_ms + DAYS * DAY_MS),
        purposes=PURPOSES,
        sorts=SORTS,
        may=who.may(BOOK),
        texts={"trade": request.query.get("trade", ""), "title": request.query.get("title", ""), **texts},
        do=do,
        note=note,
        field=field,
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
    return row | {"from": when(max(row["starts_ms"], start))[11:16], "to": to, "begins": row["starts_ms"] >= start}


def _monday(text: str, now_ms: int) -> int:
    """The first moment in Beijing of the week of a day; of this week where the address names none."""
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    day = day if day is not None and 1970 < day.year < 2900 else date.fromisoformat(day_of(now_ms))
    return start_of(day.isoformat()) - day.weekday() * DAY_MS
