"""Record ids: made, and as people and addresses write them."""

from __future__ import annotations

import re
from collections.abc import Callable

from node.errors import Malformed


def read_record_id(text: str) -> bytes:
    """32 hex digits or a UUID's text -> 16 bytes. Raises Malformed."""
    if not re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise Malformed("a record id has 32 hexadecimal digits", zh="记录编号应为 32 位十六进制数", field="record_id")
    return bytes.fromhex(text.replace("-", ""))


def uuid7(now_ms: int, random: Callable[[int], bytes]) -> bytes:
    """A UUID of version 7 (RFC 9562 §5.7): 48 bits of UTC milliseconds, the rest random."""
    noise = bytearray(random(10))
    noise[0] = 0x70 | (noise[0] & 0x0F)
    noise[2] = 0x80 | (noise[2] & 0x3F)
    return now_ms.to_bytes(6, "big") + bytes(noise)
