"""Whether a table of the right shape makes sense, by its sort: each fault names its row, in Chinese and English."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from node.domain import calendar, templates
from node.domain.divisions import ZONE_SLUGS
from node.domain.legacy import LegacyTable
from node.domain.rulebook import Package
from node.domain.rulefaults import RuleFault, RulesMalformed, days, named, repeated
from node.domain.ruletables import ROW_SORTS, SINGLE, RuleTable
from node.domain.tablebook import read
from node.domain.tradecodes import CodeTable
from node.domain.trades import CATEGORIES

Packages = Mapping[str, Package]
_NEEDS: dict[str, tuple[str, ...]] = {
    "codes": ("zh",),
    "services": ("zh", "post", "value", "unit"),
    "checklist": ("zh",),
    "parameters": ("zh", "value"),
}


def faults(table: RuleTable, packages: Packages | None = None) -> list[RuleFault]:
    """Everything that is wrong with a table; empty for a good one. `packages` are those in force, by category."""
    found = list(_head(table))
    if table.sort in ROW_SORTS:
        return found + list(_rows(table))
    try:
        typed = read(table)
    except RulesMalformed as error:
        return [*found, *error.faults]
    return found + list(_CONTENT[table.sort](typed, packages or {}))


def _head(table: RuleTable) -> Iterator[RuleFault]:
    yield from days(table, "")
    yield from named(table)
    for name in ("id", "version", "effective_from", "department", "legal_basis"):
        if not getattr(table, name).strip():
            yield RuleFault(name, f"缺少 {name}", f"it lacks {name}")
    if "@" in table.id + table.version or "/" in table.id + table.version:
        yield RuleFault("", "id、version 不得含 @ 或 /", "id and version must not hold an @ or a slash")
    if table.sort in SINGLE and table.id != table.sort:
        zh, en = (
            f"该类表全市只有一张，id 须为 {table.sort}",
            f"there is one such table in the city: its id is {table.sort}",
        )
        yield RuleFault("id", zh, en)
    if table.sort in ROW_SORTS and table.content:
        name = next(iter(table.content))
        yield RuleFault("content", f"没有 {name} 这一项，可能写错", f"there is no {name} in such a table")
    if table.sort not in ROW_SORTS and table.rows:
        yield RuleFault("rows", "该类表没有 rows", "such a table has no rows")


def _rows(table: RuleTable) -> Iterator[RuleFault]:
    yield from repeated("rows", (row.id for row in table.rows))
    if not table.rows:
        yield RuleFault("rows", "没有任何行", "it has no rows")
    known = {row.id for row in table.rows}
    for row in table.rows:
        place = f"rows id={row.id}"
        if row.parent and row.parent not in known:
            yield RuleFault(place, f"上级 {row.parent} 不在表中", f"its parent {row.parent} is not in the table")
        for name in _NEEDS[table.sort]:
            if getattr(row, name) in ("", None):
                yield RuleFault(place, f"缺少 {name}", f"it lacks {name}")
        if row.value is not None and not row.unit and table.sort in ("services", "parameters"):
            yield RuleFault(place, "有数值而无单位", "it has a value and no unit")


def _of_rows(typed: Any, packages: Packages) -> Iterator[RuleFault]:
    """Rows of routing, catalogue and departments: they rest on a clause and are about categories that there are."""
    if not typed.rows:
        yield RuleFault("row", "没有任何行", "it has no rows")
    yield from repeated("row", (row.id for row in typed.rows))
    for row in typed.rows:
        place = f"row id={row.id}"
        yield from days(row, place)
        if not row.legal_basis.strip():
            yield RuleFault(place, "未注明依据条款", "it does not say on which clause it rests")
        yield from _categories(row.categories, place)


def _categories(names: list[str], place: str) -> Iterator[RuleFault]:
    for name in names:
        if name not in CATEGORIES:
            yield RuleFault(f"{place} → categories", f"没有 {name} 这一类", f"there is no category {name}")


def _numbers(typed: CodeTable, packages: Packages) -> Iterator[RuleFault]:
    yield from repeated("class", (each.code for each in typed.classes))
    yield from _categories(list(typed.letters), "letters")
    for name, letter in typed.letters.items():
        if len(letter) != 1 or not letter.isascii() or not letter.isupper():
            yield RuleFault(f"letters {name}", "须为一个大写字母", "it must be one capital letter")
    for name in CATEGORIES:
        if name not in typed.letters:
            yield RuleFault("letters", f"缺少 {name}", f"it lacks {name}")
        if sum(each.category == name and each.default for each in typed.classes) != 1:
            yield RuleFault("class", f"{name} 须有且只有一个 default", f"{name} needs one default, and one alone")
    blocks = list(typed.zone_serials.values())
    if len(set(blocks)) != len(blocks) or not all(5 <= block <= 9 for block in blocks):
        yield RuleFault("zone_serials", "首位须为 5 至 9 且互不相同", "blocks are 5 to 9, and each is one zone's")
    for name in typed.zone_serials:
        if not any(name in zone for zone in ZONE_SLUGS):
            yield RuleFault("zone_serials", f"没有开发区 {name}", f"there is no zone {name}")


def _legacy(typed: LegacyTable, packages: Packages) -> Iterator[RuleFault]:
    yield from repeated("source", (each.id for each in typed.sources))
    for each in typed.sources:
        yield from _categories(each.categories, f"source id={each.id}")
    known = {package.id: package for package in packages.values()}
    for stage in typed.stages:
        package = known.get(stage.package)
        if packages and package is None:
            yield RuleFault(f"stage {stage.package}", "没有这个规则包", "there is no such package")
        for word, name in stage.words if package is not None else ():
            if package is not None and package.stage(name) is None:
                place = f"stage {stage.package} {word}"
                yield RuleFault(place, f"没有阶段 {name}", f"there is no stage {name}")


def _nothing(typed: Any, packages: Packages) -> Iterator[RuleFault]:
    return iter(())


_CONTENT: dict[str, Callable[[Any, Packages], Iterator[RuleFault]]] = {
    "templates": templates.faults,
    "fees": _nothing,  # reading it checks it
    "holidays": lambda typed, packages: calendar.faults(typed),
    "catalogue": _of_rows,
    "routing": _of_rows,
    "numbers": _numbers,
    "departments": _of_rows,
    "legacy": _legacy,
}
