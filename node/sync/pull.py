"""Pull a log that this node lacks from a node that has it: down is the same as up (DESIGN L16).

The checkpoint is verified with the origin's key, the tiles must give its root, each bundle must hash to its tile, and
what is stored already must be a prefix. Nothing here trusts the node that serves it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection

from node.clock import Clock
from node.errors import BadProof, Conflict, NodeError, TooLarge
from node.store import checkpoints, logs, payloads, peers
from node.store.db import Store
from node.store.logs import LogState
from node.store.peers import Standing
from node.sync.accept import Acceptor
from node.sync.custody import Custodian
from node.sync.peer import LogSummary, Peer
from node.sync.push import TOUCH_MS
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import leaf_hash, root_of, verify_consistency
from node.tlog.note import Note, Signature
from node.tlog.tiles import (
    WIDTH,
    TileCache,
    consistency_proof,
    decode_bundle,
    entries_path,
    tile_path,
    tile_width,
    tree_root,
)
from node.trusted import Trusted

BUNDLES_PER_COMMIT = 16
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
        return Pulled(moved, await self._pull_payloads(state.origin))

    async def _pull_entries(self, state: LogState, head: Checkpoint, note: Note, lines: Sequence[Signature]) -> int:
        tiles, fetched = await self._fetch_tiles(state, head)
        await asyncio.to_thread(_check_tiles, tiles, fetched, head.root)
        if head.size >= state.witnessed_size:
            proof = consistency_proof(tiles, state.witnessed_size, head.size)
            try:
                verify_consistency(state.witnessed_size, head.size, state.witnessed_root, head.root, proof)
            except BadProof:
                # The proof is our own, from tiles that give the root: so the log has signed two histories.
                shown = Note(note.text, tuple(lines))
                await self._store.write(partial(_keep_fork, state=state, shown=shown, seen_ms=self._clock()))
                raise
            lines = [*lines, self._acceptor.cosign_as_witness(note.text)]
            await self._store.write(partial(_witness, state=state, head=head, note=note, lines=lines))
        elif await self._store.read(partial(checkpoints.text, log_id=state.id, size=head.size)) != note.text:
            # Nothing proves that it is a part of the larger tree, and its entries could never be taken back.
            raise Conflict("the peer shows a smaller tree than was witnessed here", size=state.witnessed_size)
        first = state.stored_size
        place = first
        while place < head.size:
            stop = min(head.size, (place // WIDTH + BUNDLES_PER_COMMIT) * WIDTH)
            fresh: list[bytes] = []
            for n in range(place // WIDTH, (stop - 1) // WIDTH + 1):
                entries = await self._fetch_bundle(state.origin, n, tiles, head.size)
                fresh += entries[max(0, place - n * WIDTH) :]
            await self._store.write(partial(logs.append, log_id=state.id, start=place, new=fresh))
            place = stop
        return place - first

    async def _fetch_tiles(self, state: LogState, head: Checkpoint) -> tuple[TileCache, list[tuple[int, int]]]:
        """All hash tiles from our right edge on, and their places. The proofs read no others: what lies left of a
        level's edge tile is covered by a hash of a level above."""
        fetched: dict[tuple[int, int], bytes] = {}
        level, have = 0, state.stored_size
        while (head.size >> (8 * level)) > 0:
            first = (have >> (8 * level)) // WIDTH
            last = ((head.size >> (8 * level)) - 1) // WIDTH
            numbers = range(first, last + 1)
            for start in range(0, len(numbers), 8):
                part = numbers[start : start + 8]
                datas = await asyncio.gather(
                    *(self._peer.tile(state.origin, tile_path(level, n, tile_width(level, n, head.size))) for n in part)
                )
                fetched.update({(level, n): data for n, data in zip(part, datas, strict=True)})
            level += 1

        def read(level: int, n: int, width: int) -> bytes:
            data = fetched.get((level, n))
            if data is None or len(data) < width * 32:
                raise BadProof("a tile of the log is missing or too short")
            return data[: width * 32]

        return TileCache(read, head.size), list(fetched)

    async def _fetch_bundle(self, origin: str, n: int, tiles: TileCache, size: int) -> list[bytes]:
        width = tile_width(0, n, size)
        entries = decode_bundle(await self._peer.tile(origin, entries_path(n, width)), width)
        expected = tiles.hashes(0, n)
        if [leaf_hash(entry) for entry in entries] != expected:
            raise BadProof(f"entry bundle {n} does not hash to its tile")
        return entries

    async def _pull_payloads(self, origin: str) -> int:
        state = await self._store.read(partial(logs.get, origin=origin))
        there = await self._peer.payload_state(origin)
        end, place, moved = min(there.next, state.stored_size), state.payload_next, 0
        while place < end:
            stop = min(end, (place // WIDTH + PAYLOAD_BUNDLES_PER_CALL) * WIDTH)
            bodies, stop = await self._fetch_payloads(origin, place, stop)
            await self._custodian.add_payloads(origin, place, stop, bodies)
            moved += stop - place
            place = stop
        lacking = (await self._custodian.payload_state(origin)).missing
        for index, section in lacking:
            # Not missing there: it was found since, so ask for it alone.
            if (index, section) not in there.missing and index < end:
                bodies = await self._peer.payloads(origin, index, index + 1)
                await self._custodian.add_payloads(origin, index, index + 1, bodies)
        return moved

    async def _fetch_payloads(self, origin: str, start: int, end: int) -> tuple[list[bytes], int]:
        """Packs from `start` on and the end of what they cover; a range that is too much for one answer is halved."""
        while True:
            try:
                return await self._peer.payloads(origin, start, end), end
            except TooLarge:
                if end - start <= 1:
                    raise
                end = start + (end - start) // 2


def _keep_fork(conn: Connection, state: LogState, shown: Note, seen_ms: int) -> None:
    """Keep both notes of a log that signed two histories (L10, L21)."""
    held = checkpoints.note(conn, state.id, state.witnessed_size, state.origin)
    checkpoints.keep_evidence(conn, state.id, seen_ms, "fork", held.encode(), shown.encode())


def _check_tiles(tiles: TileCache, fetched: Sequence[tuple[int, int]], root: bytes) -> None:
    """Raise BadProof unless every tile that was fetched belongs to the tree of this root.

    The root is made of the last tiles of each level alone. A full tile is held against its hash in the tile above:
    entries are stored by their tile, long before the root is computed from what is stored.
    """
    if tree_root(tiles, tiles.size) != root:
        raise BadProof("the tiles do not give the root of the checkpoint")
    for level, n in fetched:
        if tile_width(level, n, tiles.size) == WIDTH:
            above, place = divmod(n, WIDTH)
            if root_of(tiles.hashes(level, n)) != tiles.hashes(level + 1, above)[place]:
                raise BadProof(f"tile {n} of level {level} does not hash to the tile above it")


def _standing(conn: Connection, peer: str, log_id: int) -> tuple[Standing, bool]:
    return peers.get(conn, peer, log_id, "pull"), bool(payloads.missing(conn, log_id, limit=1))


def _witness(conn: Connection, state: LogState, head: Checkpoint, note: Note, lines: Sequence[Signature]) -> None:
    # From `state` alone, against which the growth was checked: another head may have been witnessed meanwhile.
    logs.move_witnessed(conn, state, head.size, head.root)
    checkpoints.put(conn, state.id, head.size, note.text, lines)
