"""Tables of quality: what is known of each record's quality, and the sums of it; see `tables.py` for the conventions.

All are made of the read tables, the payloads and the signatures held here, by `node/quality/`, and may be made anew at
any time.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel

from node.store.tables import _big, _log_id


def _text(*, primary_key: bool = False) -> Column[str]:
    return Column(Text, primary_key=primary_key, nullable=False)


def _int() -> Column[int]:
    return Column(Integer, nullable=False)


class QualityItem(SQLModel, table=True):
    """One thing that is judged: a trade record, an act, or (`sort` is trade) a trade as a whole.

    `first_idx` is where its first version lies, published at `claimed_ms`. `judged`, `bad` and `ever` are sums of
    `node.quality.measures.BITS`: what could be judged, what is not right now, and what of the content was not right in
    any version. `code_key`, `name_key` and `same_key` are 63 bits of the hashes by which records belong together
    (project and section code, project name, whole content), 0 for none. `due_day` is the ISO day after which it must be
    looked at again, `past` once that was done, empty for never. `doc` orders lists by day, the newest highest.
    `lag`, `hub_lag` and `top_lag` are classes of `node.quality.lags`, -1 for unknown.
    """

    __tablename__ = "quality_item"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    first_idx: int = Field(sa_column=_big())
    version: int = Field(sa_column=_big())
    sort: str = Field(sa_column=_text())
    kind: str = Field(sa_column=_text())
    step: str = Field(sa_column=_text())
    category: str = Field(sa_column=_text())
    division: str = Field(sa_column=_text())
    day: str = Field(sa_column=_text())
    title: str = Field(sa_column=_text())
    trade: str = Field(sa_column=_text())
    claimed_ms: int = Field(sa_column=_big())
    code_key: int = Field(default=0, sa_column=_big())
    name_key: int = Field(default=0, sa_column=_big())
    same_key: int = Field(default=0, sa_column=_big())
    judged: int = Field(default=0, sa_column=_int())
    bad: int = Field(default=0, sa_column=_int())
    ever: int = Field(default=0, sa_column=_int())
    faulty: bool = Field(default=False)
    due_day: str = Field(sa_column=_text())
    lag: int = Field(default=-1, sa_column=_int())
    hub_lag: int = Field(default=-1, sa_column=_int())
    top_lag: int = Field(default=-1, sa_column=_int())
    doc: int = Field(default=0, sa_column=_big())
    __table_args__ = (
        Index("ix_quality_item_code_key", "code_key"),
        Index("ix_quality_item_name_key", "name_key"),
        Index("ix_quality_item_same_key", "same_key"),
        Index("ix_quality_item_due_day", "due_day"),
        Index("ix_quality_item_trade", "trade"),
        Index("ix_quality_item_place", "log_id", "first_idx"),
        Index("ix_quality_item_doc", "faulty", "doc"),
        Index("ix_quality_item_bad", "bad", "doc"),
        Index("ix_quality_item_division", "division", "faulty", "doc"),
    )


class QualitySum(SQLModel, table=True):
    """How many items of one log, place, category and step were judged by `measure`, and how many of them are not right.

    `measure` is a bit's name, a measure's, `any`, or the name of a lag and its class (`hub_lag.3`), where only `judged`
    counts.
    """

    __tablename__ = "quality_sum"
    log_id: int = Field(sa_column=_log_id())
    division: str = Field(sa_column=_text(primary_key=True))
    category: str = Field(sa_column=_text(primary_key=True))
    step: str = Field(sa_column=_text(primary_key=True))
    measure: str = Field(sa_column=_text(primary_key=True))
    judged: int = Field(default=0, sa_column=_big())
    bad: int = Field(default=0, sa_column=_big())
