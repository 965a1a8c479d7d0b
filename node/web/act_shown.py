"""An act as people read it: its fields in the order and with the names of its rule, values in words, rows as a table.

The record's page, the preview before publication and the print page show the same thing because they ask here.
A field that the rule does not know, or an act whose rules are not held, is shown under its own name: nothing is hidden
for want of a label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.domain.rulebook import FieldRule
from node.web.portal_format import money, number, when
from node.web.portal_text import Pair

Names = Mapping[str, Sequence[tuple[str, str, str]]]
"""Code tables held here: name -> (code, Chinese, English)."""

_NOTHING: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class Shown:
    """One field: `lines` of a value, or a table of `heads` and `rows`. `disclosed` is false for what stays inside."""

    name: str
    label: Pair
    lines: tuple[Pair, ...] = ()
    heads: tuple[Pair, ...] = ()
    rows: tuple[tuple[Pair, ...], ...] = ()
    numeric: tuple[bool, ...] = ()
    disclosed: bool = True


def shown(rules: Sequence[FieldRule], fields: Mapping[str, Any], names: Names | None = None) -> list[Shown]:
    """What an act says; empty fields are left out, those that no rule knows come last."""
    tables = names or {}
    known = {rule.name for rule in rules}
    found = [_shown(rule, fields[rule.name], tables) for rule in rules if fields.get(rule.name) not in _NOTHING]
    return found + [
        Shown(name, (name, name), _same(_plain(value)))
        for name, value in fields.items()
        if name not in known and value not in _NOTHING
    ]


def said(rule: FieldRule, value: Any, names: Names | None = None) -> Pair:
    """One value in words. Never raises for what a record may hold.

    >>> said(FieldRule(name="s", zh="比例", en="Share", type="share"), 125)
    ('12.5%', '12.5%')
    """
    match rule.type, value:
        case "money", int():
            return money(value)
        case "share", int():
            text = f"{value // 10}.{value % 10}%" if value % 10 else f"{value // 10}%"
            return text, text
        case "moment", int():
            return when(value), when(value)
        case "integer", int():
            return number(value), number(value)
        case "flag", bool():
            return ("是", "Yes") if value else ("否", "No")
        case "code", str():
            return _code(rule, value, names or {})
        case "party", Mapping():
            return _party(value)
        case _:
            return _plain(value), _plain(value)


def _shown(rule: FieldRule, value: Any, names: Names) -> Shown:
    label = (rule.zh, rule.en)
    if rule.type == "rows" and isinstance(value, list):
        rows = [each for each in value if isinstance(each, Mapping)]
        columns = [c for c in rule.columns if any(row.get(c.name) not in _NOTHING for row in rows)]
        return Shown(
            rule.name,
            label,
            heads=tuple((column.zh, column.en) for column in columns),
            rows=tuple(tuple(_cell(column, row.get(column.name), names) for column in columns) for row in rows),
            numeric=tuple(column.type in ("money", "integer", "share") for column in columns),
            disclosed=rule.disclosed,
        )
    if rule.type == "parties" and isinstance(value, list):
        lines = tuple(_party(each) if isinstance(each, Mapping) else (_plain(each), _plain(each)) for each in value)
    elif rule.type == "texts" and isinstance(value, list):
        lines = tuple((_plain(each), _plain(each)) for each in value)
    elif rule.type == "long":
        lines = tuple((line, line) for line in _plain(value).split("\n"))
    else:
        lines = (said(rule, value, names),)
    return Shown(rule.name, label, lines, disclosed=rule.disclosed)


def _cell(rule: FieldRule, value: Any, names: Names) -> Pair:
    if value in _NOTHING:
        return "—", "—"
    if rule.type in ("parties", "texts", "rows") and isinstance(value, list):
        several = [said(FieldRule(name="", zh="", en="", type="party"), each) for each in value]
        return "；".join(zh for zh, _ in several), "; ".join(en for _, en in several)
    return said(rule, value, names)


def _code(rule: FieldRule, value: str, names: Names) -> Pair:
    own = [(each.value, each.zh, each.en) for each in rule.choices]
    for code, zh, en in own or names.get(rule.table, ()):
        if code == value:
            return (zh, en) if own else (f"{zh}（{code}）", f"{en} ({code})")
    return value, value


def _party(value: Mapping[str, Any]) -> Pair:
    name, uscc = _plain(value.get("name", "")), _plain(value.get("uscc", ""))
    return (f"{name}（{uscc}）", f"{name} ({uscc})") if uscc else (name, name)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return "；".join(f"{name}：{_plain(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return "；".join(_plain(each) for each in value)
    return str(value)


def _same(text: str) -> tuple[Pair, ...]:
    return ((text, text),)
