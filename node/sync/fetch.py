"""Fetch a log from a node that has it, and prove it: nothing here trusts the node that serves it.

The checkpoint was verified by the caller. Of the tree only the edges are held, proven against the root, and on the way
the tiles above the bundle at hand, each proven by the one above it. The leaves themselves come with the entries: each
bundle must give its hash above. So a log of any length is taken in with little memory. Payloads are proven by whoever
stores them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable

from node.errors import BadProof, TooLarge
from node.sync.peer import Peer
from node.sync.refused import ForgedEntries
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import leaf_hash, root_of
from node.tlog.tiles import (
    WIDTH,
    TileCache,
    decode_bundle,
    entries_path,
    split_hashes,
    tile_path,
    tile_width,
    tree_root,
)

AHEAD = 8
"""Requests under way at once: the next bundles are on the line while these are stored."""
STEP_BUNDLES = 32
REMEMBERED = 3
"""Tiles of a level that are kept on the way: bundles under way at once may lie below two of them."""
STEP_BYTES = 8 << 20
"""What is stored in one transaction: so many bundles, fewer when their entries are large."""


class ProvenTiles(TileCache):
    """Tiles of the tree of one checkpoint, as far as they were fetched; all that are in here belong to it.

    Those at the edges of some sizes stay; of those between them only the last few of each level are remembered.
    """

    def __init__(self, size: int) -> None:
        super().__init__(self._given, size)
        self._edges: dict[tuple[int, int], bytes] = {}
        self._passed: dict[int, deque[tuple[int, bytes]]] = {}
        self.fetching = asyncio.Lock()

    def hashes(self, level: int, n: int) -> list[bytes]:
        """All hashes of a tile, not kept beside its bytes. Raises BadProof for one that is not here."""
        return split_hashes(self._given(level, n, tile_width(level, n, self.size)))

    def put_edge(self, level: int, n: int, data: bytes) -> None:
        """Add a tile to stay; `check` is called before the next question is asked."""
        self._edges[level, n] = data

    def pass_by(self, level: int, n: int, data: bytes) -> None:
        """Add a full tile for a while. Raises BadProof unless it gives its hash in the tile above, which is here."""
        if len(data) != WIDTH * 32 or root_of(split_hashes(data)) != self.above(level, n):
            raise BadProof(f"tile {n} of level {level} does not hash to the tile above it")
        self._passed.setdefault(level, deque(maxlen=REMEMBERED)).append((n, data))

    def _given(self, level: int, n: int, width: int) -> bytes:
        data = self._edges.get((level, n))
        if data is None:
            data = next((data for passed, data in self._passed.get(level, ()) if passed == n), b"")
        if len(data) < width * 32:
            raise BadProof("a tile of the log is missing or too short")
        return data[: width * 32]

    def holds(self, level: int, n: int) -> bool:
        return (level, n) in self._edges or any(n == passed for passed, _ in self._passed.get(level, ()))

    def above(self, level: int, n: int) -> bytes:
        """The hash of a full tile, in the tile above it."""
        above, place = divmod(n, WIDTH)
        return self._given(level + 1, above, tile_width(level + 1, above, self.size))[place * 32 : place * 32 + 32]

    def check(self, root: bytes) -> None:
        """Raise BadProof unless every tile that stays belongs to the tree of this root.

        The root is made of the last tiles of each level alone. A full tile is held against its hash in the tile above:
        entries are stored by it, long before the root is computed from what is stored.
        """
        if tree_root(self, self.size) != root:
            raise BadProof("the tiles do not give the root of the checkpoint")
        for level, n in self._edges:
            full = tile_width(level, n, self.size) == WIDTH
            if full and root_of(self.hashes(level, n)) != self.above(level, n):
                raise BadProof(f"tile {n} of level {level} does not hash to the tile above it")


class Fetcher:
    """Fetches what one node serves of any log."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def tiles(self, origin: str, have: int, head: Checkpoint, *, also: Iterable[int] = ()) -> ProvenTiles:
        """The edges of the tree of `head` at entry `have`, at the sizes `also` and at its end, proven to belong to it.

        So proofs between trees of these sizes and the head can be made, which read no other tiles: what lies left of a
        level's edge tile is covered by a hash of a level above. Raises BadProof, and what the network raises.
        """
        tiles = ProvenTiles(head.size)
        wanted = _edges({size for size in (have, *also, head.size) if size <= head.size}, head.size)
        for start in range(0, len(wanted), AHEAD):
            await asyncio.gather(*(self._edge(origin, tiles, *place) for place in wanted[start : start + AHEAD]))
        await asyncio.to_thread(tiles.check, head.root)
        return tiles

    async def _edge(self, origin: str, tiles: ProvenTiles, level: int, n: int) -> None:
        tiles.put_edge(level, n, await self._tile(origin, tiles, level, n))

    async def _tile(self, origin: str, tiles: ProvenTiles, level: int, n: int) -> bytes:
        return await self._peer.tile(origin, tile_path(level, n, tile_width(level, n, tiles.size)))

    async def _reach(self, origin: str, tiles: ProvenTiles, level: int, n: int) -> None:
        """Have a tile in `tiles`, and those above it. What is not full lies at the edge, so it is there."""
        if tiles.holds(level, n):
            return
        await self._reach(origin, tiles, level + 1, n // WIDTH)
        tiles.pass_by(level, n, await self._tile(origin, tiles, level, n))

    async def bundle(self, origin: str, n: int, tiles: ProvenTiles) -> list[bytes]:
        """The entries of bundle `n`, as far as the tree goes. Raises BadProof unless they hash to its leaves."""
        width = tile_width(0, n, tiles.size)
        entries = decode_bundle(await self._peer.tile(origin, entries_path(n, width)), width)
        leaves = [leaf_hash(entry) for entry in entries]
        if width == WIDTH:
            async with tiles.fetching:
                await self._reach(origin, tiles, 1, n // WIDTH)
                if root_of(leaves) == tiles.above(0, n):
                    return entries
                # Forged: which of them, only their tile can tell.
                await self._reach(origin, tiles, 0, n)
        if leaves != tiles.hashes(0, n):
            raise ForgedEntries(
                f"entry bundle {n} does not hash to its tile", first=n * WIDTH, entries=entries, tiles=tiles
            )
        return entries

    async def entries(self, origin: str, start: int, tiles: ProvenTiles) -> AsyncGenerator[list[bytes], None]:
        """All entries from `start` to the end of the tree, in steps of a transaction's size, proven like a bundle.

        The next are on the line while the caller stores what he was given. Close it (`aclosing`) when leaving early.
        """
        ahead: deque[asyncio.Task[list[bytes]]] = deque()
        end = -(-tiles.size // WIDTH) if start < tiles.size else 0
        coming = iter(range(start // WIDTH, end))
        skip, step, size = start % WIDTH, list[bytes](), 0
        try:
            for n in range(start // WIDTH, end):
                while len(ahead) < AHEAD and (following := next(coming, None)) is not None:
                    ahead.append(asyncio.create_task(self.bundle(origin, following, tiles)))
                fresh = (await ahead.popleft())[skip:]
                skip = 0
                step += fresh
                size += sum(map(len, fresh))
                if len(step) > (STEP_BUNDLES - 1) * WIDTH or size >= STEP_BYTES or n == end - 1:
                    yield step
                    step, size = [], 0
        finally:
            await _end(list(ahead))

    async def payloads(self, origin: str, start: int, end: int) -> tuple[list[bytes], int]:
        """Packs from `start` on and the end of what they cover; a range that is too much for one answer is halved."""
        while True:
            try:
                return await self._peer.payloads(origin, start, end), end
            except TooLarge:
                if end - start <= 1:
                    raise
                end = start + (end - start) // 2

    async def payload_steps(
        self, origin: str, start: int, end: int, bundles: int
    ) -> AsyncGenerator[tuple[int, int, list[bytes]], None]:
        """(first, end, packs) of stretches of at most `bundles` bundles, in order, that cover `[start, end)`.

        The next is on the line while the caller stores what he was given. Close it (`aclosing`) when leaving early.
        """

        def ask(place: int) -> asyncio.Task[tuple[list[bytes], int]]:
            stop = min(end, (place // WIDTH + bundles) * WIDTH)
            return asyncio.create_task(self.payloads(origin, place, stop))

        ahead = deque([ask(start)] if start < end else [])
        try:
            while ahead:
                bodies, stop = await ahead.popleft()
                if stop < end:
                    ahead.append(ask(stop))
                yield start, stop, bodies
                start = stop
        finally:
            await _end(list(ahead))


def _edges(sizes: Iterable[int], size: int) -> list[tuple[int, int]]:
    """(level, n) of the tiles in which trees of these sizes end, within a tree of `size`; the highest levels first."""
    found: set[tuple[int, int]] = set()
    for each in sizes:
        level = 0
        while size >> (8 * level):
            n = (each >> (8 * level)) // WIDTH
            # A tree that ends between two tiles of leaves needs neither; above, the tile before may be the last.
            for place in {n} if level == 0 else {n, max(0, (each >> (8 * level)) - 1) // WIDTH}:
                if tile_width(level, place, size) and (level or each % WIDTH):
                    found.add((level, place))
            level += 1
    return sorted(found, reverse=True)


async def _end(tasks: Iterable[asyncio.Task[object]]) -> None:
    """Stop what was asked for ahead and is not wanted any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
