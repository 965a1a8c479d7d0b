"""Bids and applications as they come in: a receipt for each, nothing shown before the end of bidding.

Their number, times and bidders stay secret until then (docs/decisions/0024), so they lie in a working table and go into
the log with the act that ends bidding. What is inside a bid stays with whoever keeps the file, encrypted: this node has
its hash. Functions that tell of bids ask for the deadline first; there is none beside them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from node.domain.calendar import DAY_MS, start_of
from node.domain.engine import Trade, fits
from node.domain.envelopes import encrypted_form
from node.domain.record import Party
from node.domain.rulebook import ActRule
from node.errors import NotAllowed, NotFound, Refused, Rejected
from node.store.tables import table
from node.store.tables_trading import BidReceipt as Receipts
from node.tlog.note import Ed25519Signer, parse_note
from node.trading.bidders import Holder, mine, none, withdrawal
from node.wire.bid_receipt import BidReceipt
from node.wire.bid_receipt import parse as parse_receipt
from node.wire.ids import uuid7

END_OF_BIDDING = "bids_received"
"""The act of every package that takes over what was counted here."""
DEADLINES = {
    "bid": ("notice.bid_deadline", "notice.applications_until", "notice.until_on"),
    "application": ("prequal_notice.deadline", "notice.applications_until", "notice.until_on"),
}
"""sort -> the facts of a trade that say until when, the first that is there."""
MAX_BYTES = 4 << 30
MAX_OF_ACCOUNT = 20
"""Bids that one account hands in by itself for one lot, replaced and withdrawn ones too."""
_receipts = table(Receipts)
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A bid at the door: who, for which lot, and the encrypted file by its beginning, hash and size.

    `kept` says where the file lies, for example its hash in the attachments; `replaces` names the receipt of an earlier
    bid of the same bidder that this one takes the place of. `account` is the bidder's own, who hands it in himself;
    empty where a clerk takes it in. `proven` says that a centre has seen that the account is this bidder's.
    """

    trade: str
    lot: str
    bidder: Party
    head: bytes
    digest: str
    size: int
    sort: str = "bid"
    kept: str = ""
    replaces: str = ""
    account: str = ""
    proven: bool = False


def deadline_ms(trade: Trade, lot: str, sort: str = "bid") -> int:
    """The moment at which bidding for a lot ends. Raises Refused where the trade has not said one."""
    facts = trade.facts_of(lot)
    for name in DEADLINES[sort]:
        value = facts.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value:
            return start_of(value) + DAY_MS  # a day lasts to its end
    raise Refused(
        f"lot {lot} of trade {trade.key} has no deadline: nothing may be handed in",
        zh="该标段尚未公告截止时间，不能接收",
        field="lot",
    )


def open_lots(trade: Trade, now_ms: int, sort: str = "bid") -> dict[str, int]:
    """The lots for which something may be handed in now, each with the moment until which."""
    found = {}
    for lot in trade.lots:
        try:
            _in_time(trade, lot, sort, now_ms)
            found[lot] = deadline_ms(trade, lot, sort)
        except Refused:
            continue
    return found


def receive(
    conn: Connection, bid: Incoming, trade: Trade, *, node: str, custody: Ed25519Signer, now_ms: int
) -> tuple[BidReceipt, bytes]:
    """Take a bid in; gives its receipt and the signed note for the bidder.

    The same file of the same bidder is taken once: handed in again, as by a page that is reloaded, it gets the receipt
    that it has.

    Raises Rejected for a bid that is not encrypted or not well described, Refused when it comes too late, NotFound for
    an unknown lot or receipt.
    """
    form = _checked(bid, trade, now_ms)
    before = _same(conn, bid)
    if before is not None:
        return before
    if bid.account:
        _require_few(conn, bid)
    if bid.replaces:
        _replace(conn, bid, now_ms)
    receipt = BidReceipt(
        node,
        bid.trade,
        bid.lot,
        bid.sort,
        uuid7(now_ms, secrets.token_bytes).hex(),
        bid.bidder.name,
        bid.bidder.uscc,
        bid.digest,
        bid.size,
        form,
        now_ms // 1000,
        replaces=bid.replaces,
    )
    note = receipt.sign(custody)
    row = {
        "id": receipt.number,
        "trade": bid.trade,
        "lot": bid.lot,
        "sort": bid.sort,
        "bidder": bid.bidder.name,
        "uscc": bid.bidder.uscc,
        "form": form,
        "digest": bid.digest,
        "size": bid.size,
        "kept": bid.kept,
        "received_ms": now_ms,
        "state": "held",
        "changed_ms": now_ms,
        "replaces": bid.replaces,
        "note": note.decode(),
        "account": bid.account,
    }
    conn.execute(insert(_receipts), [row])
    return receipt, note


