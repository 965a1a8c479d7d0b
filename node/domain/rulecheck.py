"""Whether a package of the right shape makes sense: what it names is there, and what may happen leads somewhere."""

from __future__ import annotations

from collections.abc import Iterator

from node.domain.acts import DISCLOSURES
from node.domain.rulebook import ActRule, Basis, ClockRule, Condition, FieldRule, Package
from node.domain.rulefaults import RuleFault, days, named, repeated
from node.domain.trades import CATEGORIES

ANY = "*"
MOST_OF_UNIT = {"年": 100}
MOST = 36_600
"""No period of law is longer, in years or in any other unit; a longer one could not be counted."""


def faults(package: Package) -> list[RuleFault]:
    """Everything that is wrong with a package; empty for a good one."""
    return list(_faults(package))


def _faults(package: Package) -> Iterator[RuleFault]:
    if package.category not in CATEGORIES:
        known = "、".join(CATEGORIES)
        yield RuleFault("category", f"没有 {package.category} 这一类，可用：{known}", f"it must be one of {known}")
    if not package.id or "@" in package.id + package.version or not package.version:
        yield RuleFault("", "id、version 不能为空，也不得含 @", "id and version must not be empty nor hold an @")
    yield from named(package)
    for what, zh in (("stages", "阶段"), ("acts", "环节")):
        if not getattr(package, what):
            yield RuleFault(what, f"没有{zh}", f"it has no {what}")
    yield from days(package, "")
    for what in ("stages", "acts", "clocks", "limits", "notices"):
        yield from repeated(what, (row.id for row in getattr(package, what)))
    if not package.effective_from:
        yield RuleFault("effective_from", "缺少生效日", "it does not say from when on it holds")
    for act in package.acts:
        yield from _of_act(package, act)
    if package.acts and package.acts[0].takes:
        place = f"acts id={package.acts[0].id}"
        yield RuleFault(place, "第一个环节须为登记，不得有前置阶段", "the first act begins a trade")
    for clock in package.clocks:
        yield from _of_clock(package, clock)
    for limit in package.limits:
        place = f"limits id={limit.id}"
        yield from _basis(limit, place)
        yield from _when(package, limit.when, place)
        if package.act(limit.act) is None:
            yield _no_act(place, limit.act)
    for notice in package.notices:
        place = f"notices id={notice.id}"
        yield from _basis(notice, place)
        if package.act(notice.act) is None:
            yield _no_act(place, notice.act)
        if package.stage(notice.stage) is None:
            yield _no_stage(place, notice.stage)


def _of_act(package: Package, act: ActRule) -> Iterator[RuleFault]:
    place = f"acts id={act.id}"
    for stage in [*act.takes, *([act.gives] if act.gives else [])]:
        if stage != ANY and package.stage(stage) is None:
            yield _no_stage(place, stage)
    for other in [*act.answers, *act.amends]:
        if other != ANY and package.act(other) is None:
            yield _no_act(place, other)
    if act.disclosure and act.disclosure not in DISCLOSURES:
        yield RuleFault(place, f"没有 {act.disclosure} 这类公开信息", f"no disclosure {act.disclosure}")
    yield from _when(package, act.when, place)
    yield from _of_fields(act.fields, place)


def _of_fields(fields: list[FieldRule], place: str) -> Iterator[RuleFault]:
    seen: set[str] = set()
    for field in fields:
        here = f"{place} → fields name={field.name}"
        if field.name in seen:
            yield RuleFault(here, "字段重复", "the field stands twice")
        seen.add(field.name)
        if not field.name.isidentifier():
            yield RuleFault(here, "字段名只能用字母、数字和下划线", "a field's name is letters, digits and underscores")
        if field.type == "rows" and not field.columns:
            yield RuleFault(here, "表格字段没有列", "rows without columns")
        if field.least is not None and field.most is not None and field.least > field.most:
            yield RuleFault(here, "下限大于上限", "its least is above its most")
        yield from _of_fields(field.columns, here)


def _of_clock(package: Package, clock: ClockRule) -> Iterator[RuleFault]:
    place = f"clocks id={clock.id}"
    yield from _basis(clock, place)
    yield from _when(package, clock.when, place)
    if clock.value < 0:
        yield RuleFault(place, "期限不能为负", "a period cannot be negative")
    if clock.value > (most := MOST_OF_UNIT.get(clock.unit, MOST)):
        yield RuleFault(place, f"期限不得超过 {most} {clock.unit}", f"a period of at most {most} {clock.unit}")
    for point in (clock.start, clock.end):
        act = package.act(point.act)
        if act is None:
            yield _no_act(place, point.act)
        elif point.field and act.field(point.field) is None:
            en = f"the act {act.id} has no field {point.field}"
            yield RuleFault(place, f"环节 {act.id} 没有字段 {point.field}", en)
    if clock.owes and package.act(clock.owes) is None:
        yield _no_act(place, clock.owes)


def _basis(row: Basis, place: str) -> Iterator[RuleFault]:
    yield from days(row, place)
    if not row.legal_basis.strip():
        yield RuleFault(place, "未注明依据条款", "it does not say on which clause it rests")


def _when(package: Package, when: list[Condition], place: str) -> Iterator[RuleFault]:
    """A condition names a field of some act; what it never could be is a slip that would switch a rule off."""
    known = {field.name for act in package.acts for field in act.fields}
    for each in when:
        name = each.field.rpartition(".")[2]
        # What begins with `lot.` the engine itself knows of a lot, such as its round.
        if each.field and name not in known and not each.field.startswith("lot."):
            yield RuleFault(place, f"条件所用字段 {each.field} 不存在", f"its condition names no field: {each.field}")


def _no_stage(place: str, stage: str) -> RuleFault:
    return RuleFault(place, f"没有阶段 {stage}", f"there is no stage {stage}")


def _no_act(place: str, act: str) -> RuleFault:
    return RuleFault(place, f"没有环节 {act}", f"there is no act {act}")
