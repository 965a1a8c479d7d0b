"""Checking the fields of an act against its rule: known, there, of the right type, within bounds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from node.domain.clocks import LAST_MS
from node.domain.faults import Fault
from node.domain.identifiers import REASONS, check_uscc
from node.domain.rulebook import FieldRule
from node.domain.state import holds

MONEY_LIMIT = 10**18
"""Fen: more is no sum of money, and no integer column of 64 bits."""
LINE = 600
"""Characters of a one-line text where its rule gives no bound: the longest title of the national standard."""
TEXT = 200_000
LIST = 2_000

_KINDS: dict[str, tuple[str, str]] = {
    "text": ("一行文字", "one line of text"),
    "long": ("文字", "text"),
    "code": ("代码", "a code"),
    "day": ("日期（年-月-日）", "a date (YYYY-MM-DD)"),
    "moment": ("日期和时间", "a date and time"),
    "money": ("金额（分）", "a sum in fen"),
    "integer": ("整数", "a whole number"),
    "share": ("千分数", "thousandths"),
    "flag": ("是或否", "yes or no"),
    "party": ("单位名称及统一社会信用代码", "a party: name and credit code"),
    "parties": ("单位列表", "a list of parties"),
    "texts": ("文字列表", "a list of texts"),
    "rows": ("表格行", "rows of a table"),
}


def check_fields(
    known: Sequence[FieldRule],
    values: Mapping[str, Any],
    facts: Mapping[str, Any],
    tables: Mapping[str, Collection[str]],
    path: str = "",
) -> Iterator[Fault]:
    """Faults of one set of fields. `facts` are what the conditions of required fields look at."""
    rules = {rule.name: rule for rule in known}
    for name in values:
        if name not in rules:
            yield Fault(path + name, "unknown-field", f"没有字段“{name}”", f"there is no field {name!r}")
    for rule in known:
        value = values.get(rule.name)
        if value is None or value in ("", [], {}):
            if rule.required and holds(rule.when, facts):
                do = "选择" if rule.type in ("code", "flag") else "填写"
                yield Fault(path + rule.name, "required", f"请{do}“{rule.zh}”", f"{rule.en} is required")
        else:
            yield from _value(rule, value, facts, tables, path + rule.name)


def _value(
    rule: FieldRule, value: Any, facts: Mapping[str, Any], tables: Mapping[str, Collection[str]], path: str
) -> Iterator[Fault]:
    if not _is(rule, value):
        zh, en = _KINDS[rule.type]
        yield Fault(path, "type", f"“{rule.zh}”应为{zh}", f"{rule.en} must be {en}")
        return
    yield from _bounds(rule, value, path)
    if rule.type == "code":
        yield from _code(rule, value, tables, path)
    elif rule.type in ("party", "parties"):
        many = rule.type == "parties"
        for place, party in enumerate(value if many else [value], 1):
            yield from _party(rule, party, f"{path}[{place}]" if many else path)
    elif rule.type == "rows":
        for place, row in enumerate(value, 1):
            yield from check_fields(rule.columns, row, {**facts, **row}, tables, f"{path}[{place}].")
        if any(column.name == "number" for column in rule.columns):
            yield from _numbers(rule, value, path)


def _is(rule: FieldRule, value: Any) -> bool:
    kind = rule.type
    if kind in ("text", "code"):
        return isinstance(value, str) and bool(value.strip()) and "\n" not in value
    if kind == "long":
        return isinstance(value, str) and bool(value.strip())
    if kind == "day":
        return isinstance(value, str) and _is_day(value)
    if kind == "flag":
        return isinstance(value, bool)
    if kind in ("moment", "money", "integer", "share"):
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "party":
        return _is_party(value)
    if not isinstance(value, list):
        return False
    if kind == "parties":
        return all(_is_party(each) for each in value)
    if kind == "texts":
        return all(isinstance(each, str) and each.strip() for each in value)
    return all(isinstance(each, dict) and all(isinstance(key, str) for key in each) for each in value)


def _is_day(value: str) -> bool:
    try:
        return len(value) == 10 and 1900 <= date.fromisoformat(value).year < 2200
    except ValueError:
        return False


def _is_party(value: Any) -> bool:
    if not isinstance(value, dict) or not set(value) <= {"name", "uscc", "uscc_joined", "members"}:
        return False
    name, uscc, members = value.get("name"), value.get("uscc", ""), value.get("members", [])
    if not isinstance(name, str) or not name.strip() or not isinstance(uscc, str):
        return False
    return isinstance(members, list) and all(_is_party(each) for each in members)


def _bounds(rule: FieldRule, value: Any, path: str) -> Iterator[Fault]:
    if isinstance(value, str | list):
        usual = LIST if isinstance(value, list) else TEXT if rule.type == "long" else LINE
        most = rule.max or usual
        if len(value) > most:
            yield Fault(
                path, "length", f"“{rule.zh}”最多 {most} 个字或项", f"{rule.en}: at most {most} characters or items"
            )
    elif isinstance(value, int) and not isinstance(value, bool):
        least, most = _span(rule)
        if not least <= value <= most:
            yield Fault(path, "range", f"“{rule.zh}”应在 {least} 至 {most} 之间", f"{rule.en}: from {least} to {most}")


def _span(rule: FieldRule) -> tuple[int, int]:
    least, most = (0, LAST_MS - 1) if rule.type == "moment" else (-MONEY_LIMIT, MONEY_LIMIT)
    return rule.least if rule.least is not None else least, rule.most if rule.most is not None else most


def _code(rule: FieldRule, value: str, tables: Mapping[str, Collection[str]], path: str) -> Iterator[Fault]:
    values = [choice.value for choice in rule.choices]
    if values and value not in values:
        said = "、".join(f"{choice.value} {choice.zh}" for choice in rule.choices)
        yield Fault(path, "choice", f"“{rule.zh}”应为：{said}", f"{rule.en} must be one of {', '.join(values)}")
    table = tables.get(rule.table)
    if table is not None and value not in table:
        yield Fault(
            path, "choice", f"“{rule.zh}”的值不在代码表 {rule.table} 内", f"{rule.en} is not in table {rule.table}"
        )


def _party(rule: FieldRule, party: Mapping[str, Any], path: str) -> Iterator[Fault]:
    uscc = party.get("uscc", "")
    validity = check_uscc(uscc) if uscc else None
    if validity is not None and not validity.valid:
        zh, en = REASONS[validity.reasons[0]]
        yield Fault(
            f"{path}.uscc",
            "uscc",
            f"“{rule.zh}”统一社会信用代码：{zh}",
            f"credit code of {rule.en}: {en}",
            "GB 32100-2015",
        )
    for place, member in enumerate(party.get("members", []), 1):
        yield from _party(rule, member, f"{path}.members[{place}]")


def _numbers(rule: FieldRule, rows: list[Mapping[str, Any]], path: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for place, row in enumerate(rows, 1):
        number = str(row.get("number", ""))
        if number in seen:
            yield Fault(
                f"{path}[{place}].number", "repeated", f"“{rule.zh}”编号 {number} 重复", f"number {number} comes twice"
            )
        seen.add(number)
