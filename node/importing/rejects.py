"""The rejects file: the rows that could not be taken, as they were, with what to do about each.

It has the shape of the file it comes from, so that it can be corrected in the same program and imported again; our
columns begin with `_` and are ignored then. Cells that a spreadsheet would run as a formula are defused.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any, Protocol, Self

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from node.errors import Malformed, NodeError, Rejected
from node.importing.jsonl import members
from node.importing.rows import Row, defuse
from node.importing.sheets import header_of

COLUMNS = ("_row", "_field", "_reason_zh", "_reason_en", "_advice_zh", "_advice_en")


def _reason(row: Row, error: Rejected) -> tuple[int, str, str, str, str, str]:
    return (row.number, error.field or "", error.zh, error.detail, error.advice_zh, error.advice_en)


class _Writer(Protocol):
    def add(self, row: Row, error: Rejected) -> None: ...

    def close(self) -> None: ...


class _Jsonl:
    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def add(self, row: Row, error: Rejected) -> None:
        ours = dict(zip(COLUMNS, _reason(row, error), strict=True))
        parts = []
        if row.error is None:  # the source's own text of each value: a price of 1.50 stays 1.50
            parts = [
                f"{json.dumps(name, ensure_ascii=False)}: {text}" for name, text in members(row.raw) if name[:1] != "_"
            ]
        else:
            ours["_raw"] = row.raw
        parts += [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in ours.items()]
        self._file.write(_encodable("{" + ", ".join(parts) + "}\n"))

    def close(self) -> None:
        self._file.close()


class _Csv:
    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        # With a BOM, since Excel takes a CSV without one for the local code page.
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._width = len(columns)
        self._writer = csv.writer(self._file)
        self._writer.writerow([*map(defuse, columns), *COLUMNS])

    def add(self, row: Row, error: Rejected) -> None:
        cells = [defuse(_encodable(cell)) for cell in row.raw]
        cells += [""] * (self._width - len(cells))
        self._writer.writerow([*cells, *(defuse(_encodable(str(value))) for value in _reason(row, error))])

    def close(self) -> None:
        self._file.close()


class _Xlsx:
    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self._path = path
        self._width = len(columns)
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet("rejects")
        self._sheet.append([*map(defuse, columns), *COLUMNS])

    def add(self, row: Row, error: Rejected) -> None:
        cells = [_safe(cell) for cell in row.raw]
        cells += [""] * (self._width - len(cells))
        self._sheet.append([*cells, *map(_safe, _reason(row, error))])

    def close(self) -> None:
        self._book.save(self._path)


def _safe(cell: Any) -> Any:
    return defuse(ILLEGAL_CHARACTERS_RE.sub("", cell)) if isinstance(cell, str) else cell


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


_WRITERS: dict[str, type[_Jsonl] | type[_Csv] | type[_Xlsx]] = {".csv": _Csv, ".xlsx": _Xlsx}


def default_path(path: Path) -> Path:
    """Where rejects go when nobody says: `trades.csv` → `trades.rejects.csv` beside it."""
    return path.with_name(f"{path.stem}.rejects{path.suffix}")


class RejectsFile:
    """Collects rejected rows and replaces the file at once at the end; a run that breaks off leaves the old one."""

    def __init__(self, path: Path, source: Path, columns: tuple[str, ...] | None) -> None:
        if path.exists() and source.exists() and os.path.samefile(path, source):
            raise Malformed("the rejects file is the imported file itself", zh="退回文件与导入文件是同一个文件")
        self.path = path
        self._columns = columns or ()
        self._form = _WRITERS.get(source.suffix.lower(), _Jsonl)
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._writer: _Writer | None = None

    def add(self, row: Row, error: Rejected) -> None:
        if self._writer is None:
            self._writer = self._form(self._part, self._columns)
        self._writer.add(row, error)

    def finish(self) -> Path | None:
        """Put the file in its place; without rejects, remove the one that an earlier run left. Returns its path."""
        if self._writer is None:
            if _is_ours(self.path):
                self.path.unlink()
            return None
        self._writer.close()
        self._writer = None
        os.replace(self._part, self.path)
        return self.path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._part.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    """Whether a file is a rejects file, so that no other file of the operator is ever removed."""
    if not path.is_file():
        return False
    if path.suffix.lower() == ".xlsx":
        try:
            return "_reason_zh" in header_of(path)
        except NodeError:
            return False
    with path.open("rb") as file:
        return b"_reason_zh" in file.read(1 << 20)