def withdraw(
    conn: Connection, number: str, by: str | Holder, trade: Trade, *, node: str, custody: Ed25519Signer, now_ms: int
) -> bytes:
    """Take a bid back before the deadline; gives the signed note that says so.

    `by` is the code that the bid was handed in under, as its bidder tells a clerk, or who is logged in. Raises
    NotFound, Refused.
    """
    row = _held(conn, number, trade.key, by)
    _in_time(trade, row.lot, row.sort, now_ms)
    _set(conn, number, "withdrawn", now_ms)
    return withdrawal({**row._mapping} | {"changed_ms": now_ms}, node, custody)


def counted(conn: Connection, trade: Trade, lots: Iterable[str], *, now_ms: int, sort: str = "bid") -> dict[str, Any]:
    """What the end of bidding says of some lots: `bidders`, `withdrawn`, and `bids` by time of arrival.

    Raises NotAllowed before the deadline of any of them: until then nobody learns how many there are.
    """
    numbers = list(lots)
    for lot in numbers:
        _require_over(trade, lot, sort, now_ms)
    of = and_(_receipts.c.trade == trade.key, _receipts.c.sort == sort, _receipts.c.lot.in_(numbers))
    rows = conn.execute(select(_receipts).where(of).order_by(_receipts.c.received_ms, _receipts.c.id)).all()
    bids = []
    for row in rows:
        if row.state == "replaced":
            continue
        party = {"name": row.bidder} | ({"uscc": row.uscc} if row.uscc else {})
        told: dict[str, Any] = {"party": party, "received_at": row.received_ms, "receipt": row.id}
        if row.state == "withdrawn":
            told["withdrawn_at"] = row.changed_ms
        bids.append(told)
    gone = sum("withdrawn_at" in each for each in bids)
    bidders = {(each["party"]["name"], each["party"].get("uscc")) for each in bids if "withdrawn_at" not in each}
    return {"bidders": len(bidders), "withdrawn": gone, "bids": bids}


def fields_for(rule: ActRule, told: dict[str, Any]) -> dict[str, Any]:
    """What `counted` tells, as far as an act has fields for it; the rest of its fields a clerk fills in."""
    found = {name: value for name, value in told.items() if rule.field(name) is not None}
    bids = rule.field("bids")
    if bids is not None:
        known = {column.name for column in bids.columns}
        # Where an act cannot say that a bid was withdrawn, one that was has no place among those that stand.
        rows = [row for row in told["bids"] if "withdrawn_at" in known or "withdrawn_at" not in row]
        found["bids"] = [{name: value for name, value in row.items() if name in known} for row in rows]
    return found


def ending_fields(
    conn: Connection, trade: Trade, rule: ActRule, lots: Iterable[str], *, now_ms: int
) -> tuple[dict[str, Any], list[str]]:
    """What the form of the act that ends bidding begins with, and for which of these lots: those past their deadline.

    Nothing and no lots where no deadline is over yet, or nothing came in here: then the clerk knows from elsewhere.
    """
    over = [lot for lot in lots if _is_over(trade, lot, now_ms)]
    told = counted(conn, trade, over, now_ms=now_ms) if over else {"bids": []}
    return (fields_for(rule, told), over) if told["bids"] else ({}, [])


def opened(conn: Connection, trade: Trade, lot: str, *, now_ms: int, sort: str = "bid") -> list[dict[str, Any]]:
    """The receipts of a lot with where their files lie, for the opening. Raises NotAllowed before the deadline."""
    _require_over(trade, lot, sort, now_ms)
    of = and_(_receipts.c.trade == trade.key, _receipts.c.lot == lot, _receipts.c.sort == sort)
    held = and_(of, _receipts.c.state == "held")
    return [
        dict(row) for row in conn.execute(select(_receipts).where(held).order_by(_receipts.c.received_ms)).mappings()
    ]


def _checked(bid: Incoming, trade: Trade, now_ms: int) -> str:
    if bid.trade != trade.key or bid.lot not in trade.lots:
        raise NotFound(f"trade {trade.key} has no lot {bid.lot}", zh=f"没有标段 {bid.lot}", field="lot")
    if bid.sort not in DEADLINES:
        raise Rejected(f"{bid.sort} is neither a bid nor an application", zh="既非投标也非申请", field="sort")
    if not bid.bidder.name.strip() or "\n" in bid.bidder.name + bid.bidder.uscc:
        raise Rejected("a bid names its bidder", zh="请填写投标人", field="bidder")
    if not _SHA256.fullmatch(bid.digest) or not 0 < bid.size <= MAX_BYTES:
        raise Rejected("a bid's file has a SHA-256 and a size", zh="投标文件的摘要或大小有误", field="file")
    form = encrypted_form(bid.head)
    if not form:
        raise Rejected(
            "the file is not encrypted: it was not taken and not kept",
            zh="投标文件未加密，未接收，也未保存",
            field="file",
            advice_zh="请用投标工具加密（CMS 数字信封、国密数字信封或 age）后重新递交。",
            advice_en="Encrypt it (CMS enveloped data, its SM2 sibling, or age) and hand it in again.",
        )
    _in_time(trade, bid.lot, bid.sort, now_ms)
    return form


