"""A digest in each row of the index of issued records (DESIGN L8).

Why: the hash of what a source said lies nowhere else, so a bit that flips in it could not be found; a repeat would be
taken for news and be published twice. Rows from before get their digest here and now: it says nothing about what befell
them until today, but all of them are watched from today on, and no reader has to know of rows without one.
"""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_AT_A_TIME = 1000
_COLUMNS = ("key_hash", "version", "said_hash", "record_id", "leaf", "log_id", "idx")
_issued = sa.table("issued", *(sa.column(name) for name in (*_COLUMNS, "digest")))


def upgrade() -> None:
    op.add_column("issued", sa.Column("digest", sa.LargeBinary(), nullable=False, server_default=sa.text("''")))
    conn = op.get_bind()
    place = sa.tuple_(_issued.c.key_hash, _issued.c.version)
    query = sa.select(*(_issued.c[name] for name in _COLUMNS)).order_by(_issued.c.key_hash, _issued.c.version)
    fill = (
        sa.update(_issued)
        .where(_issued.c.key_hash == sa.bindparam("of_key"), _issued.c.version == sa.bindparam("of_version"))
        .values(digest=sa.bindparam("made"))
    )
    rows = conn.execute(query.limit(_AT_A_TIME)).all()
    while rows:
        conn.execute(fill, [{"of_key": row.key_hash, "of_version": row.version, "made": _digest(row)} for row in rows])
        rows = conn.execute(query.where(place > (rows[-1].key_hash, rows[-1].version)).limit(_AT_A_TIME)).all()


def _digest(row: Any) -> bytes:
    """As `node.store.issued.digest`; written out, because a step of the history does not change with the program."""
    hashed = hashlib.sha256()
    for value in row:
        data = value.to_bytes(8, "big", signed=True) if isinstance(value, int) else bytes(value)
        hashed.update(len(data).to_bytes(4, "big") + data)
    return hashed.digest()[:16]


def downgrade() -> None:
    op.drop_column("issued", "digest")
