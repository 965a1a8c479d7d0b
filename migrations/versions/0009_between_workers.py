"""What the processes that answer for one node tell each other: nonces of signed requests, numbers of news.

Why: a request that one worker has answered must not pass at another, and what comes in at one is work for the jobs of
another (docs/decisions/0019). The nonces are not logged on PostgreSQL: they are kept for minutes, and asked for with
each signed request. On SQLite one process serves; the tables are there, as everywhere, and stay as they are.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    unlogged = ["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else []
    op.create_table(
        "request_nonce",
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("seen_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nonce"),
        prefixes=unlogged,
    )
    op.create_index("ix_request_nonce_seen_s", "request_nonce", ["seen_s"])
    made = op.create_table(
        "told",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.bulk_insert(made, [{"name": "jobs", "number": 1}, {"name": "waiting", "number": 1}])


def downgrade() -> None:
    op.drop_table("told")
    op.drop_table("request_nonce")
