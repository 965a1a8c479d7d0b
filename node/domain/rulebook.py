"""The rule book: stages, acts, fields, clocks and limits of each category as data, each row with clause and dates.

One package a category and version, read from `config/rules/*.toml` or from a `rule.package` record of the hub; the
shapes here are those of the file. Nothing in this module is a number of the law: it only knows what a rule looks like.
`engine.py` applies them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from node.domain.rulefaults import convert

FieldType = Literal[
    "text",  # one line
    "long",  # several lines, plain text
    "day",  # ISO date
    "moment",  # UTC milliseconds; shown and typed as Beijing time
    "money",  # fen
    "integer",
    "share",  # thousandths
    "flag",  # true or false
    "code",  # a value of the code table `table`
    "party",  # {"name", "uscc"}
    "parties",  # a list of parties
    "texts",  # a list of texts
    "rows",  # a list of maps, with `columns`
]
Unit = Literal["日", "工作日", "年", "小时"]
"""Calendar days, working days and years are counted in days of Beijing, hours from moment to moment."""


class Condition(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A rule holds where a fact of the trade is one of `is_in`, or a number from `least` to under `below`.

    What is not given is not asked; `negate` turns the whole round. A fact that is not there meets nothing.
    """

    field: str
    is_in: list[Any] | None = None
    least: int | None = None
    below: int | None = None
    negate: bool = False


