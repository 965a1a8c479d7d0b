"""Venues and rooms (场地, 开标室, 评标室) and who has them when; no room twice at one time.

A booking lasts from its start up to, not including, its end, so that one may begin when another ends. Whether a room is
free is asked and answered in one write transaction, which no other write shares (`Store.write` without a lane).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from node.domain.promises import VENUE
from node.errors import NotFound, Overtaken, Refused, Rejected
from node.store.tables import table
from node.store.tables_trading import Booking, Room, Venue
from node.trading import services

# sort -> (Chinese, English)
SORTS: dict[str, tuple[str, str]] = {
    "opening": ("开标室", "Opening room"),
    "evaluation": ("评标室", "Evaluation room"),
    "bidding": ("竞价厅", "Bidding hall"),
    "meeting": ("会议室", "Meeting room"),
    "other": ("其他", "Other"),
}
# purpose -> (Chinese, English)
PURPOSES: dict[str, tuple[str, str]] = {
    "opening": ("开标", "Opening"),
    "evaluation": ("评标", "Evaluation"),
    "bidding": ("拍卖、竞价", "Auction"),
    "negotiation": ("谈判、磋商", "Negotiation"),
    "clarification": ("踏勘、答疑", "Visit or questions"),
    "maintenance": ("维护", "Maintenance"),
    "other": ("其他", "Other"),
}
MINUTE_MS = 60_000
LONGEST_MS = 14 * 86_400_000
WEEK_MS = 7 * 86_400_000
MAX_TEXT = 400
Row = dict[str, Any]
_venues, _rooms, _bookings = table(Venue), table(Room), table(Booking)


def add_venue(conn: Connection, name: str, address: str = "") -> int:
    """A new venue's number. Raises Rejected for a name that is there."""
    name = _named(name)
    if conn.execute(select(_venues.c.id).where(_venues.c.name == name)).first():
        raise Rejected(f"there is a venue {name}", zh=f"已有场地“{name}”", field="name")
    row = {"name": name, "address": address.strip()[:MAX_TEXT], "closed": False}
    return int(conn.execute(insert(_venues).values(**row).returning(_venues.c.id)).scalar_one())


def add_room(conn: Connection, venue: int, name: str, sort: str, seats: int = 0) -> int:
    """A new room's number. Raises Rejected, NotFound."""
    name = _named(name)
    if sort not in SORTS or not 0 <= seats <= 100_000:
        raise Rejected("a room has a sort and seats", zh="请选择房间类别，座位数须为非负整数", field="sort")
    if conn.execute(select(_venues.c.id).where(_venues.c.id == venue)).first() is None:
        raise NotFound(f"no venue {venue}", zh="没有该场地", field="venue")
    if conn.execute(select(_rooms.c.id).where(and_(_rooms.c.venue_id == venue, _rooms.c.name == name))).first():
        raise Rejected(f"there is a room {name}", zh=f"该场地已有“{name}”", field="name")
    row = {"venue_id": venue, "name": name, "sort": sort, "seats": seats, "closed": False}
    return int(conn.execute(insert(_rooms).values(**row).returning(_rooms.c.id)).scalar_one())


def change_venue(conn: Connection, venue: int, name: str, address: str = "") -> None:
    """Another name or address. Raises Rejected for a name that another has, NotFound."""
    name = _named(name)
    if conn.execute(select(_venues.c.id).where(and_(_venues.c.name == name, _venues.c.id != venue))).first():
        raise Rejected(f"there is a venue {name}", zh=f"已有场地“{name}”", field="name")
    values = {"name": name, "address": address.strip()[:MAX_TEXT]}
    if conn.execute(update(_venues).where(_venues.c.id == venue).values(**values)).rowcount != 1:
        raise NotFound(f"no venue {venue}", zh="没有该场地", field="venue")


def close_venue(conn: Connection, venue: int, *, closed: bool = True) -> None:
    """No new bookings for any of its rooms, or again. Raises NotFound."""
    if conn.execute(update(_venues).where(_venues.c.id == venue).values(closed=closed)).rowcount != 1:
        raise NotFound(f"no venue {venue}", zh="没有该场地", field="venue")


def change_room(conn: Connection, room: int, name: str, sort: str, seats: int = 0) -> None:
    """Another name, sort or number of seats. Raises Rejected, NotFound."""
    name = _named(name)
    if sort not in SORTS or not 0 <= seats <= 100_000:
        raise Rejected("a room has a sort and seats", zh="请选择房间类别，座位数须为非负整数", field="sort")
    venue = conn.execute(select(_rooms.c.venue_id).where(_rooms.c.id == room)).scalar()
    if venue is None:
        raise _no_room(room)
    same = and_(_rooms.c.venue_id == venue, _rooms.c.name == name, _rooms.c.id != room)
    if conn.execute(select(_rooms.c.id).where(same)).first():
        raise Rejected(f"there is a room {name}", zh=f"该场地已有“{name}”", field="name")
    conn.execute(update(_rooms).where(_rooms.c.id == room).values(name=name, sort=sort, seats=seats))


