"""Numbers that rise when there is news, for all processes of one node: one for its jobs, one for whoever waits (L18).

A bell (`bell.py`) only says that there is something to look for; what it is, and whether a ring was missed, the numbers
say. They are hints: nothing is lost when the last of them is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, select

from node.store.bell import CHANNEL
from node.store.tables import Told, table

if TYPE_CHECKING:
    import psycopg

told = table(Told)
_TELL = """WITH risen AS (UPDATE told SET number = number + 1 WHERE name = %s RETURNING 1)
    SELECT pg_notify(%s, '') FROM risen"""
JOBS = "jobs"
"""Something came in or was published: the jobs have work."""
WAITING = "waiting"
"""There is something to fetch: answer the nodes below that hold a request open."""


class Numbers(NamedTuple):
    """What has been told so far."""

    jobs: int
    waiting: int


def read(conn: Connection) -> Numbers:
    """The numbers as they are now."""
    found = {row.name: row.number for row in conn.execute(select(told.c.name, told.c.number))}
    return Numbers(found[JOBS], found[WAITING])


def tell(conn: psycopg.Connection[Any], name: str) -> None:
    """Raise one number, and ring for it (see `Beside`: on a connection of its own, which commits by itself)."""
    conn.execute(_TELL, (name, CHANNEL))
