"""Tables of trading: acts and trades as read tables, and what the desk works with; see `tables.py` for the conventions.

`act_view` is projected like every read table; `trade_state`, `trade_due` and `trade_party` are made of it by replaying
trades (`node/trading/refresh.py`) and may be made anew at any time. The others are working tables: they hold what is
not said in the log, or not yet.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from node.store.tables import _big, _Id, _log_id


def _text(*, primary_key: bool = False, default: str | None = None) -> Column[str]:
    return Column(Text, primary_key=primary_key, nullable=False, server_default=default)


# --- read tables ----------------------------------------------------------------------------------------------------


class ActView(SQLModel, table=True):
    """The newest version of each act; a withdrawn one stays and is marked, for nothing leaves a trade unseen.

    `kind` is trade.act, or trade.step for what is shared among authorities only. `lots` has one number a line, nothing
    for the whole trade. Whose trade it is says the log: an act of another node under the same key is another trade's.
    """

    __tablename__ = "act_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    kind: str = Field(sa_column=_text())
    trade: str = Field(sa_column=_text())
    seq: int = Field(sa_column=_big())
    category: str = Field(sa_column=_text())
    act: str = Field(sa_column=_text())
    rules: str = Field(sa_column=_text())
    title: str = Field(sa_column=_text())
    lots: str = Field(sa_column=_text())
    disclosure: str = Field(sa_column=_text())
    at_ms: int = Field(sa_column=_big())
    division: str = Field(sa_column=_text())
    project_code: str = Field(sa_column=_text())
    corrects: int = Field(sa_column=_big())
    withdrawn: bool = Field(default=False)
    reason: str = Field(sa_column=_text())
    made_up: bool = Field(default=False)
    __table_args__ = (
        Index("ix_act_view_trade", "trade", "log_id", "seq"),
        Index("ix_act_view_at_ms", "at_ms"),
        Index("ix_act_view_project_code", "project_code"),
    )


class TradeState(SQLModel, table=True):
    """One trade as it stands, by replaying its acts; `node` is whose it is (an origin without its epoch).

    `stage` is that of the lot that is least far, `stages` a JSON object of lot and stage. `void` says that its
    registration was withdrawn, `fault` why it cannot be replayed here. `owed`, `done` and `done_late` count legal
    clocks, `shown_…` those of them that are disclosures (R30). Whether something owed is late depends on the day and
    is asked of `trade_due`.
    """

    __tablename__ = "trade_state"
    trade: str = Field(sa_column=_text(primary_key=True))
    node: str = Field(sa_column=_text(primary_key=True))
    own: bool = Field(default=False)
    category: str = Field(sa_column=_text())
    rules: str = Field(sa_column=_text())
    title: str = Field(sa_column=_text())
    project_code: str = Field(sa_column=_text())
    division: str = Field(sa_column=_text())
    owner: str = Field(sa_column=_text())
    agency: str = Field(sa_column=_text())
    stage: str = Field(sa_column=_text())
    stages: str = Field(sa_column=_text())
    lots: int = Field(default=0, sa_column=_big())
    ended: bool = Field(default=False)
    void: bool = Field(default=False)
    fault: str = Field(sa_column=_text())
    acts: int = Field(default=0, sa_column=_big())
    withdrawn: int = Field(default=0, sa_column=_big())
    first_ms: int = Field(sa_column=_big())
    last_ms: int = Field(sa_column=_big())
    last_seq: int = Field(sa_column=_big())
    last_act: str = Field(sa_column=_text())
    next_due_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    owed: int = Field(default=0, sa_column=_big())
    done: int = Field(default=0, sa_column=_big())
    done_late: int = Field(default=0, sa_column=_big())
    shown_owed: int = Field(default=0, sa_column=_big())
    shown_done: int = Field(default=0, sa_column=_big())
    shown_late: int = Field(default=0, sa_column=_big())
    made_up: bool = Field(default=False)
    search: str = Field(sa_column=_text())
    __table_args__ = (
        Index("ix_trade_state_last_ms", "last_ms", "trade"),
        Index("ix_trade_state_category", "category", "last_ms"),
        Index("ix_trade_state_next_due_ms", "next_due_ms"),
    )


class TradeDue(SQLModel, table=True):
    """What a legal clock asks of a trade: owed, done, or done late; `n` counts within the trade.

    `due_ms` is nil where the clock has not started to run. `disclosure` is what the owed act discloses, if anything.
    """

    __tablename__ = "trade_due"
    trade: str = Field(sa_column=_text(primary_key=True))
    node: str = Field(sa_column=_text(primary_key=True))
    n: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    own: bool = Field(default=False)
    clock: str = Field(sa_column=_text())
    zh: str = Field(sa_column=_text())
    en: str = Field(sa_column=_text())
    basis: str = Field(sa_column=_text())
    act: str = Field(sa_column=_text())
    lots: str = Field(sa_column=_text())
    disclosure: str = Field(sa_column=_text())
    state: str = Field(sa_column=_text())
    started_ms: int = Field(sa_column=_big())
    due_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    done_seq: int = Field(default=0, sa_column=_big())
    __table_args__ = (Index("ix_trade_due_state", "state", "due_ms"),)


class TradeParty(SQLModel, table=True):
    """Whom the standing acts of a trade name, and as what; `n` counts within the trade.

    `code` is a unified social credit code, of an expert the number in the pool. `part` is the field that names it, in
    rows `<field>.<column>`; `zh` and `en` say so in words. `public` is whether the act discloses it, as by its record's
    `main` section: who is named inside alone learns nothing of it from here.
    """

    __tablename__ = "trade_party"
    trade: str = Field(sa_column=_text(primary_key=True))
    node: str = Field(sa_column=_text(primary_key=True))
    n: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    code: str = Field(sa_column=_text())
    name: str = Field(sa_column=_text())
    part: str = Field(sa_column=_text())
    zh: str = Field(sa_column=_text())
    en: str = Field(sa_column=_text())
    act: str = Field(sa_column=_text())
    seq: int = Field(sa_column=_big())
    lots: str = Field(sa_column=_text())
    public: bool = Field(default=False)
    __table_args__ = (Index("ix_trade_party_code", "code"),)


# --- bids -----------------------------------------------------------------------------------------------------------


class BidReceipt(SQLModel, table=True):
    """A bid or application that was received, encrypted; nothing of it is shown before the end of bidding.

    `digest` is SHA-256 of the encrypted file, `kept` where that lies, `note` the receipt that its sender got, signed by
    this node. `state` is held, replaced or withdrawn; `replaces` names the receipt in whose place this one came.
    `account` is that of the bidder who handed it in himself, empty where a clerk took it in.
    """

    __tablename__ = "bid_receipt"
    id: str = Field(sa_column=_text(primary_key=True))
    trade: str = Field(sa_column=_text())
    lot: str = Field(sa_column=_text())
    sort: str = Field(sa_column=_text())
    bidder: str = Field(sa_column=_text())
    uscc: str = Field(sa_column=_text())
    form: str = Field(sa_column=_text())
    digest: str = Field(sa_column=_text())
    size: int = Field(sa_column=_big())
    kept: str = Field(sa_column=_text())
    received_ms: int = Field(sa_column=_big())
    state: str = Field(sa_column=_text())
    changed_ms: int = Field(sa_column=_big())
    replaces: str = Field(sa_column=_text())
    note: str = Field(sa_column=_text())
    account: str = Field(default="", sa_column=_text(default=""))
    __table_args__ = (
        Index("ix_bid_receipt_trade", "trade", "lot", "received_ms"),
        Index("ix_bid_receipt_uscc", "uscc", "received_ms"),
        Index("ix_bid_receipt_account", "account", "received_ms"),
    )


# --- drafts ---------------------------------------------------------------------------------------------------------


class WorkDraft(SQLModel, table=True):
    """A form that is not sent yet, or waits for the second pair of eyes; `version` rises with each save.

    `form` is `<category>/<act>`, `content` the JSON of what was typed. `state` is open, waiting, approved, returned or
    used; `second` the account that approved or returned it, `note` what it said, `approval` the signed approval (JSON).
    """

    __tablename__ = "work_draft"
    id: str = Field(sa_column=_text(primary_key=True))
    account: str = Field(sa_column=_text())
    form: str = Field(sa_column=_text())
    trade: str = Field(sa_column=_text())
    title: str = Field(sa_column=_text())
    content: str = Field(sa_column=_text())
    version: int = Field(sa_column=_big())
    state: str = Field(sa_column=_text())
    second: str = Field(sa_column=_text())
    note: str = Field(sa_column=_text())
    approval: str = Field(sa_column=_text(default=""))
    made_ms: int = Field(sa_column=_big())
    changed_ms: int = Field(sa_column=_big())
    __table_args__ = (
        Index("ix_work_draft_account", "account", "changed_ms"),
        Index("ix_work_draft_state", "state", "changed_ms"),
        Index("ix_work_draft_trade", "trade"),
    )


# --- venues ---------------------------------------------------------------------------------------------------------


class Venue(SQLModel, table=True):
    """A place (场地) with rooms."""

    __tablename__ = "venue"
    id: int | None = Field(default=None, sa_column=Column(_Id, primary_key=True, autoincrement=True))
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    address: str = Field(sa_column=_text())
    closed: bool = Field(default=False)


class Room(SQLModel, table=True):
    """A room; `sort` is opening (开标室), evaluation (评标室), bidding (竞价厅), meeting or other."""

    __tablename__ = "room"
    id: int | None = Field(default=None, sa_column=Column(_Id, primary_key=True, autoincrement=True))
    venue_id: int = Field(sa_column=Column(_Id, ForeignKey("venue.id"), nullable=False))
    name: str = Field(sa_column=_text())
    sort: str = Field(sa_column=_text())
    seats: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    closed: bool = Field(default=False)
    __table_args__ = (UniqueConstraint("venue_id", "name", name="room_venue_id_name_key"),)


class Booking(SQLModel, table=True):
    """A room from `starts_ms` up to, not including, `ends_ms`; `state` is booked or cancelled, `reason` why so."""

    __tablename__ = "booking"
    id: int | None = Field(default=None, sa_column=Column(_Id, primary_key=True, autoincrement=True))
    room_id: int = Field(sa_column=Column(_Id, ForeignKey("room.id"), nullable=False))
    starts_ms: int = Field(sa_column=_big())
    ends_ms: int = Field(sa_column=_big())
    trade: str = Field(sa_column=_text())
    lots: str = Field(sa_column=_text())
    purpose: str = Field(sa_column=_text())
    title: str = Field(sa_column=_text())
    account: str = Field(sa_column=_text())
    state: str = Field(sa_column=_text())
    reason: str = Field(sa_column=_text())
    version: int = Field(sa_column=_big())
    changed_ms: int = Field(sa_column=_big())
    __table_args__ = (
        Index("ix_booking_room", "room_id", "state", "starts_ms"),
        Index("ix_booking_starts_ms", "starts_ms"),
        Index("ix_booking_trade", "trade"),
    )


# --- money ----------------------------------------------------------------------------------------------------------


class Deposit(SQLModel, table=True):
    """A deposit (保证金) of one bidder for one lot; no account number of anybody is ever here.

    `form` is transfer, guarantee (保函), insurance or cheque; `purpose` bid or performance; `state` held, returned or
    kept (不予退还). `due_ms` is when it must be back by the clock `clock`, nil while that does not run. Before
    `told_ms` (nil: not known yet) nobody learns of it: who pays for a bid is a bidder. `taken_by` took it in,
    `account` was the last to deal with it.
    """

    __tablename__ = "deposit"
    id: str = Field(sa_column=_text(primary_key=True))
    trade: str = Field(sa_column=_text())
    lot: str = Field(sa_column=_text())
    purpose: str = Field(sa_column=_text())
    bidder: str = Field(sa_column=_text())
    uscc: str = Field(sa_column=_text())
    form: str = Field(sa_column=_text())
    document_no: str = Field(sa_column=_text())
    issuer: str = Field(sa_column=_text())
    expires_on: str = Field(sa_column=_text())
    amount_fen: int = Field(sa_column=_big())
    paid_ms: int = Field(sa_column=_big())
    state: str = Field(sa_column=_text())
    clock: str = Field(sa_column=_text())
    due_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    ended_ms: int = Field(default=0, sa_column=_big())
    interest_fen: int = Field(default=0, sa_column=_big())
    reason: str = Field(sa_column=_text())
    account: str = Field(sa_column=_text())
    version: int = Field(sa_column=_big())
    told_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    taken_by: str = Field(sa_column=_text(default=""))
    __table_args__ = (
        Index("ix_deposit_trade", "trade", "lot"),
        Index("ix_deposit_state", "state", "due_ms"),
        Index("ix_deposit_uscc", "uscc", "paid_ms"),
    )


class ChargeReceipt(SQLModel, table=True):
    """What one payer was charged for one deal by the published tariff: the only sums that a centre takes (R26, R27).

    `lines` is the JSON list of what was computed, `number` the receipt's number.
    """

    __tablename__ = "charge_receipt"
    id: str = Field(sa_column=_text(primary_key=True))
    number: int = Field(sa_column=Column(BigInteger, nullable=False, unique=True))
    trade: str = Field(sa_column=_text())
    lot: str = Field(sa_column=_text())
    payer: str = Field(sa_column=_text())
    name: str = Field(sa_column=_text())
    uscc: str = Field(sa_column=_text())
    day: str = Field(sa_column=_text())
    base_fen: int = Field(sa_column=_big())
    total_fen: int = Field(sa_column=_big())
    tariff: str = Field(sa_column=_text())
    lines: str = Field(sa_column=_text())
    account: str = Field(sa_column=_text())
    made_ms: int = Field(sa_column=_big())
    paid_ms: int = Field(default=0, sa_column=_big())
    __table_args__ = (UniqueConstraint("trade", "lot", "payer", "uscc", name="charge_receipt_deal_key"),)


# --- imports --------------------------------------------------------------------------------------------------------


class ImportRefused(SQLModel, table=True):
    """Rows of a workbook that an import refused, as a workbook with the reasons; `form` is `<package>/<act>`."""

    __tablename__ = "import_refused"
    id: str = Field(sa_column=_text(primary_key=True))
    account: str = Field(sa_column=_text())
    form: str = Field(sa_column=_text())
    at_ms: int = Field(sa_column=_big())
    published: int = Field(sa_column=_big())
    refused: int = Field(sa_column=_big())
    workbook: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    __table_args__ = (Index("ix_import_refused_at_ms", "at_ms"),)
