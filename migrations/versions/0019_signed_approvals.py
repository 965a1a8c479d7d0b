"""A draft that was approved carries the approver's signature.

Why: four eyes are two signatures, and the second is made when its owner looks, not when the first person publishes.
What had been approved before has none: those drafts go back to be submitted again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("work_draft", sa.Column("approval", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE work_draft SET state = 'open', second = '', version = version + 1 WHERE state = 'approved'")


def downgrade() -> None:
    op.drop_column("work_draft", "approval")
