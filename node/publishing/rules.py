"""Publish rules: a package or a table in one version, once and for ever, from its day on (R22)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from node.domain import barriers, rulecheck, tablecheck
from node.domain.hands import Hand
from node.domain.record import Amendment, Document, Source
from node.domain.rulebook import Package
from node.domain.rulefaults import RuleFault, RulesMalformed, malformed
from node.domain.ruletables import RuleTable
from node.errors import Rejected
from node.rules import load_barriers

Body = Package | RuleTable
Packages = Mapping[str, Package]


def kind_of(body: Body) -> str:
    return "rule.package" if isinstance(body, Package) else "rule.table"


def faults(body: Body, packages: Packages | None = None) -> list[RuleFault]:
    """Everything that is wrong with rules of the right shape, what would bar a party's way (R61) too.

    `packages` are those in force, by category.
    """
    found = rulecheck.faults(body) if isinstance(body, Package) else tablecheck.faults(body, packages)
    try:
        return [*found, *barriers.faults(body, load_barriers())]
    except RulesMalformed as error:
        return found or list(error.faults)  # a table that cannot be read: that has been said


def require_sound(body: Body, source: str, packages: Packages | None = None) -> None:
    """Raise RulesMalformed, with each row that is wrong, unless the rules make sense."""
    if found := faults(body, packages):
        raise malformed(found, source)


def document(body: Body, publisher: str) -> Document[Any]:
    """The record's `main` as it is published, which is what a person signs under it."""
    return Document(body.name, body, Source(publisher), as_of=body.effective_from)


def draft(
    body: Body, publisher: str, *, today: str, hand: Hand | None = None, packages: Packages | None = None
) -> Amendment:
    """A version about to be published. What was published under that name once is never another thing.

    `packages` are those in force, by category: what templates name must be in them. `today` is the day in Beijing:
    rules hold from a day that is not yet over, never back in time.
    """

    def apply(current: Document[Any] | None) -> Document[Any]:
        if current is not None:
            if current.body == body and current.status == "valid":
                return current
            raise Rejected(
                f"{body.name} was published before: a version is never edited",
                zh=f"{body.name} 已发布过，版本不可改写",
                field="version",
                advice_zh="请换用新的版本号和生效日。",
                advice_en="Give it a new version and date.",
            )
        if body.effective_from < today:
            raise Rejected(
                f"{body.name} would hold from {body.effective_from}, and today is {today}",
                zh=f"{body.name} 的生效日 {body.effective_from} 早于今天（{today}），规则不溯及既往",
                field="effective_from",
                advice_zh="请把 effective_from 改为今天或以后。",
                advice_en="Set effective_from to today or later.",
            )
        require_sound(body, body.name, packages)
        return document(body, publisher)

    sections: Mapping[str, Any] = {} if hand is None else {"hand": hand}
    said = {"name": body.name, "body": msgspec.to_builtins(body)}
    return Amendment(kind_of(body), body.name, apply, said, sections)


def withdrawal(body: Body, reason: str) -> Amendment:
    """Take a version back: no trade begins under it any more; those that did go on."""

    def apply(current: Document[Any] | None) -> Document[Any]:
        if current is None:
            raise Rejected(f"{body.name} was never published here", zh=f"本节点没有发布过 {body.name}", field="version")
        return msgspec.structs.replace(current, status="withdrawn", reason=reason)

    return Amendment(kind_of(body), body.name, apply, {"name": body.name, "withdrawn": reason})
