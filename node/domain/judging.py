"""Judging an act before it is published: its fields, its place in the order, the clocks and limits that it touches."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from node.domain.acts import Act
from node.domain.calendar import Calendar
from node.domain.folding import Trade
from node.domain.rulebook import ActRule, Rulebook


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an act: at which field, by which rule, in both languages; `basis` is the clause.

    `refuse` stops it, `warn` lets it pass and is shown. A field inside rows is `lots[2].name`, counted from 1.
    `rule` is one of package, category, act, seq, time, lots, order, again, suspended, condition, answers, amends,
    unknown-field, required, type, length, range, choice, uscc, disclosure, `clock:<id>`, `limit:<id>`.
    """

    field: str
    rule: str
    zh: str
    en: str
    basis: str = ""
    severity: Literal["refuse", "warn"] = "refuse"


def possible(trade: Trade, *, now_ms: int, calendar: Calendar) -> list[ActRule]:
    """What may come next for at least one lot, in the package's order."""
    raise NotImplementedError


def lots_for(trade: Trade, rule: ActRule) -> list[str]:
    """The lots for which an act may come now: what a form preselects."""
    raise NotImplementedError


def judge(
    trade: Trade | None,
    act: Act,
    rules: Rulebook,
    *,
    now_ms: int,
    calendar: Calendar,
    tables: Mapping[str, Collection[str]] | None = None,
) -> list[Fault]:
    """Everything that is wrong with an act; it may be published when no fault refuses. `trade` is None at registration.

    `tables` are the code tables that this node holds, by name: a code field of a table not among them is not checked.
    """
    raise NotImplementedError


def judge_withdrawal(trade: Trade, seq: int) -> list[Fault]:
    """What stands against withdrawing an act: later acts that rest on it."""
    raise NotImplementedError
