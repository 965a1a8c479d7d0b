"""Fetch a log from a node that has it, and prove it: nothing here trusts the node that serves it.

The checkpoint was verified by the caller; the tiles must give its root, and each bundle must hash to its tile. Payloads
are proven by whoever stores them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from node.errors import BadProof, TooLarge
from node.sync.peer import Peer
from node.sync.refused import ForgedEntries
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import leaf_hash, root_of
from node.tlog.tiles import WIDTH, TileCache, decode_bundle, entries_path, tile_path, tile_width, tree_root


class Fetcher:
    """Fetches what one node serves of any log."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def tiles(self, origin: str, have: int, head: Checkpoint) -> TileCache:
        """The hashes of the tree of `head` from entry `have` on, which are proven to belong to it.

        Proofs between trees of `have` and more entries read no others: what lies left of a level's edge tile is covered
        by a hash of a level above. Raises BadProof, and what the network raises.
        """
        fetched: dict[tuple[int, int], bytes] = {}
        level = 0
        while (head.size >> (8 * level)) > 0:
            first = (have >> (8 * level)) // WIDTH
            last = ((head.size >> (8 * level)) - 1) // WIDTH
            numbers = range(first, last + 1)
            for start in range(0, len(numbers), 8):
                part = numbers[start : start + 8]
                datas = await asyncio.gather(
                    *(self._peer.tile(origin, tile_path(level, n, tile_width(level, n, head.size))) for n in part)
                )
                fetched.update({(level, n): data for n, data in zip(part, datas, strict=True)})
            level += 1

        def read(level: int, n: int, width: int) -> bytes:
            data = fetched.get((level, n))
            if data is None or len(data) < width * 32:
                raise BadProof("a tile of the log is missing or too short")
            return data[: width * 32]

        cache = TileCache(read, head.size)
        await asyncio.to_thread(_check_tiles, cache, list(fetched), head.root)
        return cache

    async def bundle(self, origin: str, n: int, tiles: TileCache) -> list[bytes]:
        """The entries of bundle `n`, as far as the tree goes. Raises BadProof unless they hash to its leaves."""
        width = tile_width(0, n, tiles.size)
        entries = decode_bundle(await self._peer.tile(origin, entries_path(n, width)), width)
        expected = tiles.hashes(0, n)
        if [leaf_hash(entry) for entry in entries] != expected:
            raise ForgedEntries(
                f"entry bundle {n} does not hash to its tile", first=n * WIDTH, entries=entries, tiles=tiles
            )
        return entries

    async def payloads(self, origin: str, start: int, end: int) -> tuple[list[bytes], int]:
        """Packs from `start` on and the end of what they cover; a range that is too much for one answer is halved."""
        while True:
            try:
                return await self._peer.payloads(origin, start, end), end
            except TooLarge:
                if end - start <= 1:
                    raise
                end = start + (end - start) // 2


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
