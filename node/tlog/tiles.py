"""Tiles of a log (c2sp.org/tlog-tiles): paths, entry bundles, and roots and proofs computed from tiles.

A tile of level l holds up to 256 hashes of 32 bytes; hash i of tile n covers 256^l entries from (n * 256 + i) * 256^l.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from node.errors import Malformed, NotFound
from node.tlog._text import show
from node.tlog.merkle import (
    EMPTY_ROOT,
    HASH_SIZE,
    consistency_ranges,
    inclusion_ranges,
    is_valid_subtree,
    node_hash,
    root_of,
    subtree_consistency_ranges,
)

HEIGHT = 8
WIDTH = 256
MAX_ENTRY_BYTES = 2**16 - 1
MAX_LEVEL = 63
_MAX_INDEX = 2**55 - 1  # the last tile of level 0 in a tree of 2^63 entries

ReadTile = Callable[[int, int, int], bytes]
"""(level, n, width) -> the first `width` hashes of that tile, `width` * 32 bytes."""

_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True)
class TilePath:
    """What a path names: `level` is None for an entry bundle; `width` is 256 for a full tile."""

    level: int | None
    n: int
    width: int


def tile_path(level: int, n: int, width: int = WIDTH) -> str:
    """Path below the log's prefix, as "tile/0/x001/067" or "tile/0/x001/067.p/8". Raises Malformed out of range."""
    if not 0 <= level <= MAX_LEVEL:
        raise Malformed(f"tiles have no level {show(level)}")
    return _path(str(level), n, width)


def entries_path(n: int, width: int = WIDTH) -> str:
    """Path of entry bundle `n` below the log's prefix."""
    return _path("entries", n, width)


