"""Pages of the uplink: at the hub what is reported and what needs a person; at a district the verdicts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import Connection

from node.domain.trades import CATEGORIES
from node.domain.verdicts import STATES as VERDICT_STATES
from node.errors import Malformed
from node.store import logs
from node.uplink import held, reconcile, reported, status
from node.uplink.status import PAGE, Filter
from node.web import pages, session, uplink_shown
from node.web.keys import AUDIT, CLOCK, RULE_RECORDS, SETTINGS, STORE
from node.web.uplink_text import RETRIES, STATES, THERE

routes = web.RouteTableDef()
READ, RETRY = "read.shared", "uplink.retry"
MOST_FILLED: Final = 12


@routes.get("/uplink")
async def uplink(request: web.Request) -> web.Response:
    """The hub's queue, or a district's verdicts. Who is not logged in is sent to the log-in page."""
    person = await session.need(request, READ)
    if request.app[SETTINGS].role == "hub":
        return await _queue(request, may=person.may(RETRY))
    return await _verdicts(request)


@routes.post("/uplink/retry")
async def retry(request: web.Request) -> web.Response:
    """Give messages another chance: one, those of the filter, or all; then back to where it was asked."""
    person = await session.need(request, RETRY)
    form = await session.form(request)
    wanted = _filter(form)
    which = session.text(form, "which", 20)
    now_ms = request.app[CLOCK]()
    if which == "one":
        try:
            ids = [int(session.text(form, "id", 20))]
        except ValueError:
            raise Malformed("no such message", zh="没有这条记录", field="id") from None
        again: Callable[[Connection], int] = partial(status.retry, now_ms=now_ms, ids=ids)
    elif which == "key":
        again = partial(status.report_again, data_key=session.text(form, "key", 40), now_ms=now_ms)
    elif which in ("filter", "all"):
        again = partial(status.retry, now_ms=now_ms, wanted=wanted if which == "filter" else Filter())
    else:
        raise Malformed("retry one, key, filter or all", zh="请选择重送范围", field="which")
    count = await request.app[STORE].write(again)
    said = urlencode({name: getattr(wanted, name) for name in Filter.__slots__ if getattr(wanted, name)})
    await request.app[AUDIT].note(person, "uplink.retry", which, f"{count} {said}", permission=RETRY)
    back = {"retried": str(count)} | {name: getattr(wanted, name) for name in Filter.__slots__}
    raise web.HTTPSeeOther("/uplink?" + urlencode({name: value for name, value in back.items() if value}))


async def _queue(request: web.Request, *, may: bool) -> web.Response:
    wanted, number = _filter(request.query), _page(request.query.get("page", ""))

    def read(conn: Connection) -> dict[str, Any]:
        standard = held.held(conn, request.app[RULE_RECORDS].tables("codes"))
        letters, total = status.letters(conn, standard, wanted, number)
        return {
            "sets": status.sets(conn, standard),
            "totals": status.totals(conn),
            "letters": letters,
            "total": total,
            "filled": [
                (name, policy, count, _zh(standard, name))
                for (name, policy), count in list(status.filled(conn).items())[:MOST_FILLED]
            ],
            "last": reconcile.newest(conn),
            "placeholders": sum(not each.verified for each in standard.tables.values()),
        }

    found = await request.app[STORE].read(read)
    retried = request.query.get("retried", "")
    return pages.render(
        request,
        "uplink/queue.html",
        wanted=wanted,
        may=may,
        states=STATES,
        retries=RETRIES,
        there=THERE,
        retried=retried if retried.isdigit() else "",
        categories={name: (name, english) for name, english in CATEGORIES.items()},
        address=partial(_address, wanted),
        number=number,
        last_page=max(1, -(-found["total"] // PAGE)),
        failed=sum(found["totals"][state] for state in status.FAILED),
        configured=bool(request.app[SETTINGS].uplink_url or request.app[SETTINGS].uplink_folder),
        **found,
    )


async def _verdicts(request: web.Request) -> web.Response:
    state = request.query.get("state", "")
    state = state if state in VERDICT_STATES else ""
    number = _page(request.query.get("page", ""))

    may_say = uplink_shown.may_say(request)

    def read(conn: Connection) -> dict[str, Any]:
        origins = [log.origin for log in logs.all_logs(conn) if log.own]
        rows, total = status.verdicts(conn, origins, may_say, state, number)
        known = reported.of_records(conn, {row["about_record"]: row["about_version"] for row in rows}, may_say)
        told = {record: uplink_shown.filled(each.items) for record, each in known.items()}
        return {"rows": rows, "total": total, "told": told, "counts": status.verdict_counts(conn, origins, may_say)}

    found = await request.app[STORE].read(read)
    return pages.render(
        request,
        "uplink/verdicts.html",
        state=state,
        states=VERDICT_STATES,
        number=number,
        last_page=max(1, -(-found["total"] // PAGE)),
        **found,
    )


def _filter(given: Any) -> Filter:
    """The filter of an address or a form; what it does not know means any."""

    def text(name: str) -> str:
        value = given.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    state, number, category, record = (text(name) for name in ("state", "number", "category", "record"))
    return Filter(
        state=state if state in (*status.STATES, "failed") else "",
        number=number if number.isdigit() and number in held.packaged().sets else "",
        category=category if category in CATEGORIES else "",
        record=record if len(record) == 32 and all(char in "0123456789abcdef" for char in record) else "",
    )


def _address(wanted: Filter, **changes: str | int) -> str:
    values = {name: getattr(wanted, name) for name in Filter.__slots__} | {k: str(v) for k, v in changes.items()}
    return "/uplink?" + urlencode({name: value for name, value in values.items() if value})


def _page(text: str) -> int:
    return min(int(text), 100_000) if text.isascii() and text.isdigit() and len(text) < 16 and int(text) else 1


def _zh(standard: Any, name: str) -> str:
    return next((each.fields[name].zh for each in standard.sets.values() if name in each.fields), "")
