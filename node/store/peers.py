"""What this node knows of each log at each peer: sizes, the last success, the last error."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection, and_, select

from node.store import cursors
from node.store.tables import PeerState, table
from node.store.upsert import insert_or_replace

peer_state = table(PeerState)


@dataclass(frozen=True, slots=True)
class Standing:
    """One row of `peer_state`. Sizes are what the peer last told us; times are UTC milliseconds, 0 for never."""

    peer: str
    log_id: int
    direction: str
    witnessed_size: int = 0
    mirrored_size: int = 0
    payload_next: int = 0
    custody: str = ""
    last_try_ms: int = 0
    last_ok_ms: int = 0
    failures: int = 0
    last_error: str = ""


def get(conn: Connection, peer: str, log_id: int, direction: str) -> Standing:
    row = (
        conn.execute(select(peer_state).where(and_(peer_state.c.peer == peer, peer_state.c.log_id == log_id)))
        .mappings()
        .first()
    )
    return Standing(peer, log_id, direction) if row is None else replace(Standing(**row), direction=direction)


def put(conn: Connection, standing: Standing) -> None:
    row = {name: getattr(standing, name) for name in Standing.__dataclass_fields__}
    insert_or_replace(conn, peer_state, [row])


_ASKED = "sync_asked_ms"


def ask_now(conn: Connection, now_ms: int) -> None:
    """Somebody asks for the next pass at once, whatever was said of waiting; any process of the node may."""
    cursors.set_fact(conn, _ASKED, str(now_ms))


def asked_ms(conn: Connection) -> int:
    """When that was last asked, 0 for never."""
    return int(cursors.fact(conn, _ASKED) or 0)


def all_standings(conn: Connection) -> list[Standing]:
    rows = conn.execute(select(peer_state).order_by(peer_state.c.peer, peer_state.c.log_id)).mappings()
    return [Standing(**row) for row in rows]
