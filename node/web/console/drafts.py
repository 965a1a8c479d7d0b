"""Drafts: the list, the preview that is the public page to be, publication, and the second pair of eyes (四眼)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from node.accounts.person import Person
from node.domain import sections
from node.domain.acts import DISCLOSURE_NAMES, Act, Disclosure
from node.domain.calendar import day_of
from node.domain.hands import Approval
from node.domain.record import Document, Source
from node.errors import ActRefused, NodeError, NotFound, Overtaken, Refused
from node.trading import sites
from node.trading.desk import Desk, Done
from node.web import session
from node.web.console import judging, keeping, loaded, sent, shell, subjects
from node.web.console.inputs import Note, one_line
from node.web.console.keeping import Draft
from node.web.console.sent import Sent
from node.web.console.subjects import Subject
from node.web.disclosures import records
from node.web.disclosures.values import fields
from node.web.keys import AUDIT, SETTINGS, STORE

routes = web.RouteTableDef()
ONE = "/console/drafts/{id:[0-9a-f]{32}}"


@routes.get("/console/drafts")
async def drafts(request: web.Request) -> web.Response:
    who = await shell.centre(request, "draft.edit")
    mine, waiting = await keeping.lists(request, who)
    return shell.render(request, "drafts.html", who, mine=mine, waiting=waiting)


@routes.get(ONE)
async def preview(request: web.Request) -> web.Response:
    who = await shell.centre(request, "draft.edit")
    draft = await _draft(request, who)
    return await _page(request, who, draft)


@routes.post(ONE)
async def decide(request: web.Request) -> web.Response:
    who = await shell.centre(request, "draft.edit")
    given = await session.form(request)
    draft = await _draft(request, who)
    note = one_line(str(given.get("note", "")))
    match given.get("do"):
        case "publish":
            return await _publish(request, who, draft)
        case "submit":
            await keeping.submit(request, who, draft)
            raise web.HTTPSeeOther(f"/console/drafts/{draft.id}?done=submitted")
        case "approve" | "return" as decision:
            if decision == "return" and not note:
                wrong = Note("退回须写明理由。", "Say why it is returned.")
                return await _page(request, who, draft, [wrong])
            if decision == "approve":
                keeping.require_second(who, draft)
                act = await _proposed(request, draft)
                await keeping.approve(request, who, draft, act, note=note)
            else:
                await keeping.give_back(request, who, draft, note=note)
            await request.app[AUDIT].note(who, f"draft.{decision}", draft.id, note, permission="trade.second")
            raise web.HTTPSeeOther(f"/console/drafts?done={'noted' if decision == 'approve' else 'returned'}")
        case "discard":
            await keeping.discard(request, who, draft)
            raise web.HTTPSeeOther("/console/drafts?done=discarded")
    raise web.HTTPSeeOther(f"/console/drafts/{draft.id}")


@routes.post("/console/autosave")
async def autosave(request: web.Request) -> web.Response:
    """What the script of a form sends now and then; answers the draft's id."""
    who = await shell.centre(request, "draft.edit")
    given = await session.form(request)
    address = str(given.get("page", ""))
    words = address.split("?")[0].strip("/").split("/")
    if len(words) != 4 or words[:2] != ["console", "trades"]:
        raise NotFound("no such form", zh="没有这个表单")
    corrects = sent.number_of(str(given.get("corrects", "")))
    about = await _subject(request, words[2] if words[2] != "new" else "", words[3], corrects)
    draft = await keeping.load(request, who, str(given.get("draft", "")))
    before = sent.opened(draft.content) if draft else Sent()
    got = sent.of_form(given, about.fields, before)
    saved = await keeping.save(request, who, draft, about, got, sent.number_of(str(given.get("version", ""))))
    return web.json_response({"draft": saved.id, "version": saved.version})


async def subject(request: web.Request, draft: Draft) -> tuple[Subject, Sent]:
    """What a draft is about, and what it holds. Raises NotFound, Malformed."""
    got = sent.opened(draft.content)
    package, _, act = draft.form.partition("/")
    return await _subject(request, draft.trade, act if draft.trade else package, got.corrects), got


async def _subject(request: web.Request, key: str, name: str, corrects: int) -> Subject:
    """`name` is an act of the trade `key`, or without a key the package of a registration."""
    if not key:
        return subjects.registration(request, name)
    trade, _ = await loaded.load_key(request, key)
    return subjects.subject_of(trade, name, corrects)


async def _draft(request: web.Request, who: Person) -> Draft:
    draft = await keeping.load(request, who, request.match_info["id"])
    if draft is None:
        raise NotFound("no such draft", zh="没有这份草稿，或已办理", field="draft")
    return draft


async def _page(request: web.Request, who: Person, draft: Draft, wrong: list[Note] | None = None) -> web.Response:
    about, got = await subject(request, draft)
    values, notes = await judging.judged(request, about, got)
    refusing = [note for each in notes.values() for note in each if note.severity == "refuse"]
    warnings = [note for each in notes.values() for note in each if note.severity != "refuse"]
    at, _ = got.moment()
    document, kept = _document(request, about, got, values, at or shell.now_ms(request))
    mine, needs_second = draft.account == who.account, shell.desk(request).needs_second(about.rule)
    return shell.render(
        request,
        "draft.html",
        who,
        status=400 if wrong else 200,
        draft=draft,
        about=about,
        sent=got,
        title=document.body.title or draft.title,
        shown=records.fields(document, shell.desk(request).rules.book),
        inside=fields(about.fields, kept),
        refusing=refusing,
        warnings=warnings,
        wrong=wrong or [],
        at=at or shell.now_ms(request),
        disclosure=DISCLOSURE_NAMES.get(about.rule.disclosure),
        mine=mine,
        needs_second=needs_second,
        may_publish=mine and not refusing and _may(who, about) and _seen(draft, needs_second),
        # What was approved and cannot be published so has to be looked at once more.
        may_submit=mine and not refusing and (draft.state in ("open", "returned") or bool(wrong)),
        may_review=not mine and draft.state == "waiting" and who.may("trade.second"),
        posts=shell.posts_of(about.rule),
        right_post=_may(who, about),
        publisher=request.app[SETTINGS].title,
    )


