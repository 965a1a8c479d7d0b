"""Payloads: a section's canonical bytes, and the salted hash by which a header commits to them (DESIGN §2).

    commitment = SHA-256("ggzy/commit/v1" || 0x00 || salt[16] || payload)

The salt is random for each section and version and is sent only to that section's audience, so that a header tells
nothing about a payload that can be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable
from typing import Any

import msgspec

from node.errors import BadProof, Malformed
from node.wire.pack import PayloadRow

SALT_BYTES = 16
MAX_PAYLOAD_BYTES = 1 << 20
_PREFIX = b"ggzy/commit/v1\x00"
_encoder = msgspec.msgpack.Encoder(order="sorted")
_decoder = msgspec.msgpack.Decoder()


def commitment(salt: bytes, payload: bytes) -> bytes:
    """The 32 bytes that a header holds for a section."""
    return hashlib.sha256(_PREFIX + salt + payload).digest()


def commitments(rows: Iterable[PayloadRow]) -> list[bytes]:
    """`commitment` of each row; of one whose salt is not of the right length, bytes that no header commits to."""
    digest = hashlib.sha256
    return [digest(_PREFIX + row.salt + row.payload).digest() if len(row.salt) == SALT_BYTES else b"" for row in rows]


def check(salt: bytes, payload: bytes, expected: bytes) -> None:
    """Raise BadProof unless this salt and payload are what the header commits to."""
    if len(salt) != SALT_BYTES or not hmac.compare_digest(commitment(salt, payload), expected):
        raise BadProof("payload does not match the header's commitment")


def encode(shape: Any) -> bytes:
    """Canonical msgpack of a shape: keys sorted, shortest integers, NFC text, no floats. Raises Malformed."""
    try:
        data = _encoder.encode(shape)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Malformed(f"not plain data: {error}") from None
    if len(data) > MAX_PAYLOAD_BYTES:
        raise Malformed(f"payload of {len(data)} bytes, at most {MAX_PAYLOAD_BYTES}")
    _check_plain(_decoder.decode(data), "")
    return data


def decode(data: bytes) -> Any:
    """Plain data of a payload. Raises Malformed."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"payload is not msgpack: {error}") from None


def _check_plain(value: Any, where: str) -> None:
    if isinstance(value, str):
        if not value.isascii() and not unicodedata.is_normalized("NFC", value):
            raise Malformed(f"{where or 'text'} is not NFC text", field=where)
    elif isinstance(value, float):
        raise Malformed(f"{where or 'value'} is a floating-point number", field=where)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise Malformed(f"{where or 'map'} has a key that is no text", field=where)
            _check_plain(key, where)
            _check_plain(item, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for item in value:
            _check_plain(item, where)
    elif value is not None and not isinstance(value, bool | int | bytes):
        raise Malformed(f"{where or 'value'} is of a type that no record may hold", field=where)
