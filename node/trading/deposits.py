"""Deposits (保证金): taken in, given back or kept; when they must be back is a clock of the rule book.

A deposit is money on the centre's account or a letter (保函) that stands for it; of the payer's account nothing is ever
written down. The clock that runs for a bidder is that of the losers or that of winner and candidates, where the package
tells the two apart; the act that says in the log that they are back (`deposits_losers`, `deposits_winner`) takes its
count and total from here.

Who pays for a bid is a bidder: before the end of bidding lists and sums leave such a deposit out (`sealed.py`,
`told_ms`), and only who holds its number may deal with it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from node.domain.calendar import Calendar, day_of
from node.domain.engine import Owed, Trade, owed
from node.domain.promises import REFUND, Promise
from node.domain.record import Party
from node.errors import NotFound, Overtaken, Refused, Rejected
from node.store.tables import table
from node.store.tables_trading import Deposit, TradeState
from node.trading import sealed, services

HELD, RETURNED, KEPT = "held", "returned", "kept"
LOSERS, WINNER = "deposits_losers", "deposits_winner"
# form -> (Chinese, English)
FORMS: dict[str, tuple[str, str]] = {
    "transfer": ("银行转账", "Bank transfer"),
    "guarantee": ("保函", "Letter of guarantee"),
    "insurance": ("保证保险", "Surety insurance"),
    "cheque": ("支票、汇票、本票", "Cheque or draft"),
}
PAPER = ("guarantee", "insurance")
"""Forms without money: nothing is paid in, and they run out on a day of their own."""
PURPOSES: dict[str, tuple[str, str]] = {
    "bid": ("投标（竞买）保证金", "Bid security"),
    "performance": ("履约保证金", "Performance bond"),
}
MAX_TEXT = 200
MAX_FEN = 10**15
_WINNERS = ("result.winners", "confirmation.winners", "confirmation.winner", "result.winner", "award_notice.winners")
_CANDIDATES = ("candidates.candidates", "evaluation.candidates")
_CARD = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){14,18}(?![0-9A-Za-z])")
Row = dict[str, Any]
_deposits, _states = table(Deposit), table(TradeState)


def take(
    conn: Connection,
    trade: Trade,
    calendar: Calendar,
    *,
    lot: str,
    party: Party,
    form: str,
    amount_fen: int,
    paid_ms: int,
    account: str,
    now_ms: int,
    purpose: str = "bid",
    document_no: str = "",
    issuer: str = "",
    expires_on: str = "",
    number: str = "",
) -> str:
    """Note that a deposit came in; gives its number. Raises Rejected, naming the field, NotFound for an unknown lot.

    `number` is that of the form that was sent: sent again, as by a page that is reloaded, it is noted once. A bond
    that only a winner gives cannot come before the end of bidding: Refused.
    """
    if lot not in trade.lots:
        raise NotFound(f"trade {trade.key} has no lot {lot}", zh=f"没有标段 {lot}", field="lot")
    _check(form, purpose, party, amount_fen, paid_ms, now_ms, document_no, issuer, expires_on)
    told_ms = sealed.told_from(trade, lot)
    if purpose != "bid" and told_ms is not None and now_ms < told_ms:
        raise Refused(
            "before the end of bidding nobody has won",
            zh="投标截止前不会有履约保证金，请核对用途",
            field="purpose",
        )
    number = number or secrets.token_hex(16)
    row = {
        "id": number,
        "trade": trade.key,
        "lot": lot,
        "purpose": purpose,
        "bidder": party.name,
        "uscc": party.uscc,
        "form": form,
        "document_no": document_no,
        "issuer": issuer,
        "expires_on": expires_on,
        "amount_fen": amount_fen,
        "paid_ms": paid_ms,
        "state": HELD,
        "clock": "",
        "due_ms": None,
        "ended_ms": 0,
        "interest_fen": 0,
        "reason": "",
        "account": account,
        "version": 1,
        "told_ms": told_ms if purpose == "bid" else sealed.ALWAYS,
        "taken_by": account,
    }
    before = conn.execute(select(_deposits).where(_deposits.c.id == number)).mappings().first()
    if before is not None:
        if any(before[name] != row[name] for name in ("trade", "lot", "bidder", "amount_fen", "paid_ms", "taken_by")):
            raise Overtaken(
                "this form was sent with other values", zh="该表单已提交过，请重新打开页面", field="version"
            )
        return number
    conn.execute(insert(_deposits), [row])
    refresh(conn, trade, now_ms=now_ms, calendar=calendar)
    return number


def give_back(
    conn: Connection, number: str, version: int, *, at_ms: int, account: str, interest_fen: int = 0, note: str = ""
) -> Row:
    """Note that it is back with its bidder, with interest (bank's, of money only). Raises Overtaken, Rejected."""
    row = get(conn, number)
    if interest_fen < 0 or interest_fen > MAX_FEN or (interest_fen and row["form"] in PAPER):
        raise Rejected("interest is paid on money, and is no less than nothing", zh="利息有误", field="interest")
    if at_ms < row["paid_ms"]:
        raise Rejected("it cannot go back before it came", zh="退还时间早于缴纳时间", field="at")
    _require_no_card(note, "note")
    _move(conn, number, version, RETURNED, at_ms, account, {"interest_fen": interest_fen, "reason": note[:MAX_TEXT]})
    return get(conn, number)


def keep(conn: Connection, number: str, version: int, *, at_ms: int, account: str, reason: str) -> Row:
    """Note that it is not given back, and on what ground. Raises Overtaken, Rejected without a reason."""
    if not reason.strip():
        raise Rejected("what is kept is kept for a reason of law", zh="不予退还须写明依据", field="reason")
    _require_no_card(reason, "reason")
    _move(conn, number, version, KEPT, at_ms, account, {"reason": reason.strip()[:MAX_TEXT], "due_ms": None})
    return get(conn, number)


def refresh(conn: Connection, trade: Trade, *, now_ms: int, calendar: Calendar, promise: Promise | None = None) -> int:
    """Set the clocks of a trade's deposits as its acts now are; gives how many changed. Harmless to repeat.

    A refund whose clock runs is a service that is timed (R24): it is due when the law says so.
    """
    rows = [row for row in _all_of(conn, trade.key) if row["purpose"] == "bid"]
    if not rows:
        return 0
    for lot, told_ms in {(row["lot"], row["told_ms"]) for row in rows}:
        if (found_ms := sealed.told_from(trade, lot)) != told_ms:
            of_lot = and_(_deposits.c.trade == trade.key, _deposits.c.lot == lot, _deposits.c.purpose == "bid")
            conn.execute(update(_deposits).where(of_lot).values(told_ms=found_ms))
    held = [row for row in rows if row["state"] == HELD]
    running = [one for one in owed(trade, now_ms=now_ms, calendar=calendar) if one.act in (LOSERS, WINNER)]
    done = 0
    for row in held:
        clock = _clock_of(trade, row, running)
        found = (clock.clock.id, clock.due_ms) if clock is not None else ("", None)
        if found != (row["clock"], row["due_ms"]):
            of = and_(_deposits.c.id == row["id"], _deposits.c.state == HELD)
            conn.execute(update(_deposits).where(of).values(clock=found[0], due_ms=found[1]))
            services.finish(conn, REFUND, row["id"], now_ms, done=False)  # of a clock that ran otherwise
            if clock is not None and clock.due_ms is not None:
                services.ask(
                    conn,
                    REFUND,
                    promise,
                    calendar,
                    subject=row["id"],
                    title=trade.title,
                    asked_ms=clock.started_ms,
                    account="",
                    trade=trade.key,
                    due_ms=clock.due_ms,
                )
            done += 1
    return done


def get(conn: Connection, number: str) -> Row:
    """Raises NotFound."""
    row = conn.execute(select(_deposits).where(_deposits.c.id == number)).mappings().first()
    if row is None:
        raise NotFound(f"no deposit {number}", zh="没有该笔保证金", field="deposit")
    return dict(row)


def of_trade(conn: Connection, trade: Trade, *, now_ms: int) -> list[Row]:
    """The deposits of a trade that may be told of, by lot and bidder."""
    rows = _all_of(conn, trade.key)
    return [row for row in rows if row["purpose"] != "bid" or sealed.is_told(trade, row["lot"], now_ms)]


def by_number(conn: Connection, trade: Trade, number: str) -> Row:
    """One deposit of a trade, for whoever has its number: before the end of bidding too. Raises NotFound."""
    row = get(conn, number)
    if row["trade"] != trade.key:
        raise NotFound(f"no deposit {number}", zh="没有该笔保证金", field="deposit")
    return row


def _all_of(conn: Connection, trade: str) -> list[Row]:
    statement = select(_deposits).where(_deposits.c.trade == trade)
    statement = statement.order_by(_deposits.c.lot, _deposits.c.bidder, _deposits.c.paid_ms)
    return [dict(row) for row in conn.execute(statement).mappings()]


def of_bidder(conn: Connection, uscc: str, *, limit: int = 500) -> list[Row]:
    """A bidder's own deposits with their trades' titles, newest first: for who is shown to be that bidder alone."""
    title = select(_states.c.title).where(_states.c.trade == _deposits.c.trade).limit(1).scalar_subquery()
    which = and_(_deposits.c.uscc == uscc, _deposits.c.uscc != "")
    statement = select(_deposits, title.label("title")).where(which)
    rows = conn.execute(statement.order_by(_deposits.c.paid_ms.desc(), _deposits.c.id).limit(limit)).mappings()
    return [{**row, "title": row["title"] or ""} for row in rows]


def _told(now_ms: int) -> ColumnElement[bool]:
    return and_(_deposits.c.told_ms.is_not(None), _deposits.c.told_ms <= now_ms)


def todo(conn: Connection, *, now_ms: int, limit: int = 500) -> list[Row]:
    """Deposits that must go back, late first, then by time left, each with its trade's title; `late` and `left_ms`."""
    title = select(_states.c.title).where(_states.c.trade == _deposits.c.trade).limit(1).scalar_subquery()
    which = and_(_deposits.c.state == HELD, _deposits.c.due_ms.is_not(None), _told(now_ms))
    statement = select(_deposits, title.label("title")).where(which).order_by(_deposits.c.due_ms, _deposits.c.id)
    found = []
    for row in conn.execute(statement.limit(limit)).mappings():
        left = row["due_ms"] - now_ms
        found.append({**row, "title": row["title"] or "", "left_ms": left, "late": left < 0})
    return found


def expiring(conn: Connection, *, now_ms: int, until: str, limit: int = 500) -> list[Row]:
    """Letters held that run out by an ISO day while they are still needed, the soonest first; `gone` if they have."""
    today = day_of(now_ms)
    ends = and_(_deposits.c.expires_on != "", _deposits.c.expires_on <= until)
    which = and_(_deposits.c.state == HELD, ends, _told(now_ms))
    statement = select(_deposits).where(which).order_by(_deposits.c.expires_on, _deposits.c.id).limit(limit)
    return [{**row, "gone": row["expires_on"] < today} for row in conn.execute(statement).mappings()]


def ledger(conn: Connection, trade: Trade | None = None, *, now_ms: int, limit: int = 5000) -> list[Row]:
    """Every deposit that may be told of, by day of arrival, with its trade's title: of one trade or of all."""
    title = select(_states.c.title).where(_states.c.trade == _deposits.c.trade).limit(1).scalar_subquery()
    which = [_told(now_ms)] + ([_deposits.c.trade == trade.key] if trade is not None else [])
    statement = select(_deposits, title.label("title")).where(*which)
    rows = conn.execute(statement.order_by(_deposits.c.paid_ms.desc(), _deposits.c.id).limit(limit)).mappings()
    found = [{**row, "title": row["title"] or ""} for row in rows]
    return (
        found
        if trade is None
        else [row for row in found if row["purpose"] != "bid" or sealed.is_told(trade, row["lot"], now_ms)]
    )


def fields_for(conn: Connection, trade: Trade, act: str, lots: Iterable[str]) -> dict[str, int]:
    """`count` and `total` (with interest, fen) of what is back, as the act that says so carries them."""
    which = and_(
        _deposits.c.trade == trade.key,
        _deposits.c.lot.in_(list(lots)),
        _deposits.c.state == RETURNED,
        _deposits.c.purpose == "bid",
    )
    rows = [dict(row) for row in conn.execute(select(_deposits).where(which)).mappings()]
    both = trade.package.act(WINNER) is not None
    mine = [row for row in rows if not both or (act == WINNER) == _stands_in(trade, row)]
    money = sum(row["amount_fen"] for row in mine if row["form"] not in PAPER)
    return {"count": len(mine), "total": money + sum(row["interest_fen"] for row in mine)}


def totals(conn: Connection, trade: str = "", *, now_ms: int) -> dict[str, tuple[int, int]]:
    """state -> (number, fen) of what may be told of, of one trade or of all."""
    sums = select(_deposits.c.state, func.count(), func.sum(_deposits.c.amount_fen)).group_by(_deposits.c.state)
    statement = sums.where(_told(now_ms))
    if trade:
        statement = statement.where(_deposits.c.trade == trade)
    return {state: (int(number), int(total or 0)) for state, number, total in conn.execute(statement)}


def _clock_of(trade: Trade, row: Row, running: list[Owed]) -> Owed | None:
    """The clock that runs for a deposit; an act that says that all are back leaves those still held late."""
    act = WINNER if _stands_in(trade, row) and trade.package.act(WINNER) is not None else LOSERS
    mine = [one for one in running if one.act == act and row["lot"] in one.lots]
    return max(mine, key=lambda one: one.started_ms, default=None)


def _stands_in(trade: Trade, row: Row) -> bool:
    """Whether this bidder won or is a candidate of its lot, so that its deposit stays until the contract."""
    facts = trade.facts_of(row["lot"])
    parties: list[Any] = []
    for name in _WINNERS:
        value = facts.get(name)
        parties += value if isinstance(value, list) else [value]
    for name in _CANDIDATES:
        value = facts.get(name)
        parties += [each.get("party") for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
    return any(isinstance(each, Mapping) and _same(each, row) for each in parties)


def _same(party: Mapping[str, Any], row: Row) -> bool:
    uscc = party.get("uscc")
    return bool(uscc == row["uscc"] if uscc and row["uscc"] else party.get("name") == row["bidder"])


def _check(
    form: str,
    purpose: str,
    party: Party,
    amount_fen: int,
    paid_ms: int,
    now_ms: int,
    document_no: str,
    issuer: str,
    expires_on: str,
) -> None:
    if form not in FORMS or purpose not in PURPOSES:
        raise Rejected("unknown form or purpose of a deposit", zh="请选择保证金形式和用途", field="form")
    if not party.name.strip():
        raise Rejected("a deposit has a payer", zh="请填写缴纳单位", field="party")
    if not 0 < amount_fen <= MAX_FEN:
        raise Rejected("a deposit is more than nothing", zh="金额须大于零", field="amount")
    if not 0 <= paid_ms <= now_ms:
        raise Rejected("it cannot have come later than now", zh="缴纳时间不得晚于当前时间", field="paid")
    for name, text in (("party", party.name), ("document_no", document_no), ("issuer", issuer)):
        if len(text) > MAX_TEXT:
            raise Rejected(f"{name} is too long", zh="文字过长", field=name)
        _require_no_card(text, name)
    if form in PAPER:
        if not document_no or not issuer:
            raise Rejected("a letter has a number and an issuer", zh="请填写保函编号和出具单位", field="document_no")
        try:
            date.fromisoformat(expires_on)
        except ValueError:
            raise Rejected("a letter runs out on a day", zh="请填写保函有效期截止日", field="expires_on") from None
    elif expires_on:
        raise Rejected("money does not run out", zh="该形式没有有效期", field="expires_on")


def _require_no_card(text: str, field: str) -> None:
    """Numbers of bank cards and accounts stay out of records, wherever somebody types them."""
    for found in _CARD.findall(text):
        digits = [int(each) for each in found if each.isdigit()]
        doubled = [each if n % 2 == 0 else each * 2 - 9 * (each > 4) for n, each in enumerate(reversed(digits))]
        if sum(doubled) % 10 == 0:
            raise Rejected(
                f"{field} seems to hold a bank card's number; it is not kept here",
                zh="疑似银行卡号，账号信息不得录入",
                field=field,
                advice_zh="请删去账号；退还按银行流水办理。",
                advice_en="Take the number out; refunds follow the bank's own record.",
            )


def _move(
    conn: Connection, number: str, version: int, state: str, at_ms: int, account: str, values: Mapping[str, Any]
) -> None:
    which = and_(_deposits.c.id == number, _deposits.c.version == version, _deposits.c.state == HELD)
    more = {"state": state, "ended_ms": at_ms, "account": account, "version": version + 1}
    if conn.execute(update(_deposits).where(which).values(**more, **values)).rowcount != 1:
        get(conn, number)
        raise Overtaken("this deposit was dealt with meanwhile", zh="该笔保证金已被他人处理", field="version")
    services.finish(conn, REFUND, number, at_ms, done=state == RETURNED)
