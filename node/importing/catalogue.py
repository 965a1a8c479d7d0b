"""Lists of approved projects and budgets (审批项目、采购预算清单), as departments give them: CSV, XLSX or JSONL.

Columns are known by their Chinese or English names; what a list does not say stays empty, since a list of another
department says other things. Rows that name no project, or say what cannot be read, go back with their reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from openpyxl.utils import get_column_letter

from node.domain import dates, divisions
from node.domain.catalogue import Approved
from node.domain.money import read_amount
from node.domain.trades import CATEGORIES
from node.errors import Malformed, Rejected
from node.importing.facts import CATEGORY_WORDS
from node.importing.reading import Table, open_table
from node.importing.rejects import RejectsFile, default_path
from node.importing.rows import Row

# what it is -> names of the column
COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("项目名称", "name", "project_name", "采购项目名称", "标题"),
    "category": ("交易类别", "类别", "category"),
    "project_code": ("项目编号", "采购计划编号", "project_code"),
    "invest_code": ("投资项目统一代码", "投资项目代码", "invest_code"),
    "owner": ("建设单位", "项目单位", "采购人", "招标人", "转让方", "owner"),
    "division": ("行政区划代码", "区划", "所在区县", "division"),
    "sort": ("采购内容", "招标内容", "类型", "sort"),
    "funds": ("资金性质", "资金来源", "funds"),
    "approved_on": ("批准日期", "批复日期", "approved_on", "day"),
    "mandatory": ("必须进场", "依法必须招标", "mandatory"),
}
_SUMS: dict[str, str] = {
    "估算价": "元",
    "估算价（元）": "元",
    "估算价(元)": "元",
    "估算价（万元）": "万元",
    "估算价(万元)": "万元",
    "预算金额": "元",
    "预算金额（元）": "元",
    "预算金额（万元）": "万元",
    "预算金额(万元)": "万元",
    "总投资（万元）": "万元",
    "estimate": "元",
    "estimate_wan": "万元",
}
MOST_BAD = 500
_YES, _NO = frozenset({"是", "1", "true", "yes", "y"}), frozenset({"否", "0", "false", "no", "n"})
_PRIVATE, _PUBLIC = (
    ("民间", "自筹（民营", "私人", "民营", "private"),
    ("财政", "国有", "政府", "国资", "专项", "public"),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a list: its number as a person counts, and what it says."""

    row: int
    item: Approved


@dataclass(frozen=True, slots=True)
class BadCell:
    """Why a row goes back: its cell as a sheet names it (`C7`), empty where no one cell is to blame, and the row."""

    row: int
    cell: str
    column: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class List:
    """A list that was read. `rejects` is the file of rows that could not be taken, None when all could; `bad` says why,
    of the first `MOST_BAD` of them."""

    name: str
    rows: tuple[Listed, ...]
    read: int
    rejected: int
    rejects: Path | None
    bad: tuple[BadCell, ...] = ()


def read_list(path: Path, *, category: str = "", rejects: Path | None = None) -> List:
    """Read a list. `category` is that of rows which name none.

    Raises Malformed when no column names the project, NotFound and TooLarge as `open_table` does.
    """
    table = open_table(path, lambda names: any(name in names for name in COLUMNS["name"]))
    found: list[Listed] = []
    bad: list[BadCell] = []
    read = rejected = 0
    try:
        columns = table.columns
        if columns is not None and not any(name in columns for name in COLUMNS["name"]):
            raise Malformed(
                f"no column names the project; expected one of {', '.join(COLUMNS['name'])}",
                zh=f"清单没有项目名称一列；可用的列名：{'、'.join(COLUMNS['name'])}",
                advice_zh="请在标题行写明“项目名称”；全部列名见 docs/routing.md。",
                advice_en="Name the column 项目名称; docs/routing.md lists all names.",
            )
        with RejectsFile(rejects or default_path(path), path, columns) as back:
            for row in table.rows():
                read += 1
                try:
                    found.append(Listed(row.number, _item(row, category)))
                except Rejected as error:
                    rejected += 1
                    back.add(row, error)
                    bad += [_bad_cell(row.number, table, error)] if len(bad) < MOST_BAD else []
            return List(path.name, tuple(found), read, rejected, back.finish(), tuple(bad))
    finally:
        table.close()


def _bad_cell(row: int, table: Table, error: Rejected) -> BadCell:
    column = error.field or ""
    # What is said of `项目名称` stands in the column by whichever of its names the list has.
    names = next((each for each in COLUMNS.values() if column in each), (column,))
    sheet = zip(table.columns or (), table.places, strict=True) if table.columns else ()
    cell = next((f"{get_column_letter(place + 1)}{row}" for name, place in sheet if name in names), "")
    return BadCell(row, cell, column, error.zh, error.detail)


def _item(row: Row, category: str) -> Approved:
    if row.error is not None:
        raise row.error
    said = dict(_said(row))
    name = said.get("name", "")
    if not name:
        raise Rejected("the project has no name", field="项目名称", zh="缺少项目名称")
    kind = CATEGORY_WORDS.get(said.get("category", ""), said.get("category", "")) or category
    if kind not in CATEGORIES:
        raise Rejected(
            f"unknown category {kind!r}",
            field="交易类别",
            zh=f"交易类别“{kind}”不在：{'、'.join(CATEGORIES)}" if kind else "缺少交易类别",
        )
    day = (dates.day(said["approved_on"]) or "") if said.get("approved_on") else ""
    if said.get("approved_on") and not day:
        raise Rejected("the date cannot be read", field="批准日期", zh=f"批准日期“{said['approved_on']}”无法识别")
    return Approved(
        name,
        kind,
        day=day,
        project_code=said.get("project_code", ""),
        invest_code=said.get("invest_code", ""),
        owner=said.get("owner", ""),
        division=_division(said.get("division", "")),
        sort=said.get("sort", ""),
        estimate_fen=_estimate(row.values),
        private=_private(said.get("funds", "")),
        mandatory=_flag(said.get("mandatory", "")),
    )


def _said(row: Row) -> Iterator[tuple[str, str]]:
    for what, names in COLUMNS.items():
        for name in names:
            value = row.values.get(name)
            if isinstance(value, str) and value:
                yield what, value
                break


def _estimate(values: Mapping[str, object]) -> int | None:
    for column, unit in _SUMS.items():
        text = values.get(column)
        if isinstance(text, str) and text:
            amount, _ = read_amount(text, unit)
            if amount is None or amount.fen is None or amount.fen < 0:
                raise Rejected("the estimate is no sum", field=column, zh=f"“{text}”不是金额")
            return amount.fen
    return None


def _flag(text: str) -> bool | None:
    low = text.lower()
    if low in _YES:
        return True
    if low in _NO:
        return False
    if text:
        raise Rejected("neither yes nor no", field="必须进场", zh=f"“{text}”应为是或否")
    return None


def _private(text: str) -> bool | None:
    """Whether only private money is in it; public money in a mixture counts as public."""
    if any(word in text for word in _PUBLIC):
        return False
    return True if any(word in text for word in _PRIVATE) else None


def _division(text: str) -> str:
    return text[:6] if text.isdigit() and len(text) >= 6 else divisions.find(text) if text else ""
