"""Tables of attachments and of rules that came as records; see `tables.py` for the conventions.

`rule_view` is projected like every read table. `attached_listing` is made of the records too, by a stage of its own
(`node/attachments/listing.py`). The others are working tables: what lies on this node's disk, and what it waits for.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel

from node.store.tables import _big, _log_id


def _text(*, primary_key: bool = False) -> Column[str]:
    return Column(Text, primary_key=primary_key, nullable=False)


class RuleView(SQLModel, table=True):
    """The newest version of each rule record: `sort` is package, codes, template or services, `data` its body.

    One that was withdrawn stays and is marked: trades that began under it go on under it.
    """

    __tablename__ = "rule_view"
    log_id: int = Field(sa_column=_log_id())
    record_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    idx: int = Field(sa_column=_big())
    sort: str = Field(sa_column=_text())
    rule: str = Field(sa_column=_text())
    version: str = Field(sa_column=_text())
    category: str = Field(sa_column=_text())
    zh: str = Field(sa_column=_text())
    en: str = Field(sa_column=_text())
    department: str = Field(sa_column=_text())
    effective_from: str = Field(sa_column=_text())
    effective_to: str = Field(sa_column=_text())
    withdrawn: bool = Field(default=False)
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    __table_args__ = (Index("ix_rule_view_rule", "sort", "rule", "version"),)


class AttachedListing(SQLModel, table=True):
    """A file that a section of an entry lists: `audience` is the narrower of the section's and the file's own."""

    __tablename__ = "attached_listing"
    log_id: int = Field(sa_column=_log_id())
    idx: int = Field(sa_column=_big(primary_key=True))
    section: str = Field(sa_column=_text(primary_key=True))
    n: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    record_id: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    kind: str = Field(sa_column=_text())
    sha256: str = Field(sa_column=_text())
    name: str = Field(sa_column=_text())
    size: int = Field(sa_column=_big())
    media_type: str = Field(sa_column=_text())
    audience: str = Field(sa_column=_text())
    __table_args__ = (Index("ix_attached_listing_sha256", "sha256"),)


class AttachedFile(SQLModel, table=True):
    """A file whose bytes were received whole: `state` is held, or quarantined with the scan's words in `reason`.

    `uploaded_by` is the account that brought it to this node, empty for one that came from another node.
    """

    __tablename__ = "attached_file"
    sha256: str = Field(sa_column=_text(primary_key=True))
    size: int = Field(sa_column=_big())
    media_type: str = Field(sa_column=_text())
    state: str = Field(sa_column=_text())
    reason: str = Field(sa_column=_text())
    uploaded_by: str = Field(sa_column=_text())
    stored_ms: int = Field(sa_column=_big())
    __table_args__ = (Index("ix_attached_file_stored_ms", "stored_ms"),)


class AttachedSource(SQLModel, table=True):
    """A node of which this one knows that it had the bytes.

    A listing by a node that never had them hands nothing out: who knows a hash must not gain a file by it.
    """

    __tablename__ = "attached_source"
    sha256: str = Field(sa_column=_text(primary_key=True))
    node: str = Field(sa_column=_text(primary_key=True))


class AttachedWanted(SQLModel, table=True):
    """A file that a log lists, that this node may hold and does not have from there: how fetching it went so far."""

    __tablename__ = "attached_wanted"
    sha256: str = Field(sa_column=_text(primary_key=True))
    node: str = Field(sa_column=_text(primary_key=True))
    size: int = Field(sa_column=_big())
    since_ms: int = Field(sa_column=_big())
    tries: int = Field(sa_column=Column(Integer, nullable=False))
    next_ms: int = Field(sa_column=_big())
    error: str = Field(sa_column=_text())
    __table_args__ = (Index("ix_attached_wanted_next_ms", "next_ms"),)


class AttachedUpload(SQLModel, table=True):
    """An upload that was begun: its bytes so far lie in a file of that name, which is as long as what was kept."""

    __tablename__ = "attached_upload"
    id: str = Field(sa_column=_text(primary_key=True))
    owner: str = Field(sa_column=_text())
    name: str = Field(sa_column=_text())
    media_type: str = Field(sa_column=_text())
    audience: str = Field(sa_column=_text())
    size: int = Field(sa_column=_big())
    sha256: str = Field(sa_column=_text())
    touched_ms: int = Field(sa_column=_big())
    __table_args__ = (Index("ix_attached_upload_owner", "owner"),)
