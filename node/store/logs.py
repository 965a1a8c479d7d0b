"""Entries, tiles and heads of every log: the single door by which anything is appended (DESIGN §8, L5-L7).

Full bundles of 256 entries and full tiles lie as blobs in the very bytes that are served; only the tail is rows. So the
cost of a record does not grow with the log. All functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, delete, func, insert, or_, select, update

from node.errors import BadProof, Conflict, Malformed, NotFound, StorageFailed
from node.store.tables import Log, LogBundle, LogNode, LogTail, LogTile, table
from node.tlog.merkle import EMPTY_ROOT, leaf_hash, root_of
from node.tlog.tiles import MAX_ENTRY_BYTES, WIDTH, Edge, ReadTile, decode_bundle, encode_bundle, tree_root
from node.wire import paths

log = table(Log)
bundle = table(LogBundle)
tile = table(LogTile)
tail = table(LogTail)
node = table(LogNode)


@dataclass(frozen=True, slots=True)
class LogState:
    """One row of `log`; see `node.store.tables.Log` for what the sizes mean."""

    id: int
    origin: str
    origin_hash: str
    own: bool
    stored_size: int
    payload_next: int
    head_size: int
    head_root: bytes
    witnessed_size: int
    witnessed_root: bytes
    frozen: str


def _state(row: RowMapping) -> LogState:
    return LogState(**row)


def all_logs(conn: Connection) -> list[LogState]:
    """Every log of this node, its own first, then by origin."""
    return [_state(row) for row in conn.execute(select(log).order_by(log.c.own.desc(), log.c.origin)).mappings()]


def find(conn: Connection, origin: str) -> LogState | None:
    row = conn.execute(select(log).where(log.c.origin == origin)).mappings().first()
    return None if row is None else _state(row)


def get(conn: Connection, origin: str) -> LogState:
    """Raises NotFound when this node holds nothing of that origin."""
    state = find(conn, origin)
    if state is None:
        raise NotFound(f"no log of origin {origin} here", field="origin")
    return state


def by_id(conn: Connection, log_id: int) -> LogState:
    return _state(conn.execute(select(log).where(log.c.id == log_id)).mappings().one())


def by_hash(conn: Connection, origin_hash: str) -> LogState:
    """Raises NotFound."""
    row = conn.execute(select(log).where(log.c.origin_hash == origin_hash)).mappings().first()
    if row is None:
        raise NotFound("no log of that origin hash here", field="origin_hash")
    return _state(row)


def ensure(conn: Connection, origin: str, *, own: bool = False) -> LogState:
    """The log's state; an empty log is made when there is none yet."""
    state = find(conn, origin)
    if state is None:
        values = {"origin": origin, "origin_hash": paths.origin_hash(origin), "own": own, "frozen": ""}
        sizes: dict[str, Any] = {name: 0 for name in ("stored_size", "payload_next", "head_size", "witnessed_size")}
        conn.execute(insert(log).values(**values, **sizes, head_root=EMPTY_ROOT, witnessed_root=EMPTY_ROOT))
        state = get(conn, origin)
    return state


# --- reading --------------------------------------------------------------------------------------------------------


def tile_reader(conn: Connection, log_id: int) -> ReadTile:
    """`read_tile(level, n, width)` over what is stored. Raises NotFound for hashes that are not there."""

    def read(level: int, n: int, width: int) -> bytes:
        return read_tile(conn, log_id, level, n, width)

    return read


def read_tile(conn: Connection, log_id: int, level: int, n: int, width: int) -> bytes:
    """The first `width` hashes of a tile, full or partial. Raises NotFound when fewer are stored."""
    found: bytes | None = conn.execute(
        select(tile.c.hashes).where(and_(tile.c.log_id == log_id, tile.c.level == level, tile.c.n == n))
    ).scalar()
    if found is None:
        first, last = n * WIDTH, n * WIDTH + width
        if level == 0:
            rows = conn.execute(
                select(tail.c.entry)
                .where(and_(tail.c.log_id == log_id, tail.c.idx >= first, tail.c.idx < last))
                .order_by(tail.c.idx)
            ).scalars()
            found = b"".join(leaf_hash(entry) for entry in rows)
        else:
            rows = conn.execute(
                select(node.c.hash)
                .where(and_(node.c.log_id == log_id, node.c.level == level, node.c.idx >= first, node.c.idx < last))
                .order_by(node.c.idx)
            ).scalars()
            found = b"".join(rows)
    if len(found) < width * 32:
        raise NotFound("no such tile here")
    return found[: width * 32]


