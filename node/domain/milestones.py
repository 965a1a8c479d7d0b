"""Milestones of the plan (R6): what was to be reached by which day, and which figure says how far it is."""

from __future__ import annotations

from typing import Literal

import msgspec

from node.domain.rulebook import Basis
from node.errors import Malformed


class Milestone(Basis, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """`due` is the last ISO day. `measure` is `covered` (districts with anything here) or `electronic` (trades)."""

    id: str
    zh: str
    en: str
    due: str
    measure: Literal["covered", "electronic"]


class MilestoneTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"rows": "milestone"}):
    """`config/rules/milestones.toml`."""

    rows: list[Milestone]


def table_from(values: object, source: str) -> tuple[Milestone, ...]:
    """The milestones from plain data, by day. Raises Malformed, which names `source`."""
    try:
        table = msgspec.convert(values, MilestoneTable)
    except msgspec.ValidationError as error:
        raise Malformed(f"{source}: {error}", zh=f"里程碑表 {source} 有误：{error}") from None
    return tuple(sorted(table.rows, key=lambda row: row.due))
