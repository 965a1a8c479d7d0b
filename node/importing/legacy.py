"""Files of the five former centres and of old systems (R62), read into trades to be taken over.

Two sorts of files: those that the import kinds of trades read anyway (results, candidates, notices, listings in the
columns of their sources), and our own form, by its Chinese column names, which is also what the way back writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node.domain import divisions
from node.domain.legacy import Old
from node.domain.record import Draft, Party
from node.domain.trades import CATEGORIES, Trade, TradeCandidates, TradeListing, TradeNotice, TradeResult
from node.errors import Malformed, Rejected
from node.importing.columns import unit_above
from node.importing.facts import Context, Facts
from node.importing.kinds import IMPORT_KINDS, Adapter
from node.importing.reading import open_table
from node.importing.rejects import RejectsFile, default_path
from node.importing.rows import Row

# The columns of our own form, in the order in which the way back writes them.
COLUMNS = (
    "原项目编号",
    "原标段编号",
    "项目名称",
    "交易类别",
    "阶段",
    "日期",
    "项目所在地",
    "项目单位",
    "项目单位统一社会信用代码",
    "代理机构",
    "估算价（元）",
    "原公告网址",
    "本平台交易号",
    "承接后环节",
)
_NEEDED = frozenset({"原项目编号", "项目名称"})
_KINDS = ("result", "candidates", "notice", "listing")


def read_legacy(path: Path, rejects: Path | None = None) -> LegacyFile:
    """Open an old system's file. Raises Malformed when its columns fit no form, NotFound, TooLarge."""
    return LegacyFile(path, rejects or default_path(path))


class LegacyFile:
    """The rows of one file, once; what cannot be taken goes to the rejects file. A context manager.

    `rejected` counts those so far; `rejects` is their file, once the file is closed.
    """

    def __init__(self, path: Path, rejects: Path) -> None:
        self._table = open_table(path, lambda names: _fits(tuple(names), _adapters(path)))
        columns = self._table.columns
        self.expected = self._table.expected
        self.rejects: Path | None = None
        self.rejected = 0
        try:
            self._adapters = _adapters(path, unit_above(self._table.above))
            if columns is not None and not _fits(columns, self._adapters):
                raise _no_form(columns)
            self._back = RejectsFile(rejects, path, columns)
        except BaseException:
            self._table.close()
            raise

    def __enter__(self) -> LegacyFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self._table.close()
        if exception[0] is None:
            self.rejects = self._back.finish()
        self._back.__exit__(*exception)

    def rows(self) -> Iterator[tuple[Row, Old]]:
        """Each row that can be read; the others are rejected at once."""
        for row in self._table.rows():
            try:
                yield row, self._read(row)
            except Rejected as error:
                self.reject(row, error)

    def reject(self, row: Row, error: Rejected) -> None:
        self.rejected += 1
        self._back.add(row, error)

    def _read(self, row: Row) -> Old:
        if row.error is not None:
            raise row.error
        if row.values.keys() >= _NEEDED:
            return _own(row)
        adapter = next((each for each in self._adapters if each.form_of(row.values) is not None), None)
        if adapter is None:
            wrong = _no_form(tuple(row.values))
            raise Rejected(wrong.detail, zh=wrong.zh)
        draft = adapter.adapt(row)
        if isinstance(draft, Rejected):
            raise draft
        assert isinstance(draft, Draft), "forms of trades give drafts"
        return _old(draft)


def _adapters(path: Path, unit: str = "") -> list[Adapter]:
    context = Context(file_name=path.name)
    return [Adapter(IMPORT_KINDS[name], context, unit=unit) for name in _KINDS]


def _fits(columns: tuple[str, ...], adapters: list[Adapter]) -> bool:
    return _NEEDED <= set(columns) or any(each.form_of(columns) is not None for each in adapters)


def _no_form(columns: tuple[str, ...]) -> Malformed:
    found = ", ".join(columns)[:200]
    return Malformed(
        f"no form of old systems has these columns ({found}); our own form needs {', '.join(sorted(_NEEDED))}",
        zh=f"列名与可承接的格式不符（文件的列：{found}）；自有格式至少须有：{'、'.join(sorted(_NEEDED))}",
        advice_zh="请按 docs/migration.md 的列名整理后再导入。",
        advice_en="Arrange the columns as docs/migration.md says and import it again.",
    )


def _own(row: Row) -> Old:
    facts = Facts(row, Context(), source="legacy")
    category = facts.need("交易类别", "交易类别")
    if category not in CATEGORIES:
        raise Rejected(
            f"unknown category {category!r}", field="交易类别", zh=f"交易类别“{category}”不在：{'、'.join(CATEGORIES)}"
        )
    amount = facts.amount("估算价（元）")
    if amount is not None and amount.fen is None:
        raise Rejected("the estimate is no sum", field="估算价（元）", zh=f"估算价“{amount.text}”不是金额")
    taken = {*COLUMNS}
    return Old(
        number=facts.need("原项目编号", "原项目编号"),
        category=category,
        title=facts.need("项目名称", "项目名称"),
        stage=facts.text("阶段"),
        section=facts.text("原标段编号"),
        day=facts.day("日期"),
        division=_division(facts.text("项目所在地")),
        owner=facts.party("项目单位", "项目单位统一社会信用代码"),
        agency=facts.party("代理机构", ""),
        estimate_fen=amount.fen if amount else None,
        url=facts.origin("原公告网址", flag_url=False).url,
        details=tuple(
            (name, value)
            for name, value in row.values.items()
            if name not in taken and isinstance(value, str) and value
        ),
    )


def _division(text: str) -> str:
    return text[:6] if divisions.is_known(text) and len(text) >= 6 else divisions.find(text)


def _old(draft: Draft) -> Old:
    document = draft.sections["main"]
    body: Trade = document.body
    title = body.project_name or body.title
    return Old(
        number=body.project_code or document.source.id,
        category=body.category,
        title=title,
        stage=body.stage,
        section=body.section_code,
        day=body.published_on,
        division=body.division,
        owner=body.owner,
        agency=body.agency,
        estimate_fen=_estimate(body),
        url=document.source.url,
        details=tuple(_details(body, title)),
    )


def _estimate(body: Trade) -> int | None:
    amount = body.amount if isinstance(body, TradeNotice | TradeListing) else None
    return amount.fen if amount is not None and not amount.per and (amount.fen or 0) >= 0 else None


def _details(body: Trade, title: str) -> Iterator[tuple[str, str]]:
    """What else the old system says, in words: it discloses, and is not judged."""
    if body.title != title:
        yield "原标题", body.title
    for name, value in (("地点", body.location), ("所在地名称", body.division_name)):
        yield name, value
    if isinstance(body, TradeResult | TradeNotice):
        yield "中标（成交）人", _parties(body.winners)
    if isinstance(body, TradeCandidates):
        for each in body.candidates:
            yield f"第{each.rank}候选人", f"{each.party.name} {each.price.text if each.price else ''}".strip()
        yield "公示期", body.publicity_period
    amounts: dict[str, Any] = {}
    if isinstance(body, TradeResult):
        amounts = {"中标价": body.amount}
    elif isinstance(body, TradeNotice):
        amounts = {"预算或起始价": body.amount, "保证金": body.deposit, "成交价": body.award}
    elif isinstance(body, TradeListing):
        amounts = {"挂牌价": body.amount}
    for name, amount in amounts.items():
        yield name, amount.text if amount is not None else ""
    yield from body.details.items()


def _parties(parties: list[Party]) -> str:
    return "、".join(f"{party.name}（{party.uscc}）" if party.uscc else party.name for party in parties)
