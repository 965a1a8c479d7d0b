"""Staff of a site, and the site of a trade (R63).

Why: while trades are still held at the former centres' places, each is allocated to one, and its people find theirs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "venue_staff",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("venue_id", _ID, nullable=False),
        sa.Column("by_account", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["venue_id"], ["venue.id"]),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "trade_venue",
        sa.Column("trade", sa.Text(), nullable=False),
        sa.Column("venue_id", _ID, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["venue_id"], ["venue.id"]),
        sa.PrimaryKeyConstraint("trade"),
    )
    op.create_index("ix_trade_venue_venue_id", "trade_venue", ["venue_id"])


def downgrade() -> None:
    op.drop_table("trade_venue")
    op.drop_table("venue_staff")
