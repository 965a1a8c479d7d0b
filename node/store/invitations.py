"""Invitations that this node has given out: who was invited, until when, and the card that came back, if one did."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, insert, select, update

from node.store.tables import Invited, table

invited = table(Invited)
KEEP_MS = 90 * 86_400_000


@dataclass(frozen=True, slots=True)
class Row:
    """`public` is the key of the one-time code, 32 bytes; `card` is empty until the invitation was used."""

    public: bytes
    node: str
    title: str
    expires_ms: int
    used_ms: int
    card: str


def put(conn: Connection, public: bytes, node: str, title: str, made_ms: int, expires_ms: int) -> None:
    """Remember an invitation; forget those that ended long ago."""
    conn.execute(delete(invited).where(invited.c.expires_ms < made_ms - KEEP_MS))
    conn.execute(
        insert(invited).values(
            public=public, node=node, title=title, made_ms=made_ms, expires_ms=expires_ms, used_ms=0, card=""
        )
    )


def all_rows(conn: Connection) -> list[Row]:
    """Every invitation that is remembered, oldest first."""
    rows = conn.execute(select(invited).order_by(invited.c.made_ms, invited.c.public))
    return [Row(bytes(row.public), row.node, row.title, row.expires_ms, row.used_ms, row.card) for row in rows]


def use(conn: Connection, public: bytes, card: str, now_ms: int) -> bool:
    """Spend an invitation on a card: once, however many ask at the same time. The same card again is no second use."""
    unused = and_(invited.c.public == public, invited.c.used_ms == 0, invited.c.expires_ms > now_ms)
    spent = conn.execute(update(invited).where(unused).values(used_ms=now_ms, card=card))
    if spent.rowcount == 1:
        return True
    held: str | None = conn.execute(select(invited.c.card).where(invited.c.public == public)).scalar()
    return held is not None and held != "" and held == card
