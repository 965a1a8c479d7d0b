"""Columns of the downloads: a stable name for JSON, a title in both languages, and the value in each form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from node.domain import KINDS
from node.domain.acts import DISCLOSURE_NAMES
from node.store.views import Row
from node.web.i18n import Words
from node.web.portal_text import STATES, Pair


def _same(value: Any, _t: Words) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Column:
    """`name` is the JSON field and, unless `view` says otherwise, the view's column; `show` turns its plain value into
    what a table holds; `width` is that of an Excel column, in characters.
    """

    name: str
    title: Pair
    show: Callable[[Any, Words], Any] = _same
    view: str = ""
    width: int = 16

    def plain(self, row: Row) -> Any:
        """For JSON: bytes as hexadecimal, everything else as it is."""
        value = row[self.view or self.name]
        return value.hex() if isinstance(value, bytes) else value

    def shown(self, row: Row, t: Words) -> Any:
        """For CSV and Excel."""
        return self.show(self.plain(row), t)


def _yuan(fen: int | None, _t: Words) -> Decimal | None:
    return None if fen is None else Decimal(fen).scaleb(-2)


def _points(thousandths: int | None, _t: Words) -> Decimal | None:
    return None if thousandths is None else Decimal(thousandths).scaleb(-3)


def _kind(kind: str, t: Words) -> str:
    return t.pick((KINDS[kind].zh, KINDS[kind].en)) if kind in KINDS else kind


def _mark(made_up: bool, t: Words) -> str:
    return t("made_up") if made_up else ""


def _disclosure(kind: str, t: Words) -> str:
    return t.pick(DISCLOSURE_NAMES[kind]) if kind in DISCLOSURE_NAMES else kind


def _state(state: str, t: Words) -> str:
    return t.pick(STATES[state]) if state in STATES else state


_PLACE = (
    Column("record_id", ("记录编号", "Record id"), width=36),
    Column("version", ("版本", "Version"), width=8),
    Column("origin", ("日志名称", "Log"), width=28),
    Column("index", ("日志序号", "Log index"), view="idx", width=10),
    Column("leaf", ("叶子哈希", "Leaf hash"), width=20),
)

_TRADES = (
    Column("title", ("标题", "Title"), width=50),
    Column("kind", ("信息类型", "Kind"), _kind),
    Column("category", ("交易类别", "Category")),
    Column("stage", ("环节", "Stage")),
    Column("project_code", ("项目编号", "Project code"), width=24),
    Column("section_code", ("标段（包）编号", "Section code"), width=26),
    Column("division", ("行政区划代码", "Division code")),
    Column("division_name", ("行政区划", "Division")),
    Column("owner", ("项目单位", "Owner"), width=30),
    Column("agency", ("代理机构", "Agency"), width=30),
    Column("winner", ("中标（成交）人", "Winner"), width=36),
    Column("amount_fen", ("金额（元）", "Amount (yuan)"), _yuan, width=18),
    Column("amount_text", ("金额原文", "Amount as given"), width=24),
    Column("published_on", ("发布日期", "Published on"), width=12),
    Column("source_url", ("来源网址", "Source"), width=40),
    Column("disclosure", ("公开类别", "Disclosure"), _disclosure),
    Column("state", ("状态", "State"), _state),
    Column("trade", ("交易标识", "Trade"), width=36),
    Column("flags", ("提示数", "Notes"), width=8),
    Column("made_up", ("演示数据", "Made up"), _mark),
    *_PLACE,
)

COLUMNS: dict[str, tuple[Column, ...]] = {
    "trades": _TRADES,
    "disclosures": _TRADES,
    "credit": (
        Column("party", ("市场主体", "Market party"), width=36),
        Column("uscc", ("统一社会信用代码", "Credit code"), width=22),
        Column("kind", ("信用类型", "Sort"), _kind),
        Column("subject", ("资质 / 事由", "Qualification / reason"), width=40),
        Column("grade", ("等级 / 性质", "Grade")),
        Column("points", ("分值", "Points"), _points),
        Column("authority", ("认定机关 / 来源", "Authority / source"), width=26),
        Column("starts_on", ("起始日期", "From"), width=12),
        Column("ends_on", ("截止日期", "Until"), width=12),
        Column("document_no", ("文号", "Document number"), width=24),
        Column("source_url", ("来源网址", "Source"), width=40),
        Column("made_up", ("演示数据", "Made up"), _mark),
        *_PLACE,
    ),
    "entities": (
        Column("name", ("名称", "Name"), width=36),
        Column("uscc", ("统一社会信用代码", "Credit code"), width=22),
        Column("division", ("行政区划代码", "Division code")),
        Column("registered_on", ("成立日期", "Registered on")),
        *_PLACE,
    ),
    "codes": (
        Column("table_name", ("代码表", "Table"), _kind),
        Column("code", ("代码", "Code")),
        Column("name", ("名称", "Name"), width=36),
        Column("parent", ("上级代码", "Parent")),
        *_PLACE,
    ),
}
