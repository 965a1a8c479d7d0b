"""A record's document as rows of a page: labels in both languages, values in words, differences between versions.

Works from the shapes themselves, so that a new kind's page needs only the labels of its new fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from node.domain import KINDS
from node.domain.record import Amount, Document, Party
from node.domain.trades import Candidate
from node.errors import Malformed
from node.projections.reading import HELD
from node.store.view_record import VersionView
from node.web.portal_format import money, number, points
from node.web.portal_labels import AMOUNTS, LABELS, OWNERS
from node.web.portal_text import Pair
from node.wire.document import decode

POINTS = frozenset({"score", "initial", "base", "bonus", "deducted", "points"})
_LAST = frozenset({"details", "texts"})
_NOTHING: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of a value, and what a reader should know beside it."""

    text: Pair
    note: Pair | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of a table: its headings, and of each row the lines of each cell."""

    heads: tuple[Pair, ...]
    rows: tuple[tuple[tuple[Cell, ...], ...], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """`grid` shows the same as `cells` where the value is a table."""

    name: str
    label: Pair
    cells: tuple[Cell, ...]
    grid: Grid | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What differs from the version before: lines that went and lines that came."""

    label: Pair
    old: tuple[Pair, ...]
    new: tuple[Pair, ...]


def document(version: VersionView) -> Document[Any] | None:
    """The version's document if anyone may see it and it can be read.

    Both the header and the kind must call it public: a slip of the publisher must not show what the kind protects.
    """
    kind, main = KINDS.get(version.kind), version.header.section("main")
    if version.content != HELD or version.payload is None or kind is None or main is None:
        return None
    if main.audience != "public" or kind.sections["main"][1] != "public":
        return None
    try:
        return decode(version.kind, version.payload)
    except Malformed:
        return None


def fields(kind: str, shown: Document[Any]) -> list[Field]:
    """The body's fields in the order of its shape, empty ones left out and free-form ones last."""
    body = shown.body
    names = sorted(body.__struct_fields__, key=_LAST.__contains__)
    return [
        Field(name, _label(kind, name, body), tuple(_cells(name, value)))
        for name in names
        if (value := getattr(body, name)) not in _NOTHING
    ]


def changes(kind: str, old: Document[Any], new: Document[Any]) -> list[Change]:
    """What a reader should see as changed between two versions of one record."""
    before, after = _lines(kind, old), _lines(kind, new)
    return [
        Change(
            label,
            tuple(line for line in before.get(label, ()) if line not in after.get(label, ())),
            tuple(line for line in after.get(label, ()) if line not in before.get(label, ())),
        )
        for label in dict.fromkeys([*before, *after])
        if before.get(label) != after.get(label)
    ]


def _lines(kind: str, shown: Document[Any]) -> dict[Pair, tuple[Pair, ...]]:
    found = {field.label: tuple(_line(cell) for cell in field.cells) for field in fields(kind, shown)}
    more = {
        "status": LABELS[shown.status],
        "reason": _same(shown.reason),
        "as_of": _same(shown.as_of),
        "source": _same(" ".join(part for part in (shown.source.name, shown.source.url) if part)),
    }
    return found | {LABELS[f"document.{name}"]: (value,) for name, value in more.items() if value[0]}


def _line(cell: Cell) -> Pair:
    if cell.note is None:
        return cell.text
    return f"{cell.text[0]}（{cell.note[0]}）", f"{cell.text[1]} ({cell.note[1]})"


def _label(kind: str, name: str, body: Any) -> Pair:
    if name == "owner":
        return OWNERS.get(body.category, LABELS["owner"])
    if name == "amount":
        return AMOUNTS.get(kind, LABELS["amount"])
    return LABELS.get(name, (name, name))


def _cells(name: str, value: Any) -> Iterator[Cell]:
    if isinstance(value, Amount):
        yield _amount(value)
    elif isinstance(value, Party):
        yield _party(value)
    elif isinstance(value, Candidate):
        yield _candidate(value)
    elif isinstance(value, bool):
        yield Cell(("良好行为", "Good") if value else ("不良行为", "Bad"))
    elif isinstance(value, int):
        yield Cell(_same(points(value) if name in POINTS else number(value)))
    elif isinstance(value, dict):
        for key, text in value.items():
            zh, en = LABELS.get(key, (key, key))
            yield Cell((f"{zh}：{text}", f"{en}: {text}"))
    elif isinstance(value, list):
        yield from _several(name, value)
    else:
        yield Cell(_same(str(value)))


def _several(name: str, values: Iterable[Any]) -> Iterator[Cell]:
    for value in values:
        if isinstance(value, msgspec.Struct):
            yield from _cells(name, value)
        else:
            yield Cell(_same(str(value)))


def _amount(amount: Amount) -> Cell:
    if amount.fen is None:
        return Cell(_same(amount.text))
    zh, en = money(amount.fen)
    if amount.per:
        zh, en = f"每{amount.per} {zh}", f"{en} a {_PERIODS.get(amount.per, amount.per)}"
    return Cell((zh, en), (f"原文：{amount.text}", f"as given: {amount.text}") if amount.text else None)


_PERIODS = {"年": "year", "月": "month", "季": "quarter", "日": "day", "天": "day"}


def _party(party: Party) -> Cell:
    if not party.uscc:
        return Cell(_same(party.name))
    zh, en = f"统一社会信用代码 {party.uscc}", f"credit code {party.uscc}"
    if party.uscc_joined:
        zh, en = f"{zh}，按名称比对补充，非公告原文", f"{en}, joined by name, not printed in the notice"
    return Cell(_same(party.name), (zh, en))


def _candidate(candidate: Candidate) -> Cell:
    named = _party(candidate.party)
    zh, en = f"第 {candidate.rank} 名　{candidate.party.name}", f"{candidate.rank}. {candidate.party.name}"
    if candidate.price:
        price = _amount(candidate.price)
        zh, en = f"{zh}　{price.text[0]}", f"{en}  {price.text[1]}"
    if candidate.members:
        names = [member.name for member in candidate.members]
        return Cell((zh, en), (f"联合体成员：{'、'.join(names)}", f"consortium of {', '.join(names)}"))
    return Cell((zh, en), named.note)


def _same(text: str) -> Pair:
    return text, text
