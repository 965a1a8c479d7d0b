"""失败与重试: what failed on the way up, between nodes or in reading, in one list, each with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.attachments import rows as attachment_rows
from node.domain.verdicts import STATES as VERDICT_STATES
from node.projections.reasons import REASONS
from node.store.alarms import TITLES, raised
from node.store.logs import all_logs
from node.store.view_status import federation, quarantine
from node.trading import register
from node.trading.register import Query
from node.uplink import held, status
from node.uplink.status import Filter
from node.web import session
from node.web.console import shell
from node.web.console.sent import number_of
from node.web.keys import AUDIT, CLOCK, STORE
from node.web.portal import people
from node.web.portal_people import People, trouble
from node.web.portal_text import DIRECTIONS, Pair

routes = web.RouteTableDef()
RETRY: Final = "uplink.retry"
EACH: Final = 100
BAD_VERDICTS: Final = ("rejected", "held", "dead")
SORTS: Final[dict[str, Pair]] = {
    "uplink": ("上报", "Reporting"),
    "verdict": ("上级回执", "Verdict from above"),
    "sync": ("同步", "Sync"),
    "alarm": ("告警", "Alarm"),
    "file": ("附件", "Attachment"),
    "record": ("不可读记录", "Unreadable record"),
    "trade": ("交易重演", "Replaying"),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One line: where it comes from, what it is about with a link, why; `retry` is the number that a button sends."""

    sort: str
    title: str
    link: str
    why: Pair
    at_ms: int = 0
    retry: int = 0


@routes.get("/console/failures")
async def failures(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    found = await request.app[STORE].read(partial(look, request=request))
    return shell.render(
        request,
        "failures.html",
        who,
        rows=found,
        sorts=SORTS,
        may_retry=who.may(RETRY),
        retryable=[each for each in found if each.retry],
    )


@routes.post("/console/failures")
async def retry(request: web.Request) -> web.Response:
    """Send one message up again, or all that failed."""
    who = await shell.centre(request, RETRY)
    given = await session.form(request)
    one = str(given.get("id", ""))
    now = request.app[CLOCK]()
    if given.get("do") == "all":
        work = partial(status.retry, now_ms=now, wanted=Filter(state="failed"))
    else:
        number = number_of(one)
        work = partial(status.retry, now_ms=now, ids=[number] if number else [])
    count = await request.app[STORE].write(work)
    await request.app[AUDIT].note(who, "uplink.retry", one or "all", str(count), permission=RETRY)
    raise web.HTTPSeeOther("/console/failures?done=retried")


async def count(request: web.Request) -> int:
    """How many lines the list has: for the to-do page."""
    return len(await request.app[STORE].read(partial(look, request=request)))


def look(conn: Connection, request: web.Request) -> list[Failure]:
    """All that has failed and has not come right by itself; the newest of each sort first."""
    who = people(conn, request)
    origins = [log.origin for log in all_logs(conn) if log.own]
    found = [*_reported(conn), *_verdicts(conn, origins), *_alarms(conn, who), *_sync(conn, who)]
    return [*found, *_files(conn), *_unread(conn, origins), *_trades(conn, request.app[CLOCK]())]


def _reported(conn: Connection) -> list[Failure]:
    letters, _ = status.letters(conn, held.packaged(), Filter(state="failed"))
    return [
        Failure(
            "uplink",
            f"{each.number} {each.zh}：{each.title}",
            f"/records/{each.record}",
            _faults(each) if each.faults else (each.answer or "未送达，系统会再试", each.answer or "not delivered yet"),
            each.tried_ms,
            each.id,
        )
        for each in letters
    ]


def _faults(each: Any) -> Pair:
    return "；".join(f"{f.field}：{f.zh}" for f in each.faults), "; ".join(f"{f.field}: {f.en}" for f in each.faults)


def _verdicts(conn: Connection, origins: list[str]) -> list[Failure]:
    found = []
    for state in BAD_VERDICTS:
        rows, _ = status.verdicts(conn, origins, state)
        for row in rows:
            about, (zh, en) = row["about_record"], VERDICT_STATES[state]
            link = f"/records/{about.hex()}" if isinstance(about, bytes) else "/uplink"
            why = f"{zh}：{row['reason_zh']}", f"{en}: {row['reason_en']}"
            found.append(Failure("verdict", str(row["title"]), link, why, _ms(row["at_ms"])))
    return found


def _alarms(conn: Connection, who: People) -> list[Failure]:
    return [
        Failure("alarm", who.of_origin(each.origin), "/status#alarms", TITLES.get(each.code, (each.code, each.code)))
        for each in raised(conn)
    ]


def _sync(conn: Connection, who: People) -> list[Failure]:
    found = {}
    for log in federation(conn):
        for peer in log.peers:
            if peer.failures:
                what = trouble(peer.last_error)
                title = f"{DIRECTIONS.get(peer.direction, (peer.direction,) * 2)[0]}：{who.title(peer.peer)}"
                why = what if isinstance(what, tuple) else (str(what), str(what))
                found[peer.peer, peer.direction] = Failure("sync", title, "/status", why, peer.last_try_ms)
    return list(found.values())


def _files(conn: Connection) -> list[Failure]:
    return [
        Failure("file", each.name or each.wanted.sha256[:16], "/status#attachments", (each.wanted.error,) * 2)
        for each in attachment_rows.missing_shown(conn, EACH)
        if each.wanted.error
    ]


def _unread(conn: Connection, origins: list[str]) -> list[Failure]:
    return [
        Failure("record", f"{row.kind} #{row.index}", "/status#quarantine", REASONS.get(row.code, (row.reason,) * 2))
        for row in quarantine(conn, limit=EACH)
        if row.origin in origins
    ]


def _trades(conn: Connection, now_ms: int) -> list[Failure]:
    page = register.register(conn, Query(state="fault"), now_ms=now_ms)
    return [
        Failure("trade", row["title"], "/console/trades?state=fault", (row["fault"],) * 2, row["last_ms"])
        for row in page.rows
    ]


def _ms(value: object) -> int:
    return value if isinstance(value, int) else 0