def parse_tile_path(path: str) -> TilePath:
    """Reads a path without leading slash. Raises NotFound on all but the one spelling that the writers produce."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise NotFound("not the path of a tile")
    level = None if match[1] == "entries" else int(match[1])
    n = int(match[2].replace("/", "").replace("x", ""))
    width = WIDTH if match[3] is None else int(match[3])
    try:
        canonical = entries_path(n, width) if level is None else tile_path(level, n, width)
    except Malformed:
        raise NotFound("not the path of a tile") from None
    if canonical != path:
        raise NotFound("not the canonical path of a tile")
    return TilePath(level, n, width)


def tile_width(level: int, n: int, size: int) -> int:
    """How many hashes tile `n` of `level` has in a tree of `size`: 0 (no such tile) to 256."""
    return max(0, min(WIDTH, (size >> (HEIGHT * level)) - n * WIDTH))


def split_hashes(tile: bytes) -> list[bytes]:
    """The 32-byte hashes of a tile. Raises Malformed when its length is not a multiple of 32."""
    if len(tile) % HASH_SIZE:
        raise Malformed("a tile is not a whole number of hashes")
    return [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Entry bundle: each entry after its length as big-endian uint16. Raises Malformed beyond 65535 bytes."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise Malformed(f"an entry of {len(entry)} bytes does not fit into a bundle")
        parts += (len(entry).to_bytes(2, "big"), entry)
    if len(parts) > 2 * WIDTH:
        raise Malformed(f"a bundle holds at most {WIDTH} entries")
    return b"".join(parts)


def decode_bundle(data: bytes, count: int | None = None) -> list[bytes]:
    """Entries of a bundle; `count` is how many it must hold, None for any number up to 256.

    Raises Malformed when the bytes end within an entry, go on after the last, or hold another number of entries.
    """
    entries: list[bytes] = []
    limit = WIDTH if count is None else min(count, WIDTH)
    at, total = 0, len(data)
    while at < total:
        begin = at + 2
        at = begin + int.from_bytes(data[at:begin], "big")
        if at > total or begin > total:
            raise Malformed("the bundle ends within an entry")
        if len(entries) == limit:
            raise Malformed(f"the bundle goes on after {limit} entries")
        entries.append(data[begin:at])
    if count is not None and len(entries) != count:
        raise Malformed(f"the bundle holds {len(entries)} entries, not {count}")
    return entries


class TileCache:
    """Reads each tile once, checks its length and keeps its hashes; lives for one question about one tree size.

    Pass one to several of the functions below to share tiles between questions about the same `size`.
    """

    def __init__(self, read_tile: ReadTile, size: int) -> None:
        self.size = size
        self._read = read_tile
        self._tiles: dict[tuple[int, int], list[bytes]] = {}
        # The packages of one upload ask for the same large subtrees again and again.
        self._roots: dict[tuple[int, int], bytes] = {}

    def hashes(self, level: int, n: int) -> list[bytes]:
        """All hashes that tile `n` of `level` has in the tree. Raises Malformed when the reader gives more or fewer."""
        tile = self._tiles.get((level, n))
        if tile is None:
            width = tile_width(level, n, self.size)
            tile = split_hashes(self._read(level, n, width))
            if len(tile) != width:
                raise Malformed(f"{tile_path(level, n, width)} has {len(tile)} hashes")
            self._tiles[level, n] = tile
        return tile

    def perfect(self, start: int, height: int) -> bytes:
        """MTH of the 2^height entries from `start`, a multiple of that number, all within the tree."""
        root = self._roots.get((start, height))
        if root is None:
            level, rest = divmod(height, HEIGHT)
            n, first = divmod(start >> (HEIGHT * level), WIDTH)
            root = self._roots[start, height] = root_of(self.hashes(level, n)[first : first + (1 << rest)])
        return root

    def range(self, start: int, end: int) -> bytes:
        """MTH(D[start:end]) of a valid subtree of the tree. Raises Malformed when it is none."""
        if not (is_valid_subtree(start, end) and end <= self.size):
            raise Malformed(f"no subtree [{show(start)}, {show(end)}) in a tree of {show(self.size)} entries")
        return _fold([self.perfect(at, height) for at, height in _perfect_parts(start, end)])


def range_hash(read_tile: ReadTile | TileCache, start: int, end: int, size: int) -> bytes:
    """MTH(D[start:end]) of a valid subtree in a tree of `size`, from O(log size) tiles. Raises Malformed if invalid."""
    return _cache(read_tile, size).range(start, end)


def tree_root(read_tile: ReadTile | TileCache, size: int) -> bytes:
    """Root of the tree of `size`; EMPTY_ROOT for 0."""
    return EMPTY_ROOT if size == 0 else _cache(read_tile, size).range(0, size)


def inclusion_proof(read_tile: ReadTile | TileCache, index: int, size: int) -> list[bytes]:
    """Inclusion proof of entry `index` in the tree of `size`. Raises Malformed when it has no such entry."""
    return _hashes_of(inclusion_ranges(index, size), read_tile, size)


def consistency_proof(read_tile: ReadTile | TileCache, old: int, new: int) -> list[bytes]:
    """Consistency proof from `old` to `new` entries, from tiles of the tree of `new`. Raises Malformed if old > new."""
    return _hashes_of(consistency_ranges(old, new), read_tile, new)


def subtree_consistency_proof(read_tile: ReadTile | TileCache, start: int, end: int, size: int) -> list[bytes]:
    """Proof that subtree [start, end) lies in the tree of `size`. Raises Malformed when it is none of its subtrees."""
    return _hashes_of(subtree_consistency_ranges(start, end, size), read_tile, size)


class Edge:
    """The right edge of a growing tree: all that is needed to append and to know the root.

    Args:
        size: number of entries in the tree.
        hashes: roots of the perfect subtrees that the tree splits into, the largest (leftmost) first: one for each
            one-bit of `size`. Raises Malformed on another number.
    """

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if size < 0 or len(hashes) != size.bit_count() or any(len(value) != HASH_SIZE for value in hashes):
            raise Malformed("these hashes are not the edge of a tree of that size")
        self.size = size
        self.hashes = list(hashes)

    @classmethod
    def from_tiles(cls, read_tile: ReadTile | TileCache, size: int) -> Edge:
        """The edge of the stored tree of `size`, from the last tile of each level."""
        cache = _cache(read_tile, size)
        return cls(size, [cache.perfect(at, height) for at, height in _perfect_parts(0, size)])

    def copy(self) -> Edge:
        return Edge(self.size, self.hashes)

    def append(self, leaf_hash: bytes) -> None:
        self.extend((leaf_hash,))

    def extend(self, leaf_hashes: Sequence[bytes]) -> None:
        """Appends leaf hashes in order, about one node hash each. Raises Malformed, unchanged, on a wrong length."""
        if any(len(value) != HASH_SIZE for value in leaf_hashes):
            raise Malformed(f"a hash is not {HASH_SIZE} bytes long")
        size, hashes = self.size, self.hashes
        for value in leaf_hashes:
            carry = size
            while carry & 1:
                value = sha256(b"\x01" + hashes.pop() + value).digest()
                carry >>= 1
            hashes.append(value)
            size += 1
        self.size = size

    def root(self) -> bytes:
        return _fold(self.hashes) if self.hashes else EMPTY_ROOT


def _path(kind: str, n: int, width: int) -> str:
    if not 0 <= n <= _MAX_INDEX or not 1 <= width <= WIDTH:
        raise Malformed("a tile has an index from 0 and a width from 1 to 256")
    parts = [f"{n % 1000:03d}"]
    while n := n // 1000:
        parts.append(f"x{n % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{kind}/{'/'.join(reversed(parts))}{partial}"


def _cache(read_tile: ReadTile | TileCache, size: int) -> TileCache:
    if not isinstance(read_tile, TileCache):
        return TileCache(read_tile, size)
    if read_tile.size != size:
        raise Malformed("the tiles at hand are of a tree of another size")
    return read_tile


def _hashes_of(ranges: list[tuple[int, int]], read_tile: ReadTile | TileCache, size: int) -> list[bytes]:
    cache = _cache(read_tile, size)
    return [cache.range(start, end) for start, end in ranges]


def _perfect_parts(start: int, end: int) -> list[tuple[int, int]]:
    """(start, height) of the perfect subtrees that a valid subtree splits into, the largest first."""
    parts = []
    while start < end:
        height = (end - start).bit_length() - 1
        parts.append((start, height))
        start += 1 << height
    return parts


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Root over perfect subtrees of falling size, the leftmost first."""
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root
