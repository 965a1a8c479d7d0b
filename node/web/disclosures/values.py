"""Values of an act's fields as a reader sees them: by the names and types of the rule package it was made under.

A field that no rule knows is shown by its raw name and by what its value looks like, so that an act whose package is
not held here can still be read. Never raises for what an act may hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from node.domain import divisions
from node.domain.rulebook import FieldRule
from node.web.portal_fields import Cell, Field, Grid
from node.web.portal_format import money, number, points, when
from node.web.portal_labels import LABELS
from node.web.portal_text import Pair

_NOTHING: tuple[Any, ...] = (None, "", [], {})
_YES, _NO = ("是", "Yes"), ("否", "No")
_DIVISIONS = "GB/T 2260"


def fields(rules: Sequence[FieldRule], values: Mapping[str, Any]) -> list[Field]:
    """The fields of an act in the order of its rule, unknown ones last; empty ones left out."""
    known = {rule.name: rule for rule in rules}
    names = [rule.name for rule in rules if rule.name in values]
    names += sorted(name for name in values if name not in known)
    return [field(known.get(name), name, values[name]) for name in names if not _empty(values[name])]


def field(rule: FieldRule | None, name: str, value: Any) -> Field:
    label = (rule.zh, rule.en) if rule else LABELS.get(name, (name, name))
    if _is_rows(rule, value):
        return Field(name, label, tuple(_lines(rule, value)), _grid(rule.columns if rule else (), value))
    return Field(name, label, tuple(cells(rule, value)))


def cells(rule: FieldRule | None, value: Any) -> Iterator[Cell]:
    """A value line by line."""
    if isinstance(value, list):
        for each in value:
            yield from cells(rule, each)
    elif isinstance(value, Mapping):
        yield _party(value) if "name" in value else Cell(_joined(rule, value))
    else:
        yield Cell(_plain(rule, value))


def _plain(rule: FieldRule | None, value: Any) -> Pair:
    kind = rule.type if rule else ""
    if isinstance(value, bool):
        return _YES if value else _NO
    if isinstance(value, int):
        if kind == "money":
            return money(value)
        if kind == "moment":
            return f"{when(value)}（北京时间）", f"{when(value)} (Beijing time)"
        if kind == "share":
            return _same(f"{points(value * 100)}%")
        return _same(number(value))
    text = str(value)
    if kind == "code" and rule is not None:
        choice = next((each for each in rule.choices if each.value == text), None)
        if choice is not None:
            return choice.zh, choice.en
        named = divisions.name_of(text) if rule.table == _DIVISIONS else ""
        return (f"{named}（{text}）", f"{named} ({text})") if named else _same(text)
    return _same(text)


def _party(party: Mapping[str, Any]) -> Cell:
    name, uscc = str(party.get("name", "")), party.get("uscc")
    notes: list[Pair] = [(f"统一社会信用代码 {uscc}", f"credit code {uscc}")] if isinstance(uscc, str) and uscc else []
    members = party.get("members")
    if isinstance(members, list) and members:
        names = [str(each.get("name", "")) for each in members if isinstance(each, Mapping)]
        notes.append((f"联合体成员：{'、'.join(names)}", f"consortium of {', '.join(names)}"))
    note = ("；".join(zh for zh, _ in notes), "; ".join(en for _, en in notes)) if notes else None
    return Cell(_same(name), note)


def _is_rows(rule: FieldRule | None, value: Any) -> bool:
    if not isinstance(value, list) or not value or not all(isinstance(each, Mapping) for each in value):
        return False
    return rule.type == "rows" if rule else not all("name" in each and len(each) <= 2 for each in value)


def _grid(columns: Sequence[FieldRule], rows: Sequence[Mapping[str, Any]]) -> Grid:
    """Rows as a table: the columns that any row fills, known ones first."""
    known = {rule.name: rule for rule in columns}
    names = [*known, *sorted({str(name) for row in rows for name in row if name not in known})]
    names = [name for name in names if any(not _empty(row.get(name)) for row in rows)]
    heads = tuple(
        (known[name].zh, known[name].en) if name in known else LABELS.get(name, _same(name)) for name in names
    )
    return Grid(heads, tuple(tuple(tuple(_filled(known.get(name), row.get(name))) for name in names) for row in rows))


def _filled(rule: FieldRule | None, value: Any) -> Iterable[Cell]:
    return () if _empty(value) else cells(rule, value)


def _lines(rule: FieldRule | None, rows: Sequence[Mapping[str, Any]]) -> Iterator[Cell]:
    """The same rows as one line each: what a comparison of two versions goes by."""
    for row in rows:
        yield Cell(_joined(rule, row))


def _joined(rule: FieldRule | None, row: Mapping[str, Any]) -> Pair:
    columns = rule.columns if rule else ()
    known = {each.name: each for each in columns}
    zh, en = [], []
    for name in (*(each for each in known if each in row), *(each for each in row if each not in known)):
        if _empty(row[name]):
            continue
        label = (known[name].zh, known[name].en) if name in known else LABELS.get(str(name), _same(str(name)))
        lines = list(cells(known.get(name), row[name]))
        zh.append(f"{label[0]} {'、'.join(line(each)[0] for each in lines)}")
        en.append(f"{label[1]} {', '.join(line(each)[1] for each in lines)}")
    return "　".join(zh), "; ".join(en)


def line(cell: Cell) -> Pair:
    """A cell with its note, as one text."""
    if cell.note is None:
        return cell.text
    return f"{cell.text[0]}（{cell.note[0]}）", f"{cell.text[1]} ({cell.note[1]})"


def _empty(value: Any) -> bool:
    return any(value is each or (type(value) is type(each) and value == each) for each in _NOTHING)


def _same(text: str) -> Pair:
    return text, text
