"""Legal clocks of a trade: what is owed, done or late, and the completeness strip of its disclosures (R30)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from node.domain.acts import DISCLOSURES, Act
from node.domain.calendar import Calendar, day_of, start_of
from node.domain.rulebook import ClockRule, NoticeRule, Point
from node.domain.state import Halt, Trade, holds

State = Literal["owed", "done", "late", "done-late"]
Shown = Literal["none", "owed", "done", "late", "done-late"]

LAST_MS = 7_258_118_400_000
"""2200-01-01: what claims to be later is no moment of a trade."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A `most` clock that runs or has ended, for the lots where it stands alike.

    `act` is what it makes owed, `due_ms` the last moment in time (None while it stands still in a suspension),
    `done_seq` the act that ended it, 0 for none; `start_seq` and `started_ms` say what began it, and when.
    """

    clock: ClockRule
    act: str
    lots: tuple[str, ...]
    due_ms: int | None
    state: State
    done_seq: int
    started_ms: int
    start_seq: int
    done_ms: int | None = None


@dataclass(frozen=True, slots=True)
class OwedNotice:
    """A notice owed by having reached a stage, where no clock says by when."""

    rule: NoticeRule
    act: str
    lots: tuple[str, ...]
    state: State = "owed"
    due_ms: None = None


@dataclass(frozen=True, slots=True)
class Disclosed:
    """One of the five disclosure kinds: its state over all lots, the acts that made it public, what is still owed.

    `none`: nothing published and nothing owed yet. `late` wins over `owed`, `owed` over `done-late`, that over `done`.
    """

    disclosure: str
    state: Shown
    acts: tuple[int, ...]
    owed: tuple[Owed | OwedNotice, ...]


def moment(trade: Trade, act: Act, point: Point) -> int | str | None:
    """What a point says for one act: UTC milliseconds, an ISO day, or None where the field holds neither."""
    value: Any = trade.values[act.seq].get(point.field) if point.field else act.at
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LAST_MS:
        return value
    if isinstance(value, str):
        try:
            return value if date.fromisoformat(value).year < 2200 else None
        except ValueError:
            return None
    return None


def began(value: int | str) -> int:
    """The first millisecond of what `moment` gives."""
    return start_of(value) if isinstance(value, str) else value


def facts_at(facts: dict[str, Any], trade: Trade, *acts: Act) -> dict[str, Any]:
    """A lot's facts, with those of certain acts in place of the newest of their kind."""
    for act in acts:
        if act is not trade.acts[0]:
            facts = facts | {f"{act.act}.{name}": value for name, value in trade.values[act.seq].items()}
    return facts


def in_force(clock: ClockRule, value: int | str) -> bool:
    """Whether a clock is law on the day that it begins: an old trade is judged by the rules of its day."""
    return clock.holds_on(value if isinstance(value, str) else day_of(value))


def owed(trade: Trade, *, now_ms: int, calendar: Calendar) -> list[Owed]:
    """Every `most` clock that has begun: first what is still owed, by time left; then what is done, newest first."""
    found: dict[tuple[str, int, int, int | None], Owed] = {}
    facts = {number: trade.facts_of(number) for number in trade.lots}
    for clock in trade.package.clocks:
        if clock.sort != "most" or clock.optional:
            continue
        for number in trade.lots:
            for one in _runs(trade, clock, number, facts[number], now_ms, calendar):
                key = (clock.id, one.start_seq, one.done_seq, one.due_ms)
                same = found.get(key)
                found[key] = one if same is None else _joined(same, one)
    return sorted(found.values(), key=_order)


def strip(trade: Trade, *, now_ms: int, calendar: Calendar) -> list[Disclosed]:
    """The completeness strip: one entry for each of the five kinds, in their order."""
    clocks = owed(trade, now_ms=now_ms, calendar=calendar)
    running = {(one.act, number) for one in clocks if one.state in ("owed", "late") for number in one.lots}
    notices = [one for rule in trade.package.notices if (one := _notice(trade, rule, running))]
    shown = []
    for kind in DISCLOSURES:
        acts = tuple(act.seq for act in trade.acts if _discloses(trade, act) == kind)
        mine = [one for one in clocks if _kind(trade, one.act) == kind]
        open_now: list[Owed | OwedNotice] = [one for one in mine if one.state in ("owed", "late")]
        open_now += [one for one in notices if one.rule.disclosure == kind]
        shown.append(Disclosed(kind, _state(acts, mine, open_now), acts, tuple(open_now)))
    return shown


