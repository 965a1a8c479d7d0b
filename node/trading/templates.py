"""Templates of notices filled from a trade's facts; `node.domain.templates` says what a template is.

What a trade does not say is marked in the text and named beside it; nothing is left out silently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from node.domain.engine import Trade
from node.domain.templates import PLACE, Template, fields_of
from node.trading import values


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled text, and the facts that it asked for in vain."""

    text: str
    missing: tuple[str, ...]


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
    rules = fields_of(trade.package)
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

    return Filled(PLACE.sub(one, template.text.strip()), tuple(dict.fromkeys(missing)))


def _lot_name(trade: Trade, number: str) -> str:
    name = trade.facts_of(number).get("lot.name")
    return f"{number} {name}" if name else number
