"""Open a file as clerks and sources give it: JSONL, JSON, CSV (UTF-8 or GB18030; also by tabs) or XLSX.

Columns that begin with `_` are ours (reject files add them) and are left out of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from node.errors import Malformed, NotFound, TooLarge
from node.importing.jsonfile import JsonTable
from node.importing.jsonl import JsonlTable
from node.importing.rows import MAX_FILE_BYTES, Row
from node.importing.sheets import CsvTable, Fits, XlsxTable

_TAKEN = ".xlsx, .csv, .tsv, .json and .jsonl are taken"


class Table(Protocol):
    """An open file: `columns` of a sheet (None for JSON) and their `places` from 0 on, `expected` rows for progress,
    and the rows once.

    `above` are the texts that stand over a sheet's header.
    """

    columns: tuple[str, ...] | None
    places: tuple[int, ...]
    expected: int
    above: tuple[str, ...]

    def rows(self) -> Iterator[Row]: ...

    def close(self) -> None: ...


def open_table(path: Path, fits: Fits | None = None) -> Table:
    """Open a file by the end of its name. `fits` knows a sheet's header, which may then lie below a title.

    Raises:
        NotFound: there is no such file.
        Malformed: it is none of these formats, or its header is missing or ambiguous.
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
        case ".json":
            return JsonTable(path)
        case ".csv" | ".tsv" | ".txt":
            return CsvTable(path, fits)
        case ".xlsx":
            return XlsxTable(path, fits)
        case other:
            raise Malformed(
                f"cannot read files of type {other or 'without extension'}: {_TAKEN}",
                zh=f"不能读取 {other or '无扩展名'} 文件，可用 .xlsx、.csv、.tsv、.json、.jsonl"
                + ("（.xls 是旧版 Excel 格式）" if other == ".xls" else ""),
                advice_zh="请在电子表格软件中另存为 .xlsx 或 .csv 后重新导入。",
                advice_en="Save it as .xlsx or .csv in the spreadsheet program and import it again.",
            )
