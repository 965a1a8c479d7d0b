"""A bidder's own bids: which they are, and their signed notes, for that bidder alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from node.errors import NotFound
from node.store.tables import table
from node.store.tables_trading import BidReceipt as Receipts
from node.tlog.note import Ed25519Signer
from node.wire.bid_receipt import BidReceipt

_receipts = table(Receipts)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose bids are asked for: those that `account` handed in, and those of `uscc`, given only where it is proven."""

    account: str
    uscc: str = ""


def of_holder(conn: Connection, by: Holder, *, trade: str = "", limit: int = 200) -> list[dict[str, Any]]:
    """A bidder's own receipts, newest first; with `trade` those for one trade. For that bidder alone."""
    which = [mine(by)] + ([_receipts.c.trade == trade] if trade else [])
    statement = select(_receipts).where(*which).order_by(_receipts.c.received_ms.desc(), _receipts.c.id.desc())
    return [dict(row) for row in conn.execute(statement.limit(limit)).mappings()]


def note_of(conn: Connection, number: str, by: Holder, *, node: str, custody: Ed25519Signer) -> bytes:
    """The signed note of a bidder's own bid as it now stands: of its receipt, or of its withdrawal. Raises NotFound."""
    row = conn.execute(select(_receipts).where(_receipts.c.id == number, mine(by))).mappings().first()
    if row is None:
        raise none()
    return withdrawal(dict(row), node, custody) if row["state"] == "withdrawn" else str(row["note"]).encode()


def mine(by: Holder) -> ColumnElement[bool]:
    """Which rows are this bidder's."""
    handed = and_(_receipts.c.account == by.account, _receipts.c.account != "")
    return or_(handed, and_(_receipts.c.uscc == by.uscc, _receipts.c.uscc != ""))


def none() -> NotFound:
    # The same answer for another's bid as for none: whether there is one is nobody's business.
    return NotFound("no such bid of this bidder", zh="没有该投标，或已撤回", field="number")


def withdrawal(row: Mapping[str, Any], node: str, custody: Ed25519Signer) -> bytes:
    """The signed note that a bid was taken back, the same whenever it is made."""
    receipt = BidReceipt(
        node,
        row["trade"],
        row["lot"],
        row["sort"],
        row["id"],
        row["bidder"],
        row["uscc"],
        row["digest"],
        row["size"],
        row["form"],
        row["changed_ms"] // 1000,
        state="withdrawn",
    )
    return receipt.sign(custody)
