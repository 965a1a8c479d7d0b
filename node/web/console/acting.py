"""The form of an act: from the rules to inputs, what was typed to a judged act, and on to its preview as a draft.

A registration and a later act are one form: `Subject` says what the form is about. Nothing is published here; the
preview is the draft's page (`drafts.py`), so that a reload repeats nothing.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web

from node.accounts.person import Person
from node.domain import engine
from node.domain.acts import Act
from node.domain.calendar import day_of
from node.domain.engine import Fault, Trade
from node.domain.folding import targets
from node.domain.rulebook import ActRule, FieldRule, Package
from node.errors import Malformed, NotFound, Refused, TooLarge
from node.routing import handing
from node.trading import templates
from node.trading.templates import Template
from node.web import files_shown, session
from node.web.act_shown import Names
from node.web.console import forms, keeping, sent, sheets, shell
from node.web.console import trade as trade_page
from node.web.console.forms import Tables
from node.web.console.inputs import Note
from node.web.console.keeping import Draft
from node.web.console.prefill import prefill
from node.web.console.sent import Sent
from node.web.console.trade import KEY
from node.web.keys import ATTACHMENTS, AUDIT, CLOCK, PLACING, PUBLISHER, SETTINGS, STORE
from node.web.portal_text import Pair

routes = web.RouteTableDef()
FILE_PIECE = 256 << 10
WRONG_CENTRE = "routing-node"
"""The rule of the fault that says that another centre is the right one."""


@dataclass(slots=True)
class Subject:
    """What a form is about. `trade` is None for a registration, `target` the act that this one answers or amends."""

    package: Package
    rule: ActRule
    trade: Trade | None = None
    target: Act | None = None
    choices: Sequence[Act] = ()
    fields: Sequence[FieldRule] = field(default_factory=list)
    lots: Sequence[str] = ()

    @property
    def address(self) -> str:
        if self.trade is None:
            return f"/console/trades/new/{self.package.id}"
        return f"/console/trades/{self.trade.key}/{self.rule.id}"

    @property
    def form(self) -> str:
        return f"{self.package.id}/{self.rule.id}"

    @property
    def title(self) -> str:
        return f"{self.trade.title}{self.rule.zh}" if self.trade else ""

    @property
    def template(self) -> str:
        """The mark of its Excel template: rules may change from version to version."""
        return f"{self.package.name}/{self.rule.id}" + (f"/{self.target.act}" if self.target else "")


# --- what the form is about -------------------------------------------------------------------------------------------


def registration(request: web.Request, category: str) -> Subject:
    """A registration under the rules in force today. Raises NotFound for a category without any."""
    book, day = shell.desk(request).rules.book, day_of(shell.now_ms(request))
    names = [each.category for each in book.packages if each.id == category]
    package = book.of(names[0], day) if names else None
    if package is None:
        raise NotFound(f"no rules for {category}", zh="没有该类别的现行规则", field="category")
    return Subject(package, package.acts[0], fields=package.acts[0].fields)


def in_force(request: web.Request) -> list[Package]:
    """The package of each category that is in force today."""
    book, day = shell.desk(request).rules.book, day_of(shell.now_ms(request))
    found = {each.category: book.of(each.category, day) for each in book.packages}
    return [each for each in found.values() if each is not None]


def subject_of(trade: Trade, act: str, corrects: int) -> Subject:
    """An act of a trade; `corrects` names the act that it answers or amends, 0 where that is not said.

    Raises NotFound where the rules know no such act.
    """
    rule = trade.package.act(act)
    if rule is None or rule is trade.package.acts[0]:
        raise NotFound(f"no act {act}", zh="规则包中没有这一环节", field="act")
    choices = list(targets(trade, rule)) if rule.answers or rule.amends else []
    target = next((each for each in choices if each.seq == corrects), None)
    amended = trade.package.act(target.act) if target and rule.amends else None
    return Subject(
        trade.package,
        rule,
        trade,
        target,
        choices,
        engine.fields_of(trade.package, rule, amended),
        engine.lots_for(trade, rule),
    )


# --- addresses --------------------------------------------------------------------------------------------------------


@routes.get("/console/trades/new")
async def choose(request: web.Request) -> web.Response:
    """Which category: one card for each package in force."""
    who = await shell.centre(request, "trade.register")
    coming = partial(handing.incoming, me=request.app[SETTINGS].name, open_only=True)
    offered = await request.app[STORE].read(coming)
    return shell.render(request, "choose.html", who, packages=in_force(request), offered=offered)


@routes.post("/console/trades/new")
async def take_over(request: web.Request) -> web.Response:
    """Make a draft of what another centre has handed over."""
    who = await shell.centre(request, "trade.register")
    given = await session.form(request)
    app, text = request.app, str(given.get("handover", ""))
    record = bytes.fromhex(text) if re.fullmatch(r"[0-9a-f]{32}", text) else b""
    offered = await app[STORE].read(partial(handing.one, record_id=record, me=app[SETTINGS].name))
    package = next((each for each in in_force(request) if each.category == offered.category), None)
    if package is None:
        raise NotFound("no rules for it", zh="没有该类别的现行规则", field="category")
    about = registration(request, package.id)
    got = Sent(raw=forms.fill(about.fields, offered.facts), key=shell.desk(request).new_key())
    draft = await keeping.save(request, who, None, about, got, 0)
    await handing.take(app[STORE], app[SETTINGS], app[CLOCK], record, account=who.account, done=f"draft {draft.id}")
    raise web.HTTPSeeOther(_here(about, draft.id, done="taken"))


@routes.get("/console/trades/new/{category}")
async def new(request: web.Request) -> web.Response:
    who = await shell.centre(request, "trade.register")
    about = registration(request, request.match_info["category"])
    return await show(request, who, about)


@routes.post("/console/trades/new/{category}")
async def send_new(request: web.Request) -> web.Response:
    who = await shell.centre(request, "trade.register")
    return await take(request, who, registration(request, request.match_info["category"]))


@routes.get(f"/console/trades/{KEY}/{{act:[a-z][a-z0-9_]*}}")
async def form(request: web.Request) -> web.Response:
    who = await shell.centre(request, "trade.act")
    trade, _ = await trade_page.load(request)
    return await show(request, who, subject_of(trade, request.match_info["act"], _corrects(request)))


@routes.post(f"/console/trades/{KEY}/{{act:[a-z][a-z0-9_]*}}")
async def send(request: web.Request) -> web.Response:
    who = await shell.centre(request, "trade.act")
    trade, _ = await trade_page.load(request)
    return await take(request, who, subject_of(trade, request.match_info["act"], _corrects(request)))


# --- showing and taking a form ----------------------------------------------------------------------------------------


async def show(request: web.Request, who: Person, about: Subject) -> web.Response:
    """The empty form, one filled from what the trade already says, a draft, or the Excel template of it."""
    draft = await keeping.load(request, who, request.query.get("draft", ""))
    if draft is not None:
        begun = sent.opened(draft.content)
    else:
        begun = Sent(
            raw=prefill(about.trade, about.rule, about.fields, about.lots) if about.trade else {},
            lots=list(about.lots) if about.rule.per == "lot" else [],
            title=about.title,
            corrects=about.target.seq if about.target else 0,
            key="" if about.trade else shell.desk(request).new_key(),
            expect=about.trade.next_seq if about.trade else 0,
        )
    if request.query.get("format") == "xlsx":
        return _template(request, about, begun)
    return _page(request, who, about, begun, {}, draft=draft)


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
        return await _attach(request, who, about, got, given.get("file"), draft, version)
    elif gone := str(given.get("detach", "")):
        got.attachments = [each for each in got.attachments if each.sha256 != gone]
        saved = await keeping.save(request, who, draft, about, got, version)
        raise web.HTTPSeeOther(f"{_here(about, saved.id)}#files")
    elif given.get("do") == "xlsx":
        return await _filled(request, who, about, got, given.get("file"), draft)
    elif given.get("do") == "handover" and about.trade is None:
        return await _hand_over(request, who, about, got, draft)
    elif given.get("do") == "save":
        saved = await keeping.save(request, who, draft, about, got, version)
        raise web.HTTPSeeOther(_here(about, saved.id, done="saved"))
    else:
        _, notes = await judged(request, about, got)
        if any(note.severity == "refuse" for each in notes.values() for note in each):
            return _page(request, who, about, got, notes, draft=draft, status=400)
        saved = await keeping.save(request, who, draft, about, got, version)
        raise web.HTTPSeeOther(f"/console/drafts/{saved.id}")
    return _page(request, who, about, got, {}, draft=draft)


async def judged(request: web.Request, about: Subject, got: Sent) -> tuple[dict[str, Any], dict[str, list[Note]]]:
    """The values of a form and everything that is wrong with them, by the path of the input beside which it belongs."""
    tables = shell.tables(request)
    read = forms.read_form(about.fields, got.raw, tables)
    at, wrong_time = got.moment()
    notes: list[tuple[str, Note]] = [(path, note) for path, each in read.notes.items() for note in each]
    notes += [("at", wrong_time)] if wrong_time else []
    faults = await faults_of(request, about, got, read.values, at)
    unread = {path.split(".")[0] for path in read.notes}
    # That a field is missing which could not be read would be said twice.
    notes += [
        (fault.field, Note(fault.zh, fault.en, fault.basis, fault.severity, fault.rule))
        for fault in _told(about, faults)
        if fault.field.split("[")[0].split(".")[0] not in unread
    ]
    return read.values, _placed(notes, forms.draw(about.fields, got.raw, tables, {}))


def _told(about: Subject, faults: Sequence[Fault]) -> list[Fault]:
    """Without what another fault says already: a registration's title is its project's name, and where a field is
    asked for, that routing lacks it too is no news.
    """
    missing = {fault.field for fault in faults if fault.rule == "required"}
    return [
        fault
        for fault in faults
        if not (fault.rule == "routing-lacking" and fault.field in missing)
        and not (about.trade is None and fault.field == "title" and "project_name" in missing)
    ]


async def faults_of(
    request: web.Request, about: Subject, got: Sent, values: Mapping[str, Any], at: int | None
) -> list[Fault]:
    """What the desk says of an act, or of a registration and its place among the centres."""
    desk = shell.desk(request)
    if about.trade is None:
        return await desk.check_registration(about.package.category, got.title, values, at=at, trade=got.key)
    return await desk.check(
        about.trade.key,
        about.rule.id,
        lots=got.lots,
        fields=values,
        at=at,
        title=got.title,
        attachments=got.attachments,
        corrects=got.corrects,
    )


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
        needs=needs_of(about, tables, inputs),
        notes=notes,
        problems=problems(inputs, notes, cells),
        draft_id=draft.id if draft else "",
        version=draft.version if draft else 0,
        mine=shell.may_do(who, about.rule) if about.trade else who.may("trade.register"),
        posts=shell.posts_of(about.rule),
        chosen=about.target.seq if about.target else got.corrects,
        act_name=lambda act: shell.act_name(about.package, act),
        handover=about.trade is None and any(note.rule == WRONG_CENTRE for each in notes.values() for note in each),
        wordings=wordings(about),
        file_size=files_shown.size,
        must_choose=bool(about.choices) and about.target is None and "*" in about.rule.amends,
    )


def needs_of(about: Subject, tables: Tables, inputs: Iterable[forms.Input]) -> dict[str, Pair]:
    """When a field must be filled, in words, by the path of its inputs."""
    known = [*about.package.acts[0].fields, *about.rule.fields, *about.fields]
    labels: dict[str, Pair] = {rule.name: (rule.zh, rule.en) for rule in known}
    names = {
        rule.name: {code: (zh, en) for code, zh, en in forms.choices_of(rule, tables)}
        for rule in known
        if rule.type == "code"
    }
    found = {each.path: forms.conditions(each.rule, labels, names) for each in forms.flat(inputs)}
    return {path: words for path, words in found.items() if words is not None}


def problems(
    inputs: Sequence[forms.Input], notes: Mapping[str, Sequence[Note]], cells: sheets.Sheet | None = None
) -> list[tuple[str, Pair, Note]]:
    """The summary above a form: (id to go to, label, note) in the order of the inputs; from a file with its cell."""
    by_path = {each.path: each for each in forms.flat(inputs)}
    order = ["", "lots", "at", "title", "corrects", *by_path]
    found = []
    for path in sorted(notes, key=lambda path: order.index(path) if path in order else len(order)):
        each = by_path.get(path)
        label: Pair = each.label if each else _OWN_LABELS.get(path, ("", ""))
        if cells is not None and (cell := cells.cell(path)):
            label = f"{cell} {label[0]}", f"{cell} {label[1]}"
        target = each.focus if each else f"act-{path}" if path in _OWN_LABELS else ""
        found += [(target, label, note) for note in notes[path] if note.severity == "refuse"]
    return found


_OWN_LABELS: dict[str, Pair] = {
    "lots": ("标段（包、宗）", "Lots"),
    "at": ("发生时间", "When it happened"),
    "title": ("标题", "Title"),
    "corrects": ("所针对的环节", "The act it is about"),
}


def _placed(notes: Iterable[tuple[str, Note]], inputs: Sequence[forms.Input]) -> dict[str, list[Note]]:
    own = {each.path for each in inputs}
    mine: dict[str, list[Note]] = {}
    rest = []
    for name, note in notes:
        if name in _OWN_LABELS and name not in own:
            mine.setdefault(name, []).append(note)
        else:
            rest.append((name, note))
    return mine | forms.place(rest, inputs)


# --- texts and files ------------------------------------------------------------------------------------------------


def wordings(about: Subject) -> list[Template]:
    """The templates of texts that this form offers."""
    if about.trade is None:
        return []
    known = {rule.name for rule in about.fields}
    found = templates.for_act(templates.packaged(), about.package.category, about.rule.id)
    return [each for each in found if each.field in known]


def _word(request: web.Request, about: Subject, got: Sent, id: str) -> None:
    """Lay a template's text, filled from the trade and from what is typed here, into its field."""
    found = next((each for each in wordings(about) if each.id == id), None)
    if found is None or about.trade is None:
        return
    values = forms.read_form(about.fields, got.raw, shell.tables(request)).values
    today = day_of(shell.now_ms(request))
    got.raw[found.field] = templates.fill(found, about.trade, today=today, lots=got.lots, typed=values).text


