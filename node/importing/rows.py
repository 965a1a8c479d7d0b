"""A row of a file, and the plain text that all formats are brought to.

Every value becomes text, or a list or map of text, so that the same facts read from three formats are equal. A number
is never a float: JSON numbers keep their digits, numbers and dates of a workbook become the text a CSV would have.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from node.errors import Rejected

MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_ROW_BYTES = 256 * 1024
MAX_DEPTH = 12

_FORMULA = "=+-@\t\r"
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\ufffe\uffff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Row:
    """One row of a file.

    Attributes:
        number: as a person counts in that file: the line of a JSONL file, the row of a sheet whose header is row 1.
        values: column -> text, or lists and maps of text.
        raw: the row as it was, to be written back unchanged when it is rejected.
        notes: (column, flag code) of what reading had to change.
        error: why the row could not be read at all.
        units: column of sums -> the unit that its heading states, empty where it states none; for columns found by
            their heading (`columns.py`) alone.
    """

    number: int
    values: dict[str, Any]
    raw: Any = None
    notes: list[tuple[str, str]] = field(default_factory=list)
    error: Rejected | None = None
    units: Mapping[str, str] = field(default_factory=dict)


def clean(text: str) -> tuple[str, bool]:
    """NFC text without surrounding space and without invisible controls; tells whether anything was taken out.

    >>> clean(" 重庆\\u200b市\\r\\n")
    ('重庆市', True)
    """
    dirty = False
    if not text.isprintable():
        text = _BREAKS.sub("\n", text)
        text, removed = _UNWANTED.subn("", text)
        text, replaced = _SURROGATE.subn("\ufffd", text)
        dirty = bool(removed or replaced)
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    return text.strip(), dirty


def clean_value(value: Any, depth: int = 0) -> tuple[Any, bool]:
    """`clean` for what JSON holds. Raises ValueError on a number that is not text yet or on too deep a nesting."""
    if type(value) is str:
        return clean(value)
    if value is None:
        return "", False
    if value is True or value is False:
        return ("true" if value else "false"), False
    if depth >= MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, list):
        cleaned = [clean_value(item, depth + 1) for item in value]
        return [item for item, _ in cleaned], any(dirty for _, dirty in cleaned)
    if isinstance(value, dict):
        out: dict[str, Any] = {}
        any_dirty = False
        for name, item in value.items():
            plain, dirty = clean_value(item, depth + 1)
            key, key_dirty = clean(name)
            out[key] = plain
            any_dirty = any_dirty or dirty or key_dirty
        return out, any_dirty
    if type(value) is int:
        return str(value), False
    raise ValueError(f"{type(value).__name__} is no plain text")


def defuse(text: str) -> str:
    """A cell that no spreadsheet program takes for a formula; `unarm` gives the text back.

    >>> defuse("=1+1"), defuse("-17"), defuse("--")
    ("'=1+1", '-17', "'--")
    """
    return f"'{text}" if text[:1] in _FORMULA and text and not _PLAIN_NUMBER.fullmatch(text) else text


def unarm(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:2] in _FORMULA and len(text) > 1 else text


def too_long(number: int) -> Rejected:
    return Rejected(
        f"row {number} is longer than {MAX_ROW_BYTES} bytes; a quotation mark may not be closed",
        zh=f"第 {number} 行超过 {MAX_ROW_BYTES} 字节，可能是引号没有成对",
    )
