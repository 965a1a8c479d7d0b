"""The node's audit of itself while it runs: heads against stored tiles, a few bundles against their hashes.

A sample each time, so that it costs little; `fsck.py` looks at everything, with code of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from node.errors import Malformed, NotFound
from node.store import checkpoints, logs
from node.store.logs import LogState
from node.tlog.merkle import leaf_hash
from node.tlog.tiles import WIDTH, decode_bundle

SAMPLES = 4
Pick = Callable[[int], int]


def audit(conn: Connection, pick: Pick) -> list[str]:
    """Check each log; gives faults in words. `pick(n)` chooses a number below n (random in service, fixed in tests)."""
    faults = []
    for state in logs.all_logs(conn):
        if not _root_holds(conn, state):
            faults.append(f"{state.origin}: the stored tiles do not give the root of head {state.head_size}")
        full = state.stored_size // WIDTH
        for n in {pick(full) for _ in range(SAMPLES)} if full else ():
            if not _sound(conn, state.id, n):
                faults.append(f"{state.origin}: entry bundle {n} does not hash to its tile")
    return faults


def _sound(conn: Connection, log_id: int, n: int) -> bool:
    try:
        entries = decode_bundle(logs.read_bundle(conn, log_id, n, WIDTH), WIDTH)
        return b"".join(leaf_hash(entry) for entry in entries) == logs.read_tile(conn, log_id, 0, n, WIDTH)
    except (Malformed, NotFound):
        return False


def _root_holds(conn: Connection, state: LogState) -> bool:
    try:
        return logs.stored_root(conn, state.id, state.head_size) == state.head_root
    except (Malformed, NotFound):
        return False


def tidy(conn: Connection) -> int:
    """Drop old checkpoints that no receipt needs any more; gives how many."""
    return sum(checkpoints.prune(conn, state.id) for state in logs.all_logs(conn))
