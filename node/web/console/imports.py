"""Excel 批量导入: a workbook of many acts of one sort, judged row by row; faults by cell, refused rows to take home."""

from __future__ import annotations

import base64
from contextlib import closing
from functools import partial
from typing import Any, Final

from aiohttp import web

from node.accounts.person import Person
from node.domain.rulebook import ActRule, Package
from node.errors import Malformed, NotFound
from node.trading import excel, excel_take, refused_imports
from node.trading.excel_take import Report
from node.web import session
from node.web.console import shell, subjects
from node.web.console.inputs import Note
from node.web.console.sheets import MAX_BYTES
from node.web.exports import CONTENT_TYPES
from node.web.keys import AUDIT, STORE

routes = web.RouteTableDef()
RUN: Final = "import.run"
SHOWN: Final = 500


@routes.get("/console/import")
async def choose(request: web.Request) -> web.Response:
    """Which sort of act; then its template and the place to bring it back."""
    who = await shell.centre(request, RUN)
    return _page(request, who, *_asked(request, request.query.get("form", "")))


@routes.get("/console/import.xlsx")
async def template(request: web.Request) -> web.Response:
    await shell.centre(request, RUN)
    package, act = _asked(request, request.query.get("form", ""))
    if package is None or act is None:
        raise NotFound("no such act", zh="没有这一环节", field="form")
    name = f"{package.id}-{act.id}-import.xlsx"
    return web.Response(
        body=excel.template(excel.layout(package, act)),
        content_type=CONTENT_TYPES["xlsx"],
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )


@routes.post("/console/import")
async def take(request: web.Request) -> web.Response:
    """Judge a filled workbook, or judge and publish it: only rows without a fault are published."""
    who = await shell.centre(request, RUN)
    given = await session.form(request, files=True)
    package, act = _asked(request, str(given.get("form", "")))
    file = given.get("file")
    if package is None or act is None:
        raise web.HTTPSeeOther("/console/import")
    if not isinstance(file, web.FileField):
        note = Note("请先选择已填写的 Excel 文件。", "Choose the filled Excel file first.")
        return _page(request, who, package, act, note=note)
    with closing(file.file) as opened:
        data = opened.read(MAX_BYTES + 1)
    publish = given.get("do") == "publish"
    try:
        report = await excel_take.take(
            shell.desk(request),
            request.app[STORE],
            who,
            excel.layout(package, act),
            data,
            publish=publish,
        )
    except Malformed as error:
        return _page(request, who, package, act, note=Note(f"{error.zh}。{error.advice_zh}", error.detail))
    if publish and report.workbook:
        keep = partial(
            refused_imports.keep,
            account=who.account,
            form=f"{package.id}/{act.id}",
            published=report.published,
            refused=report.refused,
            workbook=report.workbook,
            now_ms=shell.now_ms(request),
        )
        await request.app[STORE].write(keep)
    if publish:
        told = f"{report.published} published, {report.refused} refused"
        await request.app[AUDIT].note(who, "trade.import", f"{package.name}/{act.id}", told, permission=RUN)
    return _page(request, who, package, act, report=report, published=publish)


def _page(
    request: web.Request,
    who: Person,
    package: Package | None,
    act: ActRule | None,
    *,
    note: Note | None = None,
    report: Report | None = None,
    published: bool = False,
) -> web.Response:
    return shell.render(
        request,
        "import.html",
        who,
        status=400 if note else 200,
        choices=_choices(request),
        form=f"{package.id}/{act.id}" if package and act else "",
        note=note,
        report=report,
        rows=report.rows[:SHOWN] if report else [],
        published=published,
        # What was refused goes home with its page; after an import the list of failures has it too.
        workbook=base64.b64encode(report.workbook).decode() if report and report.workbook else "",
    )


def _choices(request: web.Request) -> list[tuple[str, list[tuple[str, Any]]]]:
    """(category, acts) of the rules in force: what a workbook may hold."""
    return [
        (package.category, [(f"{package.id}/{act.id}", (act.zh, act.en)) for act in package.acts if not act.amends])
        for package in subjects.in_force(request)
    ]


def _asked(request: web.Request, form: str) -> tuple[Package | None, ActRule | None]:
    name, _, act = form.partition("/")
    package = next((each for each in subjects.in_force(request) if each.id == name), None)
    rule = package.act(act) if package else None
    return (package, rule) if rule is not None and not rule.amends else (None, None)