def read_bundle(conn: Connection, log_id: int, n: int, width: int) -> bytes:
    """An entry bundle of `width` entries. Raises NotFound when fewer are stored."""
    found: bytes | None = conn.execute(
        select(bundle.c.data).where(and_(bundle.c.log_id == log_id, bundle.c.n == n))
    ).scalar()
    if found is not None:
        return found if width == WIDTH else encode_bundle(decode_bundle(found)[:width])
    rows = _tail(conn, log_id, n * WIDTH, n * WIDTH + width)
    if len(rows) < width:
        raise NotFound("no such entries here")
    return encode_bundle(rows)


def entries(conn: Connection, log_id: int, start: int, end: int) -> list[bytes]:
    """The entries `[start, end)`. Raises NotFound when one is not stored."""
    found: list[bytes] = []
    place = start
    while place < end:
        n, offset = divmod(place, WIDTH)
        stop = min(end, (n + 1) * WIDTH)
        data: bytes | None = conn.execute(
            select(bundle.c.data).where(and_(bundle.c.log_id == log_id, bundle.c.n == n))
        ).scalar()
        part = (
            decode_bundle(data)[offset : offset + stop - place]
            if data is not None
            else _tail(conn, log_id, place, stop)
        )
        if len(part) != stop - place:
            raise NotFound(f"entries from {place} are not stored here")
        found += part
        place = stop
    return found


def entry(conn: Connection, log_id: int, index: int) -> bytes:
    """One entry. Raises NotFound."""
    return entries(conn, log_id, index, index + 1)[0]


def edge(conn: Connection, state: LogState) -> Edge:
    """The right edge of all that is stored."""
    return Edge.from_tiles(tile_reader(conn, state.id), state.stored_size)


def stored_root(conn: Connection, log_id: int, size: int) -> bytes:
    """Root of the first `size` stored entries, from tiles."""
    return tree_root(tile_reader(conn, log_id), size)


def _tail(conn: Connection, log_id: int, start: int, end: int) -> list[bytes]:
    return list(
        conn.execute(
            select(tail.c.entry)
            .where(and_(tail.c.log_id == log_id, tail.c.idx >= start, tail.c.idx < end))
            .order_by(tail.c.idx)
        ).scalars()
    )


# --- appending ------------------------------------------------------------------------------------------------------


