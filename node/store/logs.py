"""Entries, tiles and heads of every log: the single door by which anything is appended (DESIGN §8, L5-L7).

Full bundles of 256 entries and full tiles lie as blobs in the very bytes that are served; only the tail is rows. So the
cost of a record does not grow with the log. All functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, delete, func, insert, or_, select, update

from node.errors import BadProof, Conflict, Malformed, NotFound, StorageFailed
from node.store.bulk import insert_many, make_room
from node.store.locks import take_room
from node.store.tables import Log, LogBundle, LogNode, LogTail, LogTile, table
from node.tlog.merkle import EMPTY_ROOT, leaf_hash, root_of
from node.tlog.tiles import (
    MAX_ENTRY_BYTES,
    WIDTH,
    Edge,
    ReadTile,
    decode_bundle,
    encode_bundle,
    split_hashes,
    tree_root,
)
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
    if state is not None:
        return state
    take_room(conn)
    if (state := find(conn, origin)) is None:
        values = {"origin": origin, "origin_hash": paths.origin_hash(origin), "own": own, "frozen": ""}
        sizes: dict[str, Any] = {name: 0 for name in ("stored_size", "payload_next", "head_size", "witnessed_size")}
        conn.execute(insert(log).values(**values, **sizes, head_root=EMPTY_ROOT, witnessed_root=EMPTY_ROOT))
        state = get(conn, origin)
        make_room(conn, state.id)
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
    if start >= end:
        return found
    full = bundles(conn, log_id, start // WIDTH, (end - 1) // WIDTH)
    place = start
    while place < end:
        n, offset = divmod(place, WIDTH)
        stop = min(end, (n + 1) * WIDTH)
        data = full.get(n)
        part = _tail(conn, log_id, place, stop) if data is None else decode_bundle(data)[offset : offset + stop - place]
        if len(part) != stop - place:
            raise NotFound(f"entries from {place} are not stored here")
        found += part
        place = stop
    return found


def framed(conn: Connection, log_id: int, start: int, end: int) -> list[tuple[int, bytes]]:
    """(index of the first, entry bundle) of each bundle that `[start, end)` touches, its bytes as they lie.

    Of the bundle that is not full the entries inside alone. Raises NotFound when one is not stored.
    """
    full = bundles(conn, log_id, start // WIDTH, (end - 1) // WIDTH)
    found = []
    for n in range(start // WIDTH, (end - 1) // WIDTH + 1):
        data, low = full.get(n), n * WIDTH
        if data is None:
            low = max(start, low)
            data = encode_bundle(entries(conn, log_id, low, min(end, (n + 1) * WIDTH)))
        found.append((low, data))
    return found


def bundles(conn: Connection, log_id: int, first: int, last: int) -> dict[int, bytes]:
    """Number -> bytes of the full entry bundles among `first` to `last`."""
    here = and_(bundle.c.log_id == log_id, bundle.c.n >= first, bundle.c.n <= last)
    return {n: data for n, data in conn.execute(select(bundle.c.n, bundle.c.data).where(here))}


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


@dataclass(frozen=True, slots=True)
class FullBundle:
    """256 entries as they are stored: the bytes of the entry bundle, those of the tile of level 0, and the root."""

    data: bytes
    hashes: bytes
    root: bytes

    @classmethod
    def of(cls, full: Sequence[bytes]) -> FullBundle:
        leaves = [leaf_hash(item) for item in full]
        return cls(encode_bundle(full), b"".join(leaves), root_of(leaves))


def append(
    conn: Connection, log_id: int, start: int, new: Sequence[bytes], known: Mapping[int, FullBundle] | None = None
) -> int:
    """Append entries whose first has index `start`; gives the new stored size. The one door.

    Whoever calls has verified the entries (a mirror) or is about to sign them (the sequencer). `known` are bundles, by
    number, that the caller has made from these very entries already, so that nothing is hashed twice.
    Raises Conflict when `start` is not the stored size, so that two writers can never both append; Malformed for an
    entry that would fit into no bundle; StorageFailed when entries before it are gone.
    """
    if max(map(len, new), default=0) > MAX_ENTRY_BYTES:
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
    full: list[FullBundle] = []
    first = base // WIDTH
    while base % WIDTH == 0 and len(waiting) - len(full) * WIDTH >= WIDTH:
        done = len(full) * WIDTH
        made = known.get(first + len(full)) if known else None
        full.append(made or FullBundle.of(waiting[done : done + WIDTH]))
    if full:
        _put_bundles(conn, log_id, first, full, had_tail=base < start)
    done = len(full) * WIDTH
    rest = waiting[done:]
    insert_many(
        conn,
        tail,
        ("log_id", "idx", "entry"),
        [(log_id, index, item) for index, item in enumerate(rest, base + done)],
        ignore=False,
    )
    return end


def _put_bundles(conn: Connection, log_id: int, first: int, full: Sequence[FullBundle], *, had_tail: bool) -> None:
    of_entries = [(log_id, n, each.data) for n, each in enumerate(full, first)]
    insert_many(conn, bundle, ("log_id", "n", "data"), of_entries, ignore=False)
    of_hashes = [(log_id, 0, n, each.hashes) for n, each in enumerate(full, first)]
    insert_many(conn, tile, ("log_id", "level", "n", "hashes"), of_hashes, ignore=False)
    if had_tail:
        conn.execute(delete(tail).where(and_(tail.c.log_id == log_id, tail.c.idx < (first + 1) * WIDTH)))
    _put_nodes(conn, log_id, 1, first, [each.root for each in full])


def _put_nodes(conn: Connection, log_id: int, level: int, first: int, values: Sequence[bytes]) -> None:
    """Add hashes of a higher level from index `first` on; each 256 fold into a tile, whose root goes a level up."""
    above: list[bytes] = []
    done = 0
    while done < len(values):
        n, offset = divmod(first + done, WIDTH)
        part = values[done : done + WIDTH - offset]
        done += len(part)
        if offset + len(part) < WIDTH:
            rows = [(log_id, level, n * WIDTH + offset + place, value) for place, value in enumerate(part)]
            insert_many(conn, node, ("log_id", "level", "idx", "hash"), rows, ignore=False)
            break
        hashes = [*split_hashes(read_tile(conn, log_id, level, n, offset) if offset else b""), *part]
        row = (log_id, level, n, b"".join(hashes))
        insert_many(conn, tile, ("log_id", "level", "n", "hashes"), [row], ignore=False)
        if offset:
            of_level = and_(node.c.log_id == log_id, node.c.level == level)
            conn.execute(delete(node).where(and_(of_level, node.c.idx < (n + 1) * WIDTH)))
        above.append(root_of(hashes))
    if above:
        _put_nodes(conn, log_id, level + 1, first // WIDTH, above)


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