def close_room(conn: Connection, room: int, *, closed: bool = True) -> None:
    """No new bookings for it, or again. Raises NotFound."""
    if conn.execute(update(_rooms).where(_rooms.c.id == room).values(closed=closed)).rowcount != 1:
        raise _no_room(room)


def all_venues(conn: Connection) -> list[Row]:
    """All venues, by name: one without rooms too."""
    return [dict(row) for row in conn.execute(select(_venues).order_by(_venues.c.name)).mappings()]


def rooms(conn: Connection, *, sort: str = "") -> list[Row]:
    """All rooms with their venue, by venue and sort; `closed` where either is."""
    names = (_venues.c.name.label("venue"), _venues.c.address, _venues.c.closed.label("venue_closed"))
    statement = select(_rooms, *names).join(_venues, _venues.c.id == _rooms.c.venue_id)
    if sort:
        statement = statement.where(_rooms.c.sort == sort)
    rows = [dict(row) for row in conn.execute(statement.order_by(_venues.c.name, _rooms.c.name)).mappings()]
    for row in rows:
        row["closed"] = row["closed"] or row["venue_closed"]
    ranks = list(SORTS)
    return sorted(rows, key=lambda row: (row["venue"], ranks.index(row["sort"]), row["name"]))


def book(
    conn: Connection,
    room: int,
    starts_ms: int,
    ends_ms: int,
    *,
    account: str,
    now_ms: int,
    purpose: str = "opening",
    title: str = "",
    trade: str = "",
    lots: Sequence[str] = (),
) -> int:
    """Book a room; gives the booking's number. Raises Overtaken, naming who has it, NotFound, Rejected, Refused."""
    _check(starts_ms, ends_ms, purpose)
    _require_open(conn, room)
    _require_free(conn, room, starts_ms, ends_ms)
    row = {
        "room_id": room,
        "starts_ms": starts_ms,
        "ends_ms": ends_ms,
        "trade": trade,
        "lots": "\n".join(lots),
        "purpose": purpose,
        "title": title.strip()[:MAX_TEXT],
        "account": account,
        "state": "booked",
        "reason": "",
        "version": 1,
        "changed_ms": now_ms,
    }
    if trade:
        services.finish(conn, VENUE, trade, now_ms)
    return int(conn.execute(insert(_bookings).values(**row).returning(_bookings.c.id)).scalar_one())


def change(
    conn: Connection,
    booking: int,
    version: int,
    *,
    reason: str,
    account: str,
    now_ms: int,
    room: int | None = None,
    starts_ms: int | None = None,
    ends_ms: int | None = None,
) -> Row:
    """Another room or time, with the reason. Raises Overtaken, Rejected, NotFound."""
    before = get(conn, booking)
    _require_reason(reason)
    where, start = before["room_id"] if room is None else room, before["starts_ms"] if starts_ms is None else starts_ms
    end = before["ends_ms"] if ends_ms is None else ends_ms
    _check(start, end, before["purpose"])
    if where != before["room_id"]:
        _require_open(conn, where)
    _require_free(conn, where, start, end, but=booking)
    values = {"room_id": where, "starts_ms": start, "ends_ms": end}
    _move(conn, booking, version, reason, account, now_ms, values)
    return get(conn, booking)


def cancel(conn: Connection, booking: int, version: int, *, reason: str, account: str, now_ms: int) -> None:
    """Give the room back, with the reason; the booking stays on file. Raises Overtaken, Rejected, NotFound."""
    get(conn, booking)
    _require_reason(reason)
    _move(conn, booking, version, reason, account, now_ms, {"state": "cancelled"})


def get(conn: Connection, booking: int) -> Row:
    """One booking with its room and venue. Raises NotFound."""
    row = conn.execute(_with_room().where(_bookings.c.id == booking)).mappings().first()
    if row is None:
        raise NotFound(f"no booking {booking}", zh="没有该预约", field="booking")
    return _row(row)


def week(conn: Connection, starts_ms: int, *, span_ms: int = WEEK_MS, room: int | None = None) -> list[Row]:
    """Bookings that touch `span_ms` from a moment on, by time and room: a week by default, at most two months."""
    span_ms = min(span_ms, 62 * 86_400_000)
    which = [_overlaps(starts_ms, starts_ms + span_ms)] + ([_bookings.c.room_id == room] if room is not None else [])
    statement = _with_room().where(*which).order_by(_bookings.c.starts_ms, _bookings.c.room_id)
    return [_row(row) for row in conn.execute(statement).mappings()]


