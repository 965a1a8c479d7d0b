"""The nonces of signed requests, seen by any process that answers for this node (docs/protocol.md, signed requests).

The table is not logged: nonces need to outlive a worker, not a crash of the server, and cost no wait for the disk.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from node.store.beside import Beside

if TYPE_CHECKING:
    import psycopg

PURGE_S = 60
_PUT = "INSERT INTO request_nonce (nonce, seen_s) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_PURGE = "DELETE FROM request_nonce WHERE seen_s < %s"


def first(conn: psycopg.Connection[Any], nonce: str, now_s: int) -> bool:
    """Remember a nonce; False when it is there already. Of two at once one waits for the other and gets False."""
    return conn.execute(_PUT, (nonce, now_s)).rowcount == 1


def purge(conn: psycopg.Connection[Any], before_s: int) -> int:
    """Forget the nonces that came before a time; gives how many."""
    return conn.execute(_PURGE, (before_s,)).rowcount


class SharedNonces:
    """Nonces in the database, each kept for at least `keep_s` seconds."""

    def __init__(self, beside: Beside, keep_s: int) -> None:
        self._beside = beside
        self._keep_s = keep_s
        self._purged_s = 0

    async def first(self, nonce: str, now_s: int) -> bool:
        """Whether this nonce was never seen before; from now on it was. Raises Unavailable."""
        if now_s - self._purged_s >= PURGE_S:
            self._purged_s = now_s
            await self._beside.run(partial(purge, before_s=now_s - self._keep_s))
        return await self._beside.run(partial(first, nonce=nonce, now_s=now_s))
