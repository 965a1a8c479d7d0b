"""The standard as this node holds it: the packaged files of config/standard, with code tables that were loaded."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, select

from node.domain import standard as shapes
from node.domain.ruletables import RuleTable
from node.domain.standard import CodeTable, Standard
from node.errors import Malformed
from node.resources import config_dir
from node.store.tables import table
from node.store.tables_uplink import StandardValue
from node.store.upsert import insert_or_replace
from node.uplink.mapping import Fill

_values = table(StandardValue)


@cache
def packaged() -> Standard:
    """The standard of the packaged files."""
    return shapes.build(_rows("sets.csv"), _rows("fields.csv"), _toml("tables.toml")["table"], _toml("links.toml"))


@cache
def fills() -> tuple[Fill, ...]:
    """The rows of the packaged fill.toml."""
    return _fills(_toml("fill.toml"), "config/standard/fill.toml")


def fills_with(path: Path | None) -> tuple[Fill, ...]:
    """The policy of this city: the rows of a file of its own before and in place of the packaged ones.

    Raises Malformed, which names the file and the row.
    """
    if path is None:
        return fills()
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _no_policy(str(path), str(error)) from None
    own = _fills(given, str(path))
    taken = {each.id for each in own}
    return tuple(each for each in own if each.fields) + tuple(each for each in fills() if each.id not in taken)


def _fills(given: Mapping[str, Any], source: str) -> tuple[Fill, ...]:
    rows = given.get("fill")
    if not isinstance(rows, list):
        raise _no_policy(source, "no [[fill]]")
    return tuple(_fill(row, source, place) for place, row in enumerate(rows, 1))


def _fill(row: Any, source: str, place: int) -> Fill:
    try:
        words = {name: row.get(name, "") for name in ("id", "value", "zh", "en")}
        fields, sets, where = list(row["fields"]), list(row.get("sets", ())), dict(row.get("where", {}))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _no_policy(source, f"row {place} has no fields") from None
    if not words["id"] or not all(isinstance(each, str) for each in (*words.values(), *fields, *sets, *where.values())):
        raise _no_policy(source, f"row {place}: id, value, zh, en, fields, sets and where are texts")
    if unknown := [name for name in fields if name not in _elements()]:
        raise _no_policy(source, f"row {place}: no data set has {unknown[0]}")
    return Fill(fields=tuple(fields), sets=tuple(sets), where=tuple(where.items()), **words)


@cache
def _elements() -> frozenset[str]:
    return frozenset(name for each in packaged().sets.values() for name in each.fields)


def _no_policy(source: str, why: str) -> Malformed:
    return Malformed(
        f"{source}: {why}"[:400],
        zh=f"代填政策文件 {source} 有误：{why}"[:400],
        field="uplink_fill",
        advice_zh="格式同 config/standard/fill.toml：每行有 id、fields、value、zh、en。",
        advice_en="It has the form of config/standard/fill.toml: each row with id, fields, value, zh, en.",
    )


@dataclass(frozen=True, slots=True)
class Answers:
    """How a receiver's words are understood: (sort, pattern) in order."""

    rows: tuple[tuple[str, re.Pattern[str]], ...]

    def sort(self, words: str) -> str:
        """`again`, `sender`, `known-key`, `unknown-key`, `parent`, or `record` for a verdict on the record."""
        return next((sort for sort, pattern in self.rows if pattern.search(words)), "record")


@cache
def answers() -> Answers:
    return Answers(
        tuple((row["sort"], re.compile(row["pattern"], re.IGNORECASE)) for row in _toml("answers.toml")["answer"])
    )


def with_published(standard: Standard, published: Iterable[RuleTable]) -> Standard:
    """The standard with code tables that the city published as rules, under the standard's own names (`T26`).

    One that is tagged K or U is a placeholder as ours are: it refuses nothing.
    """
    return standard.with_tables(
        CodeTable(each.id, each.zh, each.tag, True, {row.id: row.zh for row in each.rows}, each.name)
        for each in published
        if each.id in standard.tables
    )


def held(conn: Connection, published: Iterable[RuleTable] = ()) -> Standard:
    """The packaged standard; in place of its tables those that the city published, before these those loaded here."""
    found: dict[str, dict[str, str]] = {}
    sources: dict[str, str] = {}
    for row in conn.execute(select(_values)):
        found.setdefault(row.name, {})[row.value] = row.text
        sources[row.name] = row.source
    base = with_published(packaged(), published)
    known = base.tables
    loaded = [
        CodeTable(name, known[name].zh if name in known else "", "S", True, values, sources[name])
        for name, values in found.items()
    ]
    return base.with_tables(loaded)


def table_rows(rows: list[dict[str, str]], source: str) -> dict[str, dict[str, str]]:
    """Table -> value -> name, of rows of `table`, `value`, `zh`.

    The columns of `v4_code_values.csv` (`type`, `value`, `text`) are understood too. Raises Malformed.
    """
    found: dict[str, dict[str, str]] = {}
    for place, row in enumerate(rows, 2):
        name = (row.get("table") or row.get("type") or "").strip()
        value = (row.get("value") or "").strip()
        if not name or not value:
            raise Malformed(
                f"{source}: row {place} has no table or value",
                zh=f"{source} 第 {place} 行缺少 table 或 value",
                field="table" if not name else "value",
                advice_zh="每行应有 table（如 T26）、value、zh 三列。",
                advice_en="Each row has the columns table (such as T26), value and zh.",
            )
        name = f"T{name}" if name.isdigit() else name
        found.setdefault(name, {})[value] = (row.get("zh") or row.get("text") or "").strip()
    return found


def load_tables(conn: Connection, rows: list[dict[str, str]], source: str, now_ms: int) -> list[str]:
    """Take code tables from rows; whole tables are replaced. Gives their ids. Raises Malformed; see `table_rows`."""
    made: list[dict[str, Any]] = [
        {"name": name, "value": value, "text": text, "source": source, "loaded_ms": now_ms}
        for name, values in table_rows(rows, source).items()
        for value, text in values.items()
    ]
    names = sorted({row["name"] for row in made})
    conn.execute(delete(_values).where(_values.c.name.in_(names)))
    insert_or_replace(conn, _values, made)
    return names


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file. Raises Malformed when it is not UTF-8."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    except UnicodeDecodeError:
        raise Malformed(f"{path} is not UTF-8", zh=f"{path} 不是 UTF-8 编码") from None


def _rows(name: str) -> list[dict[str, str]]:
    return read_rows(config_dir() / "standard" / name)


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((config_dir() / "standard" / name).read_text("utf-8"))
