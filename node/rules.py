"""The rule book now held: packages, holiday calendar and tariff that come with the program, and packages of the hub.

Files lie in `config/rules/`; they are read once. A package of the hub (a `rule.package` record) is added beside them
and wins by its date; it cannot change a version that is already held, because running trades rest on it.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from node.domain import calendar, fees, legacy, rulebook
from node.domain.calendar import Calendar
from node.domain.fees import Tariff
from node.domain.legacy import LegacyTable
from node.domain.rulebook import Package, Rulebook
from node.errors import Malformed, NotFound, Refused
from node.resources import config_dir

PACKAGES = ("construction", "procurement", "land", "mining", "property", "other")
"""The six packages, one a category; `<name>-<more>.toml` beside a file holds a further version of it."""


def load_packaged(directory: Path | None = None) -> Rulebook:
    """The packages that come with the program, or those of another directory.

    Raises NotFound when a file is missing, Malformed when one is wrong: both name the file.
    """
    return _packaged(directory or config_dir() / "rules")


def load_calendar(directory: Path | None = None) -> Calendar:
    """The holiday calendar. Raises NotFound, Malformed."""
    return _calendar(directory or config_dir() / "rules")


@cache
def load_legacy() -> LegacyTable:
    """Which former centres there are, and what their words for stages mean. Raises NotFound, Malformed."""
    return legacy.table_from(_read(config_dir() / "rules" / "legacy.toml"), "legacy.toml")


def load_tariff(directory: Path | None = None) -> Tariff:
    """The published tariff. Raises NotFound, Malformed."""
    return _tariff(directory or config_dir() / "rules")


class Rules:
    """What a node judges by. The book is replaced as a whole when a package arrives: a reader never sees half of it.

    `tables` are the code tables of the city that this node holds, by name; a table that is missing is not checked.
    """

    def __init__(self, book: Rulebook, days: Calendar, tariff: Tariff) -> None:
        self._packaged = self._book = book
        self._stamp = ""
        self.calendar = days
        self.tariff = tariff
        self.tables: Mapping[str, Collection[str]] = {}

    @classmethod
    def packaged(cls, directory: Path | None = None) -> Rules:
        book = load_packaged(directory)
        old = legacy.packages(book.packages, load_legacy())
        return cls(Rulebook([*book.packages, *old]), load_calendar(directory), load_tariff(directory))

    @property
    def book(self) -> Rulebook:
        return self._book

    @property
    def stamp(self) -> str:
        """A digest of packages, calendar and code tables: what was made of the rules before it changed is made anew."""
        if not self._stamp:
            packages = sorted(self._book.packages, key=lambda each: each.name)
            days = [sorted(self.calendar.off), sorted(self.calendar.worked), self.calendar.roll]
            tables = [[name, sorted(codes)] for name, codes in sorted(self.tables.items())]
            judged_by = [packages, days, *([tables] if tables else [])]
            self._stamp = hashlib.sha256(msgspec.msgpack.encode(judged_by)).hexdigest()[:16]
        return self._stamp

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
def _calendar(directory: Path) -> Calendar:
    return calendar.parse(_read(directory / "holidays.toml"), "holidays.toml")


@cache
def _tariff(directory: Path) -> Tariff:
    return fees.parse(_read(directory / "fees.toml"), "fees.toml")


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
