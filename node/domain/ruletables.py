"""What the city rules beside the packages: tariff, holidays, catalogue, routing, templates, code tables, services, …

One shape for all sorts: a table in one version, in force from a day on. Some sorts have plain `rows`; the others have a
`content` of their own, which is the very shape of the file in `config/rules/` (`tablebook.py` reads it). What a table
must have `tablecheck.py` says. A later version takes the place of the one before at its day; none is ever edited.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from node.domain.rulefaults import convert

RowSort = Literal["codes", "services", "checklist", "parameters"]
ContentSort = Literal["templates", "fees", "holidays", "catalogue", "routing", "numbers", "departments", "legacy"]
TableSort = Literal[
    "codes",
    "services",
    "checklist",
    "parameters",
    "templates",
    "fees",
    "holidays",
    "catalogue",
    "routing",
    "numbers",
    "departments",
    "legacy",
]
ROW_SORTS: tuple[RowSort, ...] = get_args(RowSort)
CONTENT_SORTS: tuple[ContentSort, ...] = get_args(ContentSort)
SINGLE = tuple(sort for sort in CONTENT_SORTS if sort != "templates")
"""Sorts of which there is one table in the city: its `id` is the sort's name."""

# sort -> (Chinese, English)
SORT_NAMES: dict[str, tuple[str, str]] = {
    "package": ("规则包", "Rule package"),
    "codes": ("代码表", "Code table"),
    "templates": ("公告模板", "Templates of notices"),
    "services": ("服务清单", "Service list"),
    "checklist": ("监管清单", "Checklist of supervision"),
    "parameters": ("平台管理参数", "Parameters of the platform"),
    "fees": ("收费标准", "Tariff"),
    "holidays": ("节假日安排", "Holidays"),
    "catalogue": ("必须进场目录", "Catalogue of mandatory trades"),
    "routing": ("平台层级分工", "Which tier holds a trade"),
    "numbers": ("编号规则", "Letters and classes of numbers"),
    "departments": ("监督部门分工", "Which department supervises"),
    "legacy": ("原有平台承接", "Former centres"),
}


class TableRow(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One row: a code, a service, a point to check, or a parameter, by the sort of its table.

    A service has a time promise, `value` of `unit`, and the `post` that is responsible. `parent` is the code above.
    `legal_basis` and `tag` are the table's own where a row has none.
    """

    id: str
    zh: str
    en: str = ""
    parent: str = ""
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
    rows: list[TableRow] = []
    content: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return f"{self.id}@{self.version}"

    def in_force(self, day: str) -> bool:
        return self.effective_from <= day and (not self.effective_to or day <= self.effective_to)

    def basis(self, row: TableRow) -> str:
        return row.legal_basis or self.legal_basis

    def verified(self, row: TableRow) -> bool:
        return (row.tag or self.tag) in ("S", "I")

    def parts(self) -> dict[str, list[dict[str, Any]]]:
        """The lists of rows that it has, as plain data: `rows`, or those of its content, such as `fee` or `year`."""
        if self.sort in ROW_SORTS:
            return {"rows": msgspec.to_builtins(self.rows)}
        found = {}
        for name, value in self.content.items():
            if isinstance(value, list) and all(isinstance(each, dict) for each in value):
                found[name] = value
        return found

    def unverified(self) -> int:
        """How many rows no person has held against their text."""
        if self.sort in ROW_SORTS:
            return sum(not self.verified(row) for row in self.rows)
        rows = [row for part in self.parts().values() for row in part if "tag" in row]
        return sum(row["tag"] not in ("S", "I") for row in rows)


HEAD = frozenset(RuleTable.__struct_fields__) - {"content"}


def parse(values: Any, source: str) -> RuleTable:
    """A table from the plain data of a TOML file. Raises Malformed, which names the row and `source`.

    In the file of a sort with a content, what is not of the head is the content.
    """
    if isinstance(values, dict) and values.get("sort") in CONTENT_SORTS and "content" not in values:
        content = {name: value for name, value in values.items() if name not in HEAD}
        values = {name: value for name, value in values.items() if name in HEAD} | {"content": content}
    return convert(values, RuleTable, source)


def plain(table: RuleTable) -> dict[str, Any]:
    """What its file holds: `parse` gives the same table again."""
    values: dict[str, Any] = msgspec.to_builtins(table)
    return {name: value for name, value in values.items() if name != "content"} | table.content
