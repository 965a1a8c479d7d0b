"""What a batch of our own log left in the database, read again in a few statements before its head is signed (L8).

The right edge of a log is all that is read: the entries since the last full bundle before the batch, and the hashes
that no tile holds yet. So the cost is that of a batch and not of a log. Runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BindParameter, Connection, and_, bindparam, select

from node.errors import StorageFailed
from node.store.tables import LogBundle, LogNode, LogTail, LogTile, table
from node.tlog.merkle import root_of
from node.tlog.tiles import HEIGHT, WIDTH, Edge, decode_bundle

_bundle, _tile = table(LogBundle), table(LogTile)
_tail, _node = table(LogTail), table(LogNode)
# Made once: building a statement costs more than running it on a few rows.
_LOG: BindParameter[int] = bindparam("log_id")
_FROM: BindParameter[int] = bindparam("first")
_TO: BindParameter[int] = bindparam("last")
_tails = (
    select(_tail.c.entry).where(_tail.c.log_id == _LOG, _tail.c.idx >= _FROM, _tail.c.idx < _TO).order_by(_tail.c.idx)
)
_nodes = select(_node.c.level, _node.c.idx, _node.c.hash).where(_node.c.log_id == _LOG)
_bundles = (
    select(_bundle.c.data, _tile.c.hashes)
    .outerjoin(_tile, and_(_tile.c.log_id == _bundle.c.log_id, _tile.c.level == 0, _tile.c.n == _bundle.c.n))
    .where(_bundle.c.log_id == _LOG, _bundle.c.n >= _FROM, _bundle.c.n < _TO)
    .order_by(_bundle.c.n)
)


@dataclass(frozen=True, slots=True)
class RightEdge:
    """Entries `[base, size)` as they lie in the database, and the hashes above all full bundles.

    `base` is a multiple of 256; `tiles` are the stored leaf hashes of the bundles that became full since then.
    """

    base: int
    size: int
    entries: list[bytes]
    tiles: bytes
    nodes: dict[int, dict[int, bytes]]

    def edge(self, size: int) -> Edge:
        """The edge of the first `size` entries, a multiple of 256 from `base` to the newest full bundle.

        Raises StorageFailed when a hash is not there.
        """
        hashes: list[bytes] = []
        level, count = 1, size // WIDTH
        while count:
            row = self.nodes.get(level, {})
            first = count - count % WIDTH
            if any(index not in row for index in range(first, count)):
                raise StorageFailed(f"hashes of level {level} have vanished; nothing was signed")
            hashes = _perfect([row[index] for index in range(first, count)]) + hashes
            level, count = level + 1, count // WIDTH
        return Edge(size, hashes)


def right_edge(conn: Connection, log_id: int, base: int, size: int) -> RightEdge | None:
    """Read the right edge of a log of `size` entries from `base` on, a multiple of 256.

    None when hashes above the bundles have been folded into a tile since `base`, which happens once in 65 536 entries.
    Raises StorageFailed when what should be there is not.
    """
    if base >> (2 * HEIGHT) != size >> (2 * HEIGHT):
        return None
    full = size - size % WIDTH
    entries: list[bytes] = []
    tiles: list[bytes] = []
    if full > base:
        of_bundles = {"log_id": log_id, "first": base // WIDTH, "last": full // WIDTH}
        for data, hashes in conn.execute(_bundles, of_bundles):
            entries += decode_bundle(data, WIDTH)
            tiles.append(hashes or b"")
    if size > full:
        entries += conn.execute(_tails, {"log_id": log_id, "first": full, "last": size}).scalars()
    # As many as were written: in their order they are compared with them one by one.
    if len(entries) != size - base:
        raise StorageFailed("entries that were written are not there; nothing was signed")
    nodes: dict[int, dict[int, bytes]] = {}
    for level, index, value in conn.execute(_nodes, {"log_id": log_id}):
        nodes.setdefault(level, {})[index] = value
    return RightEdge(base, size, entries, b"".join(tiles), nodes)


def _perfect(values: Sequence[bytes]) -> list[bytes]:
    """Roots of the perfect subtrees that up to 255 equal ones split into, the largest first."""
    found, at = [], 0
    for height in range(HEIGHT - 1, -1, -1):
        if len(values) & (1 << height):
            found.append(root_of(values[at : at + (1 << height)]))
            at += 1 << height
    return found
