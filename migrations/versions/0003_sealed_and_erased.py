"""Sealed sections and erasure: key wraps, tombstones, and who opened what (DESIGN L23).

Why: key wraps and what must be able to vanish lie in single rows; what was erased by law must stay erased, so a
tombstone of its own outlives every rebuild; and whoever opens personal data leaves a line.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "sealed_wraps",
        sa.Column("log_id", _ID, sa.ForeignKey("log.id"), autoincrement=False, nullable=False),
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("holding", sa.Text(), nullable=False),
        sa.Column("time_s", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("log_id", "idx", "section"),
    )
    op.create_index("ix_sealed_wraps_seq", "sealed_wraps", ["log_id", "seq"])
    op.create_table(
        "erased",
        sa.Column("log_id", _ID, sa.ForeignKey("log.id"), autoincrement=False, nullable=False),
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("record_id", sa.LargeBinary(), nullable=False),
        sa.Column("order_id", sa.LargeBinary(), nullable=False),
        sa.Column("by_log_id", _ID, sa.ForeignKey("log.id"), nullable=False),
        sa.Column("by_idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("erased_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("log_id", "idx", "section"),
    )
    op.create_index("ix_erased_record_id", "erased", ["record_id"])
    op.create_table(
        "sealed_access",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("log_id", _ID, sa.ForeignKey("log.id"), nullable=False),
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("sealed_access")
    op.drop_index("ix_erased_record_id", "erased")
    op.drop_table("erased")
    op.drop_index("ix_sealed_wraps_seq", "sealed_wraps")
    op.drop_table("sealed_wraps")
