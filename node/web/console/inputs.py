"""One input of a form: what a clerk types becomes a value of its field's type, and a value becomes text again.

Nothing is guessed: text that is no such value is `Wrong`, with what to type instead. Empty text is no value (None).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from node.domain import dates
from node.domain.identifiers import REASONS, check_uscc
from node.domain.money import fen
from node.web.portal_format import BEIJING

Choice = tuple[str, str, str]
"""A value of a code table: (code, Chinese, English)."""

UNITS: dict[str, int] = {"元": 1, "万元": 10_000, "亿元": 100_000_000}
SELECT_UP_TO = 40
"""A list of more choices is no longer read from top to bottom: it is searched."""

_UNIT_NAMES = {"": "", "元": "元", "万": "万元", "万元": "万元", "亿": "亿元", "亿元": "亿元"}
_SUM = re.compile(r"(-?[0-9]{1,15}(?:\.[0-9]{1,8})?)(元|万元?|亿元?)?")
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_PERCENT = re.compile(r"(-?[0-9]{1,9}(?:\.[0-9]{1,6})?)%?")
_YES, _NO = "1", "0"


@dataclass(frozen=True, slots=True)
class Note:
    """What is wrong with an input or worth knowing, with its clause. `refuse` stops the act, `warn` does not.

    `rule` is that of the engine's fault, empty for what could not be read.
    """

    zh: str
    en: str
    basis: str = ""
    severity: str = "refuse"
    rule: str = ""

    @property
    def pair(self) -> tuple[str, str]:
        return self.zh, self.en


class Wrong(Exception):
    """The text is no value of the type; carries the note for the clerk."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.note = Note(zh, en)


def read(sort: str, text: str, *, unit: str = "元", choices: Sequence[Choice] = ()) -> Any:
    """The value of one input, None when nothing was typed. `sort` is a field type that takes one input. Raises Wrong.

    >>> read("money", "1,200.5", unit="万元"), read("share", "12.5%"), read("day", "2026年1月5日")
    (1200500000, 125, '2026-01-05')
    """
    if sort == "long":
        return _paragraphs(text) or None
    if sort == "texts":
        return [line for line in _paragraphs(text).split("\n") if line] or None
    line = one_line(text)
    if not line:
        return None
    return _READERS[sort](line, unit, choices)


def show(sort: str, value: Any) -> str:
    """The text that `read` takes for a value; empty for None. A sum is shown in yuan.

    >>> show("money", 1200500000), show("share", 125), show("moment", 1_767_603_600_000)
    ('12005000.00', '12.5', '2026-01-05T17:00')
    """
    if value is None:
        return ""
    match sort:
        case "money":
            whole, rest = divmod(abs(value), 100)
            return f"{'-' if value < 0 else ''}{whole}.{rest:02d}"
        case "share":
            return f"{Decimal(value) / 10:f}".rstrip("0").rstrip(".") if value % 10 else str(value // 10)
        case "moment":
            moment = datetime.fromtimestamp(value / 1000, BEIJING)
            return moment.strftime("%Y-%m-%dT%H:%M:%S" if moment.second else "%Y-%m-%dT%H:%M")
        case "flag":
            return _YES if value else _NO
        case "texts":
            return "\n".join(value)
        case _:
            return str(value)


def one_line(text: str) -> str:
    """A text as records hold it: NFC, without control characters, spaces trimmed."""
    whole = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    return " ".join("".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in whole).split())


def uscc(text: str) -> str:
    """A unified social credit code, upper case and checked by its check character. Raises Wrong."""
    code = _narrow(text).upper()
    found = check_uscc(code)
    if not found.valid:
        zh, en = REASONS[next(reason for reason in found.reasons if reason != "organisation-check")]
        raise Wrong(
            f"统一社会信用代码不对：{zh}。请对照营业执照核对。",
            f"The unified social credit code is wrong: {en}. Compare it with the licence.",
        )
    return code


def _paragraphs(text: str) -> str:
    lines = [one_line(line) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _narrow(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def _money(text: str, unit: str, _: Sequence[Choice]) -> int:
    found = _SUM.fullmatch(_narrow(text).replace(",", ""))
    # A unit typed beside the number is what the clerk meant, whatever the list beside it says.
    value = None if found is None else fen(Decimal(found[1]), UNITS[_UNIT_NAMES[found[2] or ""] or unit])
    if value is None:
        raise Wrong(
            "请输入金额，如 500000、50万元 或 1.2亿元，最小到分。",
            "Give a sum such as 500000 or 1200000.50, exact to the fen.",
        )
    return value


def _integer(text: str, *_: Any) -> int:
    narrow = _narrow(text).replace(",", "")
    if not _INTEGER.fullmatch(narrow):
        raise Wrong("请输入整数。", "Give a whole number.")
    return int(narrow)


def _share(text: str, *_: Any) -> int:
    found = _PERCENT.fullmatch(_narrow(text))
    value = Decimal(found[1]) * 10 if found else None
    if value is None or value != value.to_integral_value():
        raise Wrong("请输入百分数，最多一位小数，如 12.5。", "Give a percentage of at most one decimal: 12.5.")
    return int(value)


def _day(text: str, *_: Any) -> str:
    found = dates.iso(_narrow(text))
    if found is None or len(found) != 10:
        raise Wrong("请按 2026-03-24 的格式输入日期。", "Give the date as 2026-03-24.")
    return found


def _moment(text: str, *_: Any) -> int:
    found = dates.iso(" ".join(unicodedata.normalize("NFKC", text).split()))
    if found is None or "T" not in found or found < "1970-01-02":
        raise Wrong("请按 2026-03-24 09:30 的格式输入北京时间。", "Give the Beijing time as 2026-03-24 09:30.")
    moment = datetime.fromisoformat(found)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=BEIJING)).astimezone(UTC).timestamp()) * 1000


def _flag(text: str, *_: Any) -> bool:
    words = {_YES: True, "是": True, "yes": True, "true": True, _NO: False, "否": False, "no": False, "false": False}
    found = words.get(text.lower())
    if found is None:
        raise Wrong("请选择“是”或“否”。", "Choose yes or no.")
    return found


def _code(text: str, _: str, choices: Sequence[Choice]) -> str:
    """By its code, by its name, or as a list shows both: `0101 房屋建筑`."""
    if not choices:  # the node does not hold the table: what is typed goes to the lint
        return text
    for code, zh, en in choices:
        if text in (code, zh, en, f"{code} {zh}", f"{code} {en}"):
            return code
    raise Wrong("不在代码表中，请从列表中选择。", "It is not in the code table; choose from the list.")


def _text(text: str, *_: Any) -> str:
    return text


def _uscc(text: str, *_: Any) -> str:
    return uscc(text)


_READERS: dict[str, Callable[[str, str, Sequence[Choice]], Any]] = {
    "text": _text,
    "money": _money,
    "integer": _integer,
    "share": _share,
    "day": _day,
    "moment": _moment,
    "flag": _flag,
    "code": _code,
    "uscc": _uscc,
}
