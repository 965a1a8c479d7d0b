"""Numbers of trades: project 17, tender project 20, section 23 characters, and the unified trade identification code.

Widths and segments are those of 《公共资源交易平台系统数据规范》 as running systems show them. Provinces number as they
like: only our own numbers are held to the form, others' are taken as they are.

The unified code (统一交易标识码) names a lot: `CCC-PPPPPPPPPPPPPPPPPP-YYYYMMDD-NNNNNN-K`, class, credit code of the
platform, day, serial, check character. Of the check character only one statement was found, the pure system
ISO/IEC 7064 MOD 37-2 (GB/T 17710), and none of the five real codes at hand fits it or another known rule. So our own
codes carry it, and a foreign code that does not fit is only told of.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Literal

import msgspec

from node.domain.divisions import is_known
from node.domain.identifiers import check_uscc
from node.domain.rulefaults import convert
from node.errors import Refused

PROJECT, TENDER, SECTION, UNIFIED = 17, 20, 23, 40
CheckMode = Literal["off", "warn", "enforce"]

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
_VALUE = {char: value for value, char in enumerate(_ALPHABET)}
_PROJECT = re.compile(r"([A-Z])([0-9]{6})([0-9]{6})([0-9]{4})")
_UNIFIED = re.compile(r"([A-Z][0-9]{2})-([0-9A-Z]{18})-([0-9]{8})-([0-9]{6})-([0-9A-Z*])")
_INVEST = re.compile(r"[0-9]{4}-[0-9]{6}-[0-9]{2}-[0-9]{2}-[0-9]{6}")
MAX_FOREIGN = 100
"""Longest number of somebody else that is kept as one."""


class ClassCode(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The first three characters of a unified code (公共资源交易分类); `default` is what a category takes by itself."""

    code: str
    category: str
    zh: str
    en: str
    tag: str = "U"
    default: bool = False


class CodeTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"classes": "class"}):
    """`config/rules/numbers.toml`: letters of project codes, serials of zones, classes of unified codes."""

    version: str
    letters: dict[str, str]
    zone_serials: dict[str, int]
    classes: list[ClassCode]

    def class_of(self, category: str) -> str:
        """The class that a category takes by itself. Raises Refused when the table has none."""
        for each in self.classes:
            if each.category == category and each.default:
                return each.code
        raise _no_category(category)

    def known(self, code: str) -> bool:
        return any(each.code == code for each in self.classes)

    def letter(self, category: str) -> str:
        found = self.letters.get(category)
        if found is None:
            raise _no_category(category)
        return found


@dataclass(frozen=True, slots=True)
class Range:
    """The daily serials that a centre may use, both ends in."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class CodeFault:
    """What is to be said of a code: `rule` is stable, `refuse` stops whoever typed it in."""

    rule: str
    zh: str
    en: str
    refuse: bool = False


SECTIONS, SECTIONS_ABOVE = Range(1, 500), Range(501, 999)
"""Serials of sections: those that a trade's own node gives, and those of the hub where it reports a section without."""
UNIFIED_SERIALS, UNIFIED_ABOVE = Range(1, 899_999), Range(900_000, 999_999)
"""Daily serials of unified codes, told apart in the same way: both hold the same platform's code."""


def table_from(values: object, source: str) -> CodeTable:
    """The table from plain data. Raises Malformed, which names the row and `source`."""
    return convert(values, CodeTable, source)


def serials(table: CodeTable, zone: str) -> Range:
    """The serials of a centre: zones share their parent's division code, so each has a block of its own.

    An unlisted zone takes the block that nobody else has.
    """
    if not zone:
        return Range(1, 4999)
    bare = zone.removeprefix("重庆市").removeprefix("重庆")
    block = table.zone_serials.get(bare, 5)
    return Range(block * 1000, block * 1000 + 999)


def project_code(letter: str, division: str, day: str, serial: int) -> str:
    """A project's number (项目编号) of 17 characters; `day` is an ISO day.

    >>> project_code("A", "500103", "2026-03-09", 7)
    'A5001032603090007'
    """
    if not (re.fullmatch("[A-Z]", letter) and re.fullmatch("[0-9]{6}", division) and 0 < serial < 10_000):
        raise ValueError(f"no project code of {letter!r}, {division!r}, {serial}")
    return f"{letter}{division}{_compact(day)[2:]}{serial:04d}"


