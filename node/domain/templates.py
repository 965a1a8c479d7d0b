"""Templates of notices as data: a text for one field of an act, with {placeholders} for facts of the trade.

A placeholder is a field of the registration, `<act>.<field>`, `lot.<column>`, or one of `OWN`; there is this one way to
write them. `node.trading.templates` fills them in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from node.domain.rulebook import FieldRule, Package
from node.domain.rulefaults import RuleFault, convert, repeated

MAX_TEMPLATES = 1000
PLACE = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)\}")
_BRACES = re.compile(r"\{[^{}\n]{0,200}\}?|\}")
OWN = ("title", "trade", "project_code", "lots", "today")
"""What every trade knows of itself, beside the fields of its acts."""


class Template(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A text for one field of an act; of all categories where none is named."""

    id: str
    act: str
    field: str
    zh: str
    en: str
    text: str
    categories: list[str] = []

    def fits(self, category: str, act: str) -> bool:
        return self.act == act and (not self.categories or category in self.categories)


class Templates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`config/rules/templates.toml`."""

    template: list[Template]


def table_from(values: Any, source: str) -> Templates:
    """Templates from plain data. Raises Malformed, which names the row and `source`."""
    return convert(values, Templates, source)


def for_act(templates: Iterable[Template], category: str, act: str) -> list[Template]:
    """The templates that a form offers."""
    return [each for each in templates if each.fits(category, act)]


def fields_of(package: Package) -> dict[str, FieldRule]:
    """Fact -> the field that it is of: what a placeholder may name in a category."""
    first, *later = package.acts
    found = {rule.name: rule for rule in first.fields}
    found |= {f"{act.id}.{rule.name}": rule for act in later for rule in act.fields}
    lots = first.field("lots")
    return found | {f"lot.{column.name}": column for column in (lots.columns if lots else [])}


def faults(templates: Templates, packages: Mapping[str, Package]) -> Iterator[RuleFault]:
    """What is wrong with templates of the right shape; `packages` are those in force, by category."""
    yield from repeated("template", (each.id for each in templates.template))
    if len(templates.template) > MAX_TEMPLATES:
        yield RuleFault("template", f"模板超过 {MAX_TEMPLATES} 个", f"more than {MAX_TEMPLATES} templates")
    for each in templates.template:
        yield from _of(each, packages)


def _of(each: Template, packages: Mapping[str, Package]) -> Iterator[RuleFault]:
    place = f"template id={each.id}"
    if not each.text.strip():
        yield RuleFault(place, "缺少 text", "it lacks text")
    for found in _BRACES.findall(each.text):
        if not PLACE.fullmatch(found):
            yield RuleFault(place, f"占位符 {found} 应写作 {{字段名}}", f"the placeholder {found} names no field")
    for category in (each.categories or list(packages)) if packages else ():
        package = packages.get(category)
        rule = None if package is None else package.act(each.act)
        if package is None or rule is None:
            if each.categories:
                yield RuleFault(place, f"{category} 没有环节 {each.act}", f"{category} has no act {each.act}")
            continue
        if rule.field(each.field) is None:
            zh = f"{category} 的环节 {each.act} 没有字段 {each.field}"
            yield RuleFault(place, zh, f"the act {each.act} of {category} has no field {each.field}")
        known = {*fields_of(package), *OWN}
        for name in sorted({found[1] for found in PLACE.finditer(each.text)} - known):
            yield RuleFault(place, f"{category} 没有 {name} 这一事实", f"{category} knows no fact {name}")
