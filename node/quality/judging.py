"""What a record says by itself: what it lacks, which codes are in no table, which values are of no use.

Acts are judged by the rule book, records of the former centres by `config/quality.toml` and the flags that they were
imported with. Only what the public can read is judged, so that every node comes to the same figures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from node.domain import divisions
from node.domain.acts import Act
from node.domain.fields import check_fields
from node.domain.record import Document
from node.domain.rulebook import FieldRule, Rulebook
from node.domain.trades import CATEGORIES
from node.quality.measures import CODE, MISSING, VALUE
from node.quality.yardstick import Yardstick

_CODE_RULES = frozenset({"choice", "uscc", "unknown-field"})


@dataclass(frozen=True, slots=True)
class Judge:
    """By what is judged. `tables` are the city's code tables held here; one that is missing is not checked."""

    yardstick: Yardstick
    book: Rulebook
    tables: Mapping[str, Collection[str]]

    def content(self, kind: str, document: Document[Any]) -> tuple[int, int]:
        """(what could be judged, what is not right), both sums of MISSING, CODE and VALUE."""
        body = document.body
        if isinstance(body, Act):
            return self._act(body)
        flags = {flag.code for flag in document.flags}
        required = self.yardstick.required.get(kind, [])
        lacks = any(getattr(body, name, None) in (None, "", []) for name in required)
        wrong = bool(flags & set(self.yardstick.flags.code)) or _places_unknown(body.category, body.division)
        unfit = bool(flags & set(self.yardstick.flags.value))
        return (MISSING if required else 0) | CODE | VALUE, MISSING * lacks | CODE * wrong | VALUE * unfit

    def _act(self, act: Act) -> tuple[int, int]:
        judged, bad = CODE, CODE * _places_unknown(act.category, act.division)
        package = self.book.get(act.rules)
        if package is None:
            return judged, bad  # without its rules nothing more can be said
        rule = package.act(act.act)
        if rule is None:
            return judged, bad | CODE
        known = [each for each in map(_disclosed, rule.fields) if each is not None]
        names = {field.name for field in known}
        # What a correction must carry is said by the act that it corrects: it is judged by the fields it has.
        amends = bool(rule.amends)
        given = {name: value for name, value in act.fields.items() if not amends or name in names}
        for fault in check_fields(known, given, act.fields, self.tables):
            if fault.rule == "required":
                bad |= 0 if amends else MISSING
            else:
                bad |= CODE if fault.rule in _CODE_RULES else VALUE
        return judged | VALUE | (0 if amends else MISSING), bad


def place(code: str) -> str:
    """The district under which a record is counted: six digits of GB/T 2260, empty for what is no code of it.

    >>> place("500103"), place("500103001"), place("999999"), place("")
    ('500103', '500103', '', '')
    """
    return code[:6] if divisions.is_known(code[:6]) and len(code) >= 6 else ""


def _places_unknown(category: str, division: str) -> bool:
    return category not in CATEGORIES or (bool(division) and not divisions.is_known(division))


def _disclosed(rule: FieldRule) -> FieldRule | None:
    """The rule as far as the public sees its field: what is not disclosed lies in a section of its own."""
    if not rule.disclosed:
        return None
    columns = list(_columns(rule))
    return rule if len(columns) == len(rule.columns) else msgspec.structs.replace(rule, columns=columns)


def _columns(rule: FieldRule) -> Iterator[FieldRule]:
    for column in rule.columns:
        if (shown := _disclosed(column)) is not None:
            yield shown
