"""The national data standard as values: data sets, fields with their rules, code tables, what holds between records.

公共资源交易平台系统数据规范. The files of `config/standard` are the data; this module only knows their form. What the
rules make of a record is in `standard_lint.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from node.errors import Malformed

COMMON = ("PLATFORM_CODE", "PUB_SERVICE_PLAT_CODE", "DATA_TIMESTAMP")
"""The trailer of every record; `TRADE_PLAT` and `PUB_SERVICE_PLAT` belong to the construction sets alone."""
CONSTRUCTION_COMMON = ("TRADE_PLAT", "PUB_SERVICE_PLAT")
CODE_CHARS, PLATFORM_CHARS = 18, 11
"""Characters of a platform's code (a unified social credit code), and of its older number."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a data set and its rules. Lengths are in characters; `digits` are (before, after) the point."""

    name: str
    zh: str
    required: bool = False
    exact: int = 0
    most: int = 0
    least: int = 0
    digits: tuple[int, int] | None = None
    date: int = 0
    table: str = ""
    enum: str = ""
    region: bool = False
    unique: bool = False
    immutable: bool = False
    parent: bool = False
    old: bool = False


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set: its number (`DATA_NO`), element name (`DATA_EN`), Chinese name and group."""

    number: str
    name: str
    zh: str
    group: str
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class CodeTable:
    """A code table. One that is not complete, or unconfirmed, is a placeholder: it refuses nothing."""

    id: str
    zh: str
    tag: str
    complete: bool
    values: Mapping[str, str]
    source: str = ""

    @property
    def verified(self) -> bool:
        return self.complete and self.tag in ("S", "I")


@dataclass(frozen=True, slots=True)
class ParentLink:
    """A record of `sets` names in `field` a record of the set `parent`, whose field is `parent_field`."""

    sets: frozenset[str]
    field: str
    parent: str
    parent_field: str


@dataclass(frozen=True, slots=True)
class PriceLink:
    """Where `PRICE_FORM_CODE` is 1 (a sum), the field `sum` must be there."""

    sets: frozenset[str]
    sum: str


@dataclass(frozen=True, slots=True)
class OrderLink:
    """The moment in `first` is not later than that in `then`."""

    sets: frozenset[str]
    first: str
    then: str


@dataclass(frozen=True, slots=True)
class FileLink:
    """Files of a record of `sets` (all when none is named) whose title has `title` go under this name of T90."""

    name: str
    sets: frozenset[str]
    title: str = ""

    def holds(self, number: str, title: str) -> bool:
        return (not self.sets or number in self.sets) and self.title in title


FILE_NAMES = "T90"
"""附件名称: the dictionary of names under which files are reported."""


@dataclass(frozen=True, slots=True)
class Standard:
    """All of it. `sets` by number, `tables` by id (`T26`, `PRICE_UNIT`)."""

    sets: Mapping[str, DataSet]
    tables: Mapping[str, CodeTable]
    parents: tuple[ParentLink, ...] = ()
    prices: tuple[PriceLink, ...] = ()
    orders: tuple[OrderLink, ...] = ()
    files: tuple[FileLink, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def of_name(self, name: str) -> DataSet | None:
        """The set of an element name, such as `PROJECT`."""
        number = self.names.get(name)
        return self.sets[number] if number else None

    def links(self, number: str) -> tuple[ParentLink, ...]:
        return tuple(link for link in self.parents if number in link.sets)

    def with_tables(self, loaded: Iterable[CodeTable]) -> Standard:
        """The same with tables that the city was given in place of ours."""
        return replace(self, tables={**self.tables, **{table.id: table for table in loaded}})


_LENGTH = re.compile(r"=(\d+)|\.\.(\d+)|(\d+)\.\.|n(\d+)\.(\d+)|d(8|14)")


def parse_field(name: str, zh: str, rules: str, source: str = "") -> Field:
    """A field from a row of `fields.csv`. Raises Malformed for a word that is no rule.

    >>> parse_field("PRICE_UNIT", "金额单位", "! =1 EPRICE_UNIT").enum
    'PRICE_UNIT'
    """
    known: dict[str, Any] = {"old": source == "old"}
    for word in rules.split():
        length = _LENGTH.fullmatch(word)
        if length is not None:
            exact, most, least, before, after, date = length.groups()
            for key, value in (("exact", exact), ("most", most), ("least", least), ("date", date)):
                if value:
                    known[key] = int(value)
            if before:
                known["digits"] = (int(before), int(after))
        elif word in _MARKS:
            known[_MARKS[word]] = True
        elif word[0] == "T":
            known["table"] = word
        elif word[0] == "E":
            known["enum"] = word[1:]
        else:
            raise Malformed(f"config/standard/fields.csv: {name} has a rule {word!r} that is not known", field=name)
    return Field(name, zh, **known)


_MARKS = {"!": "required", "R": "region", "U": "unique", "I": "immutable", "P": "parent"}


def parse_table(values: Mapping[str, Any]) -> CodeTable:
    return CodeTable(
        id=values["id"],
        zh=values.get("zh", ""),
        tag=values.get("tag", "U"),
        complete=bool(values.get("complete", False)),
        values=dict(values.get("values", {})),
        source=values.get("source", ""),
    )


def build(
    sets: Iterable[Mapping[str, str]],
    fields: Iterable[Mapping[str, str]],
    tables: Iterable[Mapping[str, Any]],
    links: Mapping[str, Any],
) -> Standard:
    """The standard from the rows of its files. Raises Malformed."""
    of_set: dict[str, dict[str, Field]] = {}
    for row in fields:
        made = parse_field(row["field"], row["zh"], row["rules"], row.get("source", ""))
        of_set.setdefault(row["set"], {})[made.name] = made
    held = {
        row["set"]: DataSet(row["set"], row["name"], row["zh"], row["group"], of_set.get(row["set"], {}))
        for row in sets
    }
    parents = [
        ParentLink(frozenset(row["sets"]), row["field"], row["parent"], row.get("parent_field", row["field"]))
        for row in links.get("parent", ())
    ]
    return Standard(
        sets=held,
        tables={table.id: table for table in map(parse_table, tables)},
        parents=tuple(parents),
        prices=tuple(PriceLink(frozenset(row["sets"]), row["sum"]) for row in links.get("price", ())),
        orders=tuple(OrderLink(frozenset(row["sets"]), row["first"], row["then"]) for row in links.get("order", ())),
        files=tuple(
            FileLink(row["name"], frozenset(row.get("sets", ())), row.get("title", "")) for row in links.get("file", ())
        ),
        names={each.name: each.number for each in held.values()},
    )
