"""Pull a log that this node lacks from a node that has it: down is the same as up (DESIGN L16).

The checkpoint is verified with the origin's key, the hashes of the tree must give its root, each bundle must give its
hash in it, and what is stored already must be a prefix. Nothing here trusts the node that serves it. Entries and
payloads stream: what is stored is let go, and a pull that breaks goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection

from node.clock import Clock
from node.errors import BadProof, Conflict, NodeError
from node.store import checkpoints, logs, payloads, peers
from node.store.db import Store, lane_of
from node.store.logs import LogState
from node.store.peers import Standing
from node.sync import proofs
from node.sync.accept import Acceptor
from node.sync.custody import Custodian
from node.sync.fetch import Fetcher
from node.sync.peer import LogSummary, Peer
from node.sync.push import TOUCH_MS
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import verify_consistency
from node.tlog.note import Note, Signature
from node.tlog.tiles import TileCache, consistency_proof
from node.trusted import Trusted
from node.wire.evidence import Branch
from node.wire.trust import TrustPolicy

PAYLOAD_BUNDLES_PER_CALL = 16


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull moved."""

    entries: int = 0
    payloads: int = 0


class Puller:
    """Pulls other origins' logs, and the payloads that this node may have, from one upstream node."""

    def __init__(
        self, store: Store, peer: Peer, trusted: Trusted, acceptor: Acceptor, custodian: Custodian, clock: Clock
    ) -> None:
        self._store = store
        self._peer = peer
        self._fetch = Fetcher(peer)
        self._trusted = trusted
        self._acceptor = acceptor
        self._custodian = custodian
        self._clock = clock

    async def wanted(self, *, own_origin: str) -> list[LogSummary]:
        """Logs that the peer holds and that do not come from this node or from below it."""
        policy = self._trusted.policy
        below = {self._trusted.me, *policy.below(self._trusted.me)}
        return [
            row
            for row in await self._peer.logs()
            if row.origin != own_origin
            and (node := policy.node_of_origin(row.origin)) is not None
            and node not in below
        ]

    async def pull(self, summary: LogSummary) -> Pulled:
        """Bring our copy of a log to the peer's. Raises what verification and the network raise."""
        state = await self._store.read(partial(logs.find, origin=summary.origin))
        if state is None:
            state = await self._store.write(partial(logs.ensure, origin=summary.origin))
        standing, lacking = await self._store.read(partial(_standing, peer=self._peer.name, log_id=state.id))
        level = state.head_size >= summary.size and state.payload_next >= summary.payload_next and not lacking
        if level and not standing.last_error and self._clock() - standing.last_ok_ms < TOUCH_MS:
            return Pulled()
        try:
            pulled = await self._pull(state, summary)
        except NodeError as error:
            failed = replace(standing, failures=standing.failures + 1, last_error=f"{error.code}: {error.detail}"[:500])
            await self._note(replace(failed, last_try_ms=self._clock()))
            raise
        now = self._clock()
        await self._note(
            replace(standing, mirrored_size=summary.size, last_try_ms=now, last_ok_ms=now, failures=0, last_error="")
        )
        return pulled

    async def _note(self, standing: Standing) -> None:
        await self._store.write(partial(peers.put, standing=standing))

    async def _pull(self, state: LogState, summary: LogSummary) -> Pulled:
        moved = 0
        if summary.size > state.head_size:
            data = await self._peer.checkpoint(state.origin)
            head, note, lines = self._acceptor.open_head(data)
            if head.origin != state.origin:
                raise BadProof("the peer serves another log's checkpoint at this address")
            if head.size > state.head_size:
                moved = await self._pull_entries(state, head, note, lines)
                await self._acceptor.finish(state.origin, head.size)
        elif summary.size == state.head_size and await self._store.read(partial(self._lacks_lines, state=state)):
            head, note, lines = self._acceptor.open_head(await self._peer.checkpoint(state.origin))
            if head.origin == state.origin and head.size == state.head_size:
                await self._store.write(partial(_keep_lines, state=state, note=note, lines=lines))
        return Pulled(moved, await self._pull_payloads(state.origin))

    def _lacks_lines(self, conn: Connection, state: LogState) -> bool:
        """Whether a node above the origin has not signed the newest checkpoint here: its line may have come since."""
        policy = self._trusted.policy
        node = policy.node_of_origin(state.origin)
        above = policy.path_up(node) if state.head_size and node is not None else []
        keys = [
            grant.key for name in above for use in ("witness", "mirror") for grant in policy.grants(node=name, use=use)
        ]
        return any(checkpoints.line_of(conn, state.id, state.head_size, key.name) is None for key in keys)

    async def _pull_entries(self, state: LogState, head: Checkpoint, note: Note, lines: Sequence[Signature]) -> int:
        tiles = await self._fetch.tiles(state.origin, state.stored_size, head, also=(state.witnessed_size,))
        if head.size >= state.witnessed_size:
            proof = consistency_proof(tiles, state.witnessed_size, head.size)
            try:
                verify_consistency(state.witnessed_size, head.size, state.witnessed_root, head.root, proof)
            except BadProof:
                # The proof is our own, from tiles that give the root: so the log has signed two histories.
                shown = Note(note.text, tuple(lines))
                keep = partial(_keep_fork, policy=self._trusted.policy, state=state, shown=shown, tiles=tiles)
                await self._store.write(partial(keep, proof=tuple(proof), seen_ms=self._clock()))
                raise
            lines = [*lines, self._acceptor.cosign_as_witness(note.text)]
            await self._store.write(partial(_witness, state=state, head=head, note=note, lines=lines))
        elif await self._store.read(partial(checkpoints.text, log_id=state.id, size=head.size)) != note.text:
            # Nothing proves that it is a part of the larger tree, and its entries could never be taken back.
            raise Conflict("the peer shows a smaller tree than was witnessed here", size=state.witnessed_size)
        place = state.stored_size
        async with aclosing(self._fetch.entries(state.origin, place, tiles)) as steps:
            async for fresh in steps:
                append = partial(logs.append, log_id=state.id, start=place, new=fresh)
                place = await self._store.write(append, lane_of(state.origin))
        return place - state.stored_size

    async def _pull_payloads(self, origin: str) -> int:
        state = await self._store.read(partial(logs.get, origin=origin))
        there = await self._peer.payload_state(origin)
        first, end = state.payload_next, min(there.next, state.stored_size)
        async with aclosing(self._fetch.payload_steps(origin, first, end, PAYLOAD_BUNDLES_PER_CALL)) as steps:
            async for start, stop, bodies in steps:
                await self._custodian.add_payloads(origin, start, stop, bodies)
        moved = max(0, end - first)
        lacking = (await self._custodian.payload_state(origin)).missing
        for index, section in lacking:
            # Not missing there: it was found since, so ask for it alone.
            if (index, section) not in there.missing and index < end:
                bodies = await self._peer.payloads(origin, index, index + 1)
                await self._custodian.add_payloads(origin, index, index + 1, bodies)
        return moved


