"""Acts: what happens to a trade, one signed record each; a trade is the fold of its acts (docs/decisions/0024).

An act is published once and never changed. A correction is an act of its own that names what it corrects, a withdrawal
a new version of the act's record with status `withdrawn`. Which acts a category knows, in which order they may come and
which fields they carry is data (`node/domain/rulebook.py`); what is here is the same for all of them.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

Disclosure = Literal["", "trade_notice", "qualification_review", "result", "performance", "change"]
"""What an act makes public, of the five kinds of 渝府办发〔2016〕35号 五(二) (R30); empty for a step inside."""
DISCLOSURES: tuple[Disclosure, ...] = get_args(Disclosure)[1:]

# disclosure -> (Chinese, English)
DISCLOSURE_NAMES: dict[str, tuple[str, str]] = {
    "trade_notice": ("交易公告", "Trade notice"),
    "qualification_review": ("资格审查结果", "Qualification review"),
    "result": ("成交信息", "Result"),
    "performance": ("履约信息", "Performance"),
    "change": ("变更信息", "Change"),
}


class Attached(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that belongs to an act: its name, SHA-256 in hex, bytes, media type and audience."""

    name: str
    sha256: str
    size: int
    media_type: str = "application/octet-stream"
    audience: str = "public"


class Act(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One act of one trade.

    `trade` is the trade's key, 32 hex digits of a UUIDv7 made with its registration, the same in all its acts; `seq`
    counts the acts of a trade from 1, so that a gap shows. `rules` is `<package id>@<version>`: a trade keeps the
    version it began under. `lots` are the numbers of the lots (标段、包、宗) it is about, none meaning all of them.
    `at` is when it happened, UTC milliseconds; `fields` hold values by the names and types of the act's rule: text,
    day (ISO), moment (UTC ms), money (fen), integer, share (thousandths), flag, party, lists of these.
    `corrects` is the `seq` of the act that this one corrects or answers, 0 for none. `context` repeats in a public act
    what its record alone would not tell: the act's `stage_name`, and `project_name`, `owner` and `agency` of the trade;
    replaying does not look at it.
    """

    trade: str
    seq: int
    category: str
    act: str
    rules: str
    at: int
    title: str
    division: str = ""
    project_code: str = ""
    lots: list[str] = []
    fields: dict[str, Any] = {}
    attachments: list[Attached] = []
    disclosure: Disclosure = ""
    corrects: int = 0
    context: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """The natural key of its record: nobody can publish a second act under one number."""
        return f"{self.trade}/{self.seq}"
