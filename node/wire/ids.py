"""Record ids as people and addresses write them."""

from __future__ import annotations

import re

from node.errors import Malformed


def read_record_id(text: str) -> bytes:
    """32 hex digits or a UUID's text -> 16 bytes. Raises Malformed."""
    if not re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise Malformed("a record id has 32 hexadecimal digits", zh="记录编号应为 32 位十六进制数", field="record_id")
    return bytes.fromhex(text.replace("-", ""))
