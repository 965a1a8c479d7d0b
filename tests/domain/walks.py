"""A trade in the making: acts one after another, each judged by the packaged rules, with required fields filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.domain import engine
from node.domain.acts import Act
from node.domain.calendar import DAY_MS, day_of, start_of
from node.domain.engine import Fault, Trade
from node.domain.rulebook import ActRule, FieldRule, Package
from node.rules import load_calendar, load_packaged

RULES = load_packaged()
CALENDAR = load_calendar()
KEY = "0193a1b2c3d4e5f60718293a4b5c6d7e"
FIRM = {"name": "重庆某建设有限公司", "uscc": "91350100M000100Y43"}
HOUR = 3_600_000


def package(name: str) -> Package:
    return next(each for each in RULES.packages if each.id == name)


def ms(day: str, hour: int = 9) -> int:
    """A moment in Beijing."""
    return start_of(day) + hour * HOUR


def value(field: FieldRule, now: int) -> Any:
    """Something that fits a field."""
    plain: Mapping[str, Any] = {
        "text": "某",
        "long": "某某",
        "day": day_of(now),
        "moment": now,
        "money": max(100, field.least or 0),
        "integer": max(1, field.least or 0),
        "share": 1,
        "flag": False,
        "party": FIRM,
        "parties": [FIRM],
        "texts": ["某"],
    }
    if field.type == "code":
        return field.choices[0].value if field.choices else "500103"[: field.max or None]
    if field.type == "rows":
        return [{column.name: value(column, now) for column in field.columns if column.required}]
    return plain[field.type]


class Walk:
    """Goes through a category. `now` is a day at nine in the morning, moved on by hand."""

    def __init__(self, name: str, day: str, **facts: Any) -> None:
        self.package = package(name)
        self.now = ms(day)
        self.acts: list[Act] = []
        self.withdrawn: set[int] = set()
        self.trade: Trade | None = None
        self.do("register", **facts)

    def rule(self, name: str) -> ActRule:
        rule = self.package.act(name)
        assert rule is not None, name
        return rule

    def act(self, name: str, *, lots: list[Any] | None = None, corrects: int = 0, **fields: Any) -> Act:
        """`lots` are the numbers that it is about; rows of lots are the field of that name."""
        rule = self.rule(name)
        if lots and isinstance(lots[0], dict):
            fields, lots = fields | {"lots": lots}, None
        facts = dict(self.trade.facts) if self.trade else {}
        filled = dict(fields)
        for field in rule.fields:
            needed = field.required and engine.holds(field.when, facts | filled)
            if needed and field.name not in filled:
                filled[field.name] = value(field, self.now)
        return Act(
            trade=KEY,
            seq=self.trade.next_seq if self.trade else 1,
            category=self.package.category,
            act=name,
            rules=self.package.name,
            at=self.now,
            title=rule.zh,
            lots=lots or [],
            fields={name: value for name, value in filled.items() if value is not None},
            disclosure=rule.disclosure,
            corrects=corrects,
        )

    def judge(self, name: str, **more: Any) -> list[Fault]:
        return engine.judge(self.trade, self.act(name, **more), RULES, now_ms=self.now, calendar=CALENDAR)

    def refused(self, name: str, **more: Any) -> list[str]:
        """The rules by which an act is refused."""
        return [fault.rule for fault in self.judge(name, **more) if fault.severity == "refuse"]

    def warned(self, name: str, **more: Any) -> list[str]:
        faults = self.judge(name, **more)
        assert not [fault for fault in faults if fault.severity == "refuse"], faults
        return [fault.rule for fault in faults]

    def do(self, name: str, **more: Any) -> int:
        """Carry out an act, which must not be refused; gives its number."""
        act = self.act(name, **more)
        faults = engine.judge(self.trade, act, RULES, now_ms=self.now, calendar=CALENDAR)
        assert not [fault for fault in faults if fault.severity == "refuse"], (name, faults)
        self.acts.append(act)
        self.fold()
        return act.seq

    def fold(self) -> Trade:
        self.trade = engine.replay(self.acts, RULES, withdrawn=self.withdrawn)
        return self.trade

    def to(self, day: str, hour: int = 9) -> Walk:
        self.now = ms(day, hour)
        return self

    def later(self, days: int = 1) -> Walk:
        self.now += days * DAY_MS
        return self

    def stage(self, lot: str = "1") -> str:
        assert self.trade is not None
        return self.trade.lots[lot].stage

    def owed(self) -> dict[str, str]:
        """Clock -> state, the most urgent where there are several."""
        assert self.trade is not None
        found: dict[str, str] = {}
        for one in engine.owed(self.trade, now_ms=self.now, calendar=CALENDAR):
            found.setdefault(one.clock.id, one.state)
        return found

    def strip(self) -> dict[str, str]:
        assert self.trade is not None
        return {one.disclosure: one.state for one in engine.strip(self.trade, now_ms=self.now, calendar=CALENDAR)}


def to_candidates(walk: Walk) -> Walk:
    """A construction trade registered on 2 March 2026, from there to its candidates on 27 March."""
    walk.do(
        "notice",
        doc_from="2026-03-02",
        doc_until="2026-03-06",
        bid_deadline=ms("2026-03-23"),
        security_asked=True,
        bid_security=100_00,
    )
    walk.to("2026-03-23").do("bids_received", bidders=3)
    walk.do("opening", bidders=3)
    walk.to("2026-03-25").do("evaluation", candidates=ranked())
    walk.to("2026-03-27").do("candidates", candidates=ranked(), publicity_until="2026-03-30")
    return walk


def ranked() -> list[dict[str, Any]]:
    return [{"rank": rank, "party": {"name": f"投标人{rank}"}, "price": 1_000_000_00 + rank} for rank in (1, 2, 3)]


def construction(**facts: Any) -> Walk:
    return Walk(
        "construction",
        "2026-03-02",
        **{"project_name": "某工程", "estimate": 10_000_000_00, "mandatory": True, "state_funds": True} | facts,
    )
