"""Which department supervises a trade: one for each trade (R4), by category and sector, as rows of data (R40-R44)."""

from __future__ import annotations

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


def primary(table: DepartmentTable, category: str, sector: str, *, day: str) -> Row | None:
    """The row of the department that supervises; None for a category of which the table says nothing."""
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
