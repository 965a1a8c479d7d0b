"""What the city rules beside the packages: code tables, templates of notices, the service list (R24, R25, R29).

One shape for all sorts: a table in one version, in force from a day on, with rows. What a row must have depends on the
sort, and `faults` says so. A later version takes the place of the one before at its day; none is ever edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args

import msgspec

from node.domain.rulefaults import RuleFault, convert, days, repeated

TableSort = Literal["codes", "templates", "services", "checklist", "parameters"]
SORTS: tuple[TableSort, ...] = get_args(TableSort)

# sort -> (Chinese, English)
SORT_NAMES: dict[str, tuple[str, str]] = {
    "package": ("规则包", "Rule package"),
    "codes": ("代码表", "Code table"),
    "templates": ("公告模板", "Templates of notices"),
    "services": ("服务清单", "Service list"),
    "checklist": ("监管清单", "Checklist of supervision"),
    "parameters": ("平台管理参数", "Parameters of the platform"),
}
_PLACEHOLDER = re.compile(r"\{\{\s*(.{0,200}?)\s*\}\}")
_PLACE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")


class TableRow(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One row: a code, a template, a service, a point to check, or a parameter, by the sort of its table.

    A template has `category` and `act`, and a `text` in which `{{field}}` stands for a fact of the trade. A service has
    a time promise, `value` of `unit`, and the `post` that is responsible. `parent` is the code above. `legal_basis` and
    `tag` are the table's own where a row has none.
    """

    id: str
    zh: str
    en: str = ""
    parent: str = ""
    category: str = ""
    act: str = ""
    text: str = ""
    post: str = ""
    value: int | None = None
    unit: str = ""
    legal_basis: str = ""
    tag: Literal["", "S", "I", "K", "U"] = ""


class RuleTable(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A table of one sort in one version: whose it is, from when on, on what it rests."""

    id: str
    version: str
    sort: TableSort
    zh: str
    en: str
    department: str
    effective_from: str
    effective_to: str = ""
    legal_basis: str
    tag: Literal["S", "I", "K", "U"] = "U"
    rows: list[TableRow]

    @property
    def name(self) -> str:
        return f"{self.id}@{self.version}"

    def in_force(self, day: str) -> bool:
        return self.effective_from <= day and (not self.effective_to or day <= self.effective_to)

    def basis(self, row: TableRow) -> str:
        return row.legal_basis or self.legal_basis

    def verified(self, row: TableRow) -> bool:
        return (row.tag or self.tag) in ("S", "I")


def parse(values: Any, source: str) -> RuleTable:
    """A table from the plain data of a TOML file or record. Raises Malformed, which names the row and `source`."""
    return convert(values, RuleTable, source)


def faults(table: RuleTable) -> Iterator[RuleFault]:
    """What is wrong with a table of the right shape."""
    yield from days(table, "")
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
        for found in _PLACEHOLDER.findall(row.text) if table.sort == "templates" else ():
            if not _PLACE.fullmatch(found):
                yield RuleFault(place, f"占位符 {found!r} 不是字段名", f"the placeholder {found!r} names no field")


_NEEDS: dict[str, tuple[str, ...]] = {
    "codes": ("zh",),
    "templates": ("category", "act", "text"),
    "services": ("zh", "post", "value", "unit"),
    "checklist": ("zh",),
    "parameters": ("zh", "value"),
}


def fill(template: str, facts: dict[str, str]) -> str:
    """A template with the facts of a trade in it; a fact that is not known stays as a gap that a clerk sees.

    >>> fill("{{project_name}} 招标公告（{{number}}）", {"project_name": "某桥梁工程"})
    '某桥梁工程 招标公告（【number】）'
    """
    return _PLACEHOLDER.sub(lambda found: facts.get(found[1]) or f"【{found[1]}】", template)