def tender_code(project: str, serial: int) -> str:
    """A tender project's number (招标项目编号) of 20 characters.

    >>> tender_code("A5001032603090007", 1)
    'A5001032603090007001'
    """
    return _with_serial(project, serial, PROJECT)


def section_code(tender: str, serial: int) -> str:
    """A section's number (标段(包)编号) of 23 characters.

    >>> section_code("A5001032603090007001", 12)
    'A5001032603090007001012'
    """
    return _with_serial(tender, serial, TENDER)


def _with_serial(parent: str, serial: int, length: int) -> str:
    if len(parent) != length or not 0 < serial < 1000:
        raise ValueError(f"no number under {parent!r} with serial {serial}")
    return f"{parent}{serial:03d}"


def is_own_form(code: str, table: CodeTable) -> bool:
    """Whether a number has the form of ours: letter, known division, day, serials.

    A number of another province can look like ours by chance; it then says the same.
    """
    found = _PROJECT.fullmatch(code[:PROJECT])
    if found is None or len(code) not in (PROJECT, TENDER, SECTION) or not _parts_hold(found, table):
        return False
    tail = code[PROJECT:]
    return tail.strip("0123456789") == "" and "000" not in (tail[:3], tail[3:])


def _parts_hold(found: re.Match[str], table: CodeTable) -> bool:
    day = f"20{found[3]}"
    return found[1] in table.letters.values() and is_known(found[2]) and _is_day(day) and found[4] != "0000"


def check_number(code: str, *, own: bool, table: CodeTable) -> list[CodeFault]:
    """Judge a project, tender or section number: `own` ones by their form, others by what no number can be.

    Of a foreign number none refuses but an empty or endless one.
    """
    if not code or len(code) > MAX_FOREIGN or not code.isprintable() or code != code.strip():
        return [
            CodeFault(
                "number-form",
                f"编号为空、超过 {MAX_FOREIGN} 字符或含有不可见字符",
                f"the number is empty, longer than {MAX_FOREIGN} characters or holds invisible ones",
                refuse=True,
            )
        ]
    if own and not is_own_form(code, table):
        return [
            CodeFault(
                "number-own",
                f"本平台编号应为 {PROJECT}、{TENDER} 或 {SECTION} 位：字母、六位区划、六位日期、四位流水，其后各三位",
                f"a number of this platform has {PROJECT}, {TENDER} or {SECTION} characters: letter, division, yymmdd,"
                " serial of four, then three each",
                refuse=True,
            )
        ]
    return []


def is_invest_code(code: str) -> bool:
    """Whether a text has the form of an investment project's code (投资项目统一代码), 24 characters.

    >>> is_invest_code("2016-500103-48-01-123456"), is_invest_code("2016-500103-48-01-12345")
    (True, False)
    """
    return _INVEST.fullmatch(code) is not None


# --- the unified trade identification code --------------------------------------------------------------------------


def check_character(body: str) -> str:
    """The check character by ISO/IEC 7064 MOD 37-2 (GB/T 17710). `body` is without hyphens and without the character.

    Raises ValueError on a character outside 0-9 A-Z.

    >>> check_character("G123498654321")
    'H'
    """
    total = 0
    for char in body:
        value = _VALUE.get(char, 36)
        if value == 36:
            raise ValueError(f"not a character of MOD 37-2: {char!r}")
        total = (total + value) * 2 % 37
    return _ALPHABET[(38 - total) % 37]


@dataclass(frozen=True, slots=True)
class UnifiedCode:
    """A unified code in its segments; `day` is ISO. `str` gives its 40 characters."""

    cls: str
    platform: str
    day: str
    serial: int
    check: str

    def __str__(self) -> str:
        return f"{self.cls}-{self.platform}-{_compact(self.day)}-{self.serial:06d}-{self.check}"

    @property
    def body(self) -> str:
        """What the check character is computed over: 35 characters."""
        return f"{self.cls}{self.platform}{_compact(self.day)}{self.serial:06d}"

    @property
    def fits(self) -> bool:
        return check_character(self.body) == self.check


