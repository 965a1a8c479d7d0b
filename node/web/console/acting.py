"""The form of an act: from the rules to inputs, what was typed to a judged act, and on to its preview as a draft.

A registration and a later act are one form: `Subject` says what the form is about. Nothing is published here; the
preview is the draft's page (`drafts.py`), so that a reload repeats nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from aiohttp import web

from node.accounts.person import Person
from node.domain.calendar import day_of
from node.domain.templates import Template
from node.errors import Malformed, NotFound, Refused, Rejected, TooLarge
from node.routing import handing
from node.trading import bids, templates
from node.web import files_shown, session
from node.web.console import forms, judging, keeping, loaded, sent, sheets, shell, subjects
from node.web.console.inputs import Note
from node.web.console.keeping import Draft
from node.web.console.loaded import KEY
from node.web.console.prefill import prefill
from node.web.console.sent import Sent
from node.web.console.subjects import Subject
from node.web.keys import ATTACHMENTS, AUDIT, CLOCK, PLACING, PUBLISHER, SETTINGS, STORE
from node.wire.ids import read_record_id

routes = web.RouteTableDef()
FILE_PIECE = 256 << 10
WRONG_CENTRE = "routing-node"
"""The rule of the fault that says that another centre is the right one."""

# --- addresses --------------------------------------------------------------------------------------------------------


@routes.get("/console/trades/new")
async def choose(request: web.Request) -> web.Response:
    """Which category: one card for each package in force."""
    who = await shell.centre(request, "trade.register")
    coming = partial(handing.incoming, me=request.app[SETTINGS].name, open_only=True)
    offered = await request.app[STORE].read(coming)
    return shell.render(request, "choose.html", who, packages=subjects.in_force(request), offered=offered)


@routes.post("/console/trades/new")
async def take_over(request: web.Request) -> web.Response:
    """Make a draft of what another centre has handed over; the clerk looks through it and registers."""
    who = await shell.centre(request, "trade.register")
    given = await session.form(request)
    app, record = request.app, read_record_id(str(given.get("handover", "")))
    offered = await app[STORE].read(partial(handing.one, record_id=record, me=app[SETTINGS].name))
    package = next((each for each in subjects.in_force(request) if each.category == offered.category), None)
    if package is None:
        raise NotFound("no rules for it", zh="没有该类别的现行规则", field="category")
    about = subjects.registration(request, package.id)
    raw = forms.fill(about.fields, dict(offered.facts))
    got = Sent(
        raw=raw,
        key=shell.desk(request).new_key(),
        title=offered.title,
        project_code=str(offered.facts.get("project_code", "")),
    )
    draft = await keeping.save(request, who, None, about, got)
    await handing.take(app[STORE], app[SETTINGS], app[CLOCK], record, account=who.account, done=f"draft {draft.id}")
    await app[AUDIT].note(who, "handover.take", offered.id, offered.title, permission="trade.register")
    raise web.HTTPSeeOther(about.at(draft.id, done="taken"))


@routes.get("/console/trades/new/{category}")
async def new(request: web.Request) -> web.Response:
    who = await shell.centre(request, "trade.register")
    about = subjects.registration(request, request.match_info["category"])
    return await show(request, who, about)


@routes.post("/console/trades/new/{category}")
async def send_new(request: web.Request) -> web.Response:
    who = await shell.centre(request, "trade.register")
    return await take(request, who, subjects.registration(request, request.match_info["category"]))


@routes.get(f"/console/trades/{KEY}/{{act:[a-z][a-z0-9_]*}}")
async def form(request: web.Request) -> web.Response:
    who = await shell.centre(request, "trade.act")
    trade, _ = await loaded.load(request)
    return await show(request, who, subjects.subject_of(trade, request.match_info["act"], _corrects(request)))


@routes.post(f"/console/trades/{KEY}/{{act:[a-z][a-z0-9_]*}}")
async def send(request: web.Request) -> web.Response:
    who = await shell.centre(request, "trade.act")
    trade, _ = await loaded.load(request)
    return await take(request, who, subjects.subject_of(trade, request.match_info["act"], _corrects(request)))


# --- showing and taking a form ----------------------------------------------------------------------------------------


async def show(request: web.Request, who: Person, about: Subject) -> web.Response:
    """The empty form, one filled from what the trade already says, a draft, or the Excel template of it."""
    draft = await keeping.load(request, who, request.query.get("draft", ""))
    if draft is not None:
        begun = sent.opened(draft.content)
    else:
        begun = Sent(
            raw=prefill(about.trade, about.rule, about.fields, about.lots) if about.trade else _first(request, about),
            lots=list(about.lots) if about.rule.per == "lot" else [],
            title=about.title,
            corrects=about.target.seq if about.target else 0,
            key="" if about.trade else shell.desk(request).new_key(),
            expect=about.trade.next_seq if about.trade else 0,
        )
        await _with_bids(request, about, begun)
    if request.query.get("format") == "xlsx":
        return _template(request, about, begun)
    return _page(request, who, about, begun, {}, draft=draft)


def _first(request: web.Request, about: Subject) -> dict[str, str]:
    """What a registration mostly says: this centre's own division."""
    own = {"division": request.app[SETTINGS].division}
    return {each.name: own[each.name] for each in about.fields if each.name in own}


