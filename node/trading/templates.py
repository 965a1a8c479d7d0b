"""Templates of notices: texts with {placeholders} that are filled from a trade's facts (`config/rules/templates.toml`).

What a trade does not say is marked in the text and named beside it; nothing is left out silently.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from node.domain.engine import Trade
from node.domain.rulebook import FieldRule, Package
from node.errors import Malformed
from node.resources import config_dir
from node.trading import values

MAX_TEMPLATES = 1000
_PLACE = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)\}")


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
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


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled text, and the facts that it asked for in vain."""

    text: str
    missing: tuple[str, ...]


@cache
def packaged() -> tuple[Template, ...]:
    """The templates that come with the program."""
    path = config_dir() / "rules" / "templates.toml"
    return parse(tomllib.loads(path.read_text("utf-8")).get("template"), path.name)


def parse(rows: Any, source: str) -> tuple[Template, ...]:
    """Templates from plain data. Raises Malformed, which names `source`."""
    try:
        found = msgspec.convert(rows, list[Template])
        if len(found) > MAX_TEMPLATES or len({each.id for each in found}) != len(found):
            raise msgspec.ValidationError("an id stands twice, or there are too many")
    except msgspec.ValidationError as error:
        raise Malformed(f"{source}: {error}", zh=f"模板 {source} 有误：{error}") from None
    return tuple(found)


def for_act(templates: Iterable[Template], category: str, act: str) -> list[Template]:
    """The templates that a form offers."""
    return [each for each in templates if each.fits(category, act)]


def fill(
    template: Template,
    trade: Trade,
    *,
    today: str,
    lots: Iterable[str] = (),
    typed: Mapping[str, Any] | None = None,
) -> Filled:
    """The text for some lots of a trade; `typed` are values of the act's own fields that are already there."""
    numbers = list(lots) or list(trade.lots)
    facts = trade.facts_of(numbers[0]) if numbers else dict(trade.facts)
    facts |= {f"{template.act}.{name}": value for name, value in (typed or {}).items()}
    rules = _rules(trade.package)
    known = {
        "title": trade.title,
        "trade": trade.key,
        "project_code": trade.acts[0].project_code if trade.acts else "",
        "lots": "、".join(_lot_name(trade, number) for number in numbers),
        "today": today,
    }
    missing: list[str] = []

    def one(found: re.Match[str]) -> str:
        name = found[1]
        rule = rules.get(name)
        text = known.get(name) or (values.write(rule, facts.get(name)) if rule else str(facts.get(name) or ""))
        if text:
            return text.replace("\n", "、") if rule is not None and rule.type in ("parties", "texts") else text
        missing.append(name)
        return f"【待填：{rule.zh if rule else name}】"

    return Filled(_PLACE.sub(one, template.text.strip()), tuple(dict.fromkeys(missing)))


def _lot_name(trade: Trade, number: str) -> str:
    name = trade.facts_of(number).get("lot.name")
    return f"{number} {name}" if name else number


def _rules(package: Package) -> dict[str, FieldRule]:
    """Fact -> the field that it is of."""
    first, *later = package.acts
    found = {rule.name: rule for rule in first.fields}
    found |= {f"{act.id}.{rule.name}": rule for act in later for rule in act.fields}
    lots = first.field("lots")
    return found | {f"lot.{column.name}": column for column in (lots.columns if lots else [])}
