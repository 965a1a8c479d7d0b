"""Alembic's entrance: one history for SQLite and PostgreSQL. `node/store/migrate.py` calls it with a connection."""

from __future__ import annotations

from alembic import context

from node.store.all_tables import METADATA


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=METADATA, compare_type=True, render_as_batch=False)
    with context.begin_transaction():
        context.run_migrations()


run()
