"""Is the log of the node above confirmed from above it? Whoever shows two histories gets one of them cosigned (L21)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection

from node.errors import NodeError
from node.store import checkpoints, logs
from node.store.alarms import WARNING, Finding
from node.store.db import Store
from node.sync import observations
from node.sync.absorb import Look
from node.sync.peer import Peer
from node.tlog.cosignature import cosignature_time
from node.wire import heads


async def confirmed(store: Store, peer: Peer, look: Look, origins: Sequence[str], *, refresh_ms: int) -> list[Finding]:
    """Findings about logs of the node above that no witness above it has cosigned as far as we hold them, or lately.

    The newest heads with their lines are fetched through `peer`; one that is another history than ours is a fork. A
    line that is down looks the same from here as a node that hides something: so this is a warning and no accusation.
    """
    policy, found = look.policy, []
    for origin in origins:
        above = policy.path_up(policy.node_of_origin(origin) or "")
        names = [grant.key.name for name in above for grant in policy.grants(node=name, use="witness")]
        state = await store.read(partial(logs.find, origin=origin))
        if not names or state is None or state.head_size == 0 or policy.closure(origin) is not None:
            continue
        due_ms = look.now_ms - refresh_ms
        newest = partial(_newest_line, log_id=state.id, names=names)
        size, time_s = await store.read(newest)
        if size < state.head_size or time_s * 1000 < due_ms:
            for name in names:
                await _fetch_line(store, peer, look, origin, name)
            size, time_s = await store.read(newest)
        # A line is made anew when it is `refresh_ms` old; that takes a pass on either side to get here.
        stale = time_s * 1000 < due_ms - refresh_ms - look.grace_ms
        if size < state.head_size or stale:
            detail = f"confirmed up to {max(0, size)} of {state.head_size} entries"
            reached = -1 if stale else size
            found.append(
                Finding("unconfirmed", origin, WARNING, detail, state.head_size, reached, grace_ms=look.grace_ms)
            )
    return found


async def _fetch_line(store: Store, peer: Peer, look: Look, origin: str, cosigner: str) -> None:
    try:
        head = heads.open_head(look.policy, await peer.cosigned(origin, cosigner))
    except NodeError:
        return
    if head.checkpoint.origin == origin:
        await store.write(partial(_keep_line, look=look, head=head))


def _newest_line(conn: Connection, log_id: int, names: Sequence[str]) -> tuple[int, int]:
    """Size and POSIX time of the newest line of these cosigners, (-1, 0) for none."""
    found = (-1, 0)
    for name in names:
        size = checkpoints.newest_signed_by(conn, log_id, name)
        line = None if size is None else checkpoints.line_of(conn, log_id, size, name)
        if size is not None and line is not None:
            found = max(found, (size, cosignature_time(line)))
    return found


def _keep_line(conn: Connection, look: Look, head: heads.Head) -> None:
    state = logs.get(conn, head.checkpoint.origin)
    if head.checkpoint.size > state.head_size:
        return
    if logs.stored_root(conn, state.id, head.checkpoint.size) != head.checkpoint.root:
        observations.compare_note(conn, look, state, head.note)
    elif checkpoints.text(conn, state.id, head.checkpoint.size) in (None, head.note.text):
        checkpoints.put(conn, state.id, head.checkpoint.size, head.note.text, head.lines)
