"""The state of a trade, as replaying its acts leaves it, and the conditions that look at its facts.

`folding.py` makes it; nothing here judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from node.domain.acts import Act
from node.domain.rulebook import Condition, Package

ONLY_LOT = "1"
"""The number of the one lot of a trade whose registration names none."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A suspension: by which act, from when, until when (None: it lasts)."""

    seq: int
    since_ms: int
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot (标段、包、宗) as the acts so far leave it.

    `round` counts from 1 and rises with each re-tender; `reached` are the stages of this round in order, `here` the
    acts since the present one began. `halts` are all its suspensions.
    """

    number: str
    stage: str
    round: int = 1
    reached: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    halts: tuple[Halt, ...] = ()

    @property
    def stopped(self) -> tuple[int, ...]:
        """The acts that suspend it and are not yet answered."""
        return tuple(halt.seq for halt in self.halts if halt.until_ms is None)

    @property
    def suspended(self) -> bool:
        return bool(self.stopped)


@dataclass(frozen=True)
class Trade:
    """What replaying gives. `acts` are the valid ones by `seq`; `withdrawn` those that were left out.

    `lots` keeps the registration's order. `facts` are the registration's fields by their names and those of later acts
    as `<act>.<field>`, the newest act of a kind winning, all with corrections applied; `facts_of` gives them for one
    lot. `covers[seq]` are the lots that an act is about and `values[seq]` its fields as corrected.
    `odd` names acts that did not fit when they came, with the reason; `gaps` are numbers of acts not at hand.
    """

    key: str
    category: str
    package: Package
    title: str
    lots: dict[str, Lot]
    acts: tuple[Act, ...]
    withdrawn: frozenset[int] = frozenset()
    covers: dict[int, tuple[str, ...]] = field(default_factory=dict)
    values: dict[int, dict[str, Any]] = field(default_factory=dict)
    odd: tuple[tuple[int, str], ...] = ()
    gaps: tuple[int, ...] = ()

    @cached_property
    def facts(self) -> dict[str, Any]:
        return self._facts(None)

    def facts_of(self, number: str) -> dict[str, Any]:
        """The facts as far as they concern one lot, with its row as `lot.<column>` and its round as `lot.round`.

        They are worked out once: a caller does not change them.
        """
        if number not in self._known:
            self._known[number] = self._make_facts(number)
        return self._known[number]

    @cached_property
    def _known(self) -> dict[str, dict[str, Any]]:
        return {}

    def _make_facts(self, number: str) -> dict[str, Any]:
        found = self._facts(number)
        lot = self.lots.get(number)
        if lot is not None:
            found |= {"lot.number": number, "lot.round": lot.round, "lot.stage": lot.stage}
        row = next((row for row in rows_of(found.get("lots")) if str(row.get("number", "")) == number), {})
        return {f"lot.{name}": value for name, value in row.items()} | found

    @cached_property
    def ended(self) -> bool:
        """Whether every lot is in a final stage, or the registration itself was withdrawn."""
        return all(self.is_final(lot) for lot in self.lots.values())

    @property
    def next_seq(self) -> int:
        """The number that the next act gets; a number that was withdrawn is never given again."""
        return max((*self.withdrawn, *(act.seq for act in self.acts)), default=0) + 1

    @property
    def division(self) -> str:
        return str(self.facts.get("division") or (self.acts[0].division if self.acts else ""))

    def is_final(self, lot: Lot) -> bool:
        stage = self.package.stage(lot.stage)
        return stage is not None and stage.final

    def act(self, seq: int) -> Act | None:
        """The valid act of that number."""
        return next((act for act in self.acts if act.seq == seq), None)

    def about(self, number: str, *names: str) -> Iterator[Act]:
        """Acts of these names that concern a lot, in order; of any name when none is given."""
        for act in self.acts:
            if (not names or act.act in names) and number in self.covers[act.seq]:
                yield act

    def since_fresh(self, number: str) -> list[Act]:
        """A lot's acts from the last one on that voided or renewed it, that one included."""
        found: list[Act] = []
        for act in self.about(number):
            rule = self.package.act(act.act)
            if rule is not None and (rule.voids or rule.renews):
                found = []
            found.append(act)
        return found

    def _facts(self, number: str | None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        first = self.package.acts[0].id
        for act in self.acts:
            if number is not None and number not in self.covers[act.seq]:
                continue
            prefix = "" if act.act == first else f"{act.act}."
            found |= {prefix + name: value for name, value in self.values[act.seq].items()}
        return found


def holds(conditions: Iterable[Condition], facts: Mapping[str, Any]) -> bool:
    """Whether all conditions hold. A fact that is not there meets none, so that its negation holds."""
    return all(_meets(each, facts.get(each.field)) != each.negate for each in conditions)


def _meets(condition: Condition, value: Any) -> bool:
    if condition.is_in is not None and not _is_in(value, condition.is_in):
        return False
    if condition.least is None and condition.below is None:
        return condition.is_in is not None
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return (condition.least is None or value >= condition.least) and (
        condition.below is None or value < condition.below
    )


def _is_in(value: Any, values: list[Any]) -> bool:
    # 1 == True in Python; in a rule a flag and a number are two things.
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in values)


def rows_of(value: Any) -> list[Mapping[str, Any]]:
    """The maps in a value that should be a list of them."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list | tuple) else []
