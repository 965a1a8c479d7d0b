"""What is wrong with a form of an act, beside which input: what cannot be read, and what the desk says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiohttp import web

from node.domain.engine import Fault
from node.web.console import forms, sheets, shell
from node.web.console.forms import Tables
from node.web.console.inputs import Note
from node.web.console.sent import Sent
from node.web.console.subjects import Subject
from node.web.portal_text import Pair

OWN_LABELS: dict[str, Pair] = {
    "lots": ("标段（包、宗）", "Lots"),
    "at": ("发生时间", "When it happened"),
    "title": ("标题", "Title"),
    "corrects": ("所针对的环节", "The act it is about"),
}
"""Inputs of every form beside its fields."""


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
        label: Pair = each.label if each else OWN_LABELS.get(path, ("", ""))
        if cells is not None and (cell := cells.cell(path)):
            label = f"{cell} {label[0]}", f"{cell} {label[1]}"
        target = each.focus if each else f"act-{path}" if path in OWN_LABELS else ""
        found += [(target, label, note) for note in notes[path] if note.severity == "refuse"]
    return found


def _placed(notes: Iterable[tuple[str, Note]], inputs: Sequence[forms.Input]) -> dict[str, list[Note]]:
    own = {each.path for each in inputs}
    mine: dict[str, list[Note]] = {}
    rest = []
    for name, note in notes:
        if name in OWN_LABELS and name not in own:
            mine.setdefault(name, []).append(note)
        else:
            rest.append((name, note))
    return mine | forms.place(rest, inputs)
