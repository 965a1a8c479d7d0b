"""The uplink: what is reported under which number and key, every answer, verdicts, and the sandbox's memory.

Why: a record must reach the receiver above once and no more, so the key under which it is reported has to outlive every
crash; and whoever published it wants to know what was said of it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "standard_value",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("loaded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "value"),
    )
    op.create_table(
        "uplink_number",
        sa.Column("sort", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sort", "name"),
        sa.UniqueConstraint("sort", "code", name="uplink_number_code_key"),
    )
    op.create_table(
        "uplink_serial",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "uplink_message",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("data_key", sa.Text(), nullable=False),
        sa.Column("log_id", sa.BigInteger(), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("record_id", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("base", sa.Boolean(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("division", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("accepted", sa.Text(), nullable=False),
        sa.Column("trying", sa.Text(), nullable=False),
        sa.Column("faults", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("event_ms", sa.BigInteger(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=False),
        sa.Column("tried_ms", sa.BigInteger(), nullable=False),
        sa.Column("accepted_ms", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("waits", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("data_key"),
        sa.UniqueConstraint("number", "subject", name="uplink_message_subject_key"),
    )
    op.create_index("ix_uplink_message_told", "uplink_message", ["told", "record_id"])
    op.create_index("ix_uplink_message_waits", "uplink_message", ["waits"])
    op.create_index("ix_uplink_message_record", "uplink_message", ["record_id"])
    op.create_index("ix_uplink_message_state", "uplink_message", ["state", "place", "next_ms"])
    op.create_table(
        "uplink_use",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "record_id"),
    )
    op.create_index("ix_uplink_use_record_id", "uplink_use", ["record_id"])
    op.create_table(
        "uplink_unique",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", "field", "digest"),
    )
    op.create_index("ix_uplink_unique_message_id", "uplink_unique", ["message_id"])
    op.create_table(
        "uplink_try",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_uplink_try_at_ms", "uplink_try", ["at_ms"])
    op.create_index("ix_uplink_try_message_id", "uplink_try", ["message_id"])
    op.create_table(
        "uplink_late",
        sa.Column("log_id", _ID, autoincrement=False, nullable=False),
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"]),
        sa.PrimaryKeyConstraint("log_id", "idx"),
    )
    op.create_table(
        "uplink_day",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    op.create_table(
        "verdict_view",
        sa.Column("log_id", _ID, autoincrement=False, nullable=False),
        sa.Column("record_id", sa.LargeBinary(), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("about_origin", sa.Text(), nullable=False),
        sa.Column("about_record", sa.LargeBinary(), nullable=False),
        sa.Column("about_version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("reason_zh", sa.Text(), nullable=False),
        sa.Column("reason_en", sa.Text(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"]),
        sa.PrimaryKeyConstraint("log_id", "record_id"),
    )
    op.create_index("ix_verdict_view_about", "verdict_view", ["about_record"])
    op.create_index("ix_verdict_view_state", "verdict_view", ["about_origin", "state", "at_ms"])
    op.create_table(
        "national_item",
        sa.Column("data_key", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("data_key"),
    )
    op.create_index("ix_national_item_sender", "national_item", ["sender", "number", "data_key"])
    op.create_table(
        "national_value",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("data_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", "field", "digest"),
    )
    op.create_index("ix_national_value_data_key", "national_value", ["data_key"])


def downgrade() -> None:
    for name in (
        "national_value",
        "national_item",
        "verdict_view",
        "uplink_day",
        "uplink_late",
        "uplink_try",
        "uplink_unique",
        "uplink_use",
        "uplink_message",
        "uplink_serial",
        "uplink_number",
        "standard_value",
    ):
        op.drop_table(name)
