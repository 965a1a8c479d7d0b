"""What one record says by itself: is it whole, are its codes and values of use. For imported records and for acts.

Gives (judged, bad) as sums of bits (`node.quality.measures`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from node.domain import engine
from node.domain.acts import Act
from node.domain.disclosure import of_imported
from node.domain.engine import Trade
from node.domain.fields import check_fields
from node.domain.folding import amended_by
from node.domain.record import Amount, Document
from node.domain.trades import Trade as Imported
from node.quality.measures import CODE, MISSING, VALUE
from node.quality.yardstick import Yardstick

Judged = tuple[int, int]
_STEPS = {
    "trade_notice": "notice",
    "qualification_review": "qualification",
    "result": "result",
    "performance": "performance",
    "change": "change",
}
# Rules of `node.domain.fields`: what breaking one of them says of a value.
_CODES = frozenset({"choice", "uscc"})


def step_of(kind: str, stage: str) -> str:
    """The step of an imported record: as it discloses, lists of candidates apart from results.

    >>> step_of("trade.candidates", "中标候选人公示"), step_of("trade.notice", "采购合同")
    ('candidates', 'performance')
    """
    if kind == "trade.candidates":
        return "candidates"
    return _STEPS[of_imported(kind, stage)]


def step_of_act(act: Act) -> str:
    """The step of a public act."""
    return "candidates" if act.act == "candidates" else _STEPS.get(act.disclosure, "notice")


def of_record(kind: str, document: Document[Any], yardstick: Yardstick) -> Judged:
    """A record of a former centre: required fields, and what its flags say of codes and values."""
    body: Imported = document.body
    judged, bad = MISSING | CODE | VALUE, 0
    if any(_empty(getattr(body, name, None)) for name in yardstick.required.get(kind, ())):
        bad |= MISSING
    flags = {flag.code for flag in document.flags}
    if flags & set(yardstick.flags.code):
        bad |= CODE
    if flags & set(yardstick.flags.value):
        bad |= VALUE
    return judged, bad


def of_act(act: Act, trade: Trade, tables: Mapping[str, Collection[str]]) -> Judged:
    """A public act: its disclosed fields against its rule. Not judged where the package knows no such act.

    `tables` are the code tables that the city published; a code of a table not among them is not judged.
    """
    rule = trade.package.act(act.act)
    if rule is None:
        return 0, 0
    target = amended_by(trade, act)
    known = engine.fields_of(trade.package, rule, trade.package.act(target.act) if target else None)
    shown = [field for field in known if field.disclosed]
    facts: Mapping[str, Any] = {**trade.facts, **act.fields}
    bad = 0
    for fault in check_fields(shown, act.fields, facts, tables):
        bad |= MISSING if fault.rule == "required" else CODE if fault.rule in _CODES else VALUE
    return MISSING | CODE | VALUE, bad


def _empty(value: Any) -> bool:
    if isinstance(value, Amount):
        return not value.text and value.fen is None
    return value is None or value in ("", [], {})