async def _attach(
    request: web.Request, who: Person, about: Subject, got: Sent, file: Any, draft: Draft | None, version: int
) -> web.Response:
    """A file into the draft; what the node does not take is said beside the button."""
    if not isinstance(file, web.FileField):
        missing = Note("请先选择文件。", "Choose a file first.")
        return _page(request, who, about, got, {"files": [missing]}, draft=draft, status=400)
    try:
        attached = await request.app[ATTACHMENTS].files.put(
            file.filename, _pieces(file), by=who.account, claimed=file.content_type
        )
    except (Malformed, Refused, TooLarge) as error:
        note = Note(f"{error.zh}。{error.advice_zh}", error.detail)
        return _page(request, who, about, got, {"files": [note]}, draft=draft, status=400)
    got.attachments = [each for each in got.attachments if each.sha256 != attached.sha256] + [attached]
    saved = await keeping.save(request, who, draft, about, got, version)
    raise web.HTTPSeeOther(f"{_here(about, saved.id)}#files")


async def _pieces(file: web.FileField) -> AsyncIterator[bytes]:
    while data := file.file.read(FILE_PIECE):
        yield data


# --- another centre's trade -------------------------------------------------------------------------------------------


async def _hand_over(request: web.Request, who: Person, about: Subject, got: Sent, draft: Draft | None) -> web.Response:
    """Give what was typed to the centre that routing names, as a record; a draft of it here is done with."""
    values, notes = await judged(request, about, got)
    refusing = [note for each in notes.values() for note in each if note.severity == "refuse"]
    if any(note.rule != WRONG_CENTRE for note in refusing):
        return _page(request, who, about, got, notes, draft=draft, status=400)
    app = request.app
    facts = {**values, "category": about.package.category}
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
    read = sheets.read(file.file.read(sheets.MAX_BYTES + 1), about.template, about.fields)
    got.raw = read.raw
    _, notes = await judged(request, about, got)
    bad = any(note.severity == "refuse" for each in notes.values() for note in each)
    return _page(request, who, about, got, notes, draft=draft, status=400 if bad else 200, cells=read)


def names(request: web.Request) -> Names:
    return shell.tables(request)


def _corrects(request: web.Request) -> int:
    return sent.number_of(request.query.get("corrects", ""))


def _here(about: Subject, draft: str, *, done: str = "") -> str:
    corrects = f"&corrects={about.target.seq}" if about.target else ""
    return f"{about.address}?draft={draft}{corrects}{f'&done={done}' if done else ''}"
