"""Parties: identities that were seen, whom trades name, and bids that a bidder hands in himself.

Why: a party's own pages show what is not public only to an account whose organisation has been seen by papers, or that
handed it in itself; and they must find a party's trades without reading all of them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INDEXES = (
    ("ix_bid_receipt_uscc", "bid_receipt", ["uscc", "received_ms"]),
    ("ix_bid_receipt_account", "bid_receipt", ["account", "received_ms"]),
    ("ix_deposit_uscc", "deposit", ["uscc", "paid_ms"]),
    ("ix_credit_view_uscc", "credit_view", ["uscc", "starts_on"]),
    ("ix_binding_view_account", "binding_view", ["account"]),
    ("ix_binding_view_node", "binding_view", ["node", "at_ms"]),
    ("ix_trade_party_code", "trade_party", ["code"]),
)


def upgrade() -> None:
    op.add_column("bid_receipt", sa.Column("account", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "binding_view",
        sa.Column("log_id", _ID, autoincrement=False, nullable=False),
        sa.Column("record_id", sa.LargeBinary(), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("clerk", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"]),
        sa.PrimaryKeyConstraint("log_id", "record_id"),
    )
    op.create_table(
        "trade_party",
        sa.Column("trade", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("lots", sa.Text(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("trade", "node", "n"),
    )
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, table, _ in reversed(_INDEXES):
        op.drop_index(name, table)
    op.drop_table("trade_party")
    op.drop_table("binding_view")
    op.drop_column("bid_receipt", "account")
