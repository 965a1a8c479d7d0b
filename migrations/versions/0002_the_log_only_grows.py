"""The log only grows: triggers that refuse update and delete on log tables (DESIGN L6).

Why: a slip of the hand, a faulty tool or an intruder with a database console must not be able to rewrite an entry
without first removing a trigger. The one exception is folding: a tail row may go once its bundle is written, a
hash row once its tile is.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# table -> what must exist before a row may be deleted ("" = never)
_FOLDED = {
    "log_bundle": "",
    "log_tile": "",
    "log_tail": "SELECT 1 FROM log_bundle b WHERE b.log_id = OLD.log_id AND b.n = OLD.idx / 256",
    "log_node": (
        "SELECT 1 FROM log_tile t WHERE t.log_id = OLD.log_id AND t.level = OLD.level AND t.n = OLD.idx / 256"
    ),
}

_KEYS = {
    "log_bundle": ("log_id", "n"),
    "log_tile": ("log_id", "level", "n"),
    "log_tail": ("log_id", "idx"),
    "log_node": ("log_id", "level", "idx"),
}


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    if postgres:
        op.execute(
            "CREATE FUNCTION ggzy_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the log only grows: % on % refused', TG_OP, TG_TABLE_NAME; END $$"
        )
    for table, folded in _FOLDED.items():
        if postgres:
            op.execute(
                f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION ggzy_refuse()"
            )
            if folded:
                op.execute(
                    f"CREATE FUNCTION ggzy_{table}_delete() RETURNS trigger LANGUAGE plpgsql AS "
                    f"$$ BEGIN IF NOT EXISTS ({folded}) THEN "
                    "RAISE EXCEPTION 'the log only grows: % on % refused', TG_OP, TG_TABLE_NAME; END IF; "
                    "RETURN OLD; END $$"
                )
            function = f"ggzy_{table}_delete" if folded else "ggzy_refuse"
            op.execute(
                f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION ggzy_refuse()"
            )
        else:
            when = f"WHEN NOT EXISTS ({folded})" if folded else ""
            op.execute(
                f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'the log only grows: update refused'); END"
            )
            op.execute(
                f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {when} "
                "BEGIN SELECT RAISE(ABORT, 'the log only grows: delete refused'); END"
            )
            # INSERT OR REPLACE deletes the old row without firing a delete trigger, unless recursive_triggers is on.
            same = " AND ".join(f"o.{column} = NEW.{column}" for column in _KEYS[table])
            op.execute(
                f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
                f"WHEN EXISTS (SELECT 1 FROM {table} o WHERE {same}) "
                "BEGIN SELECT RAISE(ABORT, 'the log only grows: replace refused'); END"
            )


def downgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    for table, folded in _FOLDED.items():
        for event in ("update", "delete", "truncate" if postgres else "replace"):
            op.execute(f"DROP TRIGGER {table}_no_{event}" + (f" ON {table}" if postgres else ""))
        if postgres and folded:
            op.execute(f"DROP FUNCTION ggzy_{table}_delete()")
    if postgres:
        op.execute("DROP FUNCTION ggzy_refuse()")