def _keep_fork(
    conn: Connection,
    policy: TrustPolicy,
    state: LogState,
    shown: Note,
    tiles: TileCache,
    proof: tuple[bytes, ...],
    seen_ms: int,
) -> None:
    """Keep both notes of a log that signed two histories, with the proof from its own tiles (L10, L21)."""
    at = state.witnessed_size
    held = checkpoints.note(conn, state.id, at, state.origin)
    root = proofs.root_at(tiles, at, proof)
    if root is not None:
        branches = Branch(root=state.witnessed_root), Branch(root=root, proof=proof)
        proofs.keep_fork(conn, policy, seen_ms, proofs.fork_at(state.origin, held, shown, at, branches))


def _keep_lines(conn: Connection, state: LogState, note: Note, lines: Sequence[Signature]) -> None:
    if checkpoints.text(conn, state.id, state.head_size) == note.text:
        checkpoints.put(conn, state.id, state.head_size, note.text, lines)


def _standing(conn: Connection, peer: str, log_id: int) -> tuple[Standing, bool]:
    return peers.get(conn, peer, log_id, "pull"), bool(payloads.missing(conn, log_id, limit=1))


def _witness(conn: Connection, state: LogState, head: Checkpoint, note: Note, lines: Sequence[Signature]) -> None:
    # From `state` alone, against which the growth was checked: another head may have been witnessed meanwhile.
    logs.move_witnessed(conn, state, head.size, head.root)
    checkpoints.put(conn, state.id, head.size, note.text, lines)
