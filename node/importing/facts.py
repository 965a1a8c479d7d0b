"""What the adapters share: reading one row's columns into plain facts and collecting flags on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from node.domain import dates, divisions
from node.domain.identifiers import check_uscc
from node.domain.money import read_amount
from node.domain.record import Amendment, Amount, Document, Draft, Flag, Party, Source
from node.domain.trades import CATEGORIES
from node.errors import Rejected
from node.importing.jsonl import parse
from node.importing.rows import Row, clean_value

# How a source names itself in its rows -> what a reader should see.
SOURCES = {
    "demo": "演示数据",
    "ggzy.gov.cn": "全国公共资源交易平台",
    "jianyu": "剑鱼标讯",
    "landchina": "中国土地市场网",
    "local": "本节点",
    "ocds": "OCDS 开放合约数据",
    "property-cq": "重庆联合产权交易所",
    "property-zj": "浙江产权交易所",
    "registry": "企业登记数据（公开副本）",
    "yichang": "宜昌市公共资源交易网",
    "yichang-credit": "宜昌市建筑市场信用信息平台",
}
# Sources whose credit codes were looked up by name and are not part of the notice.
_JOINED = frozenset({"ggzy.gov.cn", "jianyu", "property-cq", "property-zj", "yichang"})
CATEGORY_WORDS = {
    "工程": "工程建设",
    "建设工程": "工程建设",
    "采购": "政府采购",
    "土地": "土地使用权",
    "矿业": "矿业权",
    "产权": "国有产权",
} | {name: name for name in CATEGORIES}
"""Shorter names that offices use."""
_TRUE = frozenset({"1", "true", "yes", "y", "是"})
_FLAG_TEXT = 60
# A column that holds sums and percentages alike: `98.90` is no price of a building, so a number below is not believed.
LEAST_YUAN = 1000


@dataclass(slots=True)
class Context:
    """What a row does not say itself: the file's name, the day the operator gave, codes already met in this file.

    `as_of_given` is true when the operator named the day: then it is part of what was said, so that a value that goes
    back to what it was before is a new version of that day and not a repeat.
    """

    file_name: str = ""
    as_of: str = ""
    as_of_given: bool = False
    seen: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Form:
    """One form of rows that an import kind takes, known by its columns."""

    name: str
    needs: frozenset[str]
    adapt: Callable[[Row, Context], Draft | Amendment]
    nested: frozenset[str] = frozenset()


def missing(field_name: str, zh: str) -> Rejected:
    return Rejected(f"{field_name} is missing", field=field_name, zh=f"缺少{zh}（{field_name}）")


def compose(*parts: str) -> str:
    """Several parts as one key: joined by `|`, with `\\` before a bar that belongs to a part."""
    return "|".join(part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)


class Facts:
    """One row's columns as facts. Every reading method takes the column's name and flags what it has to."""

    __slots__ = ("context", "flags", "row", "source", "values")

    def __init__(self, row: Row, context: Context, *, source: str = "local") -> None:
        self.row = row
        self.values = row.values
        self.context = context
        self.flags = [Flag(column, code) for column, code in row.notes]
        self.source = self.text("source") or ("demo" if self.made_up else source)

    @property
    def made_up(self) -> bool:
        return self.text("made_up").lower() in _TRUE

    def category(self, default: str) -> str:
        category = self.text("category")
        return CATEGORY_WORDS.get(category, "其他") if category else default

    def flag(self, field_name: str, code: str, text: str = "") -> None:
        self.flags.append(Flag(field_name, code, text if len(text) <= _FLAG_TEXT else ""))

    def text(self, *columns: str) -> str:
        """The first of the columns that says anything. Raises Rejected when one holds a list or a map."""
        for column in columns:
            value = self.values.get(column)
            if value:
                if type(value) is not str:
                    raise Rejected(f"{column} is not plain text", field=column, zh=f"{column} 应为文字")
                return value
        return ""

    def need(self, zh: str, *columns: str) -> str:
        text = self.text(*columns)
        if not text:
            raise missing(columns[0], zh)
        return text

    def day(self, column: str) -> str:
        return self._date(column, dates.day)

    def moment(self, column: str) -> str:
        return self._date(column, dates.iso)

    def _date(self, column: str, read: Callable[[str], str | None]) -> str:
        text = self.text(column)
        found = read(text) if text else ""
        if found is None:
            self.flag(column, "date-unreadable", text)
            return ""
        return found

    def amount(self, column: str, unit: str = "元", least: int = 0) -> Amount | None:
        """A sum; what the heading says of its unit goes before `unit`, which is what our own column means."""
        if column in self.row.units:
            unit = self.row.units[column]
            least = 0 if unit else least
        return self.sum_of(self.text(column), column, unit, least)

    def sum_of(self, text: str, field_name: str, unit: str = "元", least: int = 0) -> Amount | None:
        amount, code = read_amount(text, unit, least)
        if code:
            self.flag(field_name, code, text)
        return amount

    def uscc(self, column: str) -> str:
        code = self.text(column)
        if code and not check_uscc(code).valid:
            self.flag(column, "uscc-invalid", code)
        return code

    def party(self, name_column: str, uscc_column: str) -> Party | None:
        name = self.text(name_column)
        return self.named(name, uscc_column) if name else None

    def named(self, name: str, uscc_column: str) -> Party:
        code = self.uscc(uscc_column)
        joined = bool(code) and self.source in _JOINED
        if joined:
            self.flag(uscc_column, "uscc-joined")
        return Party(name, code, joined)

    def winners(self, text: str, column: str, uscc_column: str = "") -> list[Party]:
        """The companies of a name field; several when the text clearly separates them."""
        names = split_names(text)
        if len(names) > 1:
            self.flag(column, "consortium")
            return [Party(name) for name in names]
        return [self.named(text, uscc_column) if uscc_column else Party(text)] if text else []

    def division(self, code_column: str, name: str) -> str:
        """The code of a column when it is known, else what the name gives; flagged when neither is in GB/T 2260."""
        code = self.text(code_column)
        if code and len(code) >= 6 and divisions.is_known(code):
            return code[:6]
        found = "" if code or divisions.is_zone(name) else divisions.find(name)
        if not found and (code or name):
            self.flag(code_column, "division-unknown", code or name)
        return found

    def details(self, *columns: str) -> dict[str, str]:
        return {column: text for column in columns if (text := self.text(column))}

    def origin(self, url_column: str = "url", *, name: str = "", id: str = "", flag_url: bool = True) -> Source:
        url = self.text(url_column)
        if not url.startswith(("https://", "http://")):  # pages make links of it: nothing else may get through
            url = ""
        if not url and flag_url:
            self.flag(url_column, "url-missing")
        return Source(name or SOURCES.get(self.source, self.source), url, id)

    def draft(
        self,
        kind: str,
        id: str,
        body: Any,
        source: Source,
        *,
        as_of: str = "",
        said: Mapping[str, Any] | None = None,
        sections: Mapping[str, Any] | None = None,
    ) -> Draft:
        """The record of this row under `<source>/<id>`; `said` replaces the row's own values where those say too much.

        What the source leaves empty is left out of `said`, since formats differ in how they say nothing.
        """
        document = Document(
            key=f"{self.source}/{id}",
            body=body,
            source=source,
            as_of=as_of or self.context.as_of,
            flags=self.flags,
            made_up=self.made_up,
        )
        values = self.values if said is None else said
        told = {name: value for name, value in values.items() if value}
        if self.context.as_of_given:
            told.setdefault("as_of", self.context.as_of)
        return Draft(kind, document.key, {"main": document, **(sections or {})}, told)


_ORGANISATION = re.compile(
    r".{2,}(?:公司|集团|厂|院|所|中心|社|局|校|大学|部|店|队|站|行|会|处|馆|园|场|委|基地|联盟|合伙\))"
    r"(?:[(（][^()（）]*[)）])?"
)
_JOINT = re.compile(r"[(（]?联合体[)）]?$")
_ROLE = re.compile(r"^(?:联合体)?(?:牵头(?:人|单位|方)|主办(?:人|单位|方)|成员(?:单位|方)?)[0-9一二三四五]?[:：]")
_ROLE_AFTER = re.compile(r"[(（](?:联合体)?(?:牵头(?:人|单位|方)?|主办方|主|成员(?:单位|方)?|成)[)）]$")
_SEPARATORS = frozenset("、;；,，/\n")


def split_names(text: str) -> list[str]:
    """The companies in a name field, where each part clearly is one; else the text alone.

    >>> split_names("甲建设有限公司、乙设计院（武汉）联合体")
    ['甲建设有限公司', '乙设计院（武汉）']
    >>> split_names("某省服务平台,某市专栏网站"), split_names("丙集团（甲、乙）有限公司")
    (['某省服务平台,某市专栏网站'], ['丙集团（甲、乙）有限公司'])
    """
    if _SEPARATORS.isdisjoint(text):
        return [text]
    parts, depth = [""], 0
    for char in _JOINT.sub("", text):
        depth += (char in "(（") - (char in ")）")
        if char in _SEPARATORS and depth <= 0:
            parts.append("")
        else:
            parts[-1] += char
    names = [_ROLE_AFTER.sub("", _ROLE.sub("", part.strip())).strip() for part in parts if part.strip()]
    if len(names) < 2 or not all(_ORGANISATION.fullmatch(name) for name in names):
        return [text]
    return names


def unnest(row: Row, columns: frozenset[str]) -> None:
    """Turn the JSON text that a sheet's cell holds for a list or a map into that list or map."""
    for column in columns:
        value = row.values.get(column)
        if type(value) is str and value[:1] in "[{" and value:
            try:
                row.values[column], dirty = clean_value(parse(value))
            except ValueError as error:
                raise Rejected(f"{column}: {error}", field=column, zh=f"{column} 不是有效的 JSON") from None
            if dirty:
                row.notes.append((column, "text-cleaned"))
