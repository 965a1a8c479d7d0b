"""Import kinds: what an operator names on the command line, and the forms of rows that each takes.

A new source is one adapter and one `Form` in its domain's module; a new kind is one line here (docs/records.md).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from node.domain.record import Amendment, Draft
from node.errors import Malformed, Rejected
from node.importing.codes import DIVISIONS, EXPERT_CLASSES
from node.importing.credit import CREDIT
from node.importing.entities import COMPANIES
from node.importing.experts import EXPERTS
from node.importing.facts import Context, Form, unnest
from node.importing.notices import NOTICES
from node.importing.rows import Row
from node.importing.trades import CANDIDATES, LISTINGS, RESULTS


@dataclass(frozen=True, slots=True)
class ImportKind:
    name: str
    zh: str
    en: str
    forms: tuple[Form, ...]


IMPORT_KINDS: dict[str, ImportKind] = {
    kind.name: kind
    for kind in (
        ImportKind("result", "中标结果、成交结果", "Trade results", RESULTS),
        ImportKind("candidates", "中标候选人", "Award candidates", CANDIDATES),
        ImportKind("notice", "采购、全国平台、供地、矿业权公告", "Trade notices", NOTICES),
        ImportKind("listing", "国有产权挂牌", "Property listings", LISTINGS),
        ImportKind("company", "市场主体", "Market parties", COMPANIES),
        ImportKind(
            "credit", "信用评分及变更、信用行为、黑名单", "Credit scores and changes, behaviours, blacklists", CREDIT
        ),
        ImportKind("expert", "评标专家", "Evaluation experts", EXPERTS),
        ImportKind("expert-class", "评标专家专业分类", "Expert classes", EXPERT_CLASSES),
        ImportKind("division", "行政区划", "Administrative divisions", DIVISIONS),
    )
}


def import_kind(name: str) -> ImportKind:
    """The kind of a name. Raises Malformed with the list of names."""
    kind = IMPORT_KINDS.get(name)
    if kind is None:
        known = ", ".join(IMPORT_KINDS)
        near = difflib.get_close_matches(name, IMPORT_KINDS, 1)
        listed = "、".join(f"{each.name}（{each.zh}）" for each in IMPORT_KINDS.values())
        raise Malformed(
            f"unknown import kind {name!r}" + (f", is {near[0]} meant?" if near else "") + f"; known are {known}",
            zh=f"未知的导入类别 {name}" + (f"，是否为 {near[0]}？" if near else ""),
            advice_zh=f"请用其中一个：{listed}。",
            advice_en="Name one of these, then the file: ggzy import KIND FILE.",
        )
    return kind


class Adapter:
    """Finds the form of each row by its columns and adapts it; the first form whose columns are all there fits."""

    def __init__(self, kind: ImportKind, context: Context) -> None:
        self._kind = kind
        self._context = context
        self._known: dict[tuple[str, ...], Form | None] = {}

    def form_of(self, columns: Iterable[str]) -> Form | None:
        names = tuple(columns)
        if names not in self._known:
            given = frozenset(names)
            self._known[names] = next((form for form in self._kind.forms if form.needs <= given), None)
        return self._known[names]

    def no_form(self, columns: Iterable[str]) -> Malformed:
        """The error for a file in which no form fits: names what would."""
        wanted = "; ".join(f"{form.name}: {', '.join(sorted(form.needs))}" for form in self._kind.forms)
        found = ", ".join(columns)[:200]
        return Malformed(
            f"no form of kind {self._kind.name!r} has these columns ({found}); expected one of: {wanted}",
            zh=f"列名与“{self._kind.zh}”不符（文件的列：{found}）；应至少含有其中一组：{wanted}",
            advice_zh="请核对导入类别与标题行；标题行应为第一行。",
            advice_en="Check the import kind and the header row, which must come first.",
        )

    def adapt(self, row: Row) -> Draft | Amendment | Rejected:
        if row.error is not None:
            return row.error
        form = self.form_of(row.values)
        if form is None:
            wrong = self.no_form(row.values)
            return Rejected(wrong.detail, zh=wrong.zh, advice_zh=wrong.advice_zh, advice_en=wrong.advice_en)
        try:
            unnest(row, form.nested)
            return form.adapt(row, self._context)
        except Rejected as error:
            return error
