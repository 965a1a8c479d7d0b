"""What a form of an act is about: a registration under the rules in force, or an act of a trade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from node.domain import engine
from node.domain.acts import Act
from node.domain.calendar import day_of
from node.domain.engine import Trade
from node.domain.folding import targets
from node.domain.rulebook import ActRule, FieldRule, Package
from node.domain.tablebook import TableBook
from node.domain.templates import Template
from node.errors import NotFound
from node.web.console import shell


@dataclass(slots=True)
class Subject:
    """What a form is about. `trade` is None for a registration, `target` the act that this one answers or amends."""

    package: Package
    rule: ActRule
    trade: Trade | None = None
    target: Act | None = None
    choices: Sequence[Act] = ()
    fields: Sequence[FieldRule] = field(default_factory=list)
    lots: Sequence[str] = ()

    @property
    def address(self) -> str:
        if self.trade is None:
            return f"/console/trades/new/{self.package.id}"
        return f"/console/trades/{self.trade.key}/{self.rule.id}"

    @property
    def form(self) -> str:
        return f"{self.package.id}/{self.rule.id}"

    @property
    def title(self) -> str:
        return f"{self.trade.title}{self.rule.zh}" if self.trade else ""

    @property
    def template(self) -> str:
        """The mark of its Excel template: rules may change from version to version."""
        return f"{self.package.name}/{self.rule.id}" + (f"/{self.target.act}" if self.target else "")

    def at(self, draft: str, *, done: str = "") -> str:
        """The address of the form of a draft."""
        corrects = f"&corrects={self.target.seq}" if self.target else ""
        return f"{self.address}?draft={draft}{corrects}{f'&done={done}' if done else ''}"


def registration(request: web.Request, category: str) -> Subject:
    """A registration under the rules in force today. Raises NotFound for a category without any."""
    book, day = shell.desk(request).rules.book, day_of(shell.now_ms(request))
    names = [each.category for each in book.packages if each.id == category]
    package = book.of(names[0], day) if names else None
    if package is None:
        raise NotFound(f"no rules for {category}", zh="没有该类别的现行规则", field="category")
    return Subject(package, package.acts[0], fields=package.acts[0].fields)


def in_force(request: web.Request) -> list[Package]:
    """The package of each category that is in force today."""
    book, day = shell.desk(request).rules.book, day_of(shell.now_ms(request))
    found = {each.category: book.of(each.category, day) for each in book.packages}
    return [each for each in found.values() if each is not None]


def subject_of(trade: Trade, act: str, corrects: int) -> Subject:
    """An act of a trade; `corrects` names the act that it answers or amends, 0 where that is not said.

    Raises NotFound where the rules know no such act.
    """
    rule = trade.package.act(act)
    if rule is None or rule is trade.package.acts[0]:
        raise NotFound(f"no act {act}", zh="规则包中没有这一环节", field="act")
    choices = list(targets(trade, rule)) if rule.answers or rule.amends else []
    target = next((each for each in choices if each.seq == corrects), None)
    amended = trade.package.act(target.act) if target and rule.amends else None
    return Subject(
        trade.package,
        rule,
        trade,
        target,
        choices,
        engine.fields_of(trade.package, rule, amended),
        engine.lots_for(trade, rule),
    )


def wordings(about: Subject, held: TableBook, day: str) -> list[Template]:
    """The templates of texts that this form offers."""
    if about.trade is None:
        return []
    known = {rule.name for rule in about.fields}
    found = held.templates(about.package.category, about.rule.id, day)
    return [each for each in found if each.field in known]