async def _with_bids(request: web.Request, about: Subject, begun: Sent) -> None:
    """Into the form that ends bidding: the bids that came in here, for the lots whose deadline is over."""
    trade = about.trade
    if trade is None or about.rule.id != bids.END_OF_BIDDING:
        return
    work = partial(bids.ending_fields, trade=trade, rule=about.rule, lots=about.lots, now_ms=shell.now_ms(request))
    values, lots = await request.app[STORE].read(work)
    begun.raw |= forms.fill(about.fields, values)
    if values and set(lots) != set(about.lots):
        begun.lots = lots


async def take(request: web.Request, who: Person, about: Subject) -> web.Response:
    """A sent form: a line more or less, a filled Excel file, a draft to keep, or an act to look at in its preview."""
    given = await session.form(request, files=request.content_type == "multipart/form-data")
    draft = await keeping.load(request, who, str(given.get("draft", "")))
    before = sent.opened(draft.content) if draft else Sent()
    got = sent.of_form(given, about.fields, before)
    version = sent.number_of(str(given.get("version", "")))
    if add := str(given.get("add", "")):
        got.raw = forms.add_line(got.raw, add)
    elif drop := str(given.get("drop", "")):
        got.raw = forms.drop_line(got.raw, drop)
    elif template := str(given.get("template", "")):
        _word(request, about, got, template)
    elif given.get("do") == "attach":
        return await _attach(request, who, about, got, given, draft, version)
    elif gone := str(given.get("detach", "")):
        got.attachments = [each for each in got.attachments if each.sha256 != gone]
        saved = await keeping.save(request, who, draft, about, got, version)
        raise web.HTTPSeeOther(f"{about.at(saved.id)}#files")
    elif given.get("do") == "xlsx":
        return await _filled(request, who, about, got, given.get("file"), draft)
    elif given.get("do") == "handover" and about.trade is None:
        return await _hand_over(request, who, about, got, draft)
    elif given.get("do") == "save":
        saved = await keeping.save(request, who, draft, about, got, version)
        raise web.HTTPSeeOther(about.at(saved.id, done="saved"))
    else:
        _, notes = await judging.judged(request, about, got)
        if any(note.severity == "refuse" for each in notes.values() for note in each):
            return _page(request, who, about, got, notes, draft=draft, status=400)
        saved = await keeping.save(request, who, draft, about, got, version)
        raise web.HTTPSeeOther(f"/console/drafts/{saved.id}")
    return _page(request, who, about, got, {}, draft=draft)


def _page(
    request: web.Request,
    who: Person,
    about: Subject,
    got: Sent,
    notes: Mapping[str, Sequence[Note]],
    *,
    draft: Draft | None = None,
    status: int = 200,
    cells: sheets.Sheet | None = None,
) -> web.Response:
    tables = shell.tables(request)
    inputs = forms.draw(about.fields, got.raw, tables, notes)
    return shell.render(
        request,
        "act_form.html",
        who,
        status=status,
        about=about,
        sent=got,
        hidden=sent.carried(got),
        inputs=inputs,
        needs=judging.needs_of(about, tables, inputs),
        notes=notes,
        problems=judging.problems(inputs, notes, cells),
        draft_id=draft.id if draft else "",
        version=draft.version if draft else 0,
        mine=shell.may_do(who, about.rule) if about.trade else who.may("trade.register"),
        posts=shell.posts_of(about.rule),
        chosen=about.target.seq if about.target else got.corrects,
        act_name=lambda act: shell.act_name(about.package, act),
        handover=about.trade is None and any(note.rule == WRONG_CENTRE for each in notes.values() for note in each),
        needs_second=shell.desk(request).needs_second(about.rule),
        wordings=_wordings(request, about),
        file_size=files_shown.size,
        most_bytes=request.app[ATTACHMENTS].files.max_bytes,
        form_bytes=session.UPLOAD_BYTES,
        must_choose=bool(about.choices) and about.target is None and "*" in about.rule.amends,
    )


# --- texts and files ------------------------------------------------------------------------------------------------


