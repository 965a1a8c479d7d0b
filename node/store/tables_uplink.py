"""Tables of uplink; see `tables.py` for the conventions.

`verdict_view` is projected like every read table. The `uplink_…` tables are what the hub works with: losing them loses
which number and key a record was reported under, so they are no read tables and are never rebuilt. The `national_…`
tables are the sandbox's memory.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from node.store.tables import _big, _Id, _log_id


def _text(*, primary_key: bool = False) -> Column[str]:
    return Column(Text, primary_key=primary_key, nullable=False)


class StandardValue(SQLModel, table=True):
    """A value of a code table of the national standard that was loaded here in place of the packaged one."""

    __tablename__ = "standard_value"
    name: str = Field(sa_column=_text(primary_key=True))
    value: str = Field(sa_column=_text(primary_key=True))
    text: str = Field(sa_column=_text())
    source: str = Field(sa_column=_text())
    loaded_ms: int = Field(sa_column=_big())


class UplinkNumber(SQLModel, table=True):
    """A number that was issued at the hub to what had none of the standard's form: given once, kept for ever."""

    __tablename__ = "uplink_number"
    sort: str = Field(sa_column=_text(primary_key=True))
    name: str = Field(sa_column=_text(primary_key=True))
    code: str = Field(sa_column=_text())
    __table_args__ = (UniqueConstraint("sort", "code", name="uplink_number_code_key"),)


class UplinkSerial(SQLModel, table=True):
    """The last serial that was given under a prefix."""

    __tablename__ = "uplink_serial"
    name: str = Field(sa_column=_text(primary_key=True))
    last: int = Field(sa_column=_big())


class UplinkMessage(SQLModel, table=True):
    """One record of one data set, on its way to the receiver above and afterwards.

    `number` and `subject` are what it is, `data_key` is the key under which it is reported, the same for ever. The
    entry that it comes from is (`log_id`, `idx`), of `record_id` and `version`. `fields` is what the receiver should
    hold, `accepted` what it last accepted, `trying` what was sent without an answer, each as JSON without the common
    fields; empty is nothing. `operation` is the one that is owed. `state` is one of queued, blocked (a parent is not
    there), held (our lint refuses it), accepted, rejected (the receiver refuses it), dead (tried too often), deleted.
    `place` is its place in the order of sending, parents before children; `waits` names the parent for which a
    blocked one waits; `told` is the state that the last verdict told of, empty where there is news. Times are UTC
    milliseconds, 0: never.
    """

    __tablename__ = "uplink_message"
    id: int | None = Field(default=None, sa_column=Column(_Id, primary_key=True, autoincrement=True))
    number: str = Field(sa_column=_text())
    subject: str = Field(sa_column=_text())
    data_key: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    log_id: int = Field(sa_column=_big())
    idx: int = Field(sa_column=_big())
    record_id: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    version: int = Field(sa_column=_big())
    base: bool = Field(default=False)
    category: str = Field(sa_column=_text())
    division: str = Field(sa_column=_text())
    title: str = Field(sa_column=_text())
    operation: str = Field(sa_column=_text())
    state: str = Field(sa_column=_text())
    fields: str = Field(sa_column=_text())
    accepted: str = Field(sa_column=_text())
    trying: str = Field(sa_column=_text())
    faults: str = Field(sa_column=_text())
    answer: str = Field(sa_column=_text())
    attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    event_ms: int = Field(sa_column=_big())
    made_ms: int = Field(sa_column=_big())
    next_ms: int = Field(sa_column=_big())
    tried_ms: int = Field(sa_column=_big())
    accepted_ms: int = Field(sa_column=_big())
    told: str = Field(sa_column=_text())
    place: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    waits: str = Field(sa_column=_text())
    __table_args__ = (
        UniqueConstraint("number", "subject", name="uplink_message_subject_key"),
        Index("ix_uplink_message_state", "state", "place", "next_ms"),
        Index("ix_uplink_message_record", "record_id"),
        Index("ix_uplink_message_waits", "waits"),
        Index("ix_uplink_message_told", "told", "record_id"),
    )


