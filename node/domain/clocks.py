"""Legal clocks of a trade: what is owed, done or late; which acts break a clock; the completeness strip (R30)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from node.domain.calendar import Calendar
from node.domain.folding import Trade
from node.domain.rulebook import ClockRule, NoticeRule

State = Literal["owed", "done", "late", "done-late"]


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
    """A notice owed by having reached a stage; `due_ms` is that of the clock that owes the same act, if one does."""

    rule: NoticeRule
    act: str
    lots: tuple[str, ...]
    due_ms: int | None
    state: State


@dataclass(frozen=True, slots=True)
class Disclosed:
    """One of the five disclosure kinds: its state over all lots, the acts that made it public, what is still owed.

    `none`: nothing published and nothing owed yet. `late` wins over `owed`, `owed` over `done-late`, that over `done`.
    """

    disclosure: str
    state: Literal["none", "owed", "done", "late", "done-late"]
    acts: tuple[int, ...]
    owed: tuple[Owed | OwedNotice, ...]


def owed(trade: Trade, *, now_ms: int, calendar: Calendar) -> list[Owed]:
    """Every `most` clock that has begun, what is still owed first, by time left; then what is done."""
    raise NotImplementedError


def strip(trade: Trade, *, now_ms: int, calendar: Calendar) -> list[Disclosed]:
    """The completeness strip: one entry for each of the five kinds, in their order."""
    raise NotImplementedError