class Basis(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """On what a row rests: document and clause, from and until when (ISO days, empty is open), read by a person or not.

    `tag` is the evidence tag of the project's sources: S text read, I seen in a running system, K known, U unconfirmed.
    """

    legal_basis: str
    effective_from: str = ""
    effective_to: str = ""
    tag: Literal["S", "I", "K", "U"] = "U"

    @property
    def verified(self) -> bool:
        return self.tag in ("S", "I")

    def holds_on(self, day: str) -> bool:
        return (not self.effective_from or self.effective_from <= day) and (
            not self.effective_to or day <= self.effective_to
        )


class Choice(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One value that a field may take, with its names."""

    value: str
    zh: str
    en: str


class FieldRule(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A field of an act: what a form, an Excel template and the lint know of it.

    `max` bounds characters of a text or items of a list. `choices` are the values of a code that this package knows
    itself, `table` names a code table of the city. `standard` is the element of the national data standard that it
    becomes. A `required` field with `when` is required only where all of `when` hold. A field that is not `disclosed`
    stays in the record's shared section.
    """

    name: str
    zh: str
    en: str
    type: FieldType = "text"
    required: bool = False
    max: int = 0
    least: int | None = None
    most: int | None = None
    table: str = ""
    choices: list[Choice] = []
    columns: list[FieldRule] = []
    standard: str = ""
    hint_zh: str = ""
    hint_en: str = ""
    when: list[Condition] = []
    disclosed: bool = True


class StageRule(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A stage (阶段) of a category's strip, in the order of the file. `final` ones end a lot."""

    id: str
    zh: str
    en: str
    final: bool = False


class Need(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An act that must have come for the lot in this round, where all of `when` hold."""

    act: str
    when: list[Condition] = []


class ActRule(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """An act of a category: from which stages it may come, to which it leads, what it discloses, who does it.

    `takes` are stages of the lots it is about (`*`: every stage that is not final); `gives` the stage they are in
    afterwards, empty where they stay. `per` says whether it is about the whole trade or about lots. `public` makes it a
    `trade.act` record, else `trade.step`. `again` lets it come more than once in one stage. `when` says for which
    trades it exists at all. `posts` are the posts of the centre that may do it, `fields` what it carries. `portal` is
    the stage code of the national portal, `datasets` the sets of the national data standard.

    `needs` are acts that must have come before. `answers` names acts that it answers: its `corrects` says which one,
    and a suspension by it ends. `amends` names acts whose fields it replaces where it has fields of the same name (`*`:
    any act that is as public as itself, by all fields which that act has).
    `suspends` stops its lots: only acts with `while_suspended` may come until it is answered. `voids` lets the clocks
    lapse that still run for its lots, `renews` begins a new round (重新招标).
    """

    id: str
    zh: str
    en: str
    takes: list[str]
    gives: str = ""
    per: Literal["trade", "lot"] = "lot"
    public: bool = True
    again: bool = False
    when: list[Condition] = []
    needs: list[Need] = []
    answers: list[str] = []
    amends: list[str] = []
    suspends: bool = False
    while_suspended: bool = False
    voids: bool = False
    renews: bool = False
    disclosure: str = ""
    portal: str = ""
    datasets: list[str] = []
    posts: list[str] = []
    four_eyes: bool = False
    fields: list[FieldRule] = []
    basis: str = ""

    def field(self, name: str) -> FieldRule | None:
        return next((field for field in self.fields if field.name == name), None)


class Point(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A moment in a trade: when an act was done, or what its moment or day field `field` says."""

    act: str
    field: str = ""


class ClockRule(Basis, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A legal clock: from `start` to `end` there must be at least, or at most, `value` of `unit`.

    Days are counted from the day after `start`. With `window` the two are the first and last day of one period and
    both count. `owes` names the act that a `most` clock makes owed (the end's act when empty): what the to-do list
    shows; with `optional` the end need not come, and only an end that comes too late is judged. With `pauses` the clock
    stands still while its lot is suspended. `severity` says what breaking it does: `refuse` stops the act, `warn` lets
    it pass and shows it, `late` only counts.
    """

    id: str
    zh: str
    en: str
    sort: Literal["least", "most"]
    start: Point
    end: Point
    value: int
    unit: Unit
    when: list[Condition] = []
    owes: str = ""
    window: bool = False
    optional: bool = False
    pauses: bool = False
    severity: Literal["refuse", "warn", "late"] = "late"


class LimitRule(Basis, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A bound on a number: `field` is at most/least `value` (`unit` fen, permille of `base`, or a count).

    `field` belongs to the act; a list counts its items. `base` is a fact by its name: a field of the registration,
    `<act>.<field>`, or `lot.<column>` for the sum over the act's lots.
    """

    id: str
    zh: str
    en: str
    act: str
    field: str
    sort: Literal["least", "most"]
    value: int
    unit: Literal["fen", "permille", "count"]
    base: str = ""
    when: list[Condition] = []
    severity: Literal["refuse", "warn"] = "refuse"


class NoticeRule(Basis, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A notice owed (R30): a lot that has reached `stage` owes `act`, whether or not a clock says by when."""

    id: str
    disclosure: str
    act: str
    stage: str
    when: list[Condition] = []


class Package(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """The rules of one category in one version: owned by a department, in force from a day on (R22)."""

    id: str
    version: str
    category: str
    zh: str
    en: str
    department: str
    effective_from: str
    effective_to: str = ""
    stages: list[StageRule]
    acts: list[ActRule]
    clocks: list[ClockRule] = []
    limits: list[LimitRule] = []
    notices: list[NoticeRule] = []

    @property
    def name(self) -> str:
        """What an act's `rules` says."""
        return f"{self.id}@{self.version}"

    def in_force(self, day: str) -> bool:
        return self.effective_from <= day and (not self.effective_to or day <= self.effective_to)

    def act(self, name: str) -> ActRule | None:
        return next((act for act in self.acts if act.id == name), None)

    def stage(self, name: str) -> StageRule | None:
        return next((stage for stage in self.stages if stage.id == name), None)


class Rulebook:
    """All packages that a node holds, by name; a trade finds its own, a new one that of its category and day."""

    def __init__(self, packages: list[Package], withdrawn: Sequence[Package] = ()) -> None:
        self.packages = tuple(packages)
        # No new trade begins under what was withdrawn, and one that did goes on under it.
        self._by_name = {package.name: package for package in (*withdrawn, *packages)}

    def get(self, name: str) -> Package | None:
        """The package that an act's `rules` names, or None when this node does not hold it."""
        return self._by_name.get(name)

    def in_force(self, day: str) -> dict[str, Package]:
        """The package that counts on an ISO day, by category."""
        found = {category: self.of(category, day) for category in {each.category for each in self.packages}}
        return {category: package for category, package in found.items() if package is not None}

    def of(self, category: str, day: str) -> Package | None:
        """The newest package of a category that is in force on an ISO day."""
        fits = [each for each in self.packages if each.category == category and each.in_force(day)]
        return max(fits, key=lambda each: (each.effective_from, natural(each.version)), default=None)


def natural(version: str) -> list[tuple[int, str]]:
    """A version for ordering: `10` comes after `9`.

    >>> natural("1.10") > natural("1.9"), natural("10") > natural("9")
    (True, True)
    """
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"[0-9]+|[^0-9]+", version)]


def parse(values: Any, source: str) -> Package:
    """A package from the plain data of a TOML file or record. Raises Malformed, which names the row and `source`."""
    return convert(values, Package, source)
