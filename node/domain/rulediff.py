"""What changed from one version of rules to another, row by row: what a page and `ggzy rules diff` show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from node.domain import ruletext
from node.domain.rulebook import Package
from node.domain.ruletables import RuleTable

PARTS = ("stages", "acts", "clocks", "limits", "notices", "rows")
_KEYS = ("id", "name", "value", "code", "year", "package")


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One change: `part` is the file's part (empty: its head), `row` the row, `field` what of it; values as text."""

    sort: Literal["added", "removed", "changed"]
    part: str
    row: str
    field: str = ""
    old: str = ""
    new: str = ""


def diff(old: Package | RuleTable, new: Package | RuleTable) -> list[RuleChange]:
    """Changes from `old` to `new`, in the order of the file."""
    before, after = ruletext.plain(old), ruletext.plain(new)
    # The lists of rows that a table's content has are parts of it as those of a package are.
    own = [name for name in {**before, **after} if _is_table(before.get(name, [])) and _is_table(after.get(name, []))]
    parts = [*PARTS, *(name for name in own if name not in PARTS)]
    found = list(_fields("", "", before, after, skip=parts))
    for part in parts:
        found += _rows(part, before.get(part, []), after.get(part, []))
    return found


def _rows(part: str, old: list[Any], new: list[Any]) -> Iterator[RuleChange]:
    before, after = _by_key(old), _by_key(new)
    for key, row in before.items():
        if key not in after:
            yield RuleChange("removed", part, key, old=_text(row))
    for key, row in after.items():
        if key not in before:
            yield RuleChange("added", part, key, new=_text(row))
        elif row != before[key]:
            yield from _fields(part, key, before[key], row)


def _fields(
    part: str, row: str, old: Mapping[str, Any], new: Mapping[str, Any], *, skip: Sequence[str] = ()
) -> Iterator[RuleChange]:
    for name in [*old, *(name for name in new if name not in old)]:
        was, now = old.get(name), new.get(name)
        if name in skip or was == now:
            continue
        rows = [each for each in (was, now) if each is not None]
        if all(_is_table(each) for each in rows):
            # A list of rows within a row, such as an act's fields: which of them changed, not that some did.
            for inner in _rows(part, was or [], now or []):
                where = f"{row} → {inner.row}"
                yield RuleChange(inner.sort, part, where, inner.field or name, inner.old, inner.new)
        else:
            yield RuleChange("changed", part, row, name, _text(was), _text(now))


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) and _key(each) for each in value)


def _key(row: Mapping[str, Any]) -> str:
    return next((str(row[name]) for name in _KEYS if name in row), "")


def _by_key(rows: list[Any]) -> dict[str, Any]:
    return {_key(row): row for row in rows}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
