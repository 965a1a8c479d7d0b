"""PostgreSQL: the tables that a log fills are partitioned by log; SQLite stays as it is (docs/decisions/0018).

Why: a hub takes in many logs at once. A partition a log keeps what one writer touches apart from all others, keeps its
indexes as small as its log, and lets one log be vacuumed, measured or moved alone. Tiles and packs lie as they come,
being hashes or compressed already; bundles by LZ4, which halves them and costs less than writing the other half.
Whether rows were folded is asked once a statement: for each row, the question would cost more than the row.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# table -> (primary key, the column that lies outside the row)
_TABLES = {
    "log_bundle": ("log_id, n", "data"),
    "log_tile": ("log_id, level, n", "hashes"),
    "log_tail": ("log_id, idx", ""),
    "log_node": ("log_id, level, idx", ""),
    "payload_pack": ("log_id, n, audience", "data"),
    "payload_row": ("log_id, idx, section", ""),
}

# Made first and attached then: CREATE TABLE ... PARTITION OF would shut out all readers of all logs meanwhile.
# Attaching brings the row triggers of the whole and its foreign key; a trigger of a statement is of one table alone.
_MAKE_ROOM = """
CREATE FUNCTION ggzy_make_room(of_log bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    whole text;
    part text;
BEGIN
    FOREACH whole IN ARRAY ARRAY['log_bundle', 'log_tile', 'log_tail', 'log_node', 'payload_pack', 'payload_row'] LOOP
        part := whole || '_p' || of_log;
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, whole);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES IN (%s)', whole, part, of_log);
        IF whole LIKE 'log%' THEN
            EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION ggzy_refuse()',
                whole || '_no_truncate', part);
        END IF;
        IF whole IN ('log_tail', 'log_node') THEN
            EXECUTE format('CREATE TRIGGER %I AFTER DELETE ON %I REFERENCING OLD TABLE AS gone '
                'FOR EACH STATEMENT EXECUTE FUNCTION %I()', whole || '_no_delete', part, 'ggzy_' || whole || '_delete');
        END IF;
    END LOOP;
END $$
"""

# Planned anew each time, with the log in it: a plan for any log would lock the partitions of all logs.
_FOLDED_STATEMENT = """
CREATE OR REPLACE FUNCTION ggzy_{table}_delete() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    place record;
    there boolean;
BEGIN
    FOR place IN SELECT DISTINCT log_id, {level} AS level, idx / 256 AS n FROM gone LOOP
        EXECUTE 'SELECT EXISTS (SELECT 1 FROM {into} WHERE log_id = $1 AND n = $2{same})'
            INTO there USING place.log_id, place.n, place.level;
        IF NOT there THEN
            RAISE EXCEPTION 'the log only grows: % on % refused', TG_OP, TG_TABLE_NAME;
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""
_FOLDS = {
    "log_tail": {"into": "log_bundle", "level": "0", "same": ""},
    "log_node": {"into": "log_tile", "level": "level", "same": " AND level = $3"},
}

# As step 0002 left them.
_FOLDED_ROW = (
    "CREATE OR REPLACE FUNCTION ggzy_{table}_delete() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN IF NOT EXISTS ({folded}) THEN "
    "RAISE EXCEPTION 'the log only grows: % on % refused', TG_OP, TG_TABLE_NAME; END IF; "
    "RETURN OLD; END $$"
)
_FOLDED_BEFORE = {
    "log_tail": "SELECT 1 FROM log_bundle b WHERE b.log_id = OLD.log_id AND b.n = OLD.idx / 256",
    "log_node": "SELECT 1 FROM log_tile t WHERE t.log_id = OLD.log_id AND t.level = OLD.level AND t.n = OLD.idx / 256",
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(_MAKE_ROOM)
    for table, (_, large) in _TABLES.items():
        _begin(table, " PARTITION BY LIST (log_id)")
        if large:
            how = "COMPRESSION lz4" if table == "log_bundle" and _knows_lz4() else "STORAGE EXTERNAL"
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {large} SET {how}")
        if table in _FOLDS:
            op.execute(_FOLDED_STATEMENT.format(table=table, **_FOLDS[table]))
            op.execute(
                f"CREATE TRIGGER {table}_no_delete AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone "
                f"FOR EACH STATEMENT EXECUTE FUNCTION ggzy_{table}_delete()"
            )
    for log_id in op.get_bind().execute(sa.text("SELECT id FROM log ORDER BY id")).scalars().all():
        op.execute(f"SELECT ggzy_make_room({log_id:d})")
    for table in _TABLES:
        _finish(table)


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in _TABLES:
        _begin(table, "")
        if table in _FOLDS:
            op.execute(_FOLDED_ROW.format(table=table, folded=_FOLDED_BEFORE[table]))
            op.execute(
                f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION ggzy_{table}_delete()"
            )
    for table in _TABLES:
        _finish(table)
    op.execute("DROP FUNCTION ggzy_make_room(bigint)")


def _knows_lz4() -> bool:
    """PostgreSQL's own compression is slow; LZ4 is an option of its build, which common packages have."""
    known = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    return bool(op.get_bind().execute(sa.text(known)).scalar())


def _begin(table: str, partitioned: str) -> None:
    """Put the table aside as `<table>_before` and make it anew, with the guards that are the same before and after."""
    key, _ = _TABLES[table]
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
    op.execute(f"ALTER INDEX {table}_pkey RENAME TO {table}_before_pkey")
    op.execute(
        f"CREATE TABLE {table} (LIKE {table}_before INCLUDING DEFAULTS, CONSTRAINT {table}_pkey PRIMARY KEY ({key}), "
        f"CONSTRAINT {table}_log_id_fkey FOREIGN KEY (log_id) REFERENCES log (id)){partitioned}"
    )
    if not table.startswith("log_"):
        return
    guards = {"update": "ROW", "truncate": "STATEMENT"} | ({} if table in _FOLDS else {"delete": "ROW"})
    for event, each in guards.items():
        op.execute(
            f"CREATE TRIGGER {table}_no_{event} BEFORE {event.upper()} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION ggzy_refuse()"
        )


def _finish(table: str) -> None:
    op.execute(f"INSERT INTO {table} SELECT * FROM {table}_before")
    op.execute(f"DROP TABLE {table}_before")