def of_trade(conn: Connection, trade: str) -> list[Row]:
    """All bookings of a trade, cancelled ones too."""
    statement = _with_room().where(_bookings.c.trade == trade).order_by(_bookings.c.starts_ms)
    return [_row(row) for row in conn.execute(statement).mappings()]


def free_rooms(conn: Connection, starts_ms: int, ends_ms: int, *, sort: str = "", seats: int = 0) -> list[Row]:
    """Rooms that can be booked for that time, with at least so many seats. Raises Rejected for a time that is none."""
    _check(starts_ms, ends_ms, "other")
    taken = set(conn.execute(select(_bookings.c.room_id).where(_overlaps(starts_ms, ends_ms))).scalars())
    found = [row for row in rooms(conn, sort=sort) if not row["closed"] and row["id"] not in taken]
    return [row for row in found if row["seats"] >= seats]


def to_come(conn: Connection, now_ms: int) -> dict[int, int]:
    """room -> bookings that have not ended yet."""
    which = and_(_bookings.c.state == "booked", _bookings.c.ends_ms > now_ms)
    counts = select(_bookings.c.room_id, func.count()).where(which).group_by(_bookings.c.room_id)
    return {room: int(number) for room, number in conn.execute(counts)}


def _overlaps(starts_ms: int, ends_ms: int) -> ColumnElement[bool]:
    # The bound below lets the index be used: no booking is longer.
    near = _bookings.c.starts_ms > starts_ms - LONGEST_MS - 1
    in_time = and_(near, _bookings.c.starts_ms < ends_ms, _bookings.c.ends_ms > starts_ms)
    return and_(_bookings.c.state == "booked", in_time)


def _require_open(conn: Connection, room: int) -> None:
    either = (_rooms.c.closed | _venues.c.closed).label("closed")
    join = select(_rooms.c.name, either).join(_venues, _venues.c.id == _rooms.c.venue_id)
    found = conn.execute(join.where(_rooms.c.id == room)).first()
    if found is None:
        raise _no_room(room)
    if found.closed:
        raise Refused(f"room {found.name} is closed", zh=f"“{found.name}”已停用", field="room")


def _require_free(conn: Connection, room: int, starts_ms: int, ends_ms: int, *, but: int = 0) -> None:
    which = and_(_bookings.c.room_id == room, _overlaps(starts_ms, ends_ms), _bookings.c.id != but)
    taken = conn.execute(_with_room().where(which).limit(1)).mappings().first()
    if taken is not None:
        raise Overtaken(
            f"the room is taken by booking {taken['id']} ({taken['title'] or taken['purpose']})",
            zh=f"该时段已被预约：{taken['title'] or PURPOSES[taken['purpose']][0]}",
            field="room",
        )


def _check(starts_ms: int, ends_ms: int, purpose: str) -> None:
    if purpose not in PURPOSES:
        raise Rejected(f"{purpose} is no purpose", zh="请选择用途", field="purpose")
    if not 0 <= starts_ms < ends_ms < 2**53 or ends_ms - starts_ms > LONGEST_MS:
        raise Rejected("it must end after it begins, within 14 days", zh="结束须晚于开始，且不超过 14 天", field="ends")
    if starts_ms % MINUTE_MS or ends_ms % MINUTE_MS:
        raise Rejected("rooms are booked by the minute", zh="时间须为整分钟", field="starts")


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Rejected("a change says why", zh="请说明变更或取消的原因", field="reason")


def _move(conn: Connection, booking: int, version: int, reason: str, account: str, now_ms: int, values: Row) -> None:
    which = and_(_bookings.c.id == booking, _bookings.c.version == version, _bookings.c.state == "booked")
    more = {"reason": reason.strip()[:MAX_TEXT], "account": account, "changed_ms": now_ms, "version": version + 1}
    if conn.execute(update(_bookings).where(which).values(**more, **values)).rowcount != 1:
        raise Overtaken("this booking was changed meanwhile", zh="该预约已被他人变更", field="version")


def _with_room() -> Any:
    more = (_rooms.c.name.label("room"), _rooms.c.sort, _venues.c.name.label("venue"), _venues.c.address)
    return (
        select(_bookings, *more)
        .join(_rooms, _rooms.c.id == _bookings.c.room_id)
        .join(_venues, _venues.c.id == _rooms.c.venue_id)
    )


def _row(row: Any) -> Row:
    return {**row, "lots": row["lots"].split("\n") if row["lots"] else []}


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 100:
        raise Rejected("it needs a name of at most 100 characters", zh="请填写名称（不超过 100 字）", field="name")
    return name


def _no_room(room: int) -> NotFound:
    return NotFound(f"no room {room}", zh="没有该房间", field="room")
