"""What the rules of the national data standard make of one record: faults, each with field, rule and advice.

In the order in which a receiver checks (data-standard.md §7.2): common fields, then each field by itself (NotNull,
Length, Date, Number, Domain, Enum, Region), unique and immutable fields, then what holds between records. A code
table that is only a placeholder warns and never refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from node.domain.divisions import is_known
from node.domain.faults import Fault
from node.domain.standard import (
    CODE_CHARS,
    COMMON,
    CONSTRUCTION_COMMON,
    FILE_NAMES,
    PLATFORM_CHARS,
    DataSet,
    Field,
    Standard,
)

Operation = Literal["insert", "update", "delete"]
BASIS = "公共资源交易平台系统数据规范"
_NUMBER = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?")
_FORMAT_NAMES = {8: "yyyyMMdd", 14: "yyyyMMddHHmmss"}


@dataclass(frozen=True, slots=True)
class Context:
    """What a record is held against.

    `taken(set, field, value)` says whether another record of the set has that value, `exists(set, field, value)`
    whether a record of the set with that value was reported before; `before` are the fields as they were last
    accepted.
    """

    operation: Operation = "insert"
    taken: Callable[[str, str, str], bool] = lambda number, name, value: False
    exists: Callable[[str, str, str], bool] = lambda number, name, value: True
    before: Mapping[str, str] | None = None
    common: bool = True


def lint(standard: Standard, dataset: DataSet, record: Mapping[str, str], context: Context) -> list[Fault]:
    """All faults of a record, those that refuse and those that warn."""
    if context.operation == "delete":
        return []
    found = list(_common(dataset, record)) if context.common else []
    for field in dataset.fields.values():
        found += _field(standard, field, record.get(field.name, ""))
    found += _unknown(dataset, record)
    found += _over_time(dataset, record, context)
    found += _between(standard, dataset, record, context)
    return found


def lint_files(standard: Standard, files: Iterable[tuple[str, str]]) -> list[Fault]:
    """The faults of a record's files, each (name in the dictionary, its own name)."""
    found = []
    for dictionary, name in files:
        field = Field("FILE_EN_NAME", f"附件“{name[:40]}”的名称")
        if not dictionary or not name:
            found.append(_fault(field, "Attachment", "及文件名必填", "and its own name are required"))
        else:
            found += _coded(standard, field, FILE_NAMES, "Attachment", dictionary)
    return found


def _fault(field: Field, rule: str, zh: str, en: str, severity: Literal["refuse", "warn"] = "refuse") -> Fault:
    return Fault(field.name, rule, f"{field.zh}（{field.name}）{zh}", f"{field.name} {en}", BASIS, severity)


def _common(dataset: DataSet, record: Mapping[str, str]) -> Iterator[Fault]:
    names = COMMON + (CONSTRUCTION_COMMON if dataset.group == "construction" else ())
    for name in names:
        value, field = record.get(name, ""), Field(name, _COMMON_ZH[name])
        if name == "DATA_TIMESTAMP":
            if not _is_date(value, 14):
                yield _fault(field, "Common", "应为 14 位时间 yyyyMMddHHmmss", "must be a moment yyyyMMddHHmmss")
            continue
        exact = PLATFORM_CHARS if name in CONSTRUCTION_COMMON else CODE_CHARS
        if len(value) != exact:
            yield _fault(
                field,
                "Common",
                f"应为 {exact} 位，请在 config.toml 的 uplink_* 各项填写平台标识码",
                f"must have {exact} characters: set the platform's codes (uplink_* in config.toml)",
            )


_COMMON_ZH = {
    "PLATFORM_CODE": "交易系统标识码",
    "PUB_SERVICE_PLAT_CODE": "公共服务平台标识码",
    "DATA_TIMESTAMP": "数据时间戳",
    "TRADE_PLAT": "交易平台标识码",
    "PUB_SERVICE_PLAT": "公共服务平台代码",
}


def _field(standard: Standard, field: Field, value: str) -> Iterator[Fault]:
    if not value.strip():
        if field.required:
            yield _fault(field, "NotNull", "必填，请补填", "is required: fill it in")
        return
    yield from _length(field, value)
    if field.date and not _is_date(value, field.date):
        form = _FORMAT_NAMES[field.date]
        yield _fault(field, "Date", f"应为 {form} 格式的有效日期（北京时间）", f"must be a valid {form}, Beijing time")
    if field.digits is not None:
        yield from _number(field, field.digits, value)
    if field.table:
        yield from _coded(standard, field, field.table, "Domain", value)
    if field.enum:
        yield from _coded(standard, field, field.enum, "Enum", value)
    if field.region and not (len(value) == 6 and is_known(value)):
        yield _fault(
            field, "Region", f"“{value}”不是六位行政区划代码（GB/T 2260）", f"{value!r} is no region code of GB/T 2260"
        )


