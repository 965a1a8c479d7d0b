"""Replaying: a trade is the fold of its acts (docs/decisions/0024). Total and deterministic.

Replaying never judges: an act that does not fit the stages (because an earlier one was withdrawn, or another node let
it pass) still takes effect, and is named in `Trade.odd`. So what is in the log can always be shown. `judging.py` is
where an act that does not fit is refused, before it gets there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from node.domain.acts import Act
from node.domain.rulebook import ActRule, FieldRule, Package, Rulebook
from node.domain.state import ONLY_LOT, Halt, Lot, Trade, holds, rows_of
from node.errors import Malformed

__all__ = [
    "ALL",
    "ONLY_LOT",
    "Halt",
    "Lot",
    "Trade",
    "amended_by",
    "beginning",
    "covering",
    "extended",
    "fields_of",
    "fits",
    "holds",
    "may_amend",
    "replay",
    "replay_without",
    "targets",
]

ALL = "*"


def replay(acts: Iterable[Act], rules: Rulebook, *, withdrawn: Collection[int] = ()) -> Trade:
    """Fold a trade's acts, given in any order; the same acts give the same trade.

    `withdrawn` are the numbers of acts whose record was withdrawn, and which are left out.
    Raises Malformed, naming the act, where there are none, where they belong to different trades, where two have one
    number, where the first is not the registration, or where the rule package is unknown here.
    """
    ordered = sorted(acts, key=lambda act: act.seq)
    package = _package(ordered, rules)
    left_out = frozenset(withdrawn)
    fold = _Fold(package)
    for act in ordered:
        if act.seq not in left_out:
            fold.take(act)
    held = {act.seq for act in ordered}
    return Trade(
        key=ordered[0].trade,
        category=ordered[0].category,
        package=package,
        title=fold.title or ordered[0].title,
        lots=fold.lots,
        acts=tuple(fold.acts),
        withdrawn=left_out & held,
        covers=fold.covers,
        values=fold.values,
        odd=tuple(fold.odd),
        gaps=tuple(seq for seq in range(1, ordered[-1].seq) if seq not in held),
    )


def replay_without(trade: Trade, seq: int) -> Trade:
    """The trade as it would be if one more act were withdrawn."""
    left = [act for act in trade.acts if act.seq != seq]
    return _with(trade, left)


def extended(trade: Trade, act: Act) -> Trade:
    """The trade as it would be with one more act, for judging it."""
    return _with(trade, [*trade.acts, act])


def _with(trade: Trade, acts: list[Act]) -> Trade:
    fold = _Fold(trade.package)
    for each in acts:
        fold.take(each)
    return replace(
        trade,
        title=fold.title or trade.title,
        lots=fold.lots,
        acts=tuple(fold.acts),
        covers=fold.covers,
        values=fold.values,
        odd=tuple(fold.odd),
    )


def beginning(package: Package, act: Act) -> Trade:
    """The trade that a registration alone makes."""
    fold = _Fold(package)
    fold.take(act)
    return Trade(
        key=act.trade,
        category=package.category,
        package=package,
        title=fold.title or act.title,
        lots=fold.lots,
        acts=tuple(fold.acts),
        covers=fold.covers,
        values=fold.values,
    )


class _Fold:
    """The state while acts are taken one by one."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.acts: list[Act] = []
        self.lots: dict[str, Lot] = {}
        self.covers: dict[int, tuple[str, ...]] = {}
        self.values: dict[int, dict[str, Any]] = {}
        self.odd: list[tuple[int, str]] = []
        self.title = ""

    def take(self, act: Act) -> None:
        rule = self.package.act(act.act)
        first = rule is not None and rule is self.package.acts[0]
        self.acts.append(act)
        self.values[act.seq] = dict(act.fields)
        if rule is None:
            self.covers[act.seq] = ()
            self.odd.append((act.seq, f"no act {act.act!r} in {self.package.name}"))
            return
        if first:
            self._lay_out(act.fields.get("lots"), rule.gives)
            self._name(act.fields)
        unknown = [number for number in act.lots if number not in self.lots]
        if unknown:
            self.odd.append((act.seq, f"no lot {', '.join(unknown)}"))
        covered = covering(self.package, self.lots, self.covers, act)
        self.covers[act.seq] = covered
        if rule.amends:
            self._amend(act, rule, covered)
        if not first:
            self._move(act, rule, self.covers[act.seq])

    def _amend(self, act: Act, rule: ActRule, covered: tuple[str, ...]) -> None:
        """Lay the act's fields over those of the act that it names, else of the newest that it may amend."""
        target = _target(
            self.package,
            self.acts[:-1],
            act,
            rule,
            lambda seq: not covered or bool(set(self.covers[seq]) & set(covered)),
        )
        if target is None:
            self.odd.append((act.seq, "nothing that it amends"))
            return
        amended = self.package.act(target.act)
        known = ({each.name for each in amended.fields} if amended else set()) - own_text(rule)
        changes = {name: value for name, value in act.fields.items() if name in known}
        self.values[target.seq] = self.values[target.seq] | changes
        if amended is self.package.acts[0]:
            self._name(changes)
            if "lots" in changes:
                self._lay_out(changes["lots"], self.package.acts[0].gives)
                self.covers[target.seq] = tuple(self.lots)
                if not act.lots:
                    self.covers[act.seq] = tuple(self.lots)

    def _name(self, fields: Mapping[str, Any]) -> None:
        self.title = str(fields.get("project_name") or self.title)

    def _lay_out(self, rows: Any, stage: str) -> None:
        """Make the lots that the rows name. A lot that has gone on stays where it is, also when its row is gone."""
        numbers = [str(row["number"]) for row in rows_of(rows) if row.get("number")] or [ONLY_LOT]
        laid = {number: self.lots.get(number) or Lot(number, stage, reached=(stage,)) for number in numbers}
        kept = {number: lot for number, lot in self.lots.items() if number not in laid and lot.stage != stage}
        self.lots = kept | laid
        for seq, covered in self.covers.items():
            self.covers[seq] = tuple(number for number in covered if number in self.lots)

    def _move(self, act: Act, rule: ActRule, covered: tuple[str, ...]) -> None:
        for number in covered:
            lot = self.lots[number]
            if not fits(rule, lot, self.package):
                self.odd.append((act.seq, f"lot {number} is at {lot.stage!r}"))
            ends = set(lot.stopped) if rule.voids else {act.corrects} if rule.answers else set()
            halts = tuple(
                replace(each, until_ms=act.at) if each.seq in ends and each.until_ms is None else each
                for each in lot.halts
            )
            if rule.suspends:
                halts = (*halts, Halt(act.seq, act.at))
            lot = replace(lot, halts=halts, here=(*lot.here, act.act))
            if rule.renews:
                lot = replace(lot, round=lot.round + 1, reached=())
            if rule.gives and (rule.gives != lot.stage or rule.renews):
                lot = replace(lot, stage=rule.gives, reached=(*lot.reached, rule.gives), here=())
            self.lots[number] = lot


