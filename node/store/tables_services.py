"""Tables of services (R24): who asked for what and when it was done; see `tables.py` for the conventions."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Text
from sqlmodel import Field, SQLModel

from node.store.tables import _big


def _text(*, primary_key: bool = False) -> Column[str]:
    return Column(Text, primary_key=primary_key, nullable=False)


class ServiceRequest(SQLModel, table=True):
    """One request for a service of the list: asked at `asked_ms`, in time until `due_ms` (nil: nothing was promised).

    `subject` is what it is about (a trade, draft, deposit, or its own number), `promise`, `rules` and `verified` what
    the list promised when it was asked. `state` is open, done, or dropped (taken back, no longer wanted).
    """

    __tablename__ = "service_request"
    id: str = Field(sa_column=_text(primary_key=True))
    service: str = Field(sa_column=_text())
    subject: str = Field(sa_column=_text())
    trade: str = Field(sa_column=_text())
    title: str = Field(sa_column=_text())
    asker: str = Field(sa_column=_text())
    promise: str = Field(sa_column=_text())
    rules: str = Field(sa_column=_text())
    verified: bool = Field(sa_column=Column(Boolean, nullable=False))
    asked_ms: int = Field(sa_column=_big())
    due_ms: int | None = Field(default=None, sa_column=_big(nullable=True))
    done_ms: int = Field(default=0, sa_column=_big())
    state: str = Field(sa_column=_text())
    account: str = Field(sa_column=_text())
    note: str = Field(sa_column=_text())
    __table_args__ = (
        Index("ix_service_request_state", "state", "due_ms"),
        Index("ix_service_request_subject", "service", "subject"),
        Index("ix_service_request_trade", "trade"),
        Index("ix_service_request_done_ms", "done_ms"),
    )