def _in_time(trade: Trade, lot: str, sort: str, now_ms: int) -> None:
    if now_ms >= deadline_ms(trade, lot, sort):
        raise Refused("the deadline has passed", zh="已过截止时间，不予接收或撤回", field="time")
    stopped = trade.lots[lot]
    ending = trade.package.act(END_OF_BIDDING)
    if sort == "bid" and ending is not None and not fits(ending, stopped, trade.package):
        raise Refused(f"bidding for lot {lot} is not open", zh=f"标段 {lot} 不在接收投标的阶段", field="lot")
    if stopped.suspended or trade.is_final(stopped):
        raise Refused(f"lot {lot} is suspended or ended", zh=f"标段 {lot} 已暂停或结束", field="lot")


def _require_over(trade: Trade, lot: str, sort: str, now_ms: int) -> None:
    if now_ms < deadline_ms(trade, lot, sort):
        raise NotAllowed(
            "nothing is told of bids before their deadline",
            zh="截止时间之前，投标人数、名称和时间一律保密",
            advice_zh="请在截止时间之后办理。",
            advice_en="Come back after the deadline.",
        )


def _is_over(trade: Trade, lot: str, now_ms: int) -> bool:
    try:
        return now_ms >= deadline_ms(trade, lot)
    except Refused:
        return False


def _require_few(conn: Connection, bid: Incoming) -> None:
    """Whoever hands in by himself is bounded: anybody may open an account."""
    of = and_(_receipts.c.trade == bid.trade, _receipts.c.lot == bid.lot, _receipts.c.account == bid.account)
    if len(conn.execute(select(_receipts.c.id).where(of).limit(MAX_OF_ACCOUNT)).all()) == MAX_OF_ACCOUNT:
        raise Refused(
            f"{MAX_OF_ACCOUNT} bids of one account for one lot",
            zh=f"同一账号对同一标段最多递交 {MAX_OF_ACCOUNT} 次",
            field="file",
            advice_zh="如确需再次递交，请到中心受理窗口办理。",
            advice_en="Hand it in at the centre's counter.",
        )


def _same(conn: Connection, bid: Incoming) -> tuple[BidReceipt, bytes] | None:
    """The receipt of this very bid, where it is held already."""
    of = and_(_receipts.c.trade == bid.trade, _receipts.c.lot == bid.lot, _receipts.c.sort == bid.sort)
    who = and_(_receipts.c.bidder == bid.bidder.name, _receipts.c.uscc == bid.bidder.uscc)
    by = and_(who, _receipts.c.account == bid.account)
    what = and_(_receipts.c.digest == bid.digest, _receipts.c.replaces == bid.replaces, _receipts.c.state == "held")
    note = conn.execute(select(_receipts.c.note).where(and_(of, by, what))).scalar()
    return (parse_receipt(parse_note(note.encode()).text), note.encode()) if note else None


def _replace(conn: Connection, bid: Incoming, now_ms: int) -> None:
    own = Holder(bid.account, bid.bidder.uscc if bid.proven else "")
    row = _held(conn, bid.replaces, bid.trade, own if bid.account else bid.bidder.uscc)
    # Who is logged in was found by account or by proven code; at the counter the name has to be the same too.
    named = bid.account or row.bidder == bid.bidder.name
    if (row.lot, row.sort) != (bid.lot, bid.sort) or not named:
        raise NotFound("no such bid of this bidder for this lot", zh="没有可替换的投标", field="replaces")
    _set(conn, bid.replaces, "replaced", now_ms)


def _held(conn: Connection, number: str, trade: str, by: str | Holder) -> Any:
    whose = mine(by) if isinstance(by, Holder) else _receipts.c.uscc == by
    of = and_(_receipts.c.id == number, _receipts.c.trade == trade, whose)
    row = conn.execute(select(_receipts).where(and_(of, _receipts.c.state == "held"))).first()
    if row is None:
        raise none()
    return row


def _set(conn: Connection, number: str, state: str, now_ms: int) -> None:
    conn.execute(update(_receipts).where(_receipts.c.id == number).values(state=state, changed_ms=now_ms))
