"""How long a file is kept (档案保存): what the act of archiving says, held against the clause that rules it.

Nothing is ever disposed of by the node: the log keeps all it holds. This tells people until when paper and attachments
must be kept, and from when they may be disposed of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from node.domain.acts import Act
from node.domain.calendar import Calendar, day_of
from node.domain.clocks import began, in_force, moment
from node.domain.rulebook import ClockRule
from node.domain.state import Trade

FIELD: Final = "keep_until"
"""The field of an act that says until when what it archives is kept."""


@dataclass(frozen=True, slots=True)
class Retention:
    """One act of archiving. Days are ISO; `said` is what it says, `least` until when the clause wants it, if any does.

    `state` is `short` where a clause that was read is not met (an error), `doubt` where one that nobody has read is not
    met (a note), else `good`; `from_day` is the first day on which paper and attachments may be disposed of.
    """

    seq: int
    lots: tuple[str, ...]
    archived: str
    said: str
    least: str
    clock: ClockRule | None
    state: str
    from_day: str
    files: int


def retentions(trade: Trade, calendar: Calendar) -> Iterator[Retention]:
    """Each act of archiving that counts, in order; none that was withdrawn."""
    for act in trade.acts:
        rule = trade.package.act(act.act)
        if rule is None or rule.field(FIELD) is None:
            continue
        told = trade.values[act.seq].get(FIELD)
        said = told if isinstance(told, str) and _is_day(told) else ""
        clock, least = _least(trade, act, calendar)
        short = clock is not None and least > said
        until = max(said, least) if clock is not None and clock.verified else said
        yield Retention(
            act.seq,
            trade.covers[act.seq],
            day_of(act.at),
            said,
            least,
            clock,
            ("short" if clock is not None and clock.verified else "doubt") if short else "good",
            calendar.add(until, 1, "日") if until else "",
            sum(len(each.attachments) for each in trade.acts),
        )


def _least(trade: Trade, act: Act, calendar: Calendar) -> tuple[ClockRule | None, str]:
    """The longest time that a clause in force wants, verified ones first."""
    found: list[tuple[bool, str, ClockRule]] = []
    for clock in trade.package.clocks:
        if clock.sort != "least" or clock.end.act != act.act or clock.end.field != FIELD:
            continue
        starts = [each for each in trade.acts if each.act == clock.start.act and each.seq <= act.seq]
        start = moment(trade, starts[-1], clock.start) if starts else None
        if start is not None and in_force(clock, start):
            least = day_of(calendar.earliest(began(start), clock.value, clock.unit))
            found.append((clock.verified, least, clock))
    if not found:
        return None, ""
    _, least, clock = max(found, key=lambda each: each[:2])
    return clock, least


def _is_day(text: str) -> bool:
    try:
        return 1900 < date.fromisoformat(text).year < 2900
    except ValueError:
        return False
