"""What an act breaks: the clocks that it starts, ends or moves, and the bounds on its numbers.

A row that no person has read (`tag` K or U) never refuses: it warns, and says that it is not verified.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from node.domain.acts import Act
from node.domain.calendar import Calendar, day_of
from node.domain.clocks import began, due_ms, facts_at, in_force, moment
from node.domain.faults import Fault
from node.domain.rulebook import ClockRule, LimitRule, Point
from node.domain.state import Trade, holds

_UNIT_EN = {"日": "days", "工作日": "working days", "年": "years", "小时": "hours"}


def check_clocks(after: Trade, act: Act, target: Act | None, calendar: Calendar) -> Iterator[Fault]:
    """Faults of clocks that an act touches. `after` is the trade with the act, `target` the act that it amends."""
    for clock in after.package.clocks:
        if clock.severity == "late":
            continue
        broken: dict[tuple[int | str, int | str], list[str]] = {}
        for number in after.covers[act.seq]:
            for start, end in _pairs(after, clock, act, target, number):
                value, reached = moment(after, start, clock.start), moment(after, end, clock.end)
                if value is None or reached is None or not in_force(clock, value):
                    continue
                if not holds(clock.when, facts_at(after.facts_of(number), after, start, end)):
                    continue
                if _breaks(clock, value, reached, after, number, calendar):
                    broken.setdefault((value, reached), []).append(number)
        for (value, reached), numbers in broken.items():
            yield _clock_fault(clock, act, value, reached, numbers, calendar)


def check_limits(after: Trade, act: Act, target: Act | None) -> Iterator[Fault]:
    """Faults of bounds on numbers that an act says."""
    for limit in after.package.limits:
        said = act if act.act == limit.act else target
        if said is None or said.act != limit.act or (said is target and limit.field not in act.fields):
            continue
        value = _number(after.values[said.seq].get(limit.field))
        if value is None or not limit.holds_on(day_of(act.at)):
            continue
        numbers = [
            number
            for number in after.covers[said.seq]
            if holds(limit.when, facts_at(after.facts_of(number), after, said) | after.values[said.seq])
        ]
        bound = _bound(after, limit, said)
        if numbers and bound is not None and _beyond(limit, value, bound):
            yield _limit_fault(limit, value, bound)


def _pairs(after: Trade, clock: ClockRule, act: Act, target: Act | None, number: str) -> Iterator[tuple[Act, Act]]:
    """The starts and ends between which a clock is to be judged because of this act; none where it is not touched.

    An end that a field plans, as a notice plans the deadline, may be said before its start comes: a clarification has
    to keep its distance from the deadline, and a deadline that is moved has to keep it from every clarification.
    """
    fields = set(act.fields)
    end = act if act.act == clock.end.act else target if _moved(clock.end, target, fields) else None
    start = act if act.act == clock.start.act else target if _moved(clock.start, target, fields) else None
    if end is not None:
        first = _before(after, clock, end, number)
        if first is not None:
            yield first, end
        if clock.end.field and end is not act:
            yield from (
                (each, end) for each in after.about(number) if each.act == clock.start.act and each.seq > end.seq
            )
    elif start is not None and clock.end.field:
        planned = _planned(after, clock, start, number)
        if planned is not None:
            yield start, planned


def _moved(point: Point, target: Act | None, fields: set[str]) -> bool:
    return target is not None and target.act == point.act and point.field in fields


def _before(after: Trade, clock: ClockRule, end: Act, number: str) -> Act | None:
    """The act that started what `end` ends: itself, the one it answers, else the newest of this round before it."""
    if clock.start.act == end.act:
        return end
    rule = after.package.act(end.act)
    answering = rule is not None and clock.start.act in rule.answers
    found = None
    for act in after.about(number):
        if act.seq >= end.seq:
            break
        each = after.package.act(act.act)
        if act.act == clock.start.act and (not answering or act.seq == end.corrects):
            found = act
        elif each is not None and (each.voids or each.renews) and not answering:
            found = None
    return found


def _planned(after: Trade, clock: ClockRule, start: Act, number: str) -> Act | None:
    """The newest act of this round that says when the clock is to end."""
    if clock.start.act == clock.end.act:
        return start
    found = None
    for act in after.about(number):
        each = after.package.act(act.act)
        if act.act == clock.end.act:
            found = act
        elif each is not None and (each.voids or each.renews) and act.seq < start.seq:
            found = None
    return found


def _breaks(clock: ClockRule, start: int | str, end: int | str, after: Trade, number: str, calendar: Calendar) -> bool:
    if clock.sort == "least":
        return began(end) < calendar.earliest(start, clock.value, clock.unit, window=clock.window)
    due = due_ms(clock, start, calendar, after.lots[number].halts)
    return due is not None and began(end) > due


def _clock_fault(
    clock: ClockRule, act: Act, start: int | str, end: int | str, numbers: list[str], calendar: Calendar
) -> Fault:
    least = clock.sort == "least"
    bound = (
        calendar.earliest(start, clock.value, clock.unit, window=clock.window)
        if least
        else calendar.due(start, clock.value, clock.unit)
    )
    begin, said, limit = _day(start), _day(end), day_of(bound)
    lots = "、".join(numbers)
    zh = f"{clock.zh}：自 {begin} 起{'至少' if least else '最多'} {clock.value} {clock.unit}，"
    zh += f"{'最早' if least else '最迟'} {limit}，现为 {said}（标段 {lots}）"
    en = f"{clock.en}: {'at least' if least else 'at most'} {clock.value} {_UNIT_EN[clock.unit]} from {begin}, "
    en += f"{'not before' if least else 'not after'} {limit}; it is {said} (lot {', '.join(numbers)})"
    if year := calendar.unknown(start, bound, clock.unit):
        zh += f"；按周末推算，{year} 年放假安排尚未发布/未载入"
        en += f"; counted by weekends: the holidays of {year} are not published or not loaded"
    field = clock.end.field if act.act == clock.end.act or clock.end.field in act.fields else clock.start.field
    return _fault(clock, field or "at", f"clock:{clock.id}", zh, en)


def _fault(rule: ClockRule | LimitRule, field: str, name: str, zh: str, en: str) -> Fault:
    refuses = rule.severity == "refuse" and rule.verified
    return Fault(
        field,
        name,
        zh if rule.verified else f"{zh}〔规则未经核实〕",
        en if rule.verified else f"{en} [rule not verified]",
        rule.legal_basis,
        "refuse" if refuses else "warn",
    )


def _day(value: int | str) -> str:
    return value if isinstance(value, str) else day_of(value)


def _number(value: Any) -> int | None:
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _bound(after: Trade, limit: LimitRule, act: Act) -> int | None:
    if limit.unit != "permille":
        return limit.value
    base = _base(after, limit.base, act)
    # A share of a sum is rounded down: what is allowed never grows by rounding.
    return None if base is None else base * limit.value // 1000


def _base(after: Trade, name: str, act: Act) -> int | None:
    numbers = after.covers[act.seq]
    if name.startswith("lot."):
        rows: list[Mapping[str, Any]] = [after.facts_of(number) for number in numbers]
        values = [_number(row.get(name)) for row in rows]
        if values and all(value is not None for value in values):
            return sum(value for value in values if value is not None)
        name = name.removeprefix("lot.")  # the lots say nothing: the whole project's value
    return _number(after.facts_of(numbers[0]).get(name)) if numbers else None


def _beyond(limit: LimitRule, value: int, bound: int) -> bool:
    return value > bound if limit.sort == "most" else value < bound


def _limit_fault(limit: LimitRule, value: int, bound: int) -> Fault:
    most = limit.sort == "most"
    money = limit.unit != "count"
    said, edge = (_yuan(value), _yuan(bound)) if money else (str(value), str(bound))
    zh = f"{limit.zh}：{'最多' if most else '至少'} {edge}{' 元' if money else ''}，现为 {said}"
    en = f"{limit.en}: {'at most' if most else 'at least'} {edge}{' yuan' if money else ''}; it is {said}"
    return _fault(limit, limit.field, f"limit:{limit.id}", zh, en)


def _yuan(fen: int) -> str:
    """Fen as yuan, exactly.

    >>> _yuan(123456), _yuan(-5)
    ('1234.56', '-0.05')
    """
    yuan, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{yuan}.{rest:02d}"