def _document(
    request: web.Request, about: Subject, got: Sent, values: dict[str, Any], at: int
) -> tuple[Document[Act], dict[str, Any]]:
    """The record as the desk would publish it, for its page to show, and the fields that this page would not show."""
    shown, kept = sections.split(about.fields, values) if about.rule.public else (values, {})
    first = about.trade.acts[0] if about.trade and about.trade.acts else None
    act = Act(
        trade=about.trade.key if about.trade else got.key,
        seq=about.trade.next_seq if about.trade else 1,
        category=about.package.category,
        act=about.rule.id,
        rules=about.package.name,
        at=at,
        title=got.title or about.title or str(values.get("project_name", "")),
        division=about.trade.division if about.trade else str(values.get("division", "")),
        project_code=first.project_code if first else got.project_code or str(values.get("project_code", "")),
        lots=got.lots,
        fields=shown,
        disclosure=msgspec.convert(about.rule.disclosure, Disclosure),
        corrects=got.corrects,
    )
    return Document(key=act.key, body=act, source=Source(request.app[SETTINGS].title), as_of=day_of(at)), kept


async def _publish(request: web.Request, who: Person, draft: Draft) -> web.Response:
    """Hand the act to the desk; what it refuses is shown on the page that the clerk came from."""
    about, got = await subject(request, draft)
    values, notes = await judging.judged(request, about, got)
    if any(note.severity == "refuse" for each in notes.values() for note in each):
        return await _page(request, who, draft, [Note("请先修改所列问题。", "Correct what is listed first.")])
    try:
        # A browser that goes away now must not leave an act half noted: what follows is done in any case.
        done = await asyncio.shield(_done(request, who, draft, about, got, values))
    except ActRefused as error:
        return await _page(request, who, draft, [Note(f.zh, f.en, f.basis) for f in error.faults])
    except Overtaken as error:
        return await _page(request, who, draft, [Note(f"{error.zh}。{error.advice_zh}", error.advice_en)])
    raise web.HTTPSeeOther(f"/console/trades/{done.trade}?done={'repeated' if done.repeated else 'published'}")


async def _done(
    request: web.Request, who: Person, draft: Draft, about: Subject, got: Sent, values: dict[str, Any]
) -> Done:
    approval = draft.approval if draft.state == "approved" else None
    done = await _send(shell.desk(request), who, about, got, values, approval)
    try:
        await keeping.used(request, who, draft)
    except NodeError:
        pass  # the act is published; a draft that stays behind says "done already" when it is sent again
    if about.trade is None:
        now = shell.now_ms(request)
        await request.app[STORE].write(partial(sites.allocate_here, trade=done.trade, account=who.account, now_ms=now))
    action = "trade.register" if about.trade is None else "trade.publish" if about.rule.public else "trade.act"
    await request.app[AUDIT].note(who, action, f"{done.trade}/{done.seq}", about.rule.id, permission="trade.act")
    return done


async def _proposed(request: web.Request, draft: Draft) -> Act:
    """What a second person approves: the act of a draft as it would be published. Raises Refused, Overtaken."""
    about, got = await subject(request, draft)
    values, notes = await judging.judged(request, about, got)
    refusing = [note for each in notes.values() for note in each if note.severity == "refuse"]
    if refusing:
        raise Refused(
            f"this draft is not fit to be published: {refusing[0].en}",
            zh=f"该草稿尚不能发布：{refusing[0].zh}",
            field="draft",
            advice_zh="请退回起草人修改。",
            advice_en="Return it to its author.",
        )
    at, _ = got.moment()
    if about.trade is None:
        return shell.desk(request).proposed_registration(
            about.package.category,
            got.title,
            values,
            project_code=got.project_code,
            at=at,
            trade=got.key,
            attachments=got.attachments,
        )
    return await shell.desk(request).proposed(
        about.trade.key,
        about.rule.id,
        lots=got.lots,
        fields=values,
        at=at,
        title=got.title,
        attachments=got.attachments,
        corrects=got.corrects,
        expect=got.expect,
    )


async def _send(
    desk: Desk, who: Person, about: Subject, got: Sent, values: dict[str, Any], approval: Approval | None
) -> Done:
    at, _ = got.moment()
    if about.trade is None:
        return await desk.begin(
            who,
            about.package.category,
            got.title,
            values,
            project_code=got.project_code,
            at=at,
            trade=got.key,
            attachments=got.attachments,
            approval=approval,
        )
    return await desk.act(
        who,
        about.trade.key,
        about.rule.id,
        lots=got.lots,
        fields=values,
        at=at,
        title=got.title,
        attachments=got.attachments,
        corrects=got.corrects,
        expect=got.expect,
        approval=approval,
    )


def _may(who: Person, about: Subject) -> bool:
    if about.trade is None:
        return who.may("trade.register") and shell.may_do(who, about.rule)
    return shell.may_do(who, about.rule)


def _seen(draft: Draft, needs_second: bool) -> bool:
    """Whether as many eyes have seen it as are asked for."""
    return draft.state == "approved" if needs_second else draft.state != "waiting"
