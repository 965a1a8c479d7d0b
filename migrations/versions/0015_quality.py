"""Quality: what is known of each record's quality, with sums; of each row of trades, what it discloses and its trade.

Why: a board over a million records must not look at each of them; and a list of disclosures needs to find the five
kinds (R30), whether a record came from a former centre or is an act. The read table is made anew after this step,
because its version has risen; until then the new columns are empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NEW = ("disclosure", "trade", "project_name")


def upgrade() -> None:
    for name in _NEW:
        op.add_column("trade_view", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_trade_view_project_code", "trade_view", ["project_code"])
    op.create_table(
        "quality_item",
        sa.Column("log_id", _ID, nullable=False),
        sa.Column("record_id", sa.LargeBinary(), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("first_idx", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("sort", "kind", "step", "category", "division", "day", "title", "trade")
        ),
        sa.Column("claimed_ms", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("code_key", "name_key", "same_key")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("judged", "bad", "ever")),
        sa.Column("due_day", sa.Text(), nullable=False),
        sa.Column("lag", sa.Integer(), nullable=False),
        sa.Column("hub_lag", sa.Integer(), nullable=False),
        sa.Column("top_lag", sa.Integer(), nullable=False),
        *(sa.Column(f"due_{name}", sa.Integer(), nullable=False) for name in ("owed", "done", "in_time", "late")),
        sa.Column("doc", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"]),
        sa.PrimaryKeyConstraint("log_id", "record_id"),
    )
    for name in ("code_key", "name_key", "same_key", "trade", "due_day"):
        op.create_index(f"ix_quality_item_{name}", "quality_item", [name])
    op.create_index("ix_quality_item_place", "quality_item", ["log_id", "first_idx"])
    op.create_index("ix_quality_item_doc", "quality_item", ["doc"])
    op.create_index("ix_quality_item_bad", "quality_item", ["bad", "doc"])
    op.create_index("ix_quality_item_division", "quality_item", ["division", "doc"])
    op.create_index("ix_quality_item_log_id", "quality_item", ["log_id", "doc"])
    op.create_table(
        "quality_sum",
        sa.Column("log_id", _ID, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("division", "category", "step", "measure")),
        sa.Column("judged", sa.BigInteger(), nullable=False),
        sa.Column("bad", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["log.id"]),
        sa.PrimaryKeyConstraint("log_id", "division", "category", "step", "measure"),
    )


def downgrade() -> None:
    op.drop_table("quality_sum")
    op.drop_table("quality_item")
    op.drop_index("ix_trade_view_project_code", "trade_view")
    for name in reversed(_NEW):
        op.drop_column("trade_view", name)
