"""Deposits: from when each may be told of, and who took it in.

Why: who has paid a deposit for a bid is a bidder, and bidders are secret until bidding has ended. Lists and sums over
all trades ask a column, since no trade can be replayed for each row of them. Rows that are there are told of once
their trade has been replayed, which the next start does for all.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deposit", sa.Column("told_ms", sa.BigInteger(), nullable=True))
    op.add_column("deposit", sa.Column("taken_by", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE deposit SET taken_by = account WHERE state = 'held'")
    op.execute("UPDATE deposit SET told_ms = 0 WHERE purpose <> 'bid'")


def downgrade() -> None:
    op.drop_column("deposit", "taken_by")
    op.drop_column("deposit", "told_ms")
