"""Small readers shared by the line formats of c2sp.org: canonical base64 (RFC 4648 section 4) and decimal numbers."""

from __future__ import annotations

import base64
import binascii
import re

from node.errors import Malformed

MAX_NUMBER = 2**63 - 1
"""Largest size, index or timestamp: other implementations keep them in signed 64-bit integers."""

_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,18})")


def decode_base64(text: str, what: str, length: int | None = None) -> bytes:
    """Bytes of a padded base64 text; `length` is the number of bytes it must hold, where that is fixed.

    Raises Malformed, naming `what`, on anything that encoding the result again would not reproduce: two spellings of
    one signature or hash would make two different notes of one.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{what} is not base64") from None
    if encode_base64(data) != text:
        raise Malformed(f"{what} is not canonical base64")
    if length is not None and len(data) != length:
        raise Malformed(f"{what} holds {len(data)} bytes, not {length}")
    return data


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def decode_decimal(text: str, what: str) -> int:
    """An ASCII decimal from 0 to 2^63 - 1 without sign or leading zeroes; raises Malformed, naming `what`."""
    # The pattern bounds the length first: int() on a text of megabytes would be work for free.
    if _DECIMAL.fullmatch(text) is None or (number := int(text)) > MAX_NUMBER:
        raise Malformed(f"{what} is not a decimal number below 2^63")
    return number


def decode_utf8(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed(f"{what} is not valid UTF-8") from None


def show(number: int) -> str:
    """The number for an error text; one from a hostile sender may be too long to print."""
    return str(number) if abs(number) < 2**64 else "2^64 or more" if number > 0 else "-2^64 or less"


def check_number(number: int, what: str) -> None:
    """Raises Malformed unless `number` can stand in one of the formats."""
    if not 0 <= number <= MAX_NUMBER:
        raise Malformed(f"{what} is not between 0 and 2^63 - 1")
