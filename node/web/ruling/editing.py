"""`/rule-drafts/<id>`: one draft: its rows, its text, what is wrong, what changes, whom it touches; its publication."""

from __future__ import annotations

import tomllib
from functools import partial
from typing import Any

from aiohttp import web

from node.accounts.person import Person
from node.domain import ruletext
from node.domain.rulediff import diff
from node.errors import Malformed, NodeError, NotAllowed, NotFound, Refused
from node.rule_judging import Body, age
from node.rules import data_of
from node.trading import drafts
from node.trading.drafts import Draft
from node.web import pages, session
from node.web.accounts.shown import Shown
from node.web.keys import AUDIT, CLOCK, RULE_RECORDS, STORE
from node.web.problems import status_of
from node.web.rules_pages import part_name
from node.web.ruling import drafting, effects, grid, listing
from node.wire import payload as payloads

routes = web.RouteTableDef()
ONE = "/rule-drafts/{id:[0-9a-f]{32}}"
MAX_FIELD = 20_000


@routes.get(ONE)
async def show(request: web.Request) -> web.Response:
    who = await drafting.need(request)
    return await _page(request, who, await _draft(request, who), Shown())


@routes.post(ONE)
async def decide(request: web.Request) -> web.Response:
    who, given = await drafting.need(request), await session.form(request, files=True)
    draft, form = await _draft(request, who), Shown({"note": ""})
    do = session.text(given, "do", 20)
    try:
        where = await _do(request, who, draft, do, given)
    except NodeError as error:
        form.refuse(error)
        return await _page(request, who, draft, form, status_of(error))
    return web.Response(status=303, headers={"Location": where})


async def _do(request: web.Request, who: Person, draft: Draft, do: str, given: session.Fields) -> str:
    """Do what a button says; gives where to go then. Raises NodeError."""
    here, text = f"/rule-drafts/{draft.id}", str(draft.content["text"])
    store, now = request.app[STORE], request.app[CLOCK]()
    match do:
        case "rows" | "text":
            if session.text(given, "version", 20) != str(draft.version):
                raise Refused("this draft was saved elsewhere meanwhile", zh="该草稿已在别处保存过，请刷新后重做")
            new = _typed(text, given) if do == "rows" else listing.uploaded(given) or _area(given)
            await drafting.save(request, who, new, str(draft.content["based_on"]), draft)
            return f"{here}?done=saved"
        case "submit":
            _sound(request, text)
            await store.write(
                partial(drafts.submit, draft=draft.id, account=who.account, version=draft.version, now_ms=now)
            )
            return f"{here}?done=submitted"
        case "approve" | "return":
            note = session.text(given, "note", 600)
            body = _sound(request, text)
            drafting.require_scope(request, who, body)
            if draft.account == who.account:
                raise NotAllowed("who wrote it does not approve it", zh="起草人不能复核自己的草稿")
            permission, approval = drafting.permission(request), None
            if do == "approve":
                approval = who.approve_rules(payloads.encode(body), draft.account, now, permission)
            work = partial(drafts.decide, draft=draft.id, account=who.account, version=draft.version)
            await store.write(partial(work, approval=approval, note=note, now_ms=now))
            await request.app[AUDIT].note(who, f"rule.{do}", draft.title, note, permission=drafting.permission(request))
            return f"/rule-drafts?done={do}"
        case "publish":
            await drafting.publish(request, who, draft, _sound(request, text))
            return "/rule-drafts?done=published"
        case "discard":
            await store.write(partial(drafts.discard, draft=draft.id, account=who.account))
            return "/rule-drafts?done=discarded"
    raise Malformed("no such button", zh="没有这一操作")


def _area(given: session.Fields) -> str:
    text = session.text(given, "text", drafting.MAX_TEXT).replace("\r\n", "\n")
    return text + "\n"


def _typed(text: str, given: session.Fields) -> str:
    """The text with the form's rows in it. Raises Malformed where it is no TOML: then only the text can be edited."""
    try:
        values = data_of(text)
    except tomllib.TOMLDecodeError as error:
        raise Malformed(f"it cannot be read: {error}", zh=f"无法解析：{error}") from None

    def one(name: str) -> str | None:
        return session.text(given, name, MAX_FIELD) if name in given else None

    return ruletext.dumps(grid.typed(values, one))


def _sound(request: web.Request, text: str) -> Body:
    found = drafting.read(request, text)
    if found.faults or found.body is None:
        raise Refused(
            "the draft has faults that must be corrected first",
            zh="草稿有误，请先改正",
            advice_zh="请按下列各行修改。",
            advice_en="Correct the rows that are listed.",
        )
    return found.body


async def _draft(request: web.Request, who: Person) -> Draft:
    id = request.match_info["id"]
    found = await request.app[STORE].read(partial(drafts.view, draft=id, account=who.account))
    if not found.form.startswith(drafting.FORM) or found.state == drafts.USED:
        raise NotFound("no such draft", zh="没有这份草稿，或已发布", field="draft")
    return found


def _before(request: web.Request, body: Body) -> Body | None:
    """What it is compared with: the newest version that is held and begins no later than it."""
    records = request.app[RULE_RECORDS]
    held = [each for each in records.versions(body.id) if type(each) is type(body) and each.name != body.name]
    held = [each for each in held if each.version != "legacy" and not records.withdrawn(each)]
    earlier = [each for each in held if each.effective_from <= body.effective_from]
    return max(earlier or held, key=age, default=None)


async def _page(request: web.Request, who: Person, draft: Draft, form: Shown, status: int = 200) -> web.Response:
    text = str(draft.content["text"])
    found = drafting.read(request, text)
    before = _before(request, found.body) if found.body is not None else None
    changes = [] if before is None or found.body is None else diff(before, found.body)
    touches = None
    if found.body is not None:
        touches = await request.app[STORE].read(partial(effects.of, body=found.body))
    mine, second = draft.account == who.account, drafting.needs_second(request)
    shown: dict[str, Any] = {
        "head": grid.head(found.values) if found.values is not None else [],
        "lines": grid.lines(found.values) if found.values is not None else [],
        "changes": [{"change": each, "part": part_name(each.part)} for each in changes],
    }
    response = pages.render(
        request,
        "ruling/draft.html",
        status=status,
        who=who,
        form=form,
        draft=draft,
        text=text,
        read=found,
        before=before,
        effects=touches,
        tags=grid.TAGS,
        part_name=part_name,
        mine=mine,
        second=second,
        may_edit=mine and draft.state != drafts.WAITING,
        may_publish=mine and not found.faults and (draft.state == drafts.APPROVED if second else True),
        may_submit=mine and not found.faults and draft.state in (drafts.OPEN, drafts.RETURNED),
        may_review=not mine and draft.state == drafts.WAITING,
        title_of=partial(drafting.title_of, request),
        done=request.query.get("done", "") if request.method == "GET" else "",
        **shown,
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response
