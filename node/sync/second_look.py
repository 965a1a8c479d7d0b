"""Ask another node what it has witnessed: what turns the suspicion of a split view into proof (DESIGN L21).

The other node is believed in nothing: the heads it shows count by the log's own signature, its tiles by their hashes.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection

from node.errors import NodeError, NotFound
from node.store import logs
from node.store.alarms import SUSPECTED, Finding
from node.store.db import Store
from node.store.logs import LogState
from node.sync import observations, proofs
from node.sync.absorb import Look
from node.sync.fetch import Fetcher
from node.sync.peer import Peer
from node.tlog.tiles import TileCache, consistency_proof
from node.wire.heads import Head, open_head

AT_A_TIME = 8
"""How many logs beside that of the node above are looked at each time, in turn."""


class SecondLook:
    """Looks at another node's witnessed heads. `peer` needs no name: it is asked for what anybody may read."""

    def __init__(self, store: Store, peer: Peer) -> None:
        self._store = store
        self._peer = peer
        self._fetch = Fetcher(peer)
        self._next = 0
        self._compared: dict[str, int] = {}

    async def look(self, look: Look, upstream: str | None, reached: set[str]) -> list[Finding]:
        """Compare heads; forks are kept as evidence. `reached` gets the origins that the other node answered for."""
        states = await self._store.read(logs.all_logs)
        found = []
        for state in self._chosen(states, look, upstream):
            try:
                head = await self._head(look, state.origin)
            except NodeError:
                continue
            reached.add(state.origin)
            if not await self._store.write(partial(_compare, look=look, log_id=state.id, head=head)):
                await self._compare_larger(look, state, head)
                if upstream is not None and self._from(look, state, upstream):
                    found.append(_behind(look, state, head))
        return found

    def _chosen(self, states: list[LogState], look: Look, upstream: str | None) -> list[LogState]:
        first = [state for state in states if look.policy.node_of_origin(state.origin) == upstream]
        rest = [state for state in states if state not in first and not state.own]
        turn = [rest[(self._next + n) % len(rest)] for n in range(min(AT_A_TIME, len(rest)))]
        self._next = (self._next + AT_A_TIME) % max(1, len(rest))
        return first + turn

    def _from(self, look: Look, state: LogState, upstream: str) -> bool:
        """Whether that log reaches others through the node above us, which must have it then."""
        node = look.policy.node_of_origin(state.origin)
        return node == upstream or node in look.policy.below(upstream)

    async def _head(self, look: Look, origin: str) -> Head:
        """The newest head that the other node witnessed, or signed when the log is its own."""
        try:
            data = await self._peer.witnessed(origin)
        except NotFound:
            data = await self._peer.checkpoint(origin)
        head = open_head(look.policy, data)
        if head.checkpoint.origin != origin:
            raise NotFound("another log's checkpoint stands at this address")
        return head

    async def _compare_larger(self, look: Look, state: LogState, head: Head) -> None:
        """A head beyond ours: does its tree begin with ours? Its tiles tell, where the other node has them."""
        size = head.checkpoint.size
        if state.head_size == 0 or self._compared.get(state.origin) == size:
            return
        try:
            tiles = await self._fetch.tiles(state.origin, state.head_size, head.checkpoint)
        except NodeError:
            return
        await self._store.write(partial(_compare_tiles, look=look, state=state, head=head, tiles=tiles))
        self._compared[state.origin] = size


def _compare(conn: Connection, look: Look, log_id: int, head: Head) -> bool:
    return observations.compare_note(conn, look, logs.by_id(conn, log_id), head.note)


def _compare_tiles(conn: Connection, look: Look, state: LogState, head: Head, tiles: TileCache) -> None:
    at, size = state.head_size, head.checkpoint.size
    proof = consistency_proof(tiles, at, size)
    root = proofs.root_at(tiles, at, proof)
    if root is None:
        return
    fork = proofs.fork_of_larger(conn, state, head.note, at, root, tuple(proof))
    if fork is not None:
        proofs.keep_fork(conn, look.policy, look.now_ms, fork)


def _behind(look: Look, state: LogState, head: Head) -> Finding:
    return Finding(
        "second-look",
        state.origin,
        SUSPECTED,
        f"another node has witnessed {head.checkpoint.size} entries, {state.head_size} were served here",
        mark=head.checkpoint.size,
        reached=state.head_size,
        grace_ms=look.grace_ms,
    )
