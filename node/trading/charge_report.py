"""What a centre charged, by who paid, category and month (R27): sums only, no payer is named.

Every receipt was computed from the published tariff (`charges.py`), so that nothing outside it can stand here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select

from node.store.tables import table
from node.store.tables_trading import ChargeReceipt, TradeState

_receipts, _states = table(ChargeReceipt), table(TradeState)


@dataclass(frozen=True, slots=True)
class Line:
    """`month` is `YYYY-MM` in Beijing, `payer` owner, winner or another of the tariff; sums in fen.

    `deals_fen` is what the deals were closed at, so that the burden can be told; `paid_fen` what came in of it all.
    """

    month: str
    category: str
    payer: str
    receipts: int
    total_fen: int
    paid_fen: int
    deals_fen: int

    @property
    def per_mille(self) -> str:
        """The fee in thousandths of the deals, two places, cut; a dash where there were none."""
        if not self.deals_fen:
            return "—"
        hundredths = self.total_fen * 100_000 // self.deals_fen
        return f"{hundredths // 100}.{hundredths % 100:02d}‰"


@dataclass(frozen=True, slots=True)
class Report:
    """`lines` by month (newest first), category and payer; the others are their sums, and `months` the trend."""

    lines: tuple[Line, ...]
    months: tuple[Line, ...]
    payers: tuple[Line, ...]
    categories: tuple[Line, ...]
    whole: Line


def report(conn: Connection, *, since: str = "", until: str = "") -> Report:
    """Receipts made out from the month `since` up to and with `until` (`YYYY-MM`), empty for all."""
    month = func.substr(_receipts.c.day, 1, 7)
    category = func.coalesce(
        select(func.max(_states.c.category)).where(_states.c.trade == _receipts.c.trade).scalar_subquery(), ""
    )
    rows = (
        select(
            month.label("month"),
            category.label("category"),
            _receipts.c.payer,
            _receipts.c.total_fen,
            case((_receipts.c.paid_ms > 0, _receipts.c.total_fen), else_=0).label("paid"),
            _receipts.c.base_fen,
        )
        .where(*([month >= since] if since else []), *([month <= until] if until else []))
        .subquery()
    )
    keys = (rows.c.month, rows.c.category, rows.c.payer)
    sums = (func.count(), func.sum(rows.c.total_fen), func.sum(rows.c.paid), func.sum(rows.c.base_fen))
    found = [
        Line(str(row[0]), str(row[1]), str(row[2]), *(int(number or 0) for number in row[3:]))
        for row in conn.execute(select(*keys, *sums).group_by(*keys))
    ]
    lines = tuple(sorted(found, key=lambda line: (_newest(line.month), line.category, line.payer)))
    return Report(
        lines,
        _by(lines, "month"),
        _by(lines, "payer"),
        _by(lines, "category"),
        _sum(lines),
    )


def _newest(month: str) -> tuple[int, ...]:
    return tuple(-ord(letter) for letter in month)


def _by(lines: tuple[Line, ...], name: str) -> tuple[Line, ...]:
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(getattr(line, name), []).append(line)
    return tuple(_sum(tuple(group), **{name: key}) for key, group in groups.items())


def _sum(lines: tuple[Line, ...], **key: Any) -> Line:
    names = ("receipts", "total_fen", "paid_fen", "deals_fen")
    totals = {name: sum(getattr(line, name) for line in lines) for name in names}
    return Line(**({"month": "", "category": "", "payer": ""} | key | totals))
