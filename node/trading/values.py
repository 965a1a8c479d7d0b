"""Values of fields as people type and read them: one text for each, by the field's type in the rule book.

Money is typed in yuan and kept in fen, a moment in Beijing time and kept in UTC milliseconds, a share in percent and
kept in thousandths. A party is `名称（统一社会信用代码）`; of a list each stands on a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from node.domain import dates
from node.domain.money import points_text, read_amount
from node.domain.rulebook import FieldRule
from node.errors import Rejected

BEIJING = timezone(timedelta(hours=8))
YES = frozenset("是 有 对 √ ✓ y yes true 1".split())
NO = frozenset("否 无 不 × ✗ n no false 0".split())
_PARTY = re.compile(r"(?P<name>.+?)\s*[（(]\s*(?P<uscc>[0-9A-Za-z]{18})\s*[)）]")
_LAST = datetime(2200, 1, 1, tzinfo=UTC)


def read(rule: FieldRule, text: str) -> Any:
    """The value that a text stands for; None for an empty one. Raises Rejected, in both languages, naming the field.

    >>> read(FieldRule(name="a", zh="金额", en="Sum", type="money"), "1,234.5")
    123450
    """
    text = text.strip()
    if not text:
        return None
    reader = _READERS.get(rule.type)
    if reader is None:
        return text
    value = reader(rule, text)
    if value is None:
        zh, en = _FORMS[rule.type]
        raise Rejected(f"{rule.en}: {text[:40]!r} is not {en}", zh=f"“{rule.zh}”应为{zh}", field=rule.name)
    return value


def write(rule: FieldRule, value: Any) -> str:
    """The text of a value, as `read` reads it back; empty for none, and as it is for what the type does not allow."""
    if value is None:
        return ""
    try:
        return _WRITERS[rule.type](rule, value) if rule.type in _WRITERS else str(value)
    except (TypeError, ValueError, AttributeError, OverflowError):
        return str(value)


def form_of(rule: FieldRule) -> tuple[str, str]:
    """How a field is to be filled in, in both languages."""
    if rule.choices:
        return "、".join(each.zh for each in rule.choices), ", ".join(each.en for each in rule.choices)
    return _FORMS.get(rule.type, ("文字", "text"))


_FORMS: dict[str, tuple[str, str]] = {
    "text": ("一行文字", "one line of text"),
    "long": ("文字", "text"),
    "day": ("日期，如 2025-03-24", "a day such as 2025-03-24"),
    "moment": ("北京时间，如 2025-03-24 09:30", "Beijing time such as 2025-03-24 09:30"),
    "money": ("金额（元），如 1234.56", "a sum in yuan such as 1234.56"),
    "integer": ("整数", "a whole number"),
    "share": ("百分数，如 12.5", "percent such as 12.5"),
    "flag": ("是或否", "yes or no"),
    "code": ("所列选项之一", "one of the choices"),
    "party": ("单位名称（统一社会信用代码）", "name (credit code)"),
    "parties": ("每行一个单位：名称（统一社会信用代码）", "one a line: name (credit code)"),
    "texts": ("每行一项", "one a line"),
    "rows": ("在同名工作表中填写", "filled in on the sheet of that name"),
}


def _read_day(rule: FieldRule, text: str) -> str | None:
    found = dates.day(text)
    return found if found is not None and len(found) == 10 else None


def _read_moment(rule: FieldRule, text: str) -> int | None:
    found = dates.iso(text)
    if found is None or len(found) < 10:
        return None
    try:
        moment = datetime.fromisoformat(found)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=BEIJING)
    return int(moment.timestamp() * 1000) if 0 <= moment.timestamp() and moment < _LAST else None


def _read_money(rule: FieldRule, text: str) -> int | None:
    amount, _ = read_amount(text)
    return amount.fen if amount is not None and not amount.per else None


def _read_integer(rule: FieldRule, text: str) -> int | None:
    plain = text.replace(",", "").replace("，", "").removesuffix(".0")
    return int(plain) if re.fullmatch(r"[+-]?[0-9]{1,15}", plain, re.ASCII) else None


def _read_share(rule: FieldRule, text: str) -> int | None:
    try:
        share = Decimal(text.rstrip("%％").strip()) * 10
    except InvalidOperation:
        return None
    whole = share.is_finite() and share == share.to_integral_value() and abs(share) < 10**9
    return int(share) if whole else None


def _read_flag(rule: FieldRule, text: str) -> bool | None:
    return True if text.lower() in YES else False if text.lower() in NO else None


def _read_code(rule: FieldRule, text: str) -> str | None:
    if not rule.choices:
        return text
    return next((each.value for each in rule.choices if text in (each.value, each.zh, each.en)), None)


def _read_party(rule: FieldRule, text: str) -> dict[str, str] | None:
    text = " ".join(text.split())
    found = _PARTY.fullmatch(text)
    return {"name": found["name"], "uscc": found["uscc"].upper()} if found else {"name": text}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in re.split(r"[\r\n;；]+", text) if line.strip()]


def _read_parties(rule: FieldRule, text: str) -> list[dict[str, str]] | None:
    return [party for line in _lines(text) if (party := _read_party(rule, line))] or None


def _read_texts(rule: FieldRule, text: str) -> list[str] | None:
    return _lines(text) or None


def _write_moment(rule: FieldRule, value: int) -> str:
    moment = datetime.fromtimestamp(value // 1000, BEIJING)
    return moment.strftime("%Y-%m-%d %H:%M" if value % 60_000 == 0 else "%Y-%m-%d %H:%M:%S")


def _write_money(rule: FieldRule, value: int) -> str:
    whole, rest = divmod(abs(value), 100)
    return f"{'-' if value < 0 else ''}{whole}" + (f".{rest:02d}" if rest else "")


def _write_party(rule: FieldRule, value: Mapping[str, Any]) -> str:
    return f"{value['name']}（{value['uscc']}）" if value.get("uscc") else str(value["name"])


_READERS: dict[str, Callable[[FieldRule, str], Any]] = {
    "day": _read_day,
    "moment": _read_moment,
    "money": _read_money,
    "integer": _read_integer,
    "share": _read_share,
    "flag": _read_flag,
    "code": _read_code,
    "party": _read_party,
    "parties": _read_parties,
    "texts": _read_texts,
}
_WRITERS: dict[str, Callable[[FieldRule, Any], str]] = {
    "moment": _write_moment,
    "money": _write_money,
    # Thousandths of one are tenths of a percent: as points with one decimal less.
    "share": lambda rule, value: points_text(value * 100),
    "flag": lambda rule, value: "是" if value is True else "否" if value is False else str(value),
    "code": lambda rule, value: next((each.zh for each in rule.choices if each.value == value), str(value)),
    "party": _write_party,
    "parties": lambda rule, value: "\n".join(_write_party(rule, each) for each in value),
    "texts": lambda rule, value: "\n".join(str(each) for each in value),
}
