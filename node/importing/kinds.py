"""Import kinds: what an operator names on the command line, and the forms of rows that each takes.

A new source is one adapter and one `Form` in its domain's module; a new kind is one line here (docs/records.md).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from node.domain.record import Amendment, Draft
from node.errors import Malformed, Rejected
from node.importing import columns
from node.importing.codes import DIVISIONS, EXPERT_CLASSES
from node.importing.credit import CREDIT
from node.importing.entities import COMPANIES
from node.importing.experts import EXPERTS
from node.importing.facts import Context, Form, unnest
from node.importing.notices import NOTICES
from node.importing.ocds import RELEASES
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
        ImportKind(
            "notice",
            "采购、全国平台、供地、矿业权公告，OCDS 数据",
            "Trade notices, OCDS releases",
            (*NOTICES, *RELEASES),
        ),
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
    """Finds the form of each row by its columns and adapts it; the first form whose columns are all there fits.

    Columns that fit no form as they are are looked up as headings (`columns.py`). `unit` is that of sums in the file.
    """

    def __init__(self, kind: ImportKind, context: Context, *, unit: str = "") -> None:
        self._kind = kind
        self._context = context
        self.unit = unit
        self._known: dict[tuple[str, ...], tuple[Form | None, columns.Headings]] = {}

    def form_of(self, names: Iterable[str]) -> Form | None:
        return self._found(tuple(names))[0]

    def _found(self, names: tuple[str, ...]) -> tuple[Form | None, columns.Headings]:
        if names not in self._known:
            form, read = self._form(names), columns.Headings()
            if form is None:
                read = columns.read(self._kind.name, names, self.unit)
                form = self._form(read.columns.get(name, name) for name in names)
            self._known[names] = form, read
        return self._known[names]

    def _form(self, names: Iterable[str]) -> Form | None:
        given = frozenset(names)
        return next((form for form in self._kind.forms if form.needs <= given), None)

    def no_form(self, names: Iterable[str]) -> Malformed:
        """The error for a file in which no form fits: names what would."""
        known = columns.HEADINGS.get(self._kind.name, {})

        def say(form: Form, zh: bool) -> str:
            told = (f"{name}（{known[name][0]}）" if zh and name in known else name for name in sorted(form.needs))
            return f"{form.name}: {', '.join(told)}"

        wanted, wanted_zh = ("; ".join(say(form, zh) for form in self._kind.forms) for zh in (False, True))
        found = ", ".join(names)[:200]
        return Malformed(
            f"no form of kind {self._kind.name!r} has these columns ({found}); expected one of: {wanted}",
            zh=f"列名与“{self._kind.zh}”不符（文件的列：{found}）；应至少含有其中一组：{wanted_zh}",
            advice_zh="请核对导入类别；标题行须在前十行内，可用的中文列名见 docs/records.md。",
            advice_en="Check the import kind; the header must be in the first ten rows, see docs/records.md.",
        )

    def adapt(self, row: Row) -> Draft | Amendment | Rejected:
        if row.error is not None:
            return row.error
        form, read = self._found(tuple(row.values))
        if form is None:
            wrong = self.no_form(row.values)
            return Rejected(wrong.detail, zh=wrong.zh, advice_zh=wrong.advice_zh, advice_en=wrong.advice_en)
        try:
            if not read.columns:
                unnest(row, form.nested)
                return form.adapt(row, self._context)
            made = form.adapt(_renamed(row, read), self._context)
        except Rejected as error:
            return error
        if isinstance(made, Draft):
            # What no column of ours is stays in the source's own words.
            details = getattr(made.sections["main"].body, "details", None)
            if isinstance(details, dict):
                others = (name for name in row.values if name not in read.columns and name not in form.needs)
                details |= {name: text for name in others if isinstance(text := row.values[name], str) and text}
        return made


def _renamed(row: Row, read: columns.Headings) -> Row:
    values = {read.columns.get(name, name): value for name, value in row.values.items()}
    notes = [(read.columns.get(name, name), code) for name, code in row.notes]
    return replace(row, values=values, notes=notes, units=read.units)
