"""`/routing/approved`: lists of approved projects and budgets held against the trades on the platform (场外交易, R2).

At centres and at supervising departments. A list comes as a workbook; what is wrong with it is named by its cell. What
must be held and is found nowhere is listed with the reason and the nearest trade, until somebody says why that is so.
"""

from __future__ import annotations

import asyncio
import base64
import io
import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from openpyxl import Workbook
from openpyxl.styles import Font
from sqlalchemy import Connection

from node.accounts.person import Person
from node.domain.calendar import day_of
from node.domain.catalogue import HOWS, VERDICTS, Catalogue
from node.domain.spreadsheet import CSV_MARK, defuse
from node.domain.trades import CATEGORIES
from node.errors import Malformed, NodeError, NotAllowed, NotFound, Rejected, TooLarge
from node.importing import catalogue
from node.importing.catalogue import List
from node.routing import offplatform
from node.routing.offplatform import Kept, Missing
from node.web import pages, session
from node.web.csv_lines import csv_lines
from node.web.exports import CONTENT_TYPES
from node.web.keys import AUDIT, CLOCK, RULES, STORE
from node.web.portal_format import when
from node.web.portal_text import Pair

routes = web.RouteTableDef()
PATH: Final = "/routing/approved"
MAY: Final = ("import.run", "order.give")
"""Either lets a person bring lists and say why something is rightly held nowhere: at a centre, at a department."""
MOST_ROWS: Final = 5000
SHOWN: Final = 500
VIEWS: Final[dict[str, Pair]] = {
    "missing": ("应进场而未见", "Must be held, found nowhere"),
    "open": ("清单信息不足、未见", "Not found, the list does not say enough"),
    "explained": ("已说明", "Explained"),
    "found": ("已找到", "Found"),
}
COLUMNS: Final = (
    *("清单", "行", "项目名称", "类别", "项目编号", "投资项目代码", "建设单位", "判断", "理由", "结果"),
    *("最相近的交易", "持有节点", "说明", "说明人", "说明时间"),
)
TEMPLATE: Final = (
    ("项目名称", "示例道路改造工程"),
    ("交易类别", "工程建设"),
    ("项目编号", ""),
    ("投资项目统一代码", "2026-500103-48-01-123456"),
    ("建设单位", "示例建设单位"),
    ("所在区县", "渝中区"),
    ("采购内容", "施工"),
    ("估算价（万元）", "1200"),
    ("资金性质", "财政"),
    ("批准日期", "2026-03-01"),
    ("必须进场", ""),
)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What became of a list that was brought; `back` is the file of refused rows, to take home."""

    listed: List
    kept: Kept
    back: tuple[str, bytes] | None


@routes.get(PATH)
async def show(request: web.Request) -> web.Response:
    return await _page(request, await _reader(request))


@routes.get(f"{PATH}/template.xlsx")
async def template(request: web.Request) -> web.Response:
    """An empty list with the columns that are understood, and a row that shows what they hold."""
    await _reader(request)
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "清单"
    sheet.append([name for name, _ in TEMPLATE])
    sheet.append([example for _, example in TEMPLATE])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        sheet.column_dimensions[cell.column_letter].width = 18
    notes = book.create_sheet("说明 Notes")
    notes.append(["第 2 行是示例，请删去 · row 2 is an example, delete it"])
    notes.append([f"交易类别 category: {'、'.join(CATEGORIES)}"])
    notes.append(["资金性质 funds: 财政、国有、民间；必须进场 mandatory: 是、否，可空 may be empty"])
    out = io.BytesIO()
    book.save(out)
    return _file(out.getvalue(), CONTENT_TYPES["xlsx"], "approved-projects.xlsx")


@routes.get(f"{PATH}.csv")
async def export(request: web.Request) -> web.Response:
    """All items with what was found of each and what was said; that it was taken out is on record."""
    who = await _reader(request)
    rows = await request.app[STORE].read(offplatform.items)
    await request.app[AUDIT].note(who, "catalogue.export", "", str(len(rows)), permission="read.shared")
    lines = [list(COLUMNS)]
    for each in rows:
        cells = [each.list_name, str(each.row), each.name, each.category, each.item.project_code]
        cells += [each.item.invest_code, each.item.owner, VERDICTS[each.verdict][0], each.why_zh]
        cells += [HOWS[each.found][0] if each.found else "未比对", each.found_title, each.found_origin]
        cells += [each.explained, each.explained_by, when(each.explained_ms) if each.explained_ms else ""]
        lines.append([defuse(cell) for cell in cells])
    return _file((CSV_MARK + csv_lines(lines)).encode(), "text/csv", "approved-projects.csv")


@routes.post(PATH)
async def take(request: web.Request) -> web.Response:
    """Bring a list, look again for all items, or say why one is rightly held nowhere."""
    who = await _reader(request)
    if not _may(who):
        raise NotAllowed(
            f"{who.account} may not bring lists",
            zh="您的岗位不能导入清单或作出说明",
            advice_zh="请由有导入权限的岗位或监管人员办理。",
            advice_en="Ask somebody with a post that imports, or a supervisor.",
        )
    given = await session.form(request, files=request.content_type == "multipart/form-data")
    do, now = str(given.get("do", "")), request.app[CLOCK]()
    if do == "explain":
        item, reason = str(given.get("item", "")), str(given.get("reason", ""))
        if not reason.strip() and not given.get("back"):
            return await _page(request, who, wrong=("请写明理由。", "Say why."), at=item)
        text = "" if given.get("back") else reason
        try:
            work = partial(offplatform.explain, item=item, reason=text, account=who.account, now_ms=now)
            await request.app[STORE].write(work)
        except (NotFound, Rejected) as error:
            return await _page(request, who, wrong=(error.zh, error.detail), at=item)
        await request.app[AUDIT].note(who, "catalogue.explain", item, text, permission="read.shared")
        raise web.HTTPSeeOther(f"{PATH}?view={'missing' if given.get('back') else 'explained'}")
    if do == "compare":
        await offplatform.compare(request.app[STORE], request.app[CLOCK], _catalogue(request))
        raise web.HTTPSeeOther(PATH)
    file = given.get("file")
    if not isinstance(file, web.FileField):
        return await _page(request, who, wrong=("请先选择清单文件。", "Choose the list's file first."))
    category = str(given.get("category", ""))
    try:
        taken = await _bring(request, file, category if category in CATEGORIES else "")
    except (Malformed, TooLarge) as error:
        return await _page(request, who, wrong=_said(error))
    told = f"{taken.kept.added} new, {taken.kept.known} known, {taken.listed.rejected} refused"
    await request.app[AUDIT].note(who, "catalogue.import", taken.listed.name, told, permission="read.shared")
    return await _page(request, who, taken=taken)


async def _bring(request: web.Request, file: web.FileField, category: str) -> _Taken:
    """Raises Malformed, TooLarge."""
    with tempfile.TemporaryDirectory() as folder, closing(file.file) as opened:
        name = Path(file.filename).name or "list"
        place = Path(folder) / name

        def read() -> tuple[List, tuple[str, bytes] | None]:
            place.write_bytes(opened.read())
            listed = catalogue.read_list(place, category=category)
            back = (listed.rejects.name, listed.rejects.read_bytes()) if listed.rejects is not None else None
            return listed, back

        # A workbook may take seconds: others are answered meanwhile.
        listed, back = await asyncio.to_thread(read)
    if listed.read > MOST_ROWS:
        raise TooLarge(
            f"a list of {listed.read} rows; a page takes {MOST_ROWS}",
            zh=f"清单有 {listed.read} 行，网页一次最多 {MOST_ROWS} 行",
            field="file",
            advice_zh="请拆分清单，或由管理员用 ggzy catalogue import 导入。",
            advice_en="Split it, or have the administrator run ggzy catalogue import.",
        )
    store, clock, rules = request.app[STORE], request.app[CLOCK], _catalogue(request)
    kept = await offplatform.keep(store, clock, rules, listed.name, [(each.row, each.item) for each in listed.rows])
    await offplatform.compare(store, clock, rules)
    return _Taken(listed, kept, back)


def _catalogue(request: web.Request) -> Catalogue:
    """That in force today."""
    return request.app[RULES].by_day.catalogue(day_of(request.app[CLOCK]()))


async def _page(
    request: web.Request, who: Person, *, taken: _Taken | None = None, wrong: Pair | None = None, at: str = ""
) -> web.Response:
    view = request.query.get("view", "missing")
    view = view if view in VIEWS else "missing"

    def read(conn: Connection) -> dict[str, Any]:
        return {"rows": _rows(conn, view), "counts": offplatform.counts(conn)}

    found = await request.app[STORE].read(read)
    counts = found.pop("counts")
    totals = {
        "missing": counts.get(("mandatory", "none"), 0),
        "open": counts.get(("open", "none"), 0),
        "explained": sum(n for (_, how), n in counts.items() if how == "explained"),
        "found": sum(n for (_, how), n in counts.items() if how in ("invest-code", "project-code", "name")),
    }
    back = taken.back if taken is not None else None
    response = pages.render(
        request,
        "routing/approved.html",
        status=400 if wrong else 200,
        who=who,
        may=_may(who),
        taken=taken,
        back=(back[0], base64.b64encode(back[1]).decode()) if back else None,
        wrong=wrong,
        at=at,
        view=view,
        views=VIEWS,
        totals=totals,
        voluntary=sum(n for (verdict, _), n in counts.items() if verdict == "voluntary"),
        every=sum(counts.values()),
        hows=HOWS,
        categories=list(CATEGORIES),
        **found,
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _rows(conn: Connection, view: str) -> list[Missing]:
    match view:
        case "open":
            return offplatform.missing(conn, verdict="open", limit=SHOWN)
        case "explained":
            return offplatform.explained(conn, limit=SHOWN)
        case "found":
            return offplatform.matched(conn, limit=SHOWN)
    return offplatform.missing(conn, limit=SHOWN)


async def _reader(request: web.Request) -> Person:
    """Who works at a centre or a department. Raises NotAllowed for market parties."""
    return await session.need(request, "read.shared")


def _may(who: Person) -> bool:
    return any(who.may(each) for each in MAY)


def _said(error: NodeError) -> Pair:
    return f"{error.zh}。{error.advice_zh}", f"{error.detail}. {error.advice_en}"


def _file(body: bytes, content_type: str, name: str) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return web.Response(body=body, content_type=content_type, headers=headers)
