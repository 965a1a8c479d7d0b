"""Tables of accounts: what a node keeps of persons itself, and the read tables of account and audit records.

The first eight are working tables: no log brings them back, and a database set aside takes them along. Secrets stand in
them only as hashes, or encrypted under a key that lies elsewhere (docs/accounts.md). See `tables.py` for conventions.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel

from node.store.tables import _big, _log_id


def _text(*, primary_key: bool = False) -> Column[str]:
    return Column(Text, primary_key=primary_key, nullable=False)


class Account(SQLModel, table=True):
    """An account whose home is this node. `roles` and `sectors` are words with blanks between; `verifier` and
    `locked` (`node/accounts/passwords.py`) were made at `secret_ms`. `told` is false while its record is not in the log
    as it stands here since `changed_ms`."""

    __tablename__ = "account"
    account: str = Field(sa_column=_text(primary_key=True))
    name: str = Field(sa_column=_text())
    realm: str = Field(sa_column=_text())
    roles: str = Field(sa_column=_text())
    org: str = Field(sa_column=_text())
    org_name: str = Field(sa_column=_text())
    sectors: str = Field(sa_column=_text())
    public: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    former: str = Field(sa_column=_text())
    verifier: str = Field(sa_column=_text())
    locked: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    secret_ms: int = Field(sa_column=_big())
    active: bool = Field(default=True)
    must_change: bool = Field(default=False)
    told: bool = Field(default=False)
    made_ms: int = Field(sa_column=_big())
    changed_ms: int = Field(sa_column=_big())


class AccountSession(SQLModel, table=True):
    """A log-in that lasts: `id` is the SHA-256 of the token in the cookie, `locked` the private key under a key that
    is made from that token. `stamp` names the state of the account that it rests on."""

    __tablename__ = "account_session"
    id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    account: str = Field(sa_column=_text())
    stamp: str = Field(sa_column=_text())
    locked: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    made_ms: int = Field(sa_column=_big())
    seen_ms: int = Field(sa_column=_big())
    address: str = Field(sa_column=_text())
    agent: str = Field(sa_column=_text())
    __table_args__ = (Index("ix_account_session_account", "account", "made_ms"),)


class AccountTry(SQLModel, table=True):
    """Failed log-ins in a row: by account and address, by address, by account, by known device (`key`)."""

    __tablename__ = "account_try"
    key: str = Field(sa_column=_text(primary_key=True))
    failures: int = Field(sa_column=Column(Integer, nullable=False))
    last_ms: int = Field(sa_column=_big())
    until_ms: int = Field(sa_column=_big())
    __table_args__ = (Index("ix_account_try_last_ms", "last_ms"),)


class AccountDevice(SQLModel, table=True):
    """A browser that has logged in to an account before: `id` is the SHA-256 of what its cookie holds."""

    __tablename__ = "account_device"
    id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    account: str = Field(sa_column=_text())
    made_ms: int = Field(sa_column=_big())
    __table_args__ = (Index("ix_account_device_account", "account", "made_ms"),)


class AccountCode(SQLModel, table=True):
    """The newest time step whose TOTP code an account has used: none works twice."""

    __tablename__ = "account_code"
    account: str = Field(sa_column=_text(primary_key=True))
    step: int = Field(sa_column=_big())


class AuditWaiting(SQLModel, table=True):
    """An act of a person that waits to be recorded together with others, signed already: `act` and `hand` are msgpack.
    `batch` names the record that it is to go into, empty while it is for none yet."""

    __tablename__ = "audit_waiting"
    key: str = Field(sa_column=_text(primary_key=True))
    batch: str = Field(sa_column=_text())
    account: str = Field(sa_column=_text())
    action: str = Field(sa_column=_text())
    at_ms: int = Field(sa_column=_big())
    act: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    hand: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    __table_args__ = (Index("ix_audit_waiting_batch", "batch", "at_ms"),)


class AuditHour(SQLModel, table=True):
    """How often an account did something in an hour, and how many of these (`most`) were kept as entries."""

    __tablename__ = "audit_hour"
    account: str = Field(sa_column=_text(primary_key=True))
    action: str = Field(sa_column=_text(primary_key=True))
    hour_ms: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    number: int = Field(sa_column=_big())
    most: int = Field(sa_column=_big())
    batch: str = Field(sa_column=_text())
    __table_args__ = (Index("ix_audit_hour_hour_ms", "hour_ms"),)


class AccountBound(SQLModel, table=True):
    """How often something that everybody may do was done on a day (ISO, Beijing), under a key such as an address."""

    __tablename__ = "account_bound"
    key: str = Field(sa_column=_text(primary_key=True))
    day: str = Field(sa_column=_text(primary_key=True))
    number: int = Field(sa_column=_big())
    __table_args__ = (Index("ix_account_bound_day", "day"),)


class AccountView(SQLModel, table=True):
    """The current version of each account record, of all origins; which of them counts, `accounts/register.py` says."""

    __tablename__ = "account_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    account: str = Field(sa_column=_text())
    name: str = Field(sa_column=_text())
    realm: str = Field(sa_column=_text())
    roles: str = Field(sa_column=_text())
    org: str = Field(sa_column=_text())
    org_name: str = Field(sa_column=_text())
    sectors: str = Field(sa_column=_text())
    public: str = Field(sa_column=_text())
    home: str = Field(sa_column=_text())
    at_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    active: bool = Field(default=True)
    sealed: str = Field(sa_column=_text())
    secret_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    former: str = Field(sa_column=_text())
    proof: str = Field(sa_column=_text())
    __table_args__ = (Index("ix_account_view_account", "account"),)


class BindingView(SQLModel, table=True):
    """The current version of each record of an identity that was seen (核验主体身份), of all origins.

    Which of them counts, `accounts/bindings.py` says. `seen` are words with blanks between.
    """

    __tablename__ = "binding_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    account: str = Field(sa_column=_text())
    org: str = Field(sa_column=_text())
    org_name: str = Field(sa_column=_text())
    public: str = Field(sa_column=_text())
    seen: str = Field(sa_column=_text())
    clerk: str = Field(sa_column=_text())
    node: str = Field(sa_column=_text())
    at_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    withdrawn: bool = Field(default=False)
    reason: str = Field(sa_column=_text())
    __table_args__ = (
        Index("ix_binding_view_account", "account"),
        Index("ix_binding_view_node", "node", "at_ms"),
    )


class AuditView(SQLModel, table=True):
    """One row an act of a person, of all origins; `part` counts those of one record from 0."""

    __tablename__ = "audit_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    part: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    idx: int = Field(sa_column=_big())
    at_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    account: str = Field(sa_column=_text())
    realm: str = Field(sa_column=_text())
    role: str = Field(sa_column=_text())
    action: str = Field(sa_column=_text())
    object: str = Field(sa_column=_text())
    detail: str = Field(sa_column=_text())
    address: str = Field(sa_column=_text())
    node: str = Field(sa_column=_text())
    __table_args__ = (
        Index("ix_audit_view_at_ms", "at_ms"),
        Index("ix_audit_view_account", "account", "at_ms"),
    )


class OrderView(SQLModel, table=True):
    """The current version of each order of a supervising department."""

    __tablename__ = "order_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    at_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    trade: str = Field(sa_column=_text())
    project_code: str = Field(sa_column=_text())
    measure: str = Field(sa_column=_text())
    number: str = Field(sa_column=_text())
    reason: str = Field(sa_column=_text())
    target: str = Field(sa_column=_text())
    department: str = Field(sa_column=_text())
    account: str = Field(sa_column=_text())
    __table_args__ = (Index("ix_order_view_trade", "trade"),)
