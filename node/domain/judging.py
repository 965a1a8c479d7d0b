"""Judging an act before it is published: its place in the order, its fields, the clocks and limits that it touches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from node.domain.acts import Act
from node.domain.calendar import Calendar, day_of
from node.domain.faults import Fault
from node.domain.fields import check_fields
from node.domain.folding import (
    ALL,
    Lot,
    Trade,
    amended_by,
    beginning,
    covering,
    extended,
    fields_of,
    fits,
    holds,
    replay_without,
    targets,
)
from node.domain.limits import check_clocks, check_limits
from node.domain.rulebook import ActRule, Package, Rulebook


def possible(trade: Trade, *, now_ms: int, calendar: Calendar) -> list[ActRule]:
    """What may come next for at least one lot, in the package's order.

    An act that answers or amends is there only when there is something to answer or amend.
    """
    return [
        rule
        for rule in trade.package.acts[1:]
        if lots_for(trade, rule) and (not (rule.answers or rule.amends) or targets(trade, rule))
    ]


def lots_for(trade: Trade, rule: ActRule) -> list[str]:
    """The lots for which an act may come now: what a form preselects. For an act of the whole trade all, or none."""
    if rule is trade.package.acts[0]:
        return []
    found = [number for number, lot in trade.lots.items() if not list(_against(trade, rule, lot))]
    return found if rule.per == "lot" or len(found) == len(trade.lots) else []


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
    package, faults = _package(trade, act, rules)
    rule = package.act(act.act) if package else None
    if package is None or rule is None:
        return faults or [_no_act(act)]
    faults += _header(trade, act, rule, package, now_ms)
    if trade is not None and not _hopeless(faults):
        faults += _place(trade, act, rule)
    if _hopeless(faults):
        return faults
    after = beginning(package, act) if trade is None else extended(trade, act)
    target = amended_by(after, act)
    known = fields_of(package, rule, package.act(target.act) if target else None)
    numbers = after.covers[act.seq]
    facts = (after.facts_of(numbers[0]) if numbers else dict(after.facts)) | act.fields
    faults += check_fields(known, act.fields, facts, tables or {})
    if not any(fault.severity == "refuse" for fault in faults):
        faults += check_clocks(after, act, target, calendar)
        faults += check_limits(after, act, target)
    return faults


def judge_withdrawal(trade: Trade, seq: int) -> list[Fault]:
    """What stands against withdrawing an act: that it is not there, or later acts that rest on it."""
    if trade.act(seq) is None:
        return [Fault("seq", "seq", f"没有第 {seq} 号环节，或已撤回", f"there is no act {seq}, or it is withdrawn")]
    if len(trade.acts) > 1 and seq == trade.acts[0].seq:
        return [Fault("seq", "order", "登记之后已有环节，不能撤回登记", "acts rest on the registration")]
    before = set(trade.odd)
    rest = [(number, why) for number, why in replay_without(trade, seq).odd if (number, why) not in before]
    rest += [(each.seq, "answers it") for each in trade.acts if each.corrects == seq]
    return [
        Fault(
            "seq",
            "order",
            f"第 {number} 号环节以它为前提，须先撤回第 {number} 号",
            f"act {number} rests on it; withdraw that one first",
        )
        for number in sorted({number for number, _ in rest})
    ]


def _hopeless(faults: list[Fault]) -> bool:
    """Whether it is not known what an act would be about, so that nothing more can be said of it."""
    return any(fault.rule in ("act", "lots", "seq", "amends") for fault in faults)


def _package(trade: Trade | None, act: Act, rules: Rulebook) -> tuple[Package | None, list[Fault]]:
    if trade is not None:
        if act.rules == trade.package.name:
            return trade.package, []
        return None, [
            Fault(
                "rules",
                "package",
                f"该交易自 {trade.package.name} 开始，须沿用",
                f"the trade began under {trade.package.name} and keeps it",
            )
        ]
    package, day = rules.get(act.rules), day_of(max(0, act.at))
    if package is None:
        zh, en = f"本节点没有规则包 {act.rules}", f"rule package {act.rules} is not held here"
    elif package.category != act.category:
        zh, en = f"{package.name} 不是“{act.category}”的规则包", f"{package.name} is not of category {act.category}"
    elif not package.in_force(day):
        zh, en = f"{package.name} 在 {day} 不生效", f"{package.name} is not in force on {day}"
    else:
        return package, []
    return None, [Fault("rules", "package", zh, en)]


def _no_act(act: Act) -> Fault:
    return Fault("act", "act", f"规则包 {act.rules} 中没有环节“{act.act}”", f"{act.rules} has no act {act.act!r}")


def _header(trade: Trade | None, act: Act, rule: ActRule, package: Package, now_ms: int) -> Iterator[Fault]:
    first = rule is package.acts[0]
    if first != (trade is None):
        zh = "登记只能是第一个环节" if first else "交易须先登记"
        yield Fault("act", "act", zh, "a trade begins with its registration, and with it alone")
        return
    seq = 1 if trade is None else trade.next_seq
    if act.seq != seq or (trade is not None and act.trade != trade.key):
        yield Fault("seq", "seq", f"应为本交易第 {seq} 号环节", f"it must be act {seq} of this trade")
    if trade is not None and act.category != trade.category:
        yield Fault("category", "package", "类别与登记不符", "the category is not that of the registration")
    if not act.title.strip():
        yield Fault("title", "required", "请填写标题", "a title is required")
    if act.disclosure != rule.disclosure:
        yield Fault("disclosure", "disclosure", "公开类型与规则不符", f"its disclosure must be {rule.disclosure!r}")
    if not 0 <= act.at <= now_ms:
        yield Fault("at", "time", "办理时间不得晚于当前时间", "it cannot have happened later than now")


def _place(trade: Trade, act: Act, rule: ActRule) -> Iterator[Fault]:
    unknown = [number for number in act.lots if number not in trade.lots]
    if unknown:
        yield Fault("lots", "lots", f"没有标段 {'、'.join(unknown)}", f"there is no lot {', '.join(unknown)}")
        return
    if rule.per == "trade" and act.lots and set(act.lots) != set(trade.lots):
        yield Fault("lots", "lots", "该环节针对整个交易，不能只选部分标段", "this act is about the whole trade")
        return
    yield from _answers(trade, act, rule)
    lots = [trade.lots[number] for number in covering(trade.package, trade.lots, trade.covers, act)]
    if not lots:
        yield Fault("lots", "lots", "本交易没有标段可办理", "there is no lot that it could be about")
    for lot in lots:
        for fault in _against(trade, rule, lot):
            yield fault
            break
    moved = [
        each
        for lot in lots
        for each in trade.about(lot.number)
        if (known := trade.package.act(each.act)) and known.gives and each.at > act.at
    ]
    if moved:
        yield Fault(
            "at",
            "time",
            f"办理时间早于第 {moved[-1].seq} 号环节",
            f"it would have happened before act {moved[-1].seq}",
        )


def _answers(trade: Trade, act: Act, rule: ActRule) -> Iterator[Fault]:
    may = [each.seq for each in targets(trade, rule)] if rule.answers or rule.amends else []
    named = act.corrects in may
    if rule.answers and not named:
        yield Fault("corrects", "answers", "请选择所答复的环节", "name the open act that it answers", rule.basis)
    elif rule.amends and not named and (act.corrects or ALL in rule.amends or not may):
        yield Fault("corrects", "amends", "请选择所更正的环节", "name the act that it amends", rule.basis)
    elif act.corrects and not (rule.answers or rule.amends):
        yield Fault(
            "corrects", "amends", "该环节不更正或答复其他环节", "this act neither amends nor answers", rule.basis
        )


def _against(trade: Trade, rule: ActRule, lot: Lot) -> Iterator[Fault]:
    """What stands against an act for one lot; nothing when it may come."""
    if not fits(rule, lot, trade.package):
        stage = trade.package.stage(lot.stage)
        zh, en = (stage.zh, stage.en) if stage else (lot.stage, lot.stage)
        yield Fault(
            "lots",
            "order",
            f"标段 {lot.number} 处于“{zh}”，不能办理“{rule.zh}”",
            f"lot {lot.number} is at {en}: {rule.en} may not come now",
            rule.basis,
        )
    if not rule.again and not rule.gives and rule.id in lot.here:
        yield Fault(
            "act",
            "again",
            f"标段 {lot.number} 已办理过“{rule.zh}”",
            f"lot {lot.number} has had {rule.en} in this stage",
            rule.basis,
        )
    if lot.suspended and not rule.while_suspended:
        yield Fault(
            "lots",
            "suspended",
            f"标段 {lot.number} 已暂停，须先答复或恢复",
            f"lot {lot.number} is suspended until it is answered or resumed",
            rule.basis,
        )
    facts = trade.facts_of(lot.number)
    came = {act.act for act in trade.since_fresh(lot.number)}
    for need in rule.needs:
        first = trade.package.act(need.act)
        if first is not None and need.act not in came and holds(need.when, facts):
            yield Fault(
                "act",
                "needs",
                f"标段 {lot.number} 须先办理“{first.zh}”",
                f"lot {lot.number} needs {first.en} first",
                rule.basis,
            )
    if not holds(rule.when, facts):
        yield Fault(
            "act",
            "condition",
            f"“{rule.zh}”不适用于标段 {lot.number}",
            f"{rule.en} does not apply to lot {lot.number}",
            rule.basis,
        )
