"""What the word index holds of a row, and what a query asks of it: terms.

A *term* is a short text. Of words there are, within each run of letters and digits of the folded text, every pair of
neighbours (Chinese is found by pairs, since it has no blanks), every three neighbours of Latin letters and digits, and
every character that is not Latin and not among the `COMMON`. Of a row's fields there are facets, which begin with `§`.

The index only narrows: what a term cannot say is verified on the row itself (`node.store.view_find`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_lowercase, digits
from typing import Any
from zlib import crc32

from node.store.search_text import words

COMMON = frozenset(
    "公司有限工程建设中标项目结果告市县区合同体联管理咨询采购招标集团责任江业投资服务技术发展务施改造一二三四五六七八九十"
    "年月日号第期段包新上下东西南北大小人民国家省镇乡村街道路局院校学医电水电气网站科研安全监督设计勘察代理机构材料设备"
    "物资产权土地交易信息平台公共资源政府组织单位名称地址及其他的和与为之等"
)
"""Characters that stand in so many rows that an index of each alone helps nobody: they are looked for row by row."""

_RUN = re.compile(r"[^\W_]+")
_LATIN = re.compile(r"[a-z0-9]+")
_DIGITS = re.compile(r"[0-9]+")
_ALPHABET = digits + ascii_lowercase
_DROPPED = COMMON | set(_ALPHABET) | {a + b for a in _ALPHABET for b in _ALPHABET}
_IDX_BITS, _LOG_BITS, _DAY_BITS = 14, 6, 5
_DATE_SHIFT = _IDX_BITS + _LOG_BITS
_CODE = 6
"""Digits of a division's code that are told apart."""
_STEPS = 5
"""Sums are told apart by their highest bit (`§a`), and by it and the next five (`§b`): 32 steps an octave."""

Row = Mapping[str, Any]
_joined: Callable[[str, str], str] = str.__add__


@dataclass(frozen=True, slots=True)
class Need:
    """What a query's words and filters ask of the index: each group has terms of which at least one must be there."""

    groups: tuple[tuple[str, ...], ...] = ()

    def __add__(self, other: Need) -> Need:
        return Need(tuple(dict.fromkeys((*self.groups, *other.groups))))


def doc_number(date: str, log_id: int, idx: int) -> int:
    """The number of a row in the word index: rows rise by it as by (date, log, index).

    `date` is an ISO day, month or year, or nothing. Rows of one day whose logs and indexes agree in their last bits
    (6 and 14) share a number, which costs a second look at each and nothing else.

    >>> doc_number("2025-03-24", 1, 2) > doc_number("2025-03", 63, 9000) > doc_number("", 5, 5)
    True
    """
    low = (log_id % (1 << _LOG_BITS)) << _IDX_BITS | idx % (1 << _IDX_BITS)
    return date_number(date) << _DATE_SHIFT | low


def date_number(date: str) -> int:
    year, month, day = int(date[:4] or 0), int(date[5:7] or 0), int(date[8:10] or 0)
    return (year << 4 | month) << _DAY_BITS | day


def first_doc(date: str) -> int:
    """The lowest number that a row of this date can have."""
    return date_number(date) << _DATE_SHIFT


def last_doc(date: str) -> int:
    return first_doc(date) + (1 << _DATE_SHIFT) - 1


def date_of(doc: int) -> str:
    """The date in a number, as it was given.

    >>> date_of(doc_number("2025-03-24", 1, 2)), date_of(doc_number("2025-03", 1, 2)), date_of(3)
    ('2025-03-24', '2025-03', '')
    """
    number = doc >> _DATE_SHIFT
    year, month, day = number >> 9, number >> 5 & 15, number & 31
    return "-".join(f"{part:0{width}}" for part, width in ((year, 4), (month, 2), (day, 2)) if part)


# --- terms of a row -------------------------------------------------------------------------------------------------


def grams(text: str) -> set[str]:
    """The terms of the words of a folded text.

    >>> sorted(grams("道路ppp1"))
    ['pp1', 'ppp', '路p', '道路']
    """
    found: set[str] = set()
    whole = _without_repeats(text)
    for run in _RUN.findall(whole):
        found.update(map(_joined, run, run[1:]))
        found.update(run)
    short = set()
    for run in _LATIN.findall(whole):
        if len(run) > 2:
            found.update(map(_joined, map(_joined, run, run[1:]), run[2:]))
        elif len(run) == 2:
            short.add(run)
    return (found - _DROPPED) | short


def trade_terms(row: Row) -> set[str]:
    found = grams(row["search"])
    found.update(amount_terms(row["amount_fen"]))
    found |= _facets(row["category"], row["kind"], row["log_id"], row["division"], row["division_name"])
    found.add(facet("x", row["disclosure"]))
    return found


def _without_repeats(text: str) -> str:
    """The lines of a text without those that stand in another: a title mostly holds the project's name."""
    whole = ""
    for line in sorted(text.split("\n"), key=len, reverse=True):
        if line not in whole:
            whole = f"{whole}\n{line}"
    return whole


@lru_cache(maxsize=4096)
def _facets(category: str, kind: str, log_id: int, division: str, division_name: str) -> frozenset[str]:
    found = {facet("c", category), facet("k", kind), f"§o{log_id}"}
    code = _DIGITS.match(division)
    if code:
        found |= {f"§d{code[0][:length]}" for length in range(1, 1 + min(len(code[0]), _CODE))}
    return frozenset(found | {f"§{term}" for term in grams(division_name.lower())})