def covering(
    package: Package, lots: Mapping[str, Lot], covers: Mapping[int, tuple[str, ...]], act: Act
) -> tuple[str, ...]:
    """The lots that an act is about: those it names, those of the act it corrects or answers, else all that run on."""
    if act.lots:
        return tuple(number for number in lots if number in act.lots)
    if act.corrects in covers:
        return covers[act.corrects]
    final = {stage.id for stage in package.stages if stage.final}
    running = tuple(number for number, lot in lots.items() if lot.stage not in final)
    return running or tuple(lots)


def fits(rule: ActRule, lot: Lot, package: Package) -> bool:
    """Whether a lot is at a stage from which an act may come."""
    if lot.stage in rule.takes:
        return True
    stage = package.stage(lot.stage)
    return ALL in rule.takes and stage is not None and not stage.final


def amended_by(trade: Trade, act: Act) -> Act | None:
    """The earlier act whose fields this one replaces, if it is of that sort."""
    rule = trade.package.act(act.act)
    if rule is None or not rule.amends:
        return None
    return _target(
        trade.package, trade.acts, act, rule, lambda seq: not act.lots or bool(set(trade.covers[seq]) & set(act.lots))
    )


def own_text(rule: ActRule) -> frozenset[str]:
    """What an act that amends says in its own words: the text of a clarification replaces no notice's text.

    A correction (`*`) has no such field: whatever it repeats of the act it corrects, it says anew.
    """
    return frozenset() if ALL in rule.amends else frozenset(each.name for each in rule.fields if each.type == "long")


def targets(trade: Trade, rule: ActRule) -> list[Act]:
    """The acts that an act of this rule may name in `corrects`: to answer those still open, to amend any it may."""
    if rule.answers:
        answered = {act.corrects for act in trade.acts if (each := trade.package.act(act.act)) and each.answers}
        return [act for act in trade.acts if act.act in rule.answers and act.seq not in answered]
    return [act for act in trade.acts if may_amend(trade.package, rule, act)]


def may_amend(package: Package, rule: ActRule, act: Act) -> bool:
    """Whether an act of this rule may replace fields of that one. `*`: what is as public, and is no amendment."""
    if ALL not in rule.amends:
        return act.act in rule.amends
    other = package.act(act.act)
    return other is not None and other.public == rule.public and ALL not in other.amends


def fields_of(package: Package, rule: ActRule, target: ActRule | None) -> list[FieldRule]:
    """The fields that an act may carry: its own, and of the act that it amends those it may say anew (all optional)."""
    if target is None or ALL not in rule.amends:
        return rule.fields
    own = {each.name for each in rule.fields}
    again = (msgspec.structs.replace(each, required=False) for each in target.fields if each.name not in own)
    return [*rule.fields, *again]


def _target(
    package: Package, acts: Collection[Act], act: Act, rule: ActRule, meets: Callable[[int], bool]
) -> Act | None:
    may = [each for each in acts if each.seq < act.seq and may_amend(package, rule, each)]
    if act.corrects:
        return next((each for each in may if each.seq == act.corrects), None)
    if ALL in rule.amends:
        return None  # which one is meant must be said
    return next((each for each in reversed(may) if meets(each.seq)), None)


def _package(acts: list[Act], rules: Rulebook) -> Package:
    if not acts:
        raise Malformed("a trade without acts", zh="没有任何交易环节")
    first, seen = acts[0], set()
    package = rules.get(first.rules)
    if package is None:
        raise Malformed(
            f"act {first.key}: rule package {first.rules!r} is not held here",
            zh=f"环节 {first.key}：本节点没有规则包“{first.rules}”",
            field="rules",
            advice_zh="请等待规则包同步到本节点，或导入该规则包。",
            advice_en="Wait until the package reaches this node, or import it.",
        )
    for act in acts:
        wrong = ("trade" if act.trade != first.trade else "category" if act.category != first.category else "") or (
            "seq" if act.seq in seen or act.seq < 1 else ""
        )
        if wrong:
            raise Malformed(f"act {act.key}: its {wrong} does not fit", zh=f"环节 {act.key}：{wrong} 不符", field=wrong)
        seen.add(act.seq)
    if first.act != package.acts[0].id:
        raise Malformed(
            f"act {first.key}: a trade begins with {package.acts[0].id!r}",
            zh=f"环节 {first.key}：交易须自“{package.acts[0].zh}”开始",
            field="act",
        )
    return package