class UplinkUse(SQLModel, table=True):
    """Which records beside its owner a base message (a project, a section) also carries: it goes when none is left."""

    __tablename__ = "uplink_use"
    message_id: int = Field(sa_column=_big(primary_key=True))
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    __table_args__ = (Index("ix_uplink_use_record_id", "record_id"),)


class UplinkUnique(SQLModel, table=True):
    """A value of a field that must be unique in its set, by SHA-256 in hex, and whose it is."""

    __tablename__ = "uplink_unique"
    number: str = Field(sa_column=_text(primary_key=True))
    field: str = Field(sa_column=_text(primary_key=True))
    digest: str = Field(sa_column=_text(primary_key=True))
    message_id: int = Field(sa_column=_big())
    __table_args__ = (Index("ix_uplink_unique_message_id", "message_id"),)


class UplinkTry(SQLModel, table=True):
    """One attempt and its answer: accepted, rejected, or unknown where none came."""

    __tablename__ = "uplink_try"
    id: int | None = Field(default=None, sa_column=Column(_Id, primary_key=True, autoincrement=True))
    message_id: int = Field(sa_column=_big())
    at_ms: int = Field(sa_column=_big())
    operation: str = Field(sa_column=_text())
    outcome: str = Field(sa_column=_text())
    answer: str = Field(sa_column=_text())
    __table_args__ = (Index("ix_uplink_try_message_id", "message_id"), Index("ix_uplink_try_at_ms", "at_ms"))


class UplinkLate(SQLModel, table=True):
    """An entry that the uplink passed before its content had come."""

    __tablename__ = "uplink_late"
    log_id: int = Field(sa_column=_log_id())
    idx: int = Field(sa_column=_big(primary_key=True))


class UplinkDay(SQLModel, table=True):
    """The reconciliation of a day (ISO, Beijing): its report as JSON."""

    __tablename__ = "uplink_day"
    day: str = Field(sa_column=_text(primary_key=True))
    made_ms: int = Field(sa_column=_big())
    differences: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    report: str = Field(sa_column=_text())


class VerdictView(SQLModel, table=True):
    """The newest verdict on a record: what the receiver above said of it (read table)."""

    __tablename__ = "verdict_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    about_origin: str = Field(sa_column=_text())
    about_record: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    about_version: int = Field(sa_column=_big())
    state: str = Field(sa_column=_text())
    title: str = Field(sa_column=_text())
    category: str = Field(sa_column=_text())
    reason_zh: str = Field(sa_column=_text())
    reason_en: str = Field(sa_column=_text())
    items: int = Field(default=0, sa_column=_big())
    at_ms: int = Field(sa_column=_big())
    __table_args__ = (
        Index("ix_verdict_view_about", "about_record"),
        Index("ix_verdict_view_state", "about_origin", "state", "at_ms"),
    )


class NationalItem(SQLModel, table=True):
    """A record that the sandbox took in under its key; `state` is held or deleted, `times` how often it was written."""

    __tablename__ = "national_item"
    data_key: str = Field(sa_column=_text(primary_key=True))
    sender: str = Field(sa_column=_text())
    number: str = Field(sa_column=_text())
    state: str = Field(sa_column=_text())
    fields: str = Field(sa_column=_text())
    first_ms: int = Field(sa_column=_big())
    last_ms: int = Field(sa_column=_big())
    times: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    __table_args__ = (Index("ix_national_item_sender", "sender", "number", "data_key"),)


class NationalValue(SQLModel, table=True):
    """A value by which the sandbox finds a record: of a unique field, or one that children name (SHA-256 in hex)."""

    __tablename__ = "national_value"
    number: str = Field(sa_column=_text(primary_key=True))
    field: str = Field(sa_column=_text(primary_key=True))
    digest: str = Field(sa_column=_text(primary_key=True))
    data_key: str = Field(sa_column=_text())
    __table_args__ = (Index("ix_national_value_data_key", "data_key"),)