def credit_terms(row: Row) -> set[str]:
    return grams(row["search"]) | {facet("s", row["sort"]), facet("g", row["grade"]), f"§o{row['log_id']}"}


def entity_terms(row: Row) -> set[str]:
    return grams(f"{row['name']}\n{row['uscc']}".lower())


def facet(name: str, value: str) -> str:
    """The term of a field's value; two values may share one."""
    return f"§{name}{crc32(value.encode('utf-8', 'surrogatepass')):x}"


def amount_terms(fen: int | None) -> tuple[str, ...]:
    """Terms of a sum: `§an` for none, `§am` below zero, `§az` for zero, else its highest bits, roughly and finely."""
    if fen is None or fen <= 0:
        return ("§an" if fen is None else "§az" if fen == 0 else "§am",)
    return f"§a{fen.bit_length()}", f"§b{_step(fen)}"


def _step(fen: int) -> int:
    """The place of a sum among the steps: 32 for each octave."""
    bits = fen.bit_length()
    return bits << _STEPS | ((fen << _STEPS) >> (bits - 1)) & ((1 << _STEPS) - 1)


# --- terms that a query needs ---------------------------------------------------------------------------------------


def need_words(text: str) -> Need:
    need = Need()
    for word in words(text):
        need += need_word(word)
    return need


def need_word(word: str) -> Need:
    """What a row that contains the folded `word` has in the index.

    >>> need_word("道路"), need_word("猇"), need_word("%")
    (Need(groups=(('道路',),)), Need(groups=(('猇',),)), Need(groups=()))
    """
    if _LATIN.fullmatch(word) and len(word) == 2:
        # A pair of Latin characters is in no index by itself unless it stands alone, but in three of them.
        return Need(((word, *(word + char for char in _ALPHABET), *(char + word for char in _ALPHABET)),))
    found = grams(word) - {run for run in _LATIN.findall(word) if len(run) == 2}
    longest = {term for term in found if len(term) > 1} or found
    return Need(tuple((term,) for term in sorted(longest)))


def need_facet(name: str, value: str) -> Need:
    return Need(((facet(name, value),),))


def need_origin(log_id: int) -> Need:
    return Need(((f"§o{log_id}",),))


def need_division(code: str) -> Need:
    """Of a division that begins with these digits."""
    return Need(((f"§d{code[:_CODE]}",),))


def need_place(text: str) -> Need:
    """Of a division whose name holds all words."""
    return Need(tuple(tuple(f"§{term}" for term in group) for group in need_words(text).groups))


def need_amount(least: int | None, most: int | None) -> Need:
    """Of a sum in this range: by octaves, or by steps where the range is narrow."""
    if least is None and most is None:
        return Need()
    low, high = 1 if least is None else max(least, 1), (1 << 63) - 1 if most is None else most
    terms = ["§am"] if least is None or least < 0 else []
    terms += ["§az"] if (least is None or least <= 0) and high >= 0 else []
    if high < low:
        steps: Iterable[int] = ()
    elif high.bit_length() - low.bit_length() > 1:
        terms += [f"§a{bits}" for bits in range(low.bit_length(), high.bit_length() + 1)]
        steps = ()
    else:
        steps = range(_step(low), _step(high) + 1)
    terms += [f"§b{step}" for step in steps]
    # A sum that is never there, rather than none at all, which would ask for nothing.
    return Need((tuple(terms) or ("§a0",),))


def amount_octaves() -> tuple[str, ...]:
    """Terms of all classes of sums, from the highest to those below zero; rows without a sum come before these."""
    return (*(f"§a{bits}" for bits in range(63, 0, -1)), "§az", "§an", "§am")


def amount_steps(octave: str) -> tuple[str, ...]:
    """The finer classes that a class of `amount_octaves` is made of, falling; others are made of none."""
    if not (octave.startswith("§a") and octave[2:].isdigit()):
        return ()
    first = int(octave[2:]) << _STEPS
    return tuple(f"§b{step}" for step in range(first + (1 << _STEPS) - 1, first - 1, -1))


def amount_span(classes: Sequence[str]) -> tuple[int, int]:
    """The lowest and the highest sum, in fen, of neighbouring classes; (1, 0) when they have none."""
    spans = [_span(each) for each in classes if each != "§an"]
    return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else (1, 0)


def _span(term: str) -> tuple[int, int]:
    if term in ("§az", "§am"):
        return (0, 0) if term == "§az" else (-(1 << 63), -1)
    value, shift = int(term[2:]), _STEPS if term.startswith("§b") else 0
    bits = value >> shift
    # The first bits of a sum of so many bits; below one fen there is nothing to tell apart.
    first = 1 << shift | value & ((1 << shift) - 1)
    return -(-(first << (bits - 1)) >> shift), (((first + 1) << (bits - 1)) - 1) >> shift


TERMS: dict[str, Callable[[Row], set[str]]] = {
    "trade_view": trade_terms,
    "credit_view": credit_terms,
    "entity_view": entity_terms,
}
"""Read table -> the terms of one of its rows."""
DATES = {"trade_view": "published_on", "credit_view": "starts_on", "entity_view": "registered_on"}
"""Read table -> the column by which its rows are numbered."""
COLUMNS = {
    "trade_view": ("search", "division_name", "category", "kind", "division", "amount_fen", "disclosure"),
    "credit_view": ("search", "sort", "grade"),
    "entity_view": ("name", "uscc"),
}
"""Read table -> the columns that its terms are made of, besides `log_id`."""
