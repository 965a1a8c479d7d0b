"""Refused rows of imports to take home later, and what was said of projects that are on no platform.

Why: a workbook's refused rows were in the answer to its form and nowhere else, so a closed window lost them. An item of
an approved list that is held nowhere may have a good reason, which somebody has looked at and says.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import_refused",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("workbook", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_import_refused_at_ms", "import_refused", ["at_ms"])
    op.add_column("catalogue_item", sa.Column("explained", sa.Text(), nullable=False, server_default=""))
    op.add_column("catalogue_item", sa.Column("explained_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("catalogue_item", sa.Column("explained_ms", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    for name in ("explained_ms", "explained_by", "explained"):
        op.drop_column("catalogue_item", name)
    op.drop_table("import_refused")
