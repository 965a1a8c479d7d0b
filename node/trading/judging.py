"""What the desk makes of what a person enters: the act, the rules that hold for it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from node.clock import Clock
from node.domain import engine, sections
from node.domain.acts import Act, Attached, Disclosure
from node.domain.calendar import day_of
from node.domain.engine import Fault, Trade
from node.domain.folding import amended_by, beginning, extended
from node.domain.rulebook import ActRule, Package
from node.errors import ActRefused, NotFound
from node.rules import Rules
from node.trading import sealed

Place = Callable[[Mapping[str, Any], str, str], Awaitable[tuple[dict[str, Any], list[Fault]]]]
"""May a trade be held here? (facts with `category`, trade, ISO day) -> what to keep of the decision, and faults."""


Warn = Callable[[Act, Trade], list[Fault]]
"""(act, the trade with it) -> faults that stop nothing."""


async def anywhere(facts: Mapping[str, Any], trade: str, day: str) -> tuple[dict[str, Any], list[Fault]]:
    return {}, []


@dataclass(slots=True)
class Judging:
    """Judges by the rules in force.

    Attributes:
        place: decides where a registration belongs.
        warn: what else is to be said of an act that may be done, such as what a receiver above would not take.
    """

    rules: Rules
    clock: Clock
    place: Place = anywhere
    warn: Warn = lambda act, trade: []

    def registration(
        self,
        category: str,
        title: str,
        fields: Mapping[str, Any],
        division: str,
        project_code: str,
        at: int | None,
        trade: str,
        attachments: Sequence[Attached],
    ) -> Act:
        at = self.clock() if at is None else at
        package = self.package_for(category, at)
        return Act(
            trade=trade,
            seq=1,
            category=package.category,
            act=package.acts[0].id,
            rules=package.name,
            at=at,
            title=title or str(fields.get("project_name", "")),
            division=division or str(fields.get("division", "")),
            project_code=project_code or str(fields.get("project_code", "")),
            fields=dict(fields),
            attachments=list(attachments),
            disclosure=_disclosure(package.acts[0]),
        )

    def act(
        self,
        held: Trade,
        seq: int,
        act: str,
        lots: Sequence[str],
        fields: Mapping[str, Any],
        at: int | None,
        title: str,
        attachments: Sequence[Attached],
        corrects: int,
    ) -> Act:
        rule = held.package.act(act)
        first = held.acts[0] if held.acts else None
        return Act(
            trade=held.key,
            seq=seq,
            category=held.category,
            act=act,
            rules=held.package.name,
            at=self.clock() if at is None else at,
            title=title or f"{held.title}{rule.zh if rule else ''}",
            division=held.division,
            project_code=first.project_code if first else "",
            lots=list(lots),
            fields=dict(fields),
            attachments=list(attachments),
            disclosure=_disclosure(rule),
            corrects=corrects,
        )

    async def judged_registration(self, act: Act) -> tuple[dict[str, Any], list[Fault]]:
        faults = engine.judge(
            None, act, self.rules.book, now_ms=self.clock(), calendar=self.rules.calendar, tables=self.rules.tables
        )
        facts = {**act.fields, "category": act.category, "division": act.division, "project_code": act.project_code}
        kept, misplaced = await self.place(facts, act.trade, day_of(act.at))
        if not any(fault.severity == "refuse" for fault in faults):
            faults = [*faults, *self.warn(act, beginning(self.package(act.rules), act))]
        return ({f"{sections.RESERVED}routing": kept} if kept else {}), [*faults, *misplaced]

    def judged(self, held: Trade, act: Act) -> list[Fault]:
        faults = engine.judge(
            held, act, self.rules.book, now_ms=self.clock(), calendar=self.rules.calendar, tables=self.rules.tables
        )
        faults = [*faults, *sealed.too_early(held, act, self.clock())]
        if any(fault.severity == "refuse" for fault in faults):
            return faults
        return [*faults, *self.warn(act, extended(held, act))]

    def package_for(self, category: str, at: int) -> Package:
        names = [each.category for each in self.rules.book.packages if each.id == category] or [category]
        package = self.rules.book.of(names[0], day_of(at))
        if package is None:
            raise NotFound(
                f"no rules of {category!r} are in force on {day_of(at)}",
                zh=f"没有“{category}”在 {day_of(at)} 施行的规则包",
                field="category",
            )
        return package

    def package(self, name: str) -> Package:
        package = self.rules.book.get(name)
        assert package is not None
        return package


def refuse(faults: Sequence[Fault]) -> None:
    refusing = [fault for fault in faults if fault.severity == "refuse"]
    if refusing:
        raise ActRefused(refusing + [fault for fault in faults if fault.severity != "refuse"])


def amended(held: Trade, act: Act, rule: ActRule) -> ActRule | None:
    target = amended_by(held, act)
    return None if target is None else held.package.act(target.act)


def _disclosure(rule: ActRule | None) -> Disclosure:
    return msgspec.convert(rule.disclosure, Disclosure) if rule else ""
