"""The standard as this node holds it: the packaged files of config/standard, with code tables that were loaded."""

from __future__ import annotations

import csv
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, select

from node.domain import standard as shapes
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
    """The rows of fill.toml."""
    return tuple(
        Fill(tuple(row["fields"]), row["value"], row["zh"], row["en"], tuple(row.get("sets", ())))
        for row in _toml("fill.toml")["fill"]
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


def held(conn: Connection) -> Standard:
    """The packaged standard with the tables that were loaded at this node in place of its own."""
    found: dict[str, dict[str, str]] = {}
    sources: dict[str, str] = {}
    for row in conn.execute(select(_values)):
        found.setdefault(row.name, {})[row.value] = row.text
        sources[row.name] = row.source
    known = packaged().tables
    loaded = [
        CodeTable(name, known[name].zh if name in known else "", "S", True, values, sources[name])
        for name, values in found.items()
    ]
    return packaged().with_tables(loaded)


def load_tables(conn: Connection, rows: list[dict[str, str]], source: str, now_ms: int) -> list[str]:
    """Take code tables from rows of `table`, `value`, `zh`; whole tables are replaced. Gives their ids.

    The columns of `v4_code_values.csv` (`type`, `value`, `text`) are understood too. Raises Malformed.
    """
    made: list[dict[str, Any]] = []
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
        text = (row.get("zh") or row.get("text") or "").strip()
        made.append({"name": name, "value": value, "text": text, "source": source, "loaded_ms": now_ms})
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
