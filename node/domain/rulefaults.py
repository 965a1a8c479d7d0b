"""What can be wrong with a rule file: each fault names its row as a person would, in Chinese and English."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import msgspec

from node.errors import Malformed

T = TypeVar("T")
MAX_NAME, MAX_TITLE = 80, 300
TITLES = ("zh", "en", "department")
_STEP = re.compile(r"\.([A-Za-z_]+)|\[(\d+|\.\.\.)\]")
_WORDS: tuple[tuple[str, str], ...] = (
    (r"Object missing required field `(.+?)`", "缺少 {0}"),
    (r"Object contains unknown field `(.+?)`", "没有 {0} 这一项，可能写错"),
    (r"Expected `(.+?)`, got `(.+?)`", "应为 {0}，实为 {1}"),
    (r"Invalid enum value (.+)", "{0} 不是可用的值"),
)


@dataclass(frozen=True, slots=True)
class RuleFault:
    """`place` is the row (`acts id=notice → fields name=title`), empty for the file's own head."""

    place: str
    zh: str
    en: str

    def line_zh(self) -> str:
        return f"{self.place}：{self.zh}" if self.place else self.zh

    def line_en(self) -> str:
        return f"{self.place}: {self.en}" if self.place else self.en


def convert(values: Any, shape: type[T], source: str) -> T:
    """`values` in a shape. Raises Malformed, which names `source`, the row and what is wrong there."""
    try:
        return msgspec.convert(values, shape)
    except msgspec.ValidationError as error:
        fault = explain(values, str(error))
        raise malformed([fault], source) from None


class RulesMalformed(Malformed):
    """Rules with faults, which it carries one by one."""

    faults: tuple[RuleFault, ...] = ()


def malformed(faults: Iterable[RuleFault], source: str) -> RulesMalformed:
    """The error for a file with these faults."""
    found = list(faults)
    error = RulesMalformed(
        f"{source}: " + "; ".join(fault.line_en() for fault in found[:20]),
        zh=f"{source} 有误：" + "；".join(fault.line_zh() for fault in found[:20]),
        field=found[0].place if found else None,
        advice_zh="请按 docs/rules.md 修改所指的行，再运行 ggzy rules check。",
        advice_en="Correct the rows as docs/rules.md says, then run ggzy rules check again.",
    )
    error.faults = tuple(found)
    return error


def explain(values: Any, message: str) -> RuleFault:
    """A fault from msgspec's words: `Expected `int`, got `str` - at `$.clocks[3].value``.

    >>> rows = {"clocks": [{"id": "bid-time", "value": "20"}]}
    >>> explain(rows, "Expected `int`, got `str` - at `$.clocks[0].value`").line_zh()
    'clocks id=bid-time → value：应为 int，实为 str'
    """
    words, _, path = message.partition(" - at `$")
    for pattern, zh in _WORDS:
        if found := re.fullmatch(pattern, words):
            return RuleFault(_place(values, path.rstrip("`")), zh.format(*found.groups()), words)
    return RuleFault(_place(values, path.rstrip("`")), words, words)


def _place(values: Any, path: str) -> str:
    """The path in rows' own names: positions tell a person nothing."""
    steps: list[str] = []
    here = values
    for name, number in _STEP.findall(path):
        if name:
            here = here.get(name) if isinstance(here, dict) else None
            steps.append(name)
        elif steps:
            place = int(number) if number.isdigit() else 0
            here = here[place] if isinstance(here, list) and place < len(here) else None
            label = next(
                (f"{key}={here[key]}" for key in ("id", "name", "value") if isinstance(here, dict) and key in here), ""
            )
            steps[-1] += f" {label}" if label else f" 第 {place + 1} 行"
    return " → ".join(steps)


def is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def days(row: Any, place: str) -> Iterator[RuleFault]:
    """Faults of `effective_from` and `effective_to` of a row."""
    for name in ("effective_from", "effective_to"):
        value = getattr(row, name)
        if value and not is_day(value):
            yield RuleFault(place, f"{name} 应写作 2026-01-01", f"{name} must be written as 2026-01-01")
    if row.effective_to and row.effective_to < row.effective_from:
        yield RuleFault(place, "止日早于起日", "it ends before it begins")


def named(body: Any) -> Iterator[RuleFault]:
    """Faults of the names of rules, which stand in addresses and lists and are ordered by the numbers in them."""
    for name, most in (("id", MAX_NAME), ("version", MAX_NAME), *((each, MAX_TITLE) for each in TITLES)):
        if len(getattr(body, name)) > most:
            yield RuleFault(name, f"不得超过 {most} 个字", f"at most {most} characters")


def repeated(what: str, names: Iterable[str]) -> Iterator[RuleFault]:
    """Faults of names that stand twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield RuleFault(f"{what} id={name}", "编号重复", "its id stands twice")
        seen.add(name)
