"""Read back what a batch left in the database, and give the root to sign over it (DESIGN L8).

What is compared: the entries with those that were written; the tree up to the signed head with that head's root; the
stored hashes of the full bundles with the entries in them; and the root that all stored hashes give with the one that
the entries give. The cost is that of the batch and of the last bundle, not of the log.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from node.errors import Malformed, NotFound, StorageFailed
from node.store import logs, readback
from node.store.logs import LogState
from node.tlog.merkle import leaf_hash
from node.tlog.tiles import WIDTH, Edge


def read_back(conn: Connection, state: LogState, written: Sequence[bytes]) -> bytes:
    """The root to sign: over the old tree, which must still be the signed one, and what reads back as it was written.

    `state` is the log as it was before `written` was appended. Raises StorageFailed when a bit has changed on the way
    to the disk, or lying there.
    """
    try:
        return _root(conn, state, written)
    except (Malformed, NotFound) as error:
        raise StorageFailed(f"entries cannot be read back, nothing was signed: {error.detail}") from error


def _root(conn: Connection, state: LogState, written: Sequence[bytes]) -> bytes:
    start, size = state.stored_size, state.stored_size + len(written)
    # From the bundle's first entry: those of the tail were just copied into it, and this is now their only place.
    base = start - start % WIDTH
    found = readback.right_edge(conn, state.id, base, size)
    if found is None:
        read, edge = logs.entries(conn, state.id, base, size), _edge(conn, state, base)
    else:
        read, edge = found.entries, found.edge(base)
    leaves = [leaf_hash(entry) for entry in read]
    edge.extend(leaves[: start - base])
    old = edge.root() if state.head_size == start else logs.stored_root(conn, state.id, state.head_size)
    if old != state.head_root:
        raise StorageFailed("the stored entries no longer give the root of the signed head; nothing was signed")
    if read[start - base :] != list(written):
        raise StorageFailed("entries read back are not those that were written; nothing was signed")
    edge.extend(leaves[start - base :])
    root = edge.root()
    if found is None:
        tiles, stored = _tiles(conn, state, base, size), logs.stored_root(conn, state.id, size)
        hashed = leaves
    else:
        full = size - size % WIDTH
        hashed = leaves[: full - base]
        tiles, above = found.tiles, found.edge(full)
        # Of the tail no hashes are stored: whoever asks for its tile gets what its entries hash to, which is these.
        above.extend(leaves[full - base :])
        stored = above.root()
    if tiles != b"".join(hashed) or stored != root:
        raise StorageFailed("entries read back do not give the root of the stored tiles; nothing was signed")
    return root


def _edge(conn: Connection, state: LogState, base: int) -> Edge:
    return Edge.from_tiles(logs.tile_reader(conn, state.id), base)


def _tiles(conn: Connection, state: LogState, base: int, size: int) -> bytes:
    return b"".join(
        logs.read_tile(conn, state.id, 0, n, min(WIDTH, size - n * WIDTH))
        for n in range(base // WIDTH, -(-size // WIDTH))
    )
