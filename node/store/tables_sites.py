"""Tables of sites (R63): whose place of work a venue is, and which trades are held there; see `tables.py`."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Text
from sqlmodel import Field, SQLModel

from node.store.tables import _big, _Id


class VenueStaff(SQLModel, table=True):
    """An account of this centre works at one venue; who said so, and when."""

    __tablename__ = "venue_staff"
    account: str = Field(sa_column=Column(Text, primary_key=True, nullable=False))
    venue_id: int = Field(sa_column=Column(_Id, ForeignKey("venue.id"), nullable=False))
    by_account: str = Field(sa_column=Column(Text, nullable=False))
    at_ms: int = Field(sa_column=_big())


class TradeVenue(SQLModel, table=True):
    """A trade of this centre is held at one venue; who allocated it, and when."""

    __tablename__ = "trade_venue"
    trade: str = Field(sa_column=Column(Text, primary_key=True, nullable=False))
    venue_id: int = Field(sa_column=Column(_Id, ForeignKey("venue.id"), nullable=False))
    account: str = Field(sa_column=Column(Text, nullable=False))
    at_ms: int = Field(sa_column=_big())
    __table_args__ = (Index("ix_trade_venue_venue_id", "venue_id"),)
