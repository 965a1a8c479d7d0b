"""Service promises (服务时限, R24): what the published service list promises, and until when a request is in time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, get_args

from node.domain.calendar import Calendar
from node.domain.rulebook import Unit
from node.domain.ruletables import RuleTable

REGISTER, VENUE, PUBLICATION, REFUND = "register", "venue", "publication", "refund"
TIMED: Final = (REGISTER, VENUE, PUBLICATION, REFUND)
"""Services that have a moment in and a moment out in the node's own data; others are noted by the staff."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One row of the list: within `value` of `unit`. `table` names the list and version, `basis` what it rests on."""

    service: str
    zh: str
    en: str
    post: str
    value: int
    unit: str
    table: str
    basis: str
    verified: bool

    @property
    def words(self) -> str:
        return f"{self.value} {self.unit}"

    def due_ms(self, asked_ms: int, calendar: Calendar) -> int | None:
        """The last millisecond in time; None for a unit that is no measure of time."""
        unit = next((each for each in get_args(Unit) if each == self.unit), None)
        return None if unit is None else calendar.due(asked_ms, self.value, unit)


def promises(tables: Iterable[RuleTable]) -> dict[str, Promise]:
    """Service -> promise; of two lists with one service the first counts."""
    found: dict[str, Promise] = {}
    for table in tables:
        for row in table.rows:
            if row.value is not None:
                basis, verified = table.basis(row), table.verified(row)
                found.setdefault(
                    row.id,
                    Promise(
                        row.id, row.zh, row.en or row.zh, row.post, row.value, row.unit, table.name, basis, verified
                    ),
                )
    return found
