"""The rejects file: the rows that could not be taken, as they were, with what to do about each.

It has the shape of the file it comes from, so that it can be corrected in the same program and imported again; our
columns begin with `_` and are ignored then. Cells that a spreadsheet would run as a formula are defused.
"""

from __future__ import annotations

import csv
import errno
import filecmp
import json
import os
from pathlib import Path
from typing import Any, Protocol, Self

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from node.errors import Malformed, NodeError, Refused, Rejected
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


_WRITERS: dict[str, type[_Jsonl] | type[_Csv] | type[_Xlsx]] = {
    ".csv": _Csv,
    ".tsv": _Csv,
    ".txt": _Csv,
    ".xlsx": _Xlsx,
}
_SUFFIX = {".json": ".jsonl", ".tsv": ".csv", ".txt": ".csv"}
"""What rejected rows of other forms are written as."""


def default_path(path: Path) -> Path:
    """Where rejects go when nobody says: `trades.csv` → `trades.rejects.csv` beside it, and that again into itself."""
    if path.stem.endswith(".rejects") and _is_ours(path):
        return path
    suffix = path.suffix.lower()
    return path.with_name(f"{path.stem}.rejects{_SUFFIX.get(suffix, path.suffix)}")


class RejectsFile:
    """Collects rejected rows and replaces the file at once at the end; a run that breaks off leaves the old one."""

    def __init__(self, path: Path, source: Path, columns: tuple[str, ...] | None) -> None:
        again = path.exists() and source.exists() and os.path.samefile(path, source)
        if again and not (path.stem.endswith(".rejects") and _is_ours(path)):
            raise Malformed(
                f"the rejects file {path} is the imported file itself",
                zh=f"退回文件 {path} 与导入文件是同一个文件",
                field="--rejects",
                advice_zh="请用 --rejects 指定另一个文件。",
                advice_en="Name another file with --rejects.",
            )
        # A rejects file that is imported again gives way to what is left of it, as long as nobody edits it meanwhile.
        self._started_from = _state(path) if again else None
        self.path = path
        self._columns = columns or ()
        self._form = _WRITERS.get(source.suffix.lower(), _Jsonl)
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._writer: _Writer | None = None
        self._check_writable()

    def _check_writable(self) -> None:
        """Before anything is published: rows that could not be given back would be lost to the operator."""
        try:
            if self.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._part.touch()
            self._part.unlink()
        except OSError as error:
            raise Refused(
                f"rejected rows could not be written to {self.path}: {error.strerror}; nothing was imported",
                zh=f"退回文件 {self.path} 不能写入，尚未导入任何行",
                field="--rejects",
                advice_zh="请用 --rejects 指定可写目录中的文件（目录须已存在）。",
                advice_en="Name a file in an existing directory that can be written with --rejects.",
            ) from None

    def add(self, row: Row, error: Rejected) -> None:
        if self._writer is None:
            self._writer = self._form(self._part, self._columns)
        self._writer.add(row, error)

    def finish(self) -> Path | None:
        """Put the file in its place; without rejects, remove the one that an earlier run left. Returns its path."""
        if self._writer is None:
            if self._started_from is None and _is_ours(self.path):
                self.path.unlink()
            return None
        self._writer.close()
        self._writer = None
        if self._is_others_work():
            os.replace(self.path, self.path.with_name(self.path.name + ".bak"))
        os.replace(self._part, self.path)
        return self.path

    def _is_others_work(self) -> bool:
        """Whether the file in our place may hold corrections that nobody has imported yet."""
        if not self.path.is_file() or (self._started_from is not None and self._started_from == _state(self.path)):
            return False
        return not filecmp.cmp(self.path, self._part, shallow=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._part.unlink(missing_ok=True)


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


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
