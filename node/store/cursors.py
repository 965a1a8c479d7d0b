"""How far a stage has come in a log, and single facts about the database: durable state lives only in our tables."""

from __future__ import annotations

from sqlalchemy import Connection, and_, delete, select

from node.store.tables import Cursor, Meta, table
from node.store.upsert import insert_or_replace

cursor = table(Cursor)
meta = table(Meta)


def get(conn: Connection, stage: str, log_id: int) -> int:
    """The next index that the stage will read of this log."""
    found = conn.execute(
        select(cursor.c.position).where(and_(cursor.c.stage == stage, cursor.c.log_id == log_id))
    ).scalar()
    return 0 if found is None else int(found)


def move(conn: Connection, stage: str, log_id: int, position: int) -> None:
    insert_or_replace(conn, cursor, [{"stage": stage, "log_id": log_id, "position": position}])


def reset(conn: Connection, stage: str) -> None:
    """The stage starts over in every log."""
    conn.execute(delete(cursor).where(cursor.c.stage == stage))


def fact(conn: Connection, name: str) -> str | None:
    found: str | None = conn.execute(select(meta.c.value).where(meta.c.name == name)).scalar()
    return found


def set_fact(conn: Connection, name: str, value: str) -> None:
    insert_or_replace(conn, meta, [{"name": name, "value": value}])
