"""`/rule-drafts`: what this node may rule, drafts and what waits, what is published and not in force yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.domain import ruletext
from node.errors import Malformed, NodeError, NotFound, Refused
from node.rule_judging import Body, age, sort_of
from node.rules import holiday_table
from node.trading import drafts, touched
from node.web import pages, session
from node.web.accounts.shown import Shown
from node.web.keys import RULE_RECORDS, RULES, SETTINGS, STORE
from node.web.problems import status_of
from node.web.rules_pages import line
from node.web.ruling import drafting

routes = web.RouteTableDef()
MAX_REASON = 400


@routes.get("/rule-drafts")
async def show(request: web.Request) -> web.Response:
    return await _page(request, await drafting.need(request), Shown())


@routes.post("/rule-drafts")
async def begin(request: web.Request) -> web.Response:
    """A new draft: of what is in force (`from`), of a file or text, or of a notice of holidays (`do=holidays`)."""
    who, given = await drafting.need(request), await session.form(request, files=True)
    do, records = session.text(given, "do", 20), request.app[RULE_RECORDS]
    form = Shown({"text": "", "reason": ""})
    try:
        if do == "withdraw":
            await _withdraw(request, who, session.text(given, "name", 200), session.text(given, "reason", MAX_REASON))
            return web.Response(status=303, headers={"Location": "/rule-drafts?done=withdrawn"})
        if name := session.text(given, "from", 200):
            body = records.find(name)
            drafting.require_scope(request, who, body)
            tomorrow = (date.fromisoformat(records.today()) + timedelta(days=1)).isoformat()
            text = drafting.text_from(body, records.versions(body.id), tomorrow)
        else:
            text = form.values["text"] = uploaded(given) or session.text(given, "text", drafting.MAX_TEXT)
            name = ""
            if do == "holidays":
                text = ruletext.dumps(ruletext.plain(_holidays(request, text)))
            elif not text:
                raise Malformed("there is no text", zh="请选择文件或粘贴文本", field="text")
        draft = await drafting.save(request, who, text, name)
    except NodeError as error:
        form.refuse(error)
        return await _page(request, who, form, status_of(error))
    return web.Response(status=303, headers={"Location": f"/rule-drafts/{draft.id}"})


def uploaded(given: session.Fields) -> str:
    """The text of a file that was sent with a form; empty without one. Raises Malformed, TooLarge."""
    file = given.get("file")
    if not isinstance(file, web.FileField) or not file.filename:
        return ""
    data = file.file.read(drafting.MAX_TEXT * 4 + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Malformed("the file is not UTF-8", zh="文件不是 UTF-8 文本", field="text") from None
    if len(text) > drafting.MAX_TEXT:
        raise Malformed(
            f"the file has more than {drafting.MAX_TEXT} characters", zh="文件过大，不像规则文件", field="text"
        )
    return text


def _holidays(request: web.Request, text: str) -> Body:
    records, settings = request.app[RULE_RECORDS], request.app[SETTINGS]
    owner = settings.title if settings.role == "supervision" else records.owners()["holidays", "holidays"]
    held = records.versions("holidays")
    return holiday_table(text, "text", department=owner, today=records.today(), held=held)


async def _withdraw(request: web.Request, who: Person, name: str, reason: str) -> None:
    body, records = request.app[RULE_RECORDS].find(name), request.app[RULE_RECORDS]
    record = records.of(name)
    if record is None or record.node != request.app[SETTINGS].name:
        raise NotFound(f"{name} is not of this node", zh=f"{name} 不是本节点发布的", field="name")
    if body.effective_from <= records.today():
        raise Refused(
            f"{name} is in force: it is replaced by a next version, not withdrawn here",
            zh=f"{name} 已经生效，不能在此撤回",
            advice_zh="请发布新的版本；确须停用已生效的版本时由管理员用 ggzy rules withdraw 撤回。",
            advice_en="Publish a next version; one that is in force the operator withdraws by ggzy rules withdraw.",
        )
    if not reason:
        raise Malformed("a withdrawal says why", zh="撤回须写明原因", field="reason")
    await drafting.withdraw(request, who, body, reason)


def _held(request: web.Request) -> Iterator[Body]:
    """Everything that counts today or will, each version once."""
    records, book = request.app[RULE_RECORDS], request.app[RULES].book
    today = records.today()
    yield from book.in_force(today).values()
    yield from records.tables()
    for each in records.records:
        if each.taken and not each.withdrawn and each.body.effective_from > today:
            yield each.body


async def _page(request: web.Request, who: Person, form: Shown, status: int = 200) -> web.Response:
    records, settings = request.app[RULE_RECORDS], request.app[SETTINGS]
    today = records.today()
    held = sorted(_held(request), key=lambda each: (sort_of(each) != "package", sort_of(each), each.id, age(each)))
    own: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for body in held:
        shown = line(records, body)
        record = records.of(body.name)
        shown["coming"] = body.effective_from > today
        shown["withdraw"] = shown["coming"] and record is not None and record.node == settings.name
        shown["owner"] = records.owner(body)
        mine = records.may_issue(body) is None and drafting.in_scope(request, who, body)
        (own if mine else others).append(shown)

    def read(conn: Connection) -> dict[str, Any]:
        mine = [each for each in drafts.mine(conn, who.account) if each.form.startswith(drafting.FORM)]
        waiting = [each for each in drafts.waiting(conn, who.account) if each.form.startswith(drafting.FORM)]
        return {"mine": mine, "waiting": waiting, "running": touched.running(conn)}

    found = await request.app[STORE].read(read)
    response = pages.render(
        request,
        "ruling/drafts.html",
        status=status,
        who=who,
        form=form,
        own=own,
        others=others,
        loads_holidays=any(each["body"].id == "holidays" for each in own),
        second=drafting.needs_second(request),
        title_of=partial(drafting.title_of, request),
        done=request.query.get("done", "") if request.method == "GET" else "",
        **found,
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response
