"""An act's fields in the record's sections: what is disclosed in `main`, what is not in `inner`; and both joined again.

A column of rows may be kept back alone: its rows then lie in `inner` under the same name, one map a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from node.domain.rulebook import FieldRule

RESERVED = "@"
"""Names in `inner` that begin so are no fields: what the desk adds, such as the routing decision."""

Fields = dict[str, Any]


def split(rules: Iterable[FieldRule], fields: Mapping[str, Any]) -> tuple[Fields, Fields]:
    """(disclosed, kept back). A field that no rule knows is kept back: not knowing is no permission to show.

    >>> rules = [FieldRule(name="a", zh="", en=""), FieldRule(name="b", zh="", en="", disclosed=False)]
    >>> split(rules, {"a": 1, "b": 2, "c": 3})
    ({'a': 1}, {'b': 2, 'c': 3})
    """
    known = {rule.name: rule for rule in rules}
    shown: Fields = {}
    kept: Fields = {}
    for name, value in fields.items():
        rule = known.get(name)
        if rule is None or not rule.disclosed:
            kept[name] = value
            continue
        hidden = {column.name for column in rule.columns if not column.disclosed}
        if not hidden or not isinstance(value, list):
            shown[name] = value
            continue
        shown[name] = [_without(row, hidden) for row in value]
        kept[name] = [_only(row, hidden) for row in value]
    return shown, kept


def join(shown: Mapping[str, Any], kept: Mapping[str, Any] | None) -> Fields:
    """The fields as they were given; with what is kept back out of reach, those that are disclosed."""
    whole = dict(shown)
    for name, value in (kept or {}).items():
        if name.startswith(RESERVED):
            continue
        there = whole.get(name)
        if isinstance(there, list) and isinstance(value, list) and len(there) == len(value):
            whole[name] = [_merged(one, other) for one, other in zip(there, value, strict=True)]
        else:
            whole[name] = value
    return whole


def _without(row: Any, names: set[str]) -> Any:
    return {name: value for name, value in row.items() if name not in names} if isinstance(row, Mapping) else row


def _only(row: Any, names: set[str]) -> Any:
    return {name: value for name, value in row.items() if name in names} if isinstance(row, Mapping) else {}


def _merged(one: Any, other: Any) -> Any:
    return {**one, **other} if isinstance(one, Mapping) and isinstance(other, Mapping) else one
