"""Log-ins and acts of parties are gathered before they are recorded; registrations of parties are counted.

Why: whoever can log in, or register, must not be able to make a log grow without bound that nothing is ever taken out
of. The read table of the audit trail gets more than one row a record; it is emptied, and made anew from the logs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXTS = ("account", "realm", "role", "action", "object", "detail", "address", "node")


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _big(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _audit_view(*, parts: bool) -> None:
    op.drop_table("audit_view")
    part = [sa.Column("part", sa.Integer(), nullable=False, autoincrement=False)] if parts else []
    op.create_table(
        "audit_view",
        sa.Column("log_id", _ID, sa.ForeignKey("log.id"), nullable=False, autoincrement=False),
        sa.Column("record_id", sa.LargeBinary(), nullable=False),
        *part,
        *_big("idx", "at_ms"),
        *_text(*_TEXTS),
        sa.PrimaryKeyConstraint("log_id", "record_id", *(["part"] if parts else [])),
    )
    op.create_index("ix_audit_view_at_ms", "audit_view", ["at_ms"])
    op.create_index("ix_audit_view_account", "audit_view", ["account", "at_ms"])


def upgrade() -> None:
    op.create_table(
        "audit_waiting",
        *_text("key", "batch", "account", "action"),
        *_big("at_ms"),
        sa.Column("act", sa.LargeBinary(), nullable=False),
        sa.Column("hand", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_audit_waiting_batch", "audit_waiting", ["batch", "at_ms"])
    op.create_table(
        "audit_hour",
        *_text("account", "action"),
        *_big("hour_ms"),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        *_text("batch"),
        sa.PrimaryKeyConstraint("account", "action", "hour_ms"),
    )
    op.create_index("ix_audit_hour_hour_ms", "audit_hour", ["hour_ms"])
    op.create_table(
        "account_bound",
        *_text("key", "day"),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "day"),
    )
    op.create_index("ix_account_bound_day", "account_bound", ["day"])
    _audit_view(parts=True)


def downgrade() -> None:
    _audit_view(parts=False)
    for name in ("account_bound", "audit_hour", "audit_waiting"):
        op.drop_table(name)
