"""失败与重试: what failed on the way up, between nodes or in reading, in one list, each with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.attachments import rows as attachment_rows
from node.domain.calendar import DAY_MS, day_of, start_of
from node.domain.verdicts import STATES as VERDICT_STATES
from node.opendata.dump import FACT as DUMP_DAY
from node.projections.reasons import REASONS
from node.store import cursors, peers
from node.store.alarms import TITLES, raised
from node.store.logs import all_logs
from node.store.view_status import federation, quarantine
from node.trading import refused_imports, register
from node.trading.register import Query
from node.uplink import held, status
from node.uplink.status import Filter
from node.web import session, uplink_shown
from node.web.console import shell, subjects
from node.web.console.sent import number_of
from node.web.exports import CONTENT_TYPES
from node.web.keys import AUDIT, CLOCK, SETTINGS, STORE
from node.web.portal import people
from node.web.portal_people import People, Trouble, trouble
from node.web.portal_text import DIRECTIONS, Pair

routes = web.RouteTableDef()
RETRY: Final = "uplink.retry"
IMPORT: Final = "import.run"
EACH: Final = 100
LATE_MS: Final = 3 * 3_600_000
"""So long after midnight a day's dump is made on any machine; it is tried every quarter of an hour."""
DIALLED: Final = ("push", "pull")
BAD_VERDICTS: Final = ("rejected", "held", "dead")
SORTS: Final[dict[str, Pair]] = {
    "uplink": ("上报", "Reporting"),
    "verdict": ("上级回执", "Verdict from above"),
    "sync": ("同步", "Sync"),
    "alarm": ("告警", "Alarm"),
    "file": ("附件", "Attachment"),
    "import": ("导入未通过行", "Refused import"),
    "record": ("不可读记录", "Unreadable record"),
    "trade": ("交易重演", "Replaying"),
    "dump": ("开放数据包", "Open data"),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One line: where it comes from, what it is about with a link, why.

    `retry` names it for the button that has it tried again, empty where nothing is to be tried; `take` is the address
    of what can be taken home, and `open` says in words where the link leads to what is to be done.
    """

    sort: str
    title: str
    link: str
    why: Pair
    at_ms: int = 0
    retry: str = ""
    take: str = ""
    open: Pair = ("查看", "Open")


@routes.get("/console/failures")
async def failures(request: web.Request) -> web.Response:
    who = await shell.centre(request)
    every = await request.app[STORE].read(partial(look, request=request))
    counts = {sort: sum(each.sort == sort for each in every) for sort in SORTS}
    sort = request.query.get("sort", "")
    found = [each for each in every if each.sort == sort] if sort in SORTS else every
    return shell.render(
        request,
        "failures.html",
        who,
        rows=found,
        sorts=SORTS,
        sort=sort if sort in SORTS else "",
        counts=counts,
        total=len(every),
        may_retry=who.may(RETRY),
        may_import=who.may(IMPORT),
        retryable=[each for each in found if each.retry],
    )


@routes.post("/console/failures")
async def retry(request: web.Request) -> web.Response:
    """Try one again, or all that the list shows: what waited longest is not asked to wait any longer."""
    who = await shell.centre(request, RETRY)
    given = await session.form(request)
    one, sort = str(given.get("id", "")), str(given.get("sort", ""))
    now = request.app[CLOCK]()

    def work(conn: Connection) -> int:
        rows = [each for each in look(conn, request) if each.retry]
        wanted = [each for each in rows if not sort or each.sort == sort]
        if given.get("do") != "all":
            wanted = [each for each in rows if f"{each.sort}:{each.retry}" == one]
        return _retry(conn, wanted, now)

    count = await request.app[STORE].write(work)
    what = sort or "all" if given.get("do") == "all" else one
    await request.app[AUDIT].note(who, "failure.retry", what, str(count), permission=RETRY)
    raise web.HTTPSeeOther(f"/console/failures?done=retried{f'&sort={sort}' if sort in SORTS else ''}")


def _retry(conn: Connection, wanted: Sequence[Failure], now_ms: int) -> int:
    messages = [number_of(each.retry) for each in wanted if each.sort == "uplink"]
    files = [each.retry for each in wanted if each.sort == "file"]
    lines = [each.retry for each in wanted if each.sort == "sync"]
    count = status.retry(conn, now_ms, ids=messages) if messages else 0
    count += attachment_rows.try_again(conn, files, now_ms) if files else 0
    if lines:
        peers.ask_now(conn, now_ms)
    return count + len(lines)


@routes.get("/console/failures/imports/{id:[0-9a-f]{32}}.xlsx")
async def take(request: web.Request) -> web.Response:
    """Rows that an import refused, as the workbook that names the reason of each."""
    await shell.centre(request, IMPORT)
    body = await request.app[STORE].read(partial(refused_imports.workbook, number=request.match_info["id"]))
    headers = {"Content-Disposition": 'attachment; filename="refused.xlsx"', "Cache-Control": "private, no-store"}
    return web.Response(body=body, content_type=CONTENT_TYPES["xlsx"], headers=headers)


@routes.post("/console/failures/imports/{id:[0-9a-f]{32}}")
async def dealt_with(request: web.Request) -> web.Response:
    """Its rows are put right elsewhere: it leaves the list."""
    who = await shell.centre(request, IMPORT)
    await session.form(request)
    number = request.match_info["id"]
    if await request.app[STORE].write(partial(refused_imports.discard, number=number)):
        await request.app[AUDIT].note(who, "import.dealt_with", number, permission=IMPORT)
    raise web.HTTPSeeOther("/console/failures?done=noted")


async def count(request: web.Request) -> int:
    """How many lines the list has: for the to-do page."""
    return len(await request.app[STORE].read(partial(look, request=request)))


def look(conn: Connection, request: web.Request) -> list[Failure]:
    """All that has failed and has not come right by itself; the newest of each sort first."""
    who, now, may_say = people(conn, request), request.app[CLOCK](), uplink_shown.may_say(request)
    origins = [log.origin for log in all_logs(conn) if log.own]
    found = [*_reported(conn), *_verdicts(conn, origins, may_say), *_alarms(conn, who), *_sync(conn, who)]
    found += [*_files(conn), *_imports(conn, request), *_unread(conn, origins), *_trades(conn, now)]
    return [*found, *(_dump(conn, now) if request.app[SETTINGS].dump_keep_days else [])]


def _reported(conn: Connection) -> list[Failure]:
    letters, _ = status.letters(conn, held.packaged(), Filter(state="failed"))
    return [
        Failure(
            "uplink",
            f"{each.number} {each.zh}：{each.title}",
            f"/records/{each.record}",
            _faults(each) if each.faults else (each.answer or "未送达，系统会再试", each.answer or "not delivered yet"),
            each.tried_ms,
            str(each.id),
        )
        for each in letters
    ]


def _faults(each: Any) -> Pair:
    return "；".join(f"{f.field}：{f.zh}" for f in each.faults), "; ".join(f"{f.field}: {f.en}" for f in each.faults)


def _verdicts(conn: Connection, origins: list[str], may_say: Callable[[str], bool]) -> list[Failure]:
    found = []
    for state in BAD_VERDICTS:
        rows, _ = status.verdicts(conn, origins, may_say, state)
        for row in rows:
            about, (zh, en) = row["about_record"], VERDICT_STATES[state]
            link = f"/records/{about.hex()}" if isinstance(about, bytes) else "/uplink"
            why = f"{zh}：{row['reason_zh']}", f"{en}: {row['reason_en']}"
            correct = ("更正该记录", "Correct the record")
            found.append(Failure("verdict", str(row["title"]), link, why, _ms(row["at_ms"]), open=correct))
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
                said = trouble(peer.last_error)
                title = f"{DIRECTIONS.get(peer.direction, (peer.direction,) * 2)[0]}：{who.title(peer.peer)}"
                why = _advice(said) if said is not None else ("未说明原因", "no reason was given")
                # A node above is dialled from here; those below come by themselves.
                again = peer.peer if peer.direction in DIALLED else ""
                found[peer.peer, peer.direction] = Failure("sync", title, "/status", why, peer.last_try_ms, again)
    return list(found.values())


def _advice(said: Trouble) -> Pair:
    return f"{said.title[0]}。{said.advice[0]}", f"{said.title[1]}. {said.advice[1]}"


def _refused(error: str) -> Pair:
    """What the carrier of files wrote down: a known error in words, anything else as it is."""
    said = trouble(error)
    return (f"{said.title[0]}：{said.detail}", f"{said.title[1]}: {said.detail}") if said else (error, error)


def _files(conn: Connection) -> list[Failure]:
    return [
        Failure(
            "file",
            each.name or each.wanted.sha256[:16],
            "/status#attachments",
            _refused(each.wanted.error),
            retry=each.wanted.sha256,
        )
        for each in attachment_rows.missing_shown(conn, EACH)
        if each.wanted.error
    ]


def _imports(conn: Connection, request: web.Request) -> list[Failure]:
    return [
        Failure(
            "import",
            f"{_form(request, row['form'])}（{row['account']}）",
            f"/console/import?form={row['form']}",
            (
                f"{row['refused']} 行未通过：下载后按“原因”列修改，再导入。",
                f"{row['refused']} rows refused: take them home, correct them by their reasons, import them again.",
            ),
            row["at_ms"],
            take=f"/console/failures/imports/{row['id']}",
            open=("再导入", "Import again"),
        )
        for row in refused_imports.all_kept(conn)
    ]


def _form(request: web.Request, form: str) -> str:
    """`<package>/<act>` in words, as its rules name it."""
    name, _, act = form.partition("/")
    package = next((each for each in subjects.in_force(request) if each.id == name), None)
    return f"{package.zh} · {shell.act_name(package, act)[0]}" if package else form


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


def _dump(conn: Connection, now_ms: int) -> list[Failure]:
    """The day's dump where it should have been made by now; before its first day there is nothing to miss."""
    made, today = cursors.fact(conn, DUMP_DAY), day_of(now_ms)
    if not made or made == today or now_ms < start_of(today) + LATE_MS:
        return []
    zh = f"最近一次为 {made}；系统每 15 分钟再试一次，请查看磁盘空间和日志是否冻结。"
    en = f"The last is of {made}; it is tried every 15 minutes. Look at the disk's room and whether the log is frozen."
    return [Failure("dump", today, "/status", (zh, en), start_of(made) + DAY_MS)]


def _ms(value: object) -> int:
    return value if isinstance(value, int) else 0
