"""Tables of routing; see `tables.py` for the conventions.

`handover_view` is a read table of records. `code_serial` and `code_issued` must outlive a restart, for no number may be
given twice; `routing_finding` and `catalogue_item` are what was found, and may be made again.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel

from node.store.tables import _big, _log_id


def _text(*, primary_key: bool = False) -> Column[str]:
    return Column(Text, primary_key=primary_key, nullable=False)


class CodeSerial(SQLModel, table=True):
    """The last serial given out of one series: a letter and division of a day, a project, a tender project, a day of
    one platform's unified codes."""

    __tablename__ = "code_serial"
    series: str = Field(sa_column=_text(primary_key=True))
    last: int = Field(sa_column=_big())


class CodeIssued(SQLModel, table=True):
    """A number that this node has given out, for itself or on another node's request.

    `request` is what the asker calls its request, so that the same request gets the same number; `asker` is the node
    that asked. `sort` is project, tender, section or unified, `subject` what it was given to.
    """

    __tablename__ = "code_issued"
    asker: str = Field(sa_column=_text(primary_key=True))
    request: str = Field(sa_column=_text(primary_key=True))
    sort: str = Field(sa_column=_text())
    code: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    subject: str = Field(sa_column=_text())
    issuer: str = Field(sa_column=_text())
    at_ms: int = Field(sa_column=_big())


class HandoverView(SQLModel, table=True):
    """A trade that one centre has handed over to the right one: the newest version of each such record.

    `facts` is the registration as typed, JSON.
    """

    __tablename__ = "handover_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    to_node: str = Field(sa_column=_text())
    category: str = Field(sa_column=_text())
    title: str = Field(sa_column=_text())
    division: str = Field(sa_column=_text())
    reason: str = Field(sa_column=_text())
    facts: str = Field(sa_column=_text())
    at_ms: int = Field(sa_column=_big())
    made_up: bool = Field(default=False)
    __table_args__ = (Index("ix_handover_view_to_node", "to_node", "at_ms"),)


class HandoverTaken(SQLModel, table=True):
    """That this node has made a draft, or a trade, of a hand-over: `done` names it."""

    __tablename__ = "handover_taken"
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    account: str = Field(sa_column=_text())
    done: str = Field(sa_column=_text())
    at_ms: int = Field(sa_column=_big())


class RoutingFinding(SQLModel, table=True):
    """What re-running the routing decision on a synced record gave, where it is not at the right centre.

    `state` is wrong (the facts decide), doubt (they suggest) or ordered (a supervisor's order lets it be there).
    """

    __tablename__ = "routing_finding"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    state: str = Field(sa_column=_text())
    trade: str = Field(sa_column=_text())
    category: str = Field(sa_column=_text())
    title: str = Field(sa_column=_text())
    division: str = Field(sa_column=_text())
    held_by: str = Field(sa_column=_text())
    right_node: str = Field(sa_column=_text())
    right_title: str = Field(sa_column=_text())
    decision: str = Field(sa_column=_text())
    why_zh: str = Field(sa_column=_text())
    why_en: str = Field(sa_column=_text())
    ordered_by: str = Field(sa_column=_text())
    found_ms: int = Field(sa_column=_big())
    __table_args__ = (Index("ix_routing_finding_state", "state", "found_ms"),)


class CatalogueItem(SQLModel, table=True):
    """A row of an imported list of approved projects and budgets, with what was found of it on the platform.

    `id` is the SHA-256 of what the row says, in hex: the same row again is the same item. `verdict` is mandatory,
    voluntary or open; `found` how it was found (invest-code, project-code, name, none), empty before it was looked for.
    `explained` is why it is rightly held nowhere, as somebody here has said.
    """

    __tablename__ = "catalogue_item"
    id: str = Field(sa_column=_text(primary_key=True))
    list_name: str = Field(sa_column=_text())
    row: int = Field(sa_column=Column(Integer, nullable=False))
    facts: str = Field(sa_column=_text())
    name: str = Field(sa_column=_text())
    category: str = Field(sa_column=_text())
    division: str = Field(sa_column=_text())
    verdict: str = Field(sa_column=_text())
    rule: str = Field(sa_column=_text())
    why_zh: str = Field(sa_column=_text())
    why_en: str = Field(sa_column=_text())
    found: str = Field(sa_column=_text())
    found_record: str = Field(sa_column=_text())
    found_origin: str = Field(sa_column=_text())
    found_title: str = Field(sa_column=_text())
    likeness: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    added_ms: int = Field(sa_column=_big())
    checked_ms: int = Field(default=0, sa_column=_big())
    explained: str = Field(sa_column=Column(Text, nullable=False, server_default=""))
    explained_by: str = Field(sa_column=Column(Text, nullable=False, server_default=""))
    explained_ms: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    __table_args__ = (Index("ix_catalogue_item_found", "verdict", "found"),)
