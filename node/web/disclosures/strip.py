"""The completeness strip (R30): which of the five kinds are owed, done or late, and why."""

from __future__ import annotations

from node.domain import engine
from node.domain.acts import DISCLOSURE_NAMES
from node.domain.calendar import Calendar
from node.domain.clocks import OwedNotice
from node.domain.engine import Trade
from node.domain.rulebook import Package
from node.web.disclosures.shapes import DueShown, StripShown
from node.web.portal_text import Pair


def strip(trade: Trade, now_ms: int, calendar: Calendar) -> tuple[StripShown, ...]:
    clocks = engine.owed(trade, now_ms=now_ms, calendar=calendar)
    found = []
    for one in engine.strip(trade, now_ms=now_ms, calendar=calendar):
        notices = [each for each in one.owed if isinstance(each, OwedNotice)]
        mine = [each for each in clocks if kind_of(trade.package, each.act) == one.disclosure]
        dues = [
            DueShown(
                act=_act_name(trade.package, each.act),
                lots=each.lots,
                clock=(each.clock.zh, each.clock.en),
                basis=each.clock.legal_basis,
                verified=each.clock.verified,
                due_ms=each.due_ms,
                state=each.state,
                done_seq=each.done_seq,
            )
            for each in mine
        ]
        dues += [
            DueShown(
                act=_act_name(trade.package, each.act),
                lots=each.lots,
                clock=("已到该阶段，尚未公开", "this stage was reached; not yet published"),
                basis=each.rule.legal_basis,
                verified=each.rule.verified,
                due_ms=None,
                state="owed",
                done_seq=0,
            )
            for each in notices
        ]
        name = DISCLOSURE_NAMES[one.disclosure]
        found.append(StripShown(one.disclosure, name, one.state, one.acts, tuple(dues)))
    return tuple(found)


def _act_name(package: Package, act: str) -> Pair:
    rule = package.act(act)
    return (rule.zh, rule.en) if rule else (act, act)


def kind_of(package: Package | None, act: str) -> str:
    rule = package.act(act) if package else None
    return rule.disclosure if rule is not None and rule.public else ""
