"""Oversight: evidence that others can check, alarms, and what other nodes say they observed (DESIGN L10, L21).

Why: evidence gets a digest, because notes are too long for a unique index of PostgreSQL, and a file of its own; an
alarm has a beginning and an end, and its history stays.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# The name that PostgreSQL gave the constraint of step 0001, and that SQLite's is found by.
_NAMES = {"uq": "%(table_name)s_%(column_0_N_name)s_key"}
_OLD = "log_evidence_log_id_reason_held_shown_key"
_NEW = "log_evidence_digest_key"


def upgrade() -> None:
    with op.batch_alter_table("log_evidence", naming_convention=_NAMES) as batch:
        batch.drop_constraint(_OLD, type_="unique")
        batch.add_column(sa.Column("digest", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("file", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("judged_ms", sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("known_ms", sa.BigInteger(), nullable=True))
    _fill_digests()
    with op.batch_alter_table("log_evidence") as batch:
        batch.create_unique_constraint(_NEW, ["log_id", "reason", "digest"])
    op.create_table(
        "alarm",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("raised_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("cleared_ms", sa.BigInteger(), nullable=True),
        sa.Column("evidence_id", _ID, sa.ForeignKey("log_evidence.id"), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_alarm_open", "alarm", ["cleared_ms", "code", "origin"])
    op.create_table(
        "observed_size",
        sa.Column("log_id", _ID, sa.ForeignKey("log.id"), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("observed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("log_id", "origin"),
    )
    op.create_table(
        "observed_head",
        sa.Column("log_id", _ID, sa.ForeignKey("log.id"), autoincrement=False, nullable=False),
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("log_id", "idx", "origin"),
    )


def downgrade() -> None:
    op.drop_table("observed_head")
    op.drop_table("observed_size")
    op.drop_index("ix_alarm_open", "alarm")
    op.drop_table("alarm")
    # What is no pair of notes has no place in the older form.
    op.execute("DELETE FROM log_evidence WHERE held = '' OR shown = ''")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(_NEW, "log_evidence", type_="unique")
        for name in ("digest", "file", "judged_ms", "known_ms"):
            op.drop_column("log_evidence", name)
        op.create_unique_constraint(_OLD, "log_evidence", ["log_id", "reason", "held", "shown"])
        return
    op.rename_table("log_evidence", "log_evidence_newer")
    op.create_table(
        "log_evidence",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("log_id", _ID, nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("held", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("log_id", "reason", "held", "shown"),
    )
    columns = "id, log_id, seen_ms, reason, held, shown"
    op.execute(f"INSERT INTO log_evidence ({columns}) SELECT {columns} FROM log_evidence_newer")
    op.drop_table("log_evidence_newer")


def _fill_digests() -> None:
    """As `node.store.checkpoints.keep_evidence` makes them: of the notes' texts, without the signatures."""
    conn = op.get_bind()
    for row in conn.execute(sa.text("SELECT id, held, shown FROM log_evidence ORDER BY id")).all():
        texts = [note.partition("\n\n")[0] for note in (row.held, row.shown)]
        digest = hashlib.sha256("\n\n".join(texts).encode()).hexdigest()
        # Of pairs that differ in signatures alone all stay; one has the digest of the texts.
        taken = conn.execute(
            sa.text(
                "SELECT 1 FROM log_evidence a JOIN log_evidence b ON a.log_id = b.log_id AND a.reason = b.reason"
                " WHERE a.id = :id AND b.digest = :digest"
            ),
            {"id": row.id, "digest": digest},
        ).first()
        conn.execute(
            sa.text("UPDATE log_evidence SET digest = :digest WHERE id = :id"),
            {"id": row.id, "digest": f"{digest}.{row.id}" if taken else digest},
        )
