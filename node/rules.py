"""The rules now held: packages and tables that come with the program, and those that were published in the city.

Files lie in `config/rules/`; they are read once. A published package (a `rule.package` record) is added beside them and
wins by its date; it cannot change a version that is already held, because running trades rest on it. Of a published
table (`rule.table`) the same holds, and without one the program's table counts.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from node.domain import barriers, calendar, legacy, milestones, promises, rulebook, ruletables, tablecheck
from node.domain.barriers import Barriers
from node.domain.calendar import Calendar
from node.domain.milestones import Milestone
from node.domain.promises import Promise
from node.domain.rulebook import Package, Rulebook
from node.domain.rulefaults import malformed
from node.domain.ruletables import CONTENT_SORTS, RuleTable
from node.domain.tablebook import TableBook
from node.errors import Malformed, NotFound, Refused
from node.resources import config_dir

PACKAGES = ("construction", "procurement", "land", "mining", "property", "other")
"""The six packages, one a category; `<name>-<more>.toml` beside a file holds a further version of it."""


def load_packaged(directory: Path | None = None) -> Rulebook:
    """The packages that come with the program, or those of another directory.

    Raises NotFound when a file is missing, Malformed when one is wrong: both name the file.
    """
    return _packaged(directory or config_dir() / "rules")


def load_tables(directory: Path | None = None) -> TableBook:
    """The tables that come with the program. Raises NotFound, Malformed: both name the file."""
    return _tables(directory or config_dir() / "rules")


def load_calendar(directory: Path | None = None) -> Calendar:
    """The program's calendar of holidays. Raises NotFound, Malformed."""
    return _calendar(directory or config_dir() / "rules")