def unified_code(cls: str, platform: str, day: str, serial: int) -> UnifiedCode:
    """Make a code. Raises ValueError when a segment cannot be one.

    >>> str(unified_code("A01", "12350100MB02709751", "2016-07-01", 1))
    'A01-12350100MB02709751-20160701-000001-T'
    """
    made = UnifiedCode(cls, platform, day, serial, "0")
    if not 0 < serial < 1_000_000 or _UNIFIED.fullmatch(str(made)) is None or not _is_day(_compact(day)):
        raise ValueError(f"no unified code of {cls!r}, {platform!r}, {day!r}, {serial}")
    return UnifiedCode(cls, platform, day, serial, check_character(made.body))


def read_unified(code: str) -> UnifiedCode | None:
    """The segments of a code, None when it is not of the form; nothing is judged.

    >>> read_unified("A02-12330424MB1B55418Y-20230315-000009-1").day
    '2023-03-15'
    """
    found = _UNIFIED.fullmatch(code)
    if found is None:
        return None
    day = f"{found[3][:4]}-{found[3][4:6]}-{found[3][6:]}"
    return UnifiedCode(found[1], found[2], day, int(found[4]), found[5])


def check_unified(
    code: str,
    *,
    mode: CheckMode,
    table: CodeTable,
    own_platforms: Collection[str] = (),
    imported: bool = False,
) -> list[CodeFault]:
    """Judge a unified code; the raw text is kept whatever comes out.

    A code of one of `own_platforms` was made by MOD 37-2, so one that does not fit was mistyped. Of all others the
    check character says nothing certain: `off` is silent, `warn` tells, `enforce` refuses what a clerk types in. What
    was imported or came up by sync (`imported`) is never refused.
    """
    parts = read_unified(code)
    if parts is None:
        fault = CodeFault(
            "unified-form",
            f"统一交易标识码应为 {UNIFIED} 位：分类-平台代码-日期-流水-校验",
            f"a unified trade identification code has {UNIFIED} characters: class-platform-day-serial-check",
            refuse=not imported,
        )
        return [fault]
    found = []
    if not table.known(parts.cls):
        found.append(
            CodeFault("unified-class", f"分类代码 {parts.cls} 不在代码表内", f"class {parts.cls} is not in the table")
        )
    if not check_uscc(parts.platform).valid:
        found.append(
            CodeFault(
                "unified-platform",
                f"平台代码 {parts.platform} 不是有效的统一社会信用代码",
                f"the platform {parts.platform} is no valid unified social credit code",
            )
        )
    if not _is_day(_compact(parts.day)):
        found.append(
            CodeFault("unified-day", f"日期 {parts.day} 不存在", f"there is no day {parts.day}", refuse=not imported)
        )
    own = parts.platform in own_platforms
    if mode != "off" and not parts.fits:
        found.append(
            CodeFault(
                "unified-check",
                f"校验位不符合 MOD 37-2（应为 {check_character(parts.body)}）"
                + ("" if own else "；该算法未经标准原文证实，仅作提示" if mode == "warn" else ""),
                f"the check character does not fit MOD 37-2 (it gives {check_character(parts.body)})"
                + ("" if own else "; the rule is not confirmed by the standard's text" if mode == "warn" else ""),
                refuse=not imported and (own or mode == "enforce"),
            )
        )
    return found


def require(faults: Collection[CodeFault], field: str) -> None:
    """Raise Refused for the first fault that refuses."""
    for fault in faults:
        if fault.refuse:
            raise Refused(fault.en, zh=fault.zh, field=field)


def _compact(day: str) -> str:
    return day.replace("-", "")


def _is_day(compact: str) -> bool:
    """Whether eight digits are a day that exists."""
    try:
        date(int(compact[:4]), int(compact[4:6]), int(compact[6:8]))
    except ValueError:
        return False
    return len(compact) == 8


def _no_category(category: str) -> Refused:
    return Refused(
        f"the table of codes knows no category {category!r}",
        zh=f"代码表中没有类别 {category}",
        field="category",
        advice_zh="请在 config/rules/numbers.toml 补充该类别。",
        advice_en="Add the category to config/rules/numbers.toml.",
    )
