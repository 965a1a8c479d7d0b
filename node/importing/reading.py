"""Open a file as clerks and sources give it: JSONL, CSV (UTF-8 or GB18030) or XLSX.

Columns that begin with `_` are ours (reject files add them) and are left out of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from node.errors import Malformed, NotFound, TooLarge
from node.importing.jsonl import JsonlTable
from node.importing.rows import MAX_FILE_BYTES, Row
from node.importing.sheets import CsvTable, XlsxTable


class Table(Protocol):
    """An open file: `columns` of a sheet (None for JSONL) and their `places` from 0 on, `expected` rows for progress,
    and the rows once."""

    columns: tuple[str, ...] | None
    places: tuple[int, ...]
    expected: int

    def rows(self) -> Iterator[Row]: ...

    def close(self) -> None: ...


def open_table(path: Path) -> Table:
    """Open a file by the end of its name.

    Raises:
        NotFound: there is no such file.
        Malformed: it is none of the three formats, or its header is missing or ambiguous.
        TooLarge: it is over the limit of this program.
    """
    if not path.is_file():
        raise NotFound(
            f"no such file: {path}",
            zh=f"没有这个文件：{path}",
            advice_zh="请核对路径与文件名。",
            advice_en="Check path and name.",
        )
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise TooLarge(
            f"{path.name} has {size} bytes, more than {MAX_FILE_BYTES}",
            zh=f"{path.name} 有 {size} 字节，超过 {MAX_FILE_BYTES} 字节的限制",
            advice_zh="请拆成几个文件分别导入。",
            advice_en="Split it into several files and import each.",
        )
    match path.suffix.lower():
        case ".jsonl" | ".ndjson":
            return JsonlTable(path)
        case ".csv":
            return CsvTable(path)
        case ".xlsx":
            return XlsxTable(path)
        case other:
            raise Malformed(
                f"cannot read files of type {other or 'without extension'}: .jsonl, .csv and .xlsx are taken",
                zh=f"不能读取 {other or '无扩展名'} 文件，可用 .jsonl、.csv、.xlsx",
                advice_zh="请在电子表格软件中另存为 .xlsx 或 .csv 后重新导入。",
                advice_en="Save it as .xlsx or .csv in the spreadsheet program and import it again.",
            )
