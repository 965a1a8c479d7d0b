"""Requests for services of the published list (R24): asked, done, and whether the promise was kept.

What the list promised is kept with each request as it stood when it was asked. Four services are timed by what happens
anyway: a registration (from the application to the act), a publication (from handing a draft over to its publication
or its return), a room (from the request to the booking), a deposit (from the start of its clock to the refund).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, case, delete, func, insert, select, update

from node.domain.calendar import Calendar
from node.domain.engine import Trade
from node.domain.promises import REGISTER, TIMED, VENUE, Promise
from node.domain.shares import percent, wilson
from node.errors import NotFound, Overtaken, Rejected
from node.store.tables import table
from node.store.tables_services import ServiceRequest
from node.store.tables_trading import TradeState

OPEN, DONE, DROPPED = "open", "done", "dropped"
APPLIED = "applied_at"
"""The field of a registration that says when the application came in."""
MAX_TEXT = 200
KEPT_OVER_MS = 365 * 86_400_000
"""Over which time the kept share is told."""
Row = dict[str, Any]
_requests, _states = table(ServiceRequest), table(TradeState)


@dataclass(frozen=True, slots=True)
class Kept:
    """How a service was kept: requests done, in time, late, and those open, of which late by now."""

    done: int = 0
    in_time: int = 0
    open: int = 0
    late: int = 0

    @property
    def text(self) -> str:
        return percent(self.in_time, self.done)

    @property
    def low_text(self) -> str:
        return f"{wilson(self.in_time, self.done)[0] * 100:.1f}%" if self.done else "—"


def ask(
    conn: Connection,
    service: str,
    promise: Promise | None,
    calendar: Calendar,
    *,
    subject: str,
    title: str,
    asked_ms: int,
    account: str,
    trade: str = "",
    asker: str = "",
    due_ms: int | None = None,
    id: str = "",
) -> str:
    """Note a request; gives its number. One that is open for the same subject goes on as it is.

    `due_ms` is given where a law says until when, instead of the list.
    """
    same = and_(_requests.c.service == service, _requests.c.subject == subject, _requests.c.state == OPEN)
    held = conn.execute(select(_requests.c.id).where(same)).scalar()
    if held is not None:
        return str(held)
    number = id or secrets.token_hex(16)
    due = due_ms if due_ms is not None or promise is None else promise.due_ms(asked_ms, calendar)
    row = {
        "id": number,
        "service": service,
        "subject": subject,
        "trade": trade,
        "title": title[:MAX_TEXT],
        "asker": asker[:MAX_TEXT],
        "promise": promise.words if promise else "",
        "rules": promise.table if promise else "",
        "verified": bool(promise and promise.verified),
        "asked_ms": asked_ms,
        "due_ms": due,
        "done_ms": 0,
        "state": OPEN,
        "account": account,
        "note": "",
    }
    conn.execute(insert(_requests), [row])
    return number


def note(
    conn: Connection,
    promise: Promise | None,
    calendar: Calendar,
    *,
    title: str,
    asker: str,
    asked_ms: int,
    now_ms: int,
    account: str,
    trade: str = "",
) -> str:
    """A request that came to a person: at the counter, by telephone, by letter. Raises Rejected, NotFound."""
    if promise is None or promise.service not in open_to_staff({promise.service: promise}):
        raise Rejected("this service is not in the list", zh="请选择服务清单中的服务", field="service")
    if not title.strip():
        raise Rejected("it says what is asked for", zh="请写明申请事项", field="title")
    if not 0 <= asked_ms <= now_ms:
        raise Rejected("it cannot have been asked later than now", zh="申请时间不得晚于当前时间", field="asked_at")
    own = and_(_states.c.trade == trade, _states.c.own.is_(True))
    if trade and conn.execute(select(_states.c.trade).where(own)).first() is None:
        raise NotFound(f"no trade {trade}", zh="本中心没有该交易", field="trade")
    subject = trade if promise.service == VENUE and trade else secrets.token_hex(16)
    return ask(
        conn,
        promise.service,
        promise,
        calendar,
        subject=subject,
        title=title.strip(),
        asked_ms=asked_ms,
        account=account,
        trade=trade,
        asker=asker.strip(),
    )


def open_to_staff(promises: Mapping[str, Promise]) -> dict[str, Promise]:
    """The services of which a person notes a request: all but those that only the system times."""
    return {name: each for name, each in promises.items() if name not in TIMED or name == VENUE}


def end(conn: Connection, id: str, *, now_ms: int, account: str, done: bool, words: str = "") -> Row:
    """Say that a request was done, or is wanted no more, and why. Raises Rejected, Overtaken, NotFound."""
    row = get(conn, id)
    if row["service"] in TIMED and row["service"] != VENUE:
        raise Rejected("what happens ends this request", zh="该服务由系统计时，不能手工办结或撤销", field="do")
    if not done and not words.strip():
        raise Rejected("say why it is wanted no more", zh="请说明撤销原因", field="note")
    values = {
        "state": DONE if done else DROPPED,
        "done_ms": now_ms,
        "note": words.strip()[:MAX_TEXT],
        "account": account,
    }
    of = and_(_requests.c.id == row["id"], _requests.c.state == OPEN)
    if conn.execute(update(_requests).where(of).values(**values)).rowcount != 1:
        raise Overtaken("this request was dealt with meanwhile", zh="该申请已办结或撤销", field="id")
    return get(conn, id)


def finish(conn: Connection, service: str, subject: str, now_ms: int, *, done: bool = True) -> int:
    """What happened answers the open requests about it; gives how many. Harmless to repeat."""
    of = and_(_requests.c.service == service, _requests.c.subject == subject, _requests.c.state == OPEN)
    return conn.execute(update(_requests).where(of).values(state=DONE if done else DROPPED, done_ms=now_ms)).rowcount


def of_registration(conn: Connection, trade: Trade, promise: Promise | None, calendar: Calendar) -> None:
    """From the application to the registration, as the act says; nothing where it does not say when it came in."""
    first = next((act for act in trade.acts if act.seq == 1), None)
    asked = trade.facts.get(APPLIED)
    if first is None:
        conn.execute(
            update(_requests)
            .where(_requests.c.service == REGISTER, _requests.c.subject == trade.key)
            .values(state=DROPPED)
        )
        return
    if not isinstance(asked, int) or isinstance(asked, bool) or not 0 <= asked <= first.at:
        return
    same = and_(_requests.c.service == REGISTER, _requests.c.subject == trade.key)
    conn.execute(delete(_requests).where(same, _requests.c.asked_ms != asked))  # an amendment put it right
    if conn.execute(select(_requests.c.id).where(same)).first() is None:
        ask(
            conn,
            REGISTER,
            promise,
            calendar,
            subject=trade.key,
            title=trade.title,
            asked_ms=asked,
            account="",
            trade=trade.key,
        )
    conn.execute(update(_requests).where(same).values(state=DONE, done_ms=first.at, title=trade.title[:MAX_TEXT]))


def get(conn: Connection, id: str) -> Row:
    """Raises NotFound."""
    row = conn.execute(select(_requests).where(_requests.c.id == id)).mappings().first()
    if row is None:
        raise NotFound(f"no request {id}", zh="没有该服务申请", field="id")
    return dict(row)


def listed(conn: Connection, *, now_ms: int, service: str = "", state: str = OPEN, limit: int = 200) -> list[Row]:
    """Requests: open or late ones by time left, done ones newest first; `late`, `left_ms` and `used_ms` of each."""
    which = [_requests.c.service == service] if service else []
    if state == "late":
        which += [_requests.c.state == OPEN, _requests.c.due_ms < now_ms]
    else:
        which += [_requests.c.state == state]
    order = (
        (_requests.c.due_ms.is_(None), _requests.c.due_ms, _requests.c.asked_ms)
        if state in (OPEN, "late")
        else (_requests.c.done_ms.desc(),)
    )
    rows = conn.execute(select(_requests).where(*which).order_by(*order, _requests.c.id).limit(limit)).mappings()
    return [_shown(dict(row), now_ms) for row in rows]


def kept(conn: Connection, *, now_ms: int) -> dict[str, Kept]:
    """Service -> how its promise was kept in the last year, and what is open. Only what had a promise counts."""

    def count(which: Any) -> Any:
        return func.sum(case((which, 1), else_=0))

    is_open, is_done = _requests.c.state == OPEN, _requests.c.state == DONE
    recent = and_(is_done, _requests.c.done_ms >= now_ms - KEPT_OVER_MS, _requests.c.due_ms.is_not(None))
    statement = select(
        _requests.c.service,
        count(recent),
        count(and_(recent, _requests.c.done_ms <= _requests.c.due_ms)),
        count(is_open),
        count(and_(is_open, _requests.c.due_ms < now_ms)),
    ).group_by(_requests.c.service)
    return {row[0]: Kept(*(int(number or 0) for number in row[1:])) for row in conn.execute(statement)}


def _shown(row: Row, now_ms: int) -> Row:
    end_ms = row["done_ms"] or now_ms
    due = row["due_ms"]
    return row | {
        "late": due is not None and end_ms > due,
        "left_ms": None if due is None else due - now_ms,
        "used_ms": max(0, end_ms - row["asked_ms"]),
    }
