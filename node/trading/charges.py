"""What a centre charges: by the published tariff, once a deal and payer, with a receipt; nothing else (R26, R27)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, func, insert, select, update

from node.domain import fees
from node.domain.engine import Trade
from node.domain.fees import Charge, Tariff
from node.domain.record import Party
from node.errors import NotFound, Overtaken, Refused
from node.store.tables import table
from node.store.tables_trading import ChargeReceipt

Row = dict[str, Any]
_receipts = table(ChargeReceipt)


def compute(
    tariff: Tariff, trade: Trade, lot: str, payer: str, amount_fen: int, *, day: str, base_fen: int | None = None
) -> list[Charge]:
    """What the tariff asks of a payer for one deal; for a preview.

    Raises Refused where it has no row for that: then nothing may be asked.
    """
    facts: Mapping[str, Any] = trade.facts_of(lot)
    found = fees.charge(tariff, trade.category, amount_fen, payer, day, base_fen=base_fen, facts=facts)
    if not found:
        raise Refused(
            f"the published tariff has no fee of {payer} for {trade.category} on {day}",
            zh=f"公布的收费标准中没有{trade.category}向该方收费的项目",
            field="payer",
            advice_zh="不得收费。",
            advice_en="Nothing may be charged.",
        )
    return found


def charge(
    conn: Connection,
    tariff: Tariff,
    trade: Trade,
    lot: str,
    payer: str,
    party: Party,
    amount_fen: int,
    *,
    day: str,
    account: str,
    now_ms: int,
    base_fen: int | None = None,
) -> Row:
    """Charge a deal and make its receipt; the sums are computed here and taken from nobody.

    Raises Refused, see `compute`; Overtaken where this payer has been charged for this deal: once is all.
    """
    found = compute(tariff, trade, lot, payer, amount_fen, day=day, base_fen=base_fen)
    of_deal = and_(
        _receipts.c.trade == trade.key,
        _receipts.c.lot == lot,
        _receipts.c.payer == payer,
        _receipts.c.uscc == (party.uscc or party.name),
    )
    before = conn.execute(select(_receipts.c.number).where(of_deal)).scalar()
    if before is not None:
        raise Overtaken(f"charged already: receipt {before}", zh=f"该宗已向该方计收，收据号 {before}", field="payer")
    number = conn.execute(select(func.coalesce(func.max(_receipts.c.number), 0))).scalar_one() + 1
    row = {
        "id": secrets.token_hex(16),
        "number": number,
        "trade": trade.key,
        "lot": lot,
        "payer": payer,
        "name": party.name,
        "uscc": party.uscc or party.name,
        "day": day,
        "base_fen": amount_fen,
        "total_fen": sum(each.fen for each in found),
        "tariff": "、".join(dict.fromkeys(each.document for each in found)),
        "lines": msgspec.json.encode([_line(each) for each in found]).decode(),
        "account": account,
        "made_ms": now_ms,
        "paid_ms": 0,
    }
    conn.execute(insert(_receipts), [row])
    return receipt(conn, row["id"])


def paid(conn: Connection, number: str, at_ms: int) -> Row:
    """Note that it was paid, in full: there is no other sum. Raises NotFound, Overtaken when it was before."""
    which = and_(_receipts.c.id == number, _receipts.c.paid_ms == 0)
    if conn.execute(update(_receipts).where(which).values(paid_ms=at_ms)).rowcount != 1:
        receipt(conn, number)
        raise Overtaken("it was paid before", zh="该收据已缴费", field="paid")
    return receipt(conn, number)


def receipt(conn: Connection, number: str) -> Row:
    """One receipt, its `lines` as a list. Raises NotFound."""
    row = conn.execute(select(_receipts).where(_receipts.c.id == number)).mappings().first()
    if row is None:
        raise NotFound(f"no receipt {number}", zh="没有该收据", field="receipt")
    return _row(row)


def of_trade(conn: Connection, trade: str) -> list[Row]:
    statement = select(_receipts).where(_receipts.c.trade == trade).order_by(_receipts.c.number)
    return [_row(row) for row in conn.execute(statement).mappings()]


def unpaid(conn: Connection, *, limit: int = 500) -> list[Row]:
    """Receipts of more than nothing that wait to be paid, oldest first."""
    which = and_(_receipts.c.paid_ms == 0, _receipts.c.total_fen > 0)
    statement = select(_receipts).where(which).order_by(_receipts.c.number).limit(limit)
    return [_row(row) for row in conn.execute(statement).mappings()]


def _line(each: Charge) -> Row:
    return {
        "rule": each.rule,
        "zh": each.zh,
        "en": each.en,
        "fen": each.fen,
        "document": each.document,
        "verified": each.verified,
        "why_zh": each.why_zh,
        "why_en": each.why_en,
    }


def _row(row: Mapping[Any, Any]) -> Row:
    return {**row, "lines": msgspec.json.decode(row["lines"])}
