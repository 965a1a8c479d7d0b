"""Tables with a content of their own, as a node holds them: those of the program, and those published in the city.

Asked for a day, it gives what was published and is in force on it, else what came with the program. Notices of holidays
add up, year by year; templates that are published for an act stand in the place of the program's for that act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

from node.domain import calendar, catalogue, departments, fees, legacy, routing, templates, tradecodes
from node.domain.calendar import Calendar, Holidays
from node.domain.catalogue import Catalogue
from node.domain.departments import DepartmentTable
from node.domain.fees import Tariff
from node.domain.legacy import LegacyTable
from node.domain.routing import RoutingTable
from node.domain.rulebook import natural
from node.domain.ruletables import CONTENT_SORTS, RuleTable
from node.domain.templates import Template, Templates
from node.domain.tradecodes import CodeTable

T = TypeVar("T")

# sort -> what makes the typed table of the plain data; each raises Malformed, naming the row.
_READERS: dict[str, Callable[[Any, str], Any]] = {
    "templates": templates.table_from,
    "fees": fees.parse,
    "holidays": calendar.table_from,
    "catalogue": catalogue.table_from,
    "routing": routing.table_from,
    "numbers": tradecodes.table_from,
    "departments": departments.table_from,
    "legacy": legacy.table_from,
}
# What a typed table says of its head too.
_OF_HEAD: dict[str, tuple[str, ...]] = {
    "catalogue": ("version",),
    "routing": ("version",),
    "numbers": ("version",),
    "departments": ("version",),
    "legacy": ("version", "legal_basis"),
}


def read(table: RuleTable, source: str = "") -> Any:
    """The typed table of one with a content. Raises Malformed, which names `source` (the table) and the row."""
    head = {name: getattr(table, name) for name in _OF_HEAD.get(table.sort, ())}
    return _READERS[table.sort](head | table.content, source or table.name)


class TableBook:
    """All tables with a content that a node holds. Those given are sound: each was read before it was taken over."""

    def __init__(self, program: Iterable[RuleTable], published: Iterable[RuleTable] = ()) -> None:
        self.program: dict[str, RuleTable] = {each.sort: each for each in program}
        self.published = tuple(each for each in published if each.sort in CONTENT_SORTS)
        self._read: dict[tuple[str, str, bool], Any] = {}

    def of_program(self, table: RuleTable) -> bool:
        """Whether a table came with the program."""
        return self.program.get(table.sort) is table

    def with_published(self, published: Iterable[RuleTable]) -> TableBook:
        """The program's tables with these beside them."""
        return TableBook(self.program.values(), published)

    def on(self, sort: str, day: str) -> RuleTable:
        """The table of a sort that counts on an ISO day; of templates and holidays the newest."""
        fits = _in_force(self.published, sort, day)
        return fits[-1] if fits else self.program[sort]

    def versions(self, sort: str) -> list[RuleTable]:
        """All that are held of a sort, the program's first."""
        return [self.program[sort], *(each for each in self.published if each.sort == sort)]

    def tariff(self, day: str) -> Tariff:
        return self._typed(self.on("fees", day), Tariff)

    def routing(self, day: str) -> RoutingTable:
        return self._typed(self.on("routing", day), RoutingTable)

    def numbers(self, day: str) -> CodeTable:
        return self._typed(self.on("numbers", day), CodeTable)

    def catalogue(self, day: str) -> Catalogue:
        return self._typed(self.on("catalogue", day), Catalogue)

    def departments(self, day: str) -> DepartmentTable:
        return self._typed(self.on("departments", day), DepartmentTable)

    def legacy(self, day: str) -> LegacyTable:
        return self._typed(self.on("legacy", day), LegacyTable)

    def calendar(self, day: str) -> Calendar:
        """What is known of days off on a day: the program's years, and each notice that was published by then."""
        held = [self.program["holidays"], *_in_force(self.published, "holidays", day)]
        return calendar.joined(self._typed(each, Holidays) for each in held)

    def templates(self, category: str, act: str, day: str) -> list[Template]:
        """The texts that a form offers: what is published for this act, else what came with the program."""
        found: dict[str, RuleTable] = {each.id: each for each in _in_force(self.published, "templates", day)}
        given = [one for each in found.values() for one in self._typed(each, Templates).template]
        program = self._typed(self.program["templates"], Templates).template
        return templates.for_act(given, category, act) or templates.for_act(program, category, act)

    def _typed(self, table: RuleTable, shape: type[T]) -> T:
        # By the object: of one name the program and the city may each have a table.
        key = (table.sort, table.name, self.of_program(table))
        if key not in self._read:
            self._read[key] = read(table)
        return cast(T, self._read[key])


def _in_force(tables: Sequence[RuleTable], sort: str, day: str) -> list[RuleTable]:
    """Those in force, the one that counts last."""
    fits = [each for each in tables if each.sort == sort and each.in_force(day)]
    return sorted(fits, key=lambda each: (each.effective_from, natural(each.version)))
