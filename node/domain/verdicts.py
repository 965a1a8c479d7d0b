"""Verdicts: what a receiver above said of a record, on its way back down to whoever published it.

One verdict a record, with an item for each record of the national data sets that it became; a new version when what is
said has changed.
"""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["accepted", "held", "rejected", "blocked", "dead", "deleted"]

# state -> (Chinese, English). In this order the worst of several is told first.
STATES: dict[str, tuple[str, str]] = {
    "rejected": ("上级退回", "Rejected above"),
    "held": ("待改正", "Held: needs correction"),
    "dead": ("多次未送达", "Not delivered"),
    "blocked": ("等待上级记录", "Waits for another record"),
    "accepted": ("已接收", "Accepted"),
    "deleted": ("已撤销", "Deleted above"),
}


class VerdictItem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was said of one record of one data set; `rule` and `field` where a rule refused it.

    `filled` names what was sent although the record does not say it: `<element> <row of the filling policy>`.
    """

    dataset: str
    name: str
    data_key: str
    operation: str
    state: State
    field: str = ""
    rule: str = ""
    zh: str = ""
    en: str = ""
    at: int = 0
    filled: list[str] = []


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was said of one version of a record: `origin` and `record` (32 hex digits) name it; `state` is the worst."""

    origin: str
    record: str
    version: int
    title: str
    category: str
    state: State
    at: int
    items: list[VerdictItem] = []


def worst(states: list[str]) -> str:
    """The state of a record with messages in these states."""
    return min(states, key=list(STATES).index)
