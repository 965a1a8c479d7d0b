"""What an act changed of another, field by field, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from node.domain.engine import Trade
from node.domain.folding import amended_by, own_text
from node.domain.rulebook import FieldRule
from node.web.disclosures import values
from node.web.disclosures.shapes import Said
from node.web.portal_fields import Change
from node.web.portal_text import Pair


def changes(public: Sequence[Said], trade: Trade | None) -> dict[int, tuple[int, tuple[Change, ...]]]:
    """Number of a changing act -> the act that it changes, and each field's lines that went and that came.

    The fields are followed from act to act, so that a second correction is held against the first.
    """
    if trade is None:
        return {}
    standing = {each.act.seq: each.act for each in public if not each.withdrawn_ms}
    now = {seq: dict(act.fields) for seq, act in standing.items()}
    found: dict[int, tuple[int, tuple[Change, ...]]] = {}
    for seq, act in sorted(standing.items()):
        target = amended_by(trade, act)
        if target is None:
            continue
        rule = trade.package.act(target.act)
        known = {each.name: each for each in rule.fields} if rule else {}
        by = trade.package.act(act.act)
        own = own_text(by) if by else frozenset()
        said = {name: value for name, value in act.fields.items() if name in known and name not in own}
        # Of a step inside nothing is public but what a change of it says.
        before = now.get(target.seq, {})
        found[seq] = target.seq, tuple(_compared(known, before, said))
        if target.seq in now:
            now[target.seq] |= said
    return found


def _compared(rules: Mapping[str, FieldRule], before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[Change]:
    for name, value in after.items():
        old, new = _said(rules[name], name, before.get(name)), _said(rules[name], name, value)
        gone = tuple(line for line in old if line not in new)
        come = tuple(line for line in new if line not in old)
        if gone or come:
            yield Change((rules[name].zh, rules[name].en), gone, come)


def _said(rule: FieldRule, name: str, value: Any) -> tuple[Pair, ...]:
    if value in (None, "", [], {}):
        return ()
    if rule.type == "long" and isinstance(value, str):
        # Line by line, so that a changed sentence does not show a whole document as changed.
        return tuple((line, line) for line in value.splitlines() if line.strip())
    return tuple(values.line(cell) for cell in values.field(rule, name, value).cells)