def data_of(text: str) -> dict[str, Any]:
    """The plain data of a file's text. Raises TOMLDecodeError, also for what the reader itself trips over."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("nested too deep") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as error:
        raise tomllib.TOMLDecodeError(str(error)) from None


def read_text(text: str, source: str) -> Package | RuleTable:
    """The rules that the text of a file holds: a table where it has a `sort`, else a package.

    Raises Malformed, which names `source` and the line or row.
    """
    try:
        values = data_of(text)
    except tomllib.TOMLDecodeError as error:
        raise Malformed(
            f"{source}: {error}",
            zh=f"{source} 无法解析：{error}",
            advice_zh="请修改该处的书写；文件须为 UTF-8 的 TOML。",
            advice_en="Correct that place; the file must be TOML in UTF-8.",
        ) from None
    return ruletables.parse(values, source) if "sort" in values else rulebook.parse(values, source)


def holiday_table(
    text: str, source: str, *, department: str, today: str, held: Sequence[Package | RuleTable]
) -> RuleTable:
    """The table of a notice of holidays: a file with `[[year]]` rows, in force from today on.

    `held` are the versions that there are: each has a name of its own. Raises Malformed, naming the row.
    """
    try:
        rows = data_of(text).get("year")
    except tomllib.TOMLDecodeError as error:
        raise Malformed(f"{source}: {error}", zh=f"{source} 无法解析：{error}") from None
    typed = calendar.table_from({"year": rows if rows is not None else []}, source)
    if faults := list(calendar.faults(typed)):
        raise malformed(faults, source)
    last, taken = str(max(each.year for each in typed.year)), {each.version for each in held}
    names = (last, *(f"{last}-{number}" for number in range(2, len(taken) + 3)))
    years = "、".join(str(each.year) for each in typed.year)
    return RuleTable(
        id="holidays",
        version=next(each for each in names if each not in taken),
        sort="holidays",
        zh=f"{years} 年放假安排",
        en=f"Holidays of {years}",
        department=department,
        effective_from=today,
        legal_basis="；".join(each.legal_basis for each in typed.year),
        tag=typed.year[0].tag,
        content={"year": rows},
    )


@cache
def load_services() -> RuleTable:
    """The service list that comes with the program (R24). Raises NotFound, Malformed."""
    return ruletables.parse(_read(config_dir() / "rules" / "services.toml"), "services.toml")


@cache
def load_barriers() -> Barriers:
    """What no rule may ask of a party (R61). Raises NotFound, Malformed."""
    return barriers.barriers_from(_read(config_dir() / "rules" / "barriers.toml"), "barriers.toml")


@cache
def load_milestones() -> tuple[Milestone, ...]:
    """The milestones of the plan (R6). Raises NotFound, Malformed."""
    return milestones.table_from(_read(config_dir() / "rules" / "milestones.toml"), "milestones.toml")


class Rules:
    """What a node judges by. The book is replaced as a whole when a package arrives: a reader never sees half of it.

    `by_day` are the tables with a content, asked for the day that matters; `calendar` is today's. `tables` are the code
    tables of the city that this node holds, by name; a table that is missing is not checked.
    """

    def __init__(self, book: Rulebook, days: Calendar, by_day: TableBook | None = None) -> None:
        self._program = self._packaged = self._book = book
        self._stamp = ""
        self.calendar = days
        self.by_day = by_day or load_tables()
        self.tables: Mapping[str, Collection[str]] = {}
        self.services: tuple[RuleTable, ...] = ()
        """Service lists in force that came as records; none: the one that comes with the program."""

    @classmethod
    def packaged(cls, directory: Path | None = None) -> Rules:
        rules = cls(load_packaged(directory), load_calendar(directory), load_tables(directory))
        rules._packaged = rules._book = rules._begun_elsewhere("")
        return rules

    def _begun_elsewhere(self, day: str) -> Rulebook:
        """The versions of trades that were begun elsewhere beside the program's packages."""
        old = legacy.packages(self._program.packages, self.by_day.legacy(day))
        return Rulebook([*self._program.packages, *old])

    @property
    def book(self) -> Rulebook:
        return self._book

    @property
    def stamp(self) -> str:
        """A digest of packages, calendar and code tables: what was made of the rules before it changed is made anew."""
        if not self._stamp:
            packages = sorted(self._book.packages, key=lambda each: each.name)
            held = self.calendar
            days = [sorted(held.off), sorted(held.worked), sorted(held.years), held.roll]
            tables = [[name, sorted(codes)] for name, codes in sorted(self.tables.items())]
            judged_by = [packages, days, *([tables] if tables else [])]
            self._stamp = hashlib.sha256(msgspec.msgpack.encode(judged_by)).hexdigest()[:16]
        return self._stamp

    @property
    def promises(self) -> dict[str, Promise]:
        """Service -> what the service list in force promises."""
        return promises.promises(self.services or (load_services(),))

    @property
    def with_program(self) -> Rulebook:
        """The packages that came with the program, alone."""
        return self._packaged

    def hold(
        self,
        packages: Sequence[Package],
        withdrawn: Sequence[Package] = (),
        tables: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """Hold these packages beside those that came with the program, and none other; see `node.rule_records`."""
        self._book = Rulebook([*self._packaged.packages, *packages], withdrawn)
        self._stamp = ""
        if tables is not None:
            self.tables = tables

    def hold_tables(self, published: Sequence[RuleTable], today: str) -> None:
        """Hold these tables beside those that came with the program; before `hold`, which lays packages on top.

        Until then the book stays as it is: threads read it meanwhile, and a trade whose rules were gone for a moment
        would be one that cannot be replayed.
        """
        self.by_day = self.by_day.with_published(published)
        self.calendar = self.by_day.calendar(today)
        self._packaged = self._begun_elsewhere(today)
        self._stamp = ""

    def add(self, packages: Iterable[Package]) -> list[Package]:
        """Take over packages that are new here; gives those. The same package again is no news.

        Raises Refused, taking none of them, where one differs from the version of that name that is held.
        """
        held = {package.name: package for package in self._book.packages}
        fresh: dict[str, Package] = {}
        for package in packages:
            known = held.get(package.name) or fresh.get(package.name)
            if known is None:
                fresh[package.name] = package
            elif known != package:
                raise Refused(
                    f"another {package.name} is held: a version is never edited",
                    zh=f"本节点已有不同内容的 {package.name}：规则版本不可改写",
                    advice_zh="请以新的版本号和生效日发布修改后的规则包。",
                    advice_en="Publish the changed package under a new version and date.",
                )
        if fresh:
            self._book = Rulebook([*self._book.packages, *fresh.values()])
            self._stamp = ""
        return list(fresh.values())


@cache
def _packaged(directory: Path) -> Rulebook:
    found: dict[str, Package] = {}
    for name in PACKAGES:
        for path in [directory / f"{name}.toml", *sorted(directory.glob(f"{name}-*.toml"))]:
            package = rulebook.parse(_read(path), path.name)
            if package.id != name or package.name in found:
                raise Malformed(
                    f"{path.name}: it holds {package.name}", zh=f"{path.name} 中是 {package.name}，与文件名不符"
                )
            found[package.name] = package
    return Rulebook(list(found.values()))


@cache
def _tables(directory: Path) -> TableBook:
    found = []
    for sort in CONTENT_SORTS:
        name = f"{sort}.toml"
        table = ruletables.parse(_read(directory / name), name)
        if table.sort != sort:
            raise Malformed(f"{name}: it is a table of {table.sort}", zh=f"{name} 中是 {table.sort}，与文件名不符")
        if faults := tablecheck.faults(table):
            raise malformed(faults, name)
        found.append(table)
    return TableBook(found)


@cache
def _calendar(directory: Path) -> Calendar:
    return _tables(directory).calendar("")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotFound(
            f"no rule file {path.name}",
            zh=f"缺少规则文件 {path.name}",
            advice_zh="请核对 config/rules/ 是否完整，或重新安装本程序。",
            advice_en="Check that config/rules/ is complete, or install the program again.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"{path.name}: {error}", zh=f"规则文件 {path.name} 无法解析：{error}") from None
