"""Accounts of persons, their sessions and failed log-ins; read tables of accounts, the audit trail and orders.

Why: the centre's posts, the parties and the supervising departments work at the node's pages, each in a realm of its
own (管办分离), and what they do is on record. Secrets stand here only as hashes or encrypted (docs/accounts.md).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _big(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _bool(*names: str) -> list[sa.Column[bool]]:
    return [sa.Column(name, sa.Boolean(), nullable=False) for name in names]


def _bytes(*names: str) -> list[sa.Column[bytes]]:
    return [sa.Column(name, sa.LargeBinary(), nullable=False) for name in names]


def _view(name: str, *columns: sa.Column[object]) -> None:
    """A read table: one row a record."""
    op.create_table(
        name,
        sa.Column("log_id", _ID, sa.ForeignKey("log.id"), nullable=False, autoincrement=False),
        *_bytes("record_id"),
        *_big("idx"),
        *columns,
        sa.PrimaryKeyConstraint("log_id", "record_id"),
    )


def upgrade() -> None:
    op.create_table(
        "account",
        *_text("account", "name", "realm", "roles", "org", "org_name", "sectors"),
        *_bytes("public"),
        *_text("former", "verifier"),
        *_bytes("locked"),
        *_big("secret_ms"),
        *_bool("active", "must_change", "told"),
        *_big("made_ms", "changed_ms"),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "account_session",
        *_bytes("id"),
        *_text("account", "stamp"),
        *_bytes("locked"),
        *_big("made_ms", "seen_ms"),
        *_text("address", "agent"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_account_session_account", "account_session", ["account", "made_ms"])
    op.create_table(
        "account_try",
        *_text("key"),
        sa.Column("failures", sa.Integer(), nullable=False),
        *_big("last_ms", "until_ms"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_account_try_last_ms", "account_try", ["last_ms"])
    op.create_table(
        "account_device",
        *_bytes("id"),
        *_text("account"),
        *_big("made_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_account_device_account", "account_device", ["account", "made_ms"])
    op.create_table("account_code", *_text("account"), *_big("step"), sa.PrimaryKeyConstraint("account"))
    _view(
        "account_view",
        *_text("account", "name", "realm", "roles", "org", "org_name", "sectors", "public", "home"),
        *_big("at_ms"),
        *_bool("active"),
        *_text("sealed"),
        *_big("secret_ms"),
        *_text("former", "proof"),
    )
    op.create_index("ix_account_view_account", "account_view", ["account"])
    _view(
        "audit_view",
        *_big("at_ms"),
        *_text("account", "realm", "role", "action", "object", "detail", "address", "node"),
    )
    op.create_index("ix_audit_view_at_ms", "audit_view", ["at_ms"])
    op.create_index("ix_audit_view_account", "audit_view", ["account", "at_ms"])
    _view(
        "order_view",
        *_big("at_ms"),
        *_text("trade", "project_code", "measure", "number", "reason", "target", "department", "account"),
    )
    op.create_index("ix_order_view_trade", "order_view", ["trade"])


def downgrade() -> None:
    for name in (
        "order_view",
        "audit_view",
        "account_view",
        "account_code",
        "account_device",
        "account_try",
        "account_session",
        "account",
    ):
        op.drop_table(name)
