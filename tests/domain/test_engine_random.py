"""Whatever comes, replaying does not break: random possible acts one after another, and acts that make no sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.strategies import DrawFn

from node.domain import engine
from node.domain.acts import Act
from node.domain.calendar import DAY_MS
from node.domain.rulebook import ActRule
from tests.domain.walks import CALENDAR, KEY, RULES, Walk, ms, value

NAMES = [each.id for each in RULES.packages]
LOTS = [{"number": number, "name": f"标段{number}", "estimate": 10_000_00} for number in ("1", "2")]


def planned(chosen: ActRule, now: int, ahead: int) -> dict[str, Any]:
    """Days and moments that an act says, so many days ahead, so that periods are long enough at times."""
    then = now + ahead * DAY_MS
    found = {field.name: value(field, then) for field in chosen.fields if field.required and field.type in DATED}
    found |= {name: value(field, now) for name in found if name.endswith("_from") and (field := chosen.field(name))}
    return found | ({"bidders": 3} if chosen.field("bidders") else {})


DATED = ("day", "moment")


class Trading(RuleBasedStateMachine):
    """Carries out acts that the engine says are possible, as far as judging lets them pass."""

    @initialize(name=st.sampled_from(NAMES), flags=st.booleans(), choice=st.integers(0, 5))
    def begin(self, name: str, flags: bool, choice: int) -> None:
        held = next(each for each in RULES.packages if each.id == name)
        facts: dict[str, Any] = {}
        for field in held.acts[0].fields:
            if field.type == "flag":
                facts[field.name] = flags
            elif field.choices and field.required:
                facts[field.name] = field.choices[choice % len(field.choices)].value
        self.walk = Walk(name, "2026-03-02", lots=LOTS, **facts)

    @rule(data=st.data(), days=st.sampled_from([0, 1, 61]), ahead=st.sampled_from([0, 60, 60, 6000]))
    def act(self, data: st.DataObject, days: int, ahead: int) -> None:
        walk = self.walk.later(days)
        trade = walk.fold()
        may = engine.possible(trade, now_ms=walk.now, calendar=CALENDAR)
        if not may:
            return
        on = [each for each in may if each.gives not in ("", "failed", "terminated", "archived")]
        # Mostly onwards, or few trades would get far.
        chosen = data.draw(st.sampled_from(on if on and data.draw(st.integers(0, 3)) else may))
        lots = engine.lots_for(trade, chosen)
        named = engine.targets(trade, chosen)
        act = walk.act(
            chosen.id,
            lots=data.draw(st.sampled_from([lots, lots[:1]])) if chosen.per == "lot" else None,
            corrects=data.draw(st.sampled_from(named)).seq if named else 0,
            **planned(chosen, walk.now, ahead),
        )
        faults = engine.judge(trade, act, RULES, now_ms=walk.now, calendar=CALENDAR)
        structural = {
            "order",
            "again",
            "suspended",
            "needs",
            "condition",
            "lots",
            "act",
            "seq",
            "package",
            "disclosure",
        }
        # What is possible is not refused for its place, only for what it says.
        assert not [fault for fault in faults if fault.rule in structural], faults
        if not any(fault.severity == "refuse" for fault in faults):
            walk.acts.append(act)
            walk.fold()

    @precondition(lambda self: len(self.walk.acts) > 1)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        left = [act.seq for act in self.walk.acts if act.seq not in self.walk.withdrawn]
        seq = data.draw(st.sampled_from(left)) if left else 0
        if left and not engine.judge_withdrawal(self.walk.fold(), seq):
            self.walk.withdrawn.add(seq)
            self.walk.fold()

    @invariant()
    def replays_to_the_same(self) -> None:
        trade = self.walk.trade
        if trade is None:
            return
        assert trade.odd == (), "what was judged fits, and what may be withdrawn leaves the rest in place"
        assert engine.replay(reversed(self.walk.acts), RULES, withdrawn=self.walk.withdrawn) == trade
        stages = {stage.id for stage in trade.package.stages}
        assert all(lot.stage in stages for lot in trade.lots.values())
        owed = engine.owed(trade, now_ms=self.walk.now, calendar=CALENDAR)
        held = {act.seq for act in trade.acts}
        for one in owed:
            assert one.start_seq in held and (not one.done_seq or one.done_seq in held)
            assert (one.state in ("done", "done-late")) is bool(one.done_seq)
        engine.strip(trade, now_ms=self.walk.now, calendar=CALENDAR)


Trading.TestCase.settings = settings(
    max_examples=30, stateful_step_count=24, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTrading = Trading.TestCase

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.sampled_from(["", "1", "2", "2026-03-02", "某"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["number", "name"]), inner, max_size=2),
    max_leaves=3,
)


@st.composite
def nonsense(draw: DrawFn) -> list[Act]:
    """Acts in the shape of acts, and no more: any act at any time, of lots that may not be there, saying anything."""
    held = draw(st.sampled_from(RULES.packages))
    fields = sorted({field.name for act in held.acts for field in act.fields})
    names: Callable[[], Any] = lambda: st.sampled_from([*(act.id for act in held.acts), "lottery"])  # noqa: E731
    acts = []
    for seq in draw(st.lists(st.integers(2, 12), unique=True, max_size=6)):
        acts.append(
            Act(
                trade=KEY,
                seq=seq,
                category=held.category,
                act=draw(names()),
                rules=held.name,
                at=draw(st.integers(-1, 2**50)),
                title="",
                lots=draw(st.lists(st.sampled_from(["1", "2", "9"]), max_size=2)),
                fields=draw(st.dictionaries(st.sampled_from(fields), ANYTHING, max_size=4)),
                corrects=draw(st.integers(0, 12)),
            )
        )
    facts = {"lots": draw(st.sampled_from([LOTS, [], "x", [1], [{"number": None}]]))}
    first = Act(
        trade=KEY, seq=1, category=held.category, act="register", rules=held.name, at=1, title="某", fields=facts
    )
    return [first, *acts]


def test_nonsense_replays_and_is_judged_without_breaking() -> None:
    @settings(max_examples=150, deadline=None)
    @given(nonsense(), st.sets(st.integers(1, 12), max_size=3), st.integers(0, 2**43))
    def check(acts: list[Act], withdrawn: set[int], now: int) -> None:
        trade = engine.replay(acts, RULES, withdrawn=withdrawn)
        assert engine.replay(reversed(acts), RULES, withdrawn=withdrawn) == trade
        engine.owed(trade, now_ms=now, calendar=CALENDAR)
        engine.strip(trade, now_ms=now, calendar=CALENDAR)
        engine.possible(trade, now_ms=now, calendar=CALENDAR)
        for act in acts[1:]:
            engine.judge(trade, act, RULES, now_ms=now, calendar=CALENDAR)
            engine.judge_withdrawal(trade, act.seq)

    check()


def test_a_trade_of_many_rounds_stays_quick_to_replay() -> None:
    """Not timed: the number of acts is what an auction of a day makes, and the fold is one pass."""
    walk = Walk("land", "2026-03-02", method="auction")
    walk.do("notice", applications_until=ms("2026-03-30"), bidding_from=ms("2026-03-31"), start_price=100)
    walk.to("2026-03-31").do("bids_received", bidders=3)
    walk.to("2026-03-31", 10).do("bidding_opened", bidders=3)
    first = walk.act("round")
    rounds = [
        Act(**{name: getattr(first, name) for name in first.__struct_fields__} | {"seq": seq}) for seq in range(5, 405)
    ]
    trade = engine.replay([*walk.acts, *rounds], RULES)
    assert trade.odd == () and len(trade.acts) == 404
