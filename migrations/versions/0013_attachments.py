"""Attachments and rules: what lies on disk, what records list and what is still to come; rules that came as records.

Why: the bytes of a tender file are too large for the log, so a record lists them by hash and the disk holds them; and a
district takes over rules from records, whose rows its pages and its engine look up by day.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "rule_view",
        sa.Column("log_id", _ID, autoincrement=False, nullable=False),
        sa.Column("record_id", sa.LargeBinary(), nullable=False),
        *_numbers("idx"),
        *_texts("sort", "rule", "version", "category", "zh", "en", "department", "effective_from", "effective_to"),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"]),
        sa.PrimaryKeyConstraint("log_id", "record_id"),
    )
    op.create_index("ix_rule_view_rule", "rule_view", ["sort", "rule", "version"])
    op.create_table(
        "attached_listing",
        sa.Column("log_id", _ID, autoincrement=False, nullable=False),
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        *_texts("section"),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.LargeBinary(), nullable=False),
        *_texts("kind", "sha256", "name"),
        *_numbers("size"),
        *_texts("media_type", "audience"),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"]),
        sa.PrimaryKeyConstraint("log_id", "idx", "section", "n"),
    )
    op.create_index("ix_attached_listing_sha256", "attached_listing", ["sha256"])
    op.create_table(
        "attached_file",
        *_texts("sha256"),
        *_numbers("size"),
        *_texts("media_type", "state", "reason", "uploaded_by"),
        *_numbers("stored_ms"),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index("ix_attached_file_stored_ms", "attached_file", ["stored_ms"])
    op.create_table("attached_source", *_texts("sha256", "node"), sa.PrimaryKeyConstraint("sha256", "node"))
    op.create_table(
        "attached_wanted",
        *_texts("sha256", "node"),
        *_numbers("size", "since_ms"),
        sa.Column("tries", sa.Integer(), nullable=False),
        *_numbers("next_ms"),
        *_texts("error"),
        sa.PrimaryKeyConstraint("sha256", "node"),
    )
    op.create_index("ix_attached_wanted_next_ms", "attached_wanted", ["next_ms"])
    op.create_table(
        "attached_upload",
        *_texts("id", "owner", "name", "media_type", "audience"),
        *_numbers("size"),
        *_texts("sha256"),
        *_numbers("touched_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_attached_upload_owner", "attached_upload", ["owner"])


def downgrade() -> None:
    for name in (
        "attached_upload",
        "attached_wanted",
        "attached_source",
        "attached_file",
        "attached_listing",
        "rule_view",
    ):
        op.drop_table(name)