def _wordings(request: web.Request, about: Subject) -> list[Template]:
    return subjects.wordings(about, shell.desk(request).rules.by_day, day_of(shell.now_ms(request)))


def _word(request: web.Request, about: Subject, got: Sent, id: str) -> None:
    """Lay a template's text, filled from the trade and from what is typed here, into its field."""
    found = next((each for each in _wordings(request, about) if each.id == id), None)
    if found is None or about.trade is None:
        return
    values = forms.read_form(about.fields, got.raw, shell.tables(request)).values
    today = day_of(shell.now_ms(request))
    got.raw[found.field] = templates.fill(found, about.trade, today=today, lots=got.lots, typed=values).text


async def _attach(
    request: web.Request,
    who: Person,
    about: Subject,
    got: Sent,
    given: session.Fields,
    draft: Draft | None,
    version: int,
) -> web.Response:
    """A file into the draft, with the form or uploaded before it; what the node does not take is said beside it."""
    file, uploaded = given.get("file"), str(given.get("uploaded", ""))
    if not isinstance(file, web.FileField) and not uploaded:
        missing = Note("请先选择文件。", "Choose a file first.")
        return _page(request, who, about, got, {"files": [missing]}, draft=draft, status=400)
    try:
        files = request.app[ATTACHMENTS].files
        if isinstance(file, web.FileField):
            attached = await files.put(file.filename, _pieces(file), by=who.account, claimed=file.content_type)
        else:
            attached = await files.uploaded(uploaded, str(given.get("uploaded_name", "")))
    except (Malformed, Refused, Rejected, TooLarge) as error:
        note = Note(f"{error.zh}。{error.advice_zh}", error.detail)
        return _page(request, who, about, got, {"files": [note]}, draft=draft, status=400)
    got.attachments = [each for each in got.attachments if each.sha256 != attached.sha256] + [attached]
    saved = await keeping.save(request, who, draft, about, got, version)
    raise web.HTTPSeeOther(f"{about.at(saved.id)}#files")


async def _pieces(file: web.FileField) -> AsyncIterator[bytes]:
    with closing(file.file) as opened:
        while data := opened.read(FILE_PIECE):
            yield data


# --- another centre's trade -------------------------------------------------------------------------------------------


async def _hand_over(request: web.Request, who: Person, about: Subject, got: Sent, draft: Draft | None) -> web.Response:
    """Give what was typed to the centre that routing names, as a record; a draft of it here is done with."""
    values, notes = await judging.judged(request, about, got)
    refusing = [note for each in notes.values() for note in each if note.severity == "refuse"]
    if any(note.rule != WRONG_CENTRE for note in refusing):
        return _page(request, who, about, got, notes, draft=draft, status=400)
    app = request.app
    facts = {**values, "category": about.package.category}
    if got.project_code:
        facts["project_code"] = got.project_code
    outcome = await handing.offer(
        app[PUBLISHER].publish, app[PLACING], app[SETTINGS], app[CLOCK], facts, account=who.account
    )
    if outcome.error is not None:
        raise outcome.error
    record = outcome.record_id.hex() if outcome.record_id else ""
    await app[AUDIT].note(who, "trade.handover", record, got.title, permission="trade.register")
    if draft is not None:
        await keeping.discard(request, who, draft)
    raise web.HTTPSeeOther("/console/trades/new?done=handed")


# --- Excel ------------------------------------------------------------------------------------------------------------


def _template(request: web.Request, about: Subject, got: Sent) -> web.Response:
    title = f"{about.package.zh} · {about.rule.zh}"
    body = sheets.template(title, about.template, about.fields, got.raw, shell.tables(request))
    name = f"{about.package.id}-{about.rule.id}.xlsx"
    return web.Response(
        body=body,
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )


async def _filled(
    request: web.Request, who: Person, about: Subject, got: Sent, file: Any, draft: Draft | None
) -> web.Response:
    """A filled Excel file into the form, with what is wrong named by its cell."""
    if not isinstance(file, web.FileField):
        missing = Note("请先选择已填写的 Excel 文件。", "Choose the filled Excel file first.")
        return _page(request, who, about, got, {"": [missing]}, draft=draft, status=400)
    with closing(file.file) as opened:
        data = opened.read(sheets.MAX_BYTES + 1)
        # A workbook may take seconds: others are answered meanwhile.
        read = await asyncio.to_thread(sheets.read, data, about.template, about.fields)
    got.raw = read.raw
    _, notes = await judging.judged(request, about, got)
    bad = any(note.severity == "refuse" for each in notes.values() for note in each)
    return _page(request, who, about, got, notes, draft=draft, status=400 if bad else 200, cells=read)


def _corrects(request: web.Request) -> int:
    return sent.number_of(request.query.get("corrects", ""))
