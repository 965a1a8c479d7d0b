"""What a centre charges: by the published tariff, once a deal and payer, with a receipt; nothing else (R26, R27).

What a deal was closed at is read from the acts of its trade. A sum that somebody types could be too high.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
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
CLOSING = ("result", "confirmation")
"""Acts that close a deal, in every package."""
SUMS = (("result", "amount"), ("confirmation", "price"), ("contract", "amount"))
"""Where a deal's sum stands, the best first; the contract counts where the result says a rate and no sum."""
ASKED = ("price", "start_price")
"""Fields of a notice that say the asking price; a ceiling is none."""
WINNERS = ("result.winners", "confirmation.winner", "decision.winners")
_receipts = table(ChargeReceipt)


@dataclass(frozen=True, slots=True)
class Deal:
    """What a lot was closed at, as the acts of its trade say it, with corrections applied.

    `base_fen` is the asking price from which added value counts, None where none was asked. `lots` are all that the
    same act closed: they are one deal, and its sum is theirs together. `seq` is the number of that act, `rule` its id.
    """

    amount_fen: int
    base_fen: int | None
    lots: tuple[str, ...]
    seq: int
    rule: str


def deal_of(trade: Trade, lot: str) -> Deal:
    """The deal of a lot. Raises NotFound for an unknown lot, Refused where it has no result, or one without a sum."""
    if lot not in trade.lots:
        raise NotFound(f"trade {trade.key} has no lot {lot}", zh=f"没有标段 {lot}", field="lot")
    acts = trade.since_fresh(lot)  # a result before the lot failed or began anew is no deal
    if not any(act.act in CLOSING for act in acts):
        raise Refused(
            f"lot {lot} has no result yet: there is no deal to charge for",
            zh=f"标段 {lot} 尚无成交确认或结果，不能收费",
            field="lot",
            advice_zh="请先在交易页办理成交确认或结果环节，再来收费。",
            advice_en="Carry out the confirmation or the result on the page of the trade first, then come back.",
        )
    for name, field in SUMS:
        for act in reversed(acts):
            amount = trade.values[act.seq].get(field) if act.act == name else None
            if isinstance(amount, int) and not isinstance(amount, bool):
                lots = trade.covers[act.seq]
                return Deal(amount, _asked(trade, lots), lots, act.seq, name)
    raise Refused(
        f"neither result nor contract of lot {lot} says a sum",
        zh=f"标段 {lot} 的结果和合同均未载明金额，不能收费",
        field="lot",
        advice_zh="请用更正环节补上成交金额，或在合同环节填写合同金额后再来收费。",
        advice_en="Add the sum by a correction of the result, or state it with the contract, then come back.",
    )


def _asked(trade: Trade, lots: tuple[str, ...]) -> int | None:
    """What the notices of these lots asked together; a notice about several counts once, as its price is theirs."""
    found: dict[int, int] = {}
    for lot in lots:
        notice = next((act for act in reversed(trade.since_fresh(lot)) if act.act == "notice"), None)
        told = trade.values[notice.seq] if notice else {}
        price = next((told[name] for name in ASKED if isinstance(told.get(name), int)), None)
        if notice is None or price is None:
            return None
        found[notice.seq] = price
    return sum(found.values())


def payer_of(trade: Trade, lot: str, payer: str) -> Party | None:
    """Who the trade says the owner or winner of a lot is, several by all their names; None where it is silent."""
    facts = trade.facts_of(lot)
    names = ("owner",) if payer == "owner" else WINNERS if payer == "winner" else ()
    told = next((facts[name] for name in names if facts.get(name)), None)
    parties = [each for each in (told if isinstance(told, list) else [told]) if isinstance(each, dict)]
    if not parties:
        return None
    return Party("、".join(str(each.get("name", "")) for each in parties), str(parties[0].get("uscc", "")))


def compute(tariff: Tariff, trade: Trade, lot: str, payer: str, *, day: str) -> list[Charge]:
    """What the tariff asks of a payer for the deal of a lot; for a preview.

    Raises Refused where there is no deal (see `deal_of`) or the tariff has no row for it: then nothing may be asked.
    """
    deal = deal_of(trade, lot)
    facts: Mapping[str, Any] = trade.facts_of(lot)
    found = fees.charge(tariff, trade.category, deal.amount_fen, payer, day, base_fen=deal.base_fen, facts=facts)
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
    *,
    day: str,
    account: str,
    now_ms: int,
) -> Row:
    """Charge a deal and make its receipt; the sums come from the trade and the tariff and are taken from nobody.

    Raises Refused, see `compute`; Overtaken where this payer has been charged for this deal: once is all, under
    whatever name the receipt was made out.
    """
    found = compute(tariff, trade, lot, payer, day=day)
    deal = deal_of(trade, lot)
    of_deal = and_(
        _receipts.c.trade == trade.key,
        _receipts.c.lot.in_({lot, *deal.lots}),
        _receipts.c.payer == payer,
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
        "base_fen": deal.amount_fen,
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