def _runs(
    trade: Trade, clock: ClockRule, number: str, facts: dict[str, Any], now_ms: int, calendar: Calendar
) -> Iterator[Owed]:
    """The runs of one clock for one lot: one for each act that starts it."""
    acts = list(trade.about(number))
    for place, start in enumerate(acts):
        value = moment(trade, start, clock.start) if start.act == clock.start.act else None
        if value is None or not in_force(clock, value) or not holds(clock.when, facts_at(facts, trade, start)):
            continue
        end = _end(trade, clock, start, acts[place:])
        if end == "lapsed":
            continue
        due = due_ms(clock, value, calendar, trade.lots[number].halts)
        act = clock.owes or clock.end.act
        if isinstance(end, str):
            state: State = "late" if due is not None and now_ms > due else "owed"
            yield Owed(clock, act, (number,), due, state, 0, began(value), start.seq)
        else:
            done = began(moment(trade, end, clock.end) or end.at)
            state = "done-late" if due is not None and done > due else "done"
            yield Owed(clock, act, (number,), due, state, end.seq, began(value), start.seq, done)


def _end(trade: Trade, clock: ClockRule, start: Act, acts: list[Act]) -> Act | Literal["lapsed", "open"]:
    """The act that ends a run, of `start` and those after it. A later start, or an act that voids, lets it lapse."""
    if clock.start.act == clock.end.act:
        return start if moment(trade, start, clock.end) is not None else "open"
    ending = trade.package.act(clock.end.act)
    answering = ending is not None and start.act in ending.answers
    for act in acts[1:]:
        if act.act == clock.end.act and (not answering or act.corrects == start.seq):
            return act
        rule = trade.package.act(act.act)
        if rule is not None and (rule.voids or rule.renews):
            return "lapsed"
        if not answering and act.act == start.act:
            return "lapsed"  # the newer one counts
    return "open"


def due_ms(clock: ClockRule, start: int | str, calendar: Calendar, halts: tuple[Halt, ...]) -> int | None:
    """The last moment in time, moved on by suspensions where the clock stands still in them; None while one lasts."""
    due = calendar.due(start, clock.value, clock.unit)
    if not clock.pauses:
        return due
    begin = began(start)
    for since, until in _merged(halts):
        if since > due or (until is not None and until <= begin):
            continue
        if until is None:
            return None
        if clock.unit in ("日", "工作日"):
            left = clock.value if since <= begin else calendar.between(since, due, clock.unit)
            due = calendar.due(until, left, clock.unit)
        else:
            due += until - max(since, begin)
    return due


def _merged(halts: tuple[Halt, ...]) -> list[tuple[int, int | None]]:
    merged: list[tuple[int, int | None]] = []
    for halt in sorted(halts, key=lambda each: each.since_ms):
        if merged and (merged[-1][1] is None or halt.since_ms <= merged[-1][1]):
            since, until = merged.pop()
            both = None if until is None or halt.until_ms is None else max(until, halt.until_ms)
            merged.append((since, both))
        else:
            merged.append((halt.since_ms, halt.until_ms))
    return merged


def _notice(trade: Trade, rule: NoticeRule, running: set[tuple[str, str]]) -> OwedNotice | None:
    lots = tuple(number for number in trade.lots if _owes(trade, rule, number) and (rule.act, number) not in running)
    return OwedNotice(rule, rule.act, lots) if lots else None


def _owes(trade: Trade, rule: NoticeRule, number: str) -> bool:
    """Whether a lot has reached the stage since its last fresh start, and the notice has not come since."""
    acts = trade.since_fresh(number)
    reached = any((each := trade.package.act(act.act)) and each.gives == rule.stage for act in acts)
    done = any(act.act == rule.act for act in acts)
    if not reached or done or not rule.holds_on(day_of(trade.acts[0].at)):
        return False
    return holds(rule.when, trade.facts_of(number))


def _discloses(trade: Trade, act: Act) -> str:
    return act.disclosure or _kind(trade, act.act)


def _kind(trade: Trade, name: str) -> str:
    rule = trade.package.act(name)
    return rule.disclosure if rule is not None and rule.public else ""


def _state(acts: tuple[int, ...], clocks: list[Owed], open_now: list[Owed | OwedNotice]) -> Shown:
    if any(one.state == "late" for one in open_now):
        return "late"
    if open_now:
        return "owed"
    if any(one.state == "done-late" for one in clocks):
        return "done-late"
    return "done" if acts else "none"


def _joined(one: Owed, other: Owed) -> Owed:
    return Owed(
        one.clock,
        one.act,
        (*one.lots, *other.lots),
        one.due_ms,
        one.state,
        one.done_seq,
        one.started_ms,
        one.start_seq,
        one.done_ms,
    )


def _order(one: Owed) -> tuple[int, int]:
    if one.done_seq:
        return 1, -(one.done_ms or 0)
    return 0, one.due_ms if one.due_ms is not None else LAST_MS