def append(conn: Connection, log_id: int, start: int, new: Sequence[bytes]) -> int:
    """Append entries whose first has index `start`; gives the new stored size. The one door.

    Whoever calls has verified the entries (a mirror) or is about to sign them (the sequencer).
    Raises Conflict when `start` is not the stored size, so that two writers can never both append; Malformed for an
    entry that would fit into no bundle; StorageFailed when entries before it are gone.
    """
    if any(len(item) > MAX_ENTRY_BYTES for item in new):
        raise Malformed(f"an entry has at most {MAX_ENTRY_BYTES} bytes")
    end = start + len(new)
    moved = conn.execute(
        update(log).where(and_(log.c.id == log_id, log.c.stored_size == start)).values(stored_size=end)
    )
    if moved.rowcount != 1:
        raise Conflict("the log has grown meanwhile", size=by_id(conn, log_id).stored_size)
    base = start - start % WIDTH
    waiting: list[bytes] = []
    if end < base + WIDTH:
        base = start
    elif start > base and len(waiting := _tail(conn, log_id, base, start)) != start - base:
        # A bundle made of what is left would put every later entry at a wrong index, for ever.
        raise StorageFailed(f"entries between {base} and {start} have vanished; nothing was appended")
    waiting += new
    done = 0
    while base % WIDTH == 0 and len(waiting) - done >= WIDTH:
        _put_bundle(conn, log_id, base // WIDTH, waiting[done : done + WIDTH], had_tail=base < start)
        base += WIDTH
        done += WIDTH
    rest = waiting[done:]
    if rest:
        conn.execute(
            insert(tail), [{"log_id": log_id, "idx": base + offset, "entry": item} for offset, item in enumerate(rest)]
        )
    return end


def _put_bundle(conn: Connection, log_id: int, n: int, full: Sequence[bytes], *, had_tail: bool) -> None:
    leaves = [leaf_hash(item) for item in full]
    conn.execute(insert(bundle).values(log_id=log_id, n=n, data=encode_bundle(full)))
    conn.execute(insert(tile).values(log_id=log_id, level=0, n=n, hashes=b"".join(leaves)))
    if had_tail:
        conn.execute(delete(tail).where(and_(tail.c.log_id == log_id, tail.c.idx < (n + 1) * WIDTH)))
    _put_node(conn, log_id, 1, n, root_of(leaves))


def _put_node(conn: Connection, log_id: int, level: int, index: int, value: bytes) -> None:
    """Add a hash of a higher tile; the 256th folds its row of hashes into a tile and carries on upwards."""
    conn.execute(insert(node).values(log_id=log_id, level=level, idx=index, hash=value))
    if index % WIDTH != WIDTH - 1:
        return
    n = index // WIDTH
    hashes = read_tile(conn, log_id, level, n, WIDTH)
    conn.execute(insert(tile).values(log_id=log_id, level=level, n=n, hashes=hashes))
    conn.execute(delete(node).where(and_(node.c.log_id == log_id, node.c.level == level, node.c.idx < (n + 1) * WIDTH)))
    _put_node(conn, log_id, level + 1, n, root_of([hashes[at : at + 32] for at in range(0, len(hashes), 32)]))


# --- heads ----------------------------------------------------------------------------------------------------------


def move_head(conn: Connection, state: LogState, size: int, root: bytes) -> None:
    """Compare-and-swap the head: only from what `state` says to something that is stored. Raises Conflict."""
    moved = conn.execute(
        update(log)
        .where(
            and_(
                log.c.id == state.id,
                log.c.head_size == state.head_size,
                log.c.head_root == state.head_root,
                or_(log.c.head_size < size, log.c.head_root == root),
                log.c.stored_size >= size,
                log.c.frozen == "",
            )
        )
        .values(head_size=size, head_root=root)
    )
    if moved.rowcount != 1:
        raise Conflict("the head has moved meanwhile", size=by_id(conn, state.id).head_size)


def move_witnessed(conn: Connection, state: LogState, size: int, root: bytes) -> None:
    """Compare-and-swap the witnessed head. Raises Conflict when another submission was faster."""
    moved = conn.execute(
        update(log)
        .where(
            and_(
                log.c.id == state.id,
                log.c.witnessed_size == state.witnessed_size,
                log.c.witnessed_root == state.witnessed_root,
                or_(log.c.witnessed_size < size, log.c.witnessed_root == root),
            )
        )
        .values(witnessed_size=size, witnessed_root=root)
    )
    if moved.rowcount != 1:
        raise Conflict("another checkpoint was witnessed meanwhile", size=by_id(conn, state.id).witnessed_size)


def check_root(conn: Connection, log_id: int, size: int, root: bytes) -> None:
    """Raise BadProof unless the first `size` stored entries have this root: before anything is signed over them."""
    if stored_root(conn, log_id, size) != root:
        raise BadProof(f"the entries stored up to {size} do not have the root that is to be signed")


def freeze(conn: Connection, log_id: int, reason: str) -> None:
    """Stop all signing of this log until a person has looked (L9, L10)."""
    conn.execute(update(log).where(log.c.id == log_id).values(frozen=reason))


def thaw(conn: Connection, state: LogState, size: int, root: bytes) -> None:
    """Let the log be signed again, with this head: only from what `state` says. Raises Conflict.

    Whoever calls has proven that the head was signed by the log's own key and that all entries up to it are stored.
    """
    moved = conn.execute(
        update(log)
        .where(
            and_(
                log.c.id == state.id,
                log.c.frozen == state.frozen,
                log.c.head_size == state.head_size,
                log.c.head_root == state.head_root,
                log.c.head_size <= size,
                log.c.stored_size == size,
            )
        )
        .values(head_size=size, head_root=root, frozen="")
    )
    if moved.rowcount != 1:
        raise Conflict("the log has changed meanwhile", size=by_id(conn, state.id).head_size)


def move_payload_next(conn: Connection, log_id: int, position: int) -> None:
    """Payloads up to `position` are accounted for; never goes back."""
    conn.execute(
        update(log).where(and_(log.c.id == log_id, log.c.payload_next < position)).values(payload_next=position)
    )


def total_stored(conn: Connection) -> int:
    return int(conn.execute(select(func.coalesce(func.sum(log.c.stored_size), 0))).scalar_one())
