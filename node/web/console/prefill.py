"""A form begun from what the trade already says: the winner of the result stands in the contract's form.

A field takes the newest value that an act about the same lots gave to a field of the same name and type. Texts of
notices, and fields that are to say something new (an amendment's), begin empty. `wording.py` drafts the texts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from node.domain.engine import Trade
from node.domain.rulebook import ActRule, FieldRule
from node.web.console.forms import fill

OWN_EACH_TIME = frozenset({"content", "reason", "remark", "document_no", "lots"})
"""Names of fields that say something of their own act alone."""


def prefill(trade: Trade, rule: ActRule, fields: Sequence[FieldRule], lots: Collection[str]) -> dict[str, str]:
    """Typed texts for a form, as `forms.fill` makes them."""
    if rule.amends or rule.answers:
        return {}
    values: dict[str, Any] = {}
    for each in fields:
        if each.name not in OWN_EACH_TIME and each.type != "long":
            value = _newest(trade, each, set(lots))
            if value is not None:
                values[each.name] = value
    return fill(fields, values)


def _newest(trade: Trade, rule: FieldRule, lots: set[str]) -> Any:
    for act in reversed(trade.acts):
        found = trade.package.act(act.act)
        there = found.field(rule.name) if found else None
        about = set(trade.covers.get(act.seq, ()))
        if there is None or there.type != rule.type or (lots and not about & lots):
            continue
        value = trade.values[act.seq].get(rule.name)
        if value not in (None, "", []):
            return _fitting(rule, value)
    return None


def _fitting(rule: FieldRule, value: Any) -> Any:
    """Of rows, the columns that this form has too."""
    if rule.type != "rows" or not isinstance(value, list):
        return value
    known = {column.name for column in rule.columns}
    return [{name: each for name, each in row.items() if name in known} for row in value if isinstance(row, dict)]
