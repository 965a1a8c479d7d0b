"""An act on its record's page: its fields by the names of the rule package, and the way to its trade."""

from __future__ import annotations

from typing import Any

from node.domain import divisions
from node.domain.acts import DISCLOSURE_NAMES, Act
from node.domain.record import Document
from node.domain.rulebook import Rulebook
from node.web.disclosures import model
from node.web.portal_fields import Cell, Field
from node.web.portal_format import when
from node.web.portal_labels import LABELS
from node.web.portal_text import Pair


def fields(document: Document[Any], book: Rulebook) -> list[Field]:
    """What the record says: of the act as such first, then its own fields."""
    act: Act = document.body
    package = book.get(act.rules)
    named = divisions.name_of(act.division)
    place = f"{named}（{act.division}）" if named else act.division
    rules: Pair = (f"{package.zh} {act.rules}", f"{package.en} {act.rules}") if package else (act.rules, act.rules)
    head: list[tuple[str, Pair]] = [
        ("act", model.act_name(act, package)),
        ("title", _same(act.title)),
        ("category", _same(act.category)),
        ("project_code", _same(act.project_code)),
        ("division", _same(place)),
        ("lots", _same("、".join(act.lots))),
        ("at", (f"{when(act.at)}（北京时间）", f"{when(act.at)} (Beijing time)")),
        ("disclosure", DISCLOSURE_NAMES.get(act.disclosure, ("", ""))),
        ("corrects", _same(str(act.corrects or ""))),
        ("seq", _same(str(act.seq))),
        ("rules", rules),
    ]
    shown = [Field(name, LABELS[name], (Cell(pair),)) for name, pair in head if pair[0]]
    return shown + model.act_fields(act, package)


def _same(text: str) -> Pair:
    return text, text
