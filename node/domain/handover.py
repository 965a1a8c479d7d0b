"""A hand-over: the typed facts of a registration that one centre may not hold, offered to the right one (R12).

It is a record of the node where the clerk sat, shared among authorities, so it travels as all records do, also on a
stick, and is signed like them. The right centre makes a draft of it; nothing is registered by the record itself.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Handover(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`facts` are the registration's fields by their names; `decision` is `routing.Decision.plain()`, why it is yours.

    `to` is the name of the right node, `at` UTC milliseconds, `account` who typed it.
    """

    id: str
    to: str
    category: str
    title: str
    at: int
    facts: dict[str, Any]
    decision: dict[str, Any]
    reason_zh: str
    reason_en: str
    division: str = ""
    account: str = ""