def _length(field: Field, value: str) -> Iterator[Fault]:
    size = len(value)
    if field.exact and size != field.exact:
        yield _fault(
            field, "Length", f"应为 {field.exact} 位，现为 {size} 位", f"must have {field.exact} characters, has {size}"
        )
    if field.most and size > field.most:
        yield _fault(
            field,
            "Length",
            f"不得超过 {field.most} 个字符，现为 {size}，请缩短",
            f"must have at most {field.most} characters, has {size}: shorten it",
        )
    if field.least and size < field.least:
        yield _fault(
            field,
            "Length",
            f"至少 {field.least} 个字符，现为 {size}",
            f"must have at least {field.least} characters, has {size}",
        )


def _number(field: Field, digits: tuple[int, int], value: str) -> Iterator[Fault]:
    found = _NUMBER.fullmatch(value)
    before, after = digits
    if found is None:
        yield _fault(field, "Number", f"“{value[:20]}”不是数字", f"{value[:20]!r} is no number")
    elif len(found[1].lstrip("0") or "0") > before or len(found[2] or "") > after:
        yield _fault(
            field,
            "Number",
            f"整数部分至多 {before} 位、小数至多 {after} 位",
            f"may have {before} digits before and {after} after the point",
        )


def _coded(standard: Standard, field: Field, name: str, rule: str, value: str) -> Iterator[Fault]:
    table = standard.tables.get(name)
    parts = [part for part in re.split(r"[;,；，]", value) if part]
    outside = [part for part in parts if table is None or part not in table.values]
    if not outside:
        return
    if table is not None and table.verified:
        known = "、".join(f"{code} {text}" for code, text in list(table.values.items())[:12])
        yield _fault(
            field,
            rule,
            f"“{outside[0]}”不在代码表 {name} 内；可用：{known}",
            f"{outside[0]!r} is not in code table {name}; use {', '.join(list(table.values)[:12])}",
        )
    else:
        yield _fault(
            field,
            rule,
            f"“{outside[0]}”无法核对：代码表 {name} 尚未载入（ggzy standard tables load）",
            f"{outside[0]!r} cannot be checked: code table {name} has not been loaded (ggzy standard tables load)",
            "warn",
        )


def _unknown(dataset: DataSet, record: Mapping[str, str]) -> Iterator[Fault]:
    for name in record:
        if name not in dataset.fields and name not in (*COMMON, *CONSTRUCTION_COMMON):
            yield Fault(
                name,
                "Unknown",
                f"数据集 {dataset.name} 没有字段 {name}",
                f"the data set {dataset.name} has no field {name}",
                BASIS,
                "warn",
            )


def _over_time(dataset: DataSet, record: Mapping[str, str], context: Context) -> Iterator[Fault]:
    for field in dataset.fields.values():
        value = record.get(field.name, "")
        if not value:
            continue
        if field.unique and context.taken(dataset.number, field.name, value):
            yield _fault(
                field,
                "Unique",
                f"“{value[:40]}”已被另一条记录使用，请核对是否重复",
                f"{value[:40]!r} is used by another record: look whether this one is a repeat",
            )
        if field.immutable and context.before and context.before.get(field.name, value) != value:
            yield _fault(
                field,
                "Immutable",
                f"不得修改（原为“{context.before[field.name]}”）；应撤回原记录后重新报送",
                f"must not change (was {context.before[field.name]!r}): withdraw the record and report a new one",
            )


def _between(standard: Standard, dataset: DataSet, record: Mapping[str, str], context: Context) -> Iterator[Fault]:
    number = dataset.number
    for parent in standard.links(number):
        value = record.get(parent.field, "")
        if value and not context.exists(parent.parent, parent.parent_field, value):
            zh = standard.sets[parent.parent].zh
            yield Fault(
                parent.field,
                "Parent",
                f"{parent.field} 所指的{zh}“{value}”尚未报送，应先报送",
                f"{parent.field}: {standard.sets[parent.parent].name} {value!r} has not been reported: it goes first",
                BASIS,
            )
    for price in standard.prices:
        if number in price.sets and record.get("PRICE_FORM_CODE") == "1" and not record.get(price.sum):
            yield Fault(
                price.sum,
                "Price",
                f"价款形式为金额时 {price.sum} 必填",
                f"{price.sum} is required where PRICE_FORM_CODE is 1",
                BASIS,
            )
    for order in standard.orders:
        first, then = record.get(order.first, ""), record.get(order.then, "")
        if number in order.sets and first and then and first.ljust(14, "0") > then.ljust(14, "9"):
            yield Fault(
                order.then,
                "Order",
                f"{order.then} 不得早于 {order.first}",
                f"{order.then} must not be earlier than {order.first}",
                BASIS,
            )


def _is_date(value: str, digits: int) -> bool:
    """
    >>> _is_date("20250229", 8), _is_date("20240229", 8), _is_date("20240229240000", 14)
    (False, True, False)
    """
    if len(value) != digits or not (value.isascii() and value.isdigit()):
        return False
    clock = value[8:]
    try:
        date(int(value[:4]), int(value[4:6]), int(value[6:8]))
    except ValueError:
        return False
    return not clock or (clock[:2] < "24" and clock[2:4] < "60" and clock[4:] < "60")
