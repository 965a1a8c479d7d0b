"""Identity codes: unified social credit code (GB 32100-2015), organisation code (GB 11714), division code form.

A code that fails is still a fact of its source: importers keep it and say so with a flag. Nothing is corrected here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORGANISATION_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)

_VALUE = {char: value for value, char in enumerate(ALPHABET)}
_ORGANISATION_VALUE = {char: value for value, char in enumerate(_ORGANISATION_ALPHABET)}
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))

# reason -> (Chinese, English)
REASONS: dict[str, tuple[str, str]] = {
    "length": ("不是 18 位", "it is not 18 characters long"),
    "alphabet": (
        "含有不允许的字符（I、O、S、V、Z 或小写字母等）",
        "it has a character that the standard does not allow",
    ),
    "check": ("校验位不符", "its check character does not match"),
    "organisation-check": ("主体标识码校验位不符", "the check character of its organisation code does not match"),
}


@dataclass(frozen=True, slots=True)
class Validity:
    """What is wrong with a code: keys of `REASONS`, empty when nothing is.

    A wrong inner organisation code alone does not make a code invalid: some registries issued such codes.
    """

    reasons: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        return not self.reasons or self.reasons == ("organisation-check",)


_GOOD = Validity()


def check_character(body: str) -> str:
    """Last character of a unified social credit code; weights are powers of 3 modulo 31.

    `body` is the first 17 characters. Raises ValueError on a character outside the alphabet.

    >>> check_character("91350100M000100Y4")
    '3'
    """
    try:
        total = sum(_VALUE[char] * weight for char, weight in zip(body, _WEIGHTS, strict=True))
    except KeyError as error:
        raise ValueError(f"not a character of GB 32100: {error.args[0]!r}") from None
    return ALPHABET[-total % 31]


def organisation_check(body: str) -> str:
    """Last character of an organisation code (GB 11714); `body` is its first 8 characters.

    >>> organisation_check("19220382")
    '1'
    """
    try:
        total = sum(
            _ORGANISATION_VALUE[char] * weight for char, weight in zip(body, _ORGANISATION_WEIGHTS, strict=True)
        )
    except KeyError as error:
        raise ValueError(f"not a character of GB 11714: {error.args[0]!r}") from None
    return "0123456789X"[-total % 11]


def check_uscc(code: str) -> Validity:
    """Judge a unified social credit code.

    >>> check_uscc("91350100M000100Y43").valid
    True
    >>> check_uscc("12330424MB1B55418Y").reasons
    ('check', 'organisation-check')
    >>> check_uscc("91350100M000100Y4A").reasons
    ('check',)
    >>> check_uscc("91653000l068581070").reasons
    ('alphabet',)
    """
    if len(code) != 18:
        return Validity(("length",))
    try:
        outer = check_character(code[:17]) == code[17]
    except ValueError:
        return Validity(("alphabet",))
    inner = organisation_check(code[8:16]) == code[16]
    if outer and inner:
        return _GOOD
    reasons = (() if outer else ("check",)) + (() if inner else ("organisation-check",))
    return Validity(reasons)


_DIVISION = re.compile(r"[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}")


def is_division_form(code: str) -> bool:
    """Whether a text has the form of a division code: 2, 4 or 6 digits (GB/T 2260) or 9 (street).

    >>> [is_division_form(code) for code in ("50", "5001", "500102", "500102001", "50010", "N/A")]
    [True, True, True, True, False, False]
    """
    return _DIVISION.fullmatch(code) is not None


_CITIZEN = re.compile(r"[0-9]{17}[0-9Xx]|[0-9]{15}")
_MOBILE = re.compile(r"(?:\+?86)?1[3-9][0-9]{9}")


_CITIZEN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def citizen_fault(number: str) -> str:
    """Why a text is no citizen identity number (GB 11643-1999), empty when it is one: a key of `REASONS`, or `date`.

    >>> [citizen_fault(text) for text in ("11010519491231002X", "110105194912310021", "110105194913310021", "1101")]
    ['', 'check', 'date', 'length']
    """
    if len(number) != 18:
        return "length"
    if re.fullmatch(r"[1-9][0-9]{16}[0-9X]", number) is None:
        return "alphabet"
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return "date"
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _CITIZEN_WEIGHTS, strict=True))
    return "" if "10X98765432"[total % 11] == number[17] else "check"


def is_mobile(number: str) -> bool:
    """Whether a text is a mobile number of eleven digits.

    >>> is_mobile("13900000000"), is_mobile("023-12345678")
    (True, False)
    """
    return re.fullmatch(r"1[3-9][0-9]{9}", number) is not None


def looks_personal(text: str) -> bool:
    """Whether a text has the form of a citizen number or a mobile number, which must not become an identifier.

    >>> [looks_personal(text) for text in ("11010519491231002X", "13900000000", "CQ-0001")]
    [True, True, False]
    """
    return _CITIZEN.fullmatch(text) is not None or _MOBILE.fullmatch(text) is not None
