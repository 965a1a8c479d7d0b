"""The word index, the counts beside the read tables, and fewer indexes on these (docs/decisions/0020).

Why: a search looked through the text of every row, and each page counted all hits. The read tables are made anew from
the logs after this step (`VIEW_VERSION`), so nothing is carried over here.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_VIEWS = ("trade_view", "credit_view", "entity_view")
_FTS5 = "SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"
_NEW = {
    "trade_view": {"ix_trade_view_doc": ("doc", "log_id", "idx")},
    "credit_view": {"ix_credit_view_doc": ("doc", "log_id", "idx")},
    "entity_view": {"ix_entity_view_doc": ("doc", "log_id", "idx"), "ix_entity_view_name": ("name", "log_id", "idx")},
    "record_view": {"ix_record_view_kind": ("kind", "seq")},
}
_OLD = {
    "trade_view": {
        "ix_trade_view_published_on": ("published_on", "log_id", "idx"),
        "ix_trade_view_category": ("category", "published_on"),
        "ix_trade_view_division": ("division", "published_on"),
    },
    "credit_view": {"ix_credit_view_sort": ("sort", "starts_on"), "ix_credit_view_uscc": ("uscc",)},
    "entity_view": {"ix_entity_view_uscc": ("uscc",)},
    "record_view": {"ix_record_view_state": ("kind", "state")},
}


def upgrade() -> None:
    op.create_table(
        "view_count",
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("view", "field", "value"),
    )
    _exchange(_OLD, {})
    for view in _VIEWS:
        op.add_column(view, sa.Column("doc", sa.BigInteger(), nullable=False, server_default="0"))
        _make_words(view)
    _exchange({}, _NEW)
    # Whatever has been here before: rows that the new index does not know would be found by nobody.
    op.execute("DELETE FROM meta WHERE name = 'view_version'")


def downgrade() -> None:
    _exchange(_NEW, {})
    for view in _VIEWS:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"ALTER TABLE {view} DROP COLUMN terms")
        else:
            op.execute(f"DROP TABLE IF EXISTS {view}_words")
        op.drop_column(view, "doc")
    _exchange({}, _OLD)
    op.drop_table("view_count")


def _make_words(view: str) -> None:
    conn = op.get_bind()
    if conn.dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {view} ADD COLUMN terms integer[] NOT NULL DEFAULT '{{}}'")
        op.execute(f"CREATE INDEX ix_{view}_terms ON {view} USING gin (terms) WITH (gin_pending_list_limit=1024)")
    elif conn.execute(sa.text(_FTS5)).scalar():
        op.execute(
            f"CREATE VIRTUAL TABLE {view}_words "
            "USING fts5(terms, content='', detail='none', columnsize=0, tokenize='ascii')"
        )


def _exchange(gone: dict[str, dict[str, tuple[str, ...]]], made: dict[str, dict[str, tuple[str, ...]]]) -> None:
    for view, indexes in gone.items():
        for name in indexes:
            op.drop_index(name, table_name=view)
    for view, indexes in made.items():
        for name, columns in indexes.items():
            op.create_index(name, view, list(columns))
