"""Which department supervises a trade: one for each trade (R4), by category and sector, as rows of data (R40-R44).

A row's `id` is the code of its sector: a registration that names it (`sector_code`) is compared by it alone. One that
has only words (`sector`), as older ones do, is compared by these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from node.domain.rulebook import Basis
from node.domain.rulefaults import convert


class Row(Basis, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One row: `words` are parts of a sector that fit, none fitting every trade of its categories.

    `department` is the short name, as it stands in the names of the city's and the districts' departments.
    """

    id: str
    department: str
    department_en: str
    categories: list[str]
    clause: str
    clause_en: str
    words: list[str] = []  # noqa: RUF012 - a Struct copies it


class DepartmentTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"rows": "row"}):
    """`config/rules/departments.toml`: rows in order; the first that fits decides."""

    version: str
    document: str
    rows: list[Row]


def table_from(values: object, source: str) -> DepartmentTable:
    """The table from plain data. Raises Malformed, which names the row and `source`."""
    return convert(values, DepartmentTable, source)


def primary(table: DepartmentTable, category: str, sector: str, *, day: str, code: str = "") -> Row | None:
    """The row of the department that supervises; None for a category of which the table says nothing.

    `code` is the id of a row of that category; one that is unknown, or of another day, leaves it to the words.
    """
    coded = (row for row in table.rows if row.id == code and category in row.categories and row.holds_on(day))
    if code and (found := next(coded, None)) is not None:
        return found
    return next(
        (
            row
            for row in table.rows
            if category in row.categories
            and row.holds_on(day)
            and (not row.words or any(word in sector for word in row.words))
        ),
        None,
    )


def names(table: DepartmentTable, category: str, sector: str, *, day: str, code: str = "") -> tuple[str, ...]:
    """All that a scope may call a trade's sector: its code and its department's name, its own words, its category."""
    row = primary(table, category, sector, day=day, code=code)
    found = (row.id, row.department) if row is not None else ()
    return tuple(dict.fromkeys(each for each in (*found, sector, category) if each))


def names_of(table: DepartmentTable, facts: Mapping[str, Any], day: str) -> tuple[str, ...]:
    """The same of a trade with these facts: `category`, `sector`, `sector_code`."""
    category, sector, code = (
        value if isinstance(value := facts.get(name), str) else "" for name in ("category", "sector", "sector_code")
    )
    return names(table, category, sector, day=day, code=code)
