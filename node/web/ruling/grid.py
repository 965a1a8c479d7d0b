"""The rows of a rule file that are changed most, as fields of a form: numbers, days, dates, clause, tag, texts.

The text of the file stays what counts: a form is made of it, and what was typed goes back into it. Whatever the form
does not know is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.web.portal_text import Pair
from node.web.rules_shown import name_of

_LAW = ("legal_basis", "effective_from", "effective_to", "tag")
# part -> fields of its rows that the form shows, where the row is of a kind that has them
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "clocks": ("value", *_LAW),
    "limits": ("value", *_LAW),
    "notices": _LAW,
    "rows": ("zh", "value", "unit", "post", "legal_basis", "tag"),
    "fee": ("document", "cap", *_LAW),
    "row": ("threshold_fen", *_LAW),
    "year": ("off", "work", "legal_basis", "tag"),
    "class": ("zh", "tag"),
    "template": ("zh", "text"),
}
HEAD: Final = ("version", "zh", "en", "department", "effective_from", "effective_to", "legal_basis", "tag")
TAGS: Final[dict[str, Pair]] = {
    "S": ("S 已读原文", "S text read"),
    "I": ("I 见于运行系统", "I seen in a running system"),
    "K": ("K 未核实：凭知识", "K unverified: known"),
    "U": ("U 未核实：无来源", "U unverified: no source"),
}
_NUMBERS = frozenset({"value", "cap", "threshold_fen"})
_LISTS = frozenset({"off", "work"})
_LONG = frozenset({"text", "off", "work"})
_ONLY_WHERE_GIVEN = frozenset({"threshold_fen", "cap", "unit", "post", "value", "tag"})
_BETWEEN = re.compile(r"[\s,，、;；]+")


@dataclass(frozen=True, slots=True)
class Cell:
    """One field: its name in the form, what it holds as text, and how it is typed."""

    key: str
    field: str
    value: str
    sort: str  # line, long, day, tag


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the file, with its name and what stands beside its number."""

    part: str
    name: Pair
    id: str
    unit: str
    cells: list[Cell]
    unverified: bool


def head(values: Mapping[str, Any]) -> list[Cell]:
    """The fields of the file's head: a package has neither clause nor tag of its own."""
    names = [name for name in HEAD if name in values or name == "effective_to"]
    return [_cell(f"h.{name}", name, values.get(name, "")) for name in names]


def lines(values: Mapping[str, Any]) -> list[Line]:
    """The rows that the form shows, in the order of the file."""
    found = []
    for part, fields in FIELDS.items():
        for number, row in enumerate(_rows(values, part)):
            cells = [
                _cell(f"r.{part}.{number}.{name}", name, row.get(name, ""))
                for name in fields
                if name in row or name not in _ONLY_WHERE_GIVEN
            ]
            unit = str(row.get("unit", "")) if "value" in row else ""
            unverified = str(row.get("tag", "S")) not in ("S", "I")
            found.append(Line(part, name_of(row), str(row.get("id", "")), unit, cells, unverified))
    return found


def typed(values: dict[str, Any], given: Callable[[str], str | None]) -> dict[str, Any]:
    """The file with what was typed in it; `given` gives a field's text, None for one that the form did not hold."""
    for name in HEAD:
        _put(values, name, given(f"h.{name}"))
    for part, fields in FIELDS.items():
        for number, row in enumerate(_rows(values, part)):
            for name in fields:
                _put(row, name, given(f"r.{part}.{number}.{name}"))
    return values


def _rows(values: Mapping[str, Any], part: str) -> list[dict[str, Any]]:
    rows = values.get(part, [])
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _cell(key: str, name: str, value: Any) -> Cell:
    sort = "tag" if name == "tag" else "long" if name in _LONG else "day" if name.startswith("effective") else "line"
    return Cell(key, name, _text(value), sort)


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _put(row: dict[str, Any], name: str, text: str | None) -> None:
    if text is None:
        return
    text = text.replace("\r\n", "\n").strip()
    if text == _text(row.get(name, "")).strip():
        return
    if not text:
        row.pop(name, None)
    elif name in _LISTS:
        row[name] = [each for each in _BETWEEN.split(text) if each]
    elif name in _NUMBERS and re.fullmatch(r"-?[0-9]{1,18}", text):
        row[name] = int(text)
    else:
        row[name] = text  # what is no number is said to be none when the file is read
