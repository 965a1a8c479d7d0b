"""The judge's own tree: hashes of RFC 6962 §2.1, its own bundle decoder, and the walk over all entries of one log.

Nothing here is shared with the code that writes logs, so that one mistake cannot hide itself (DESIGN L8). At no time
is more held in memory than one bundle, and one unfinished tile of each level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, func, not_, or_, select

from node.publishing.fsck_findings import MAX_OF_A_CODE, Findings
from node.store.tables import LogBundle, LogNode, LogTail, LogTile, table

FULL = 256
HASH = 32
EMPTY = sha256().digest()
_LEVELS = 8  # tiles of level 8 would cover 2^72 entries

bundle = table(LogBundle)
tile = table(LogTile)
tail = table(LogTail)
node = table(LogNode)


class Tree:
    """A Merkle tree that grows on the right: (height, hash) of its perfect subtrees, the highest first."""

    def __init__(self, base: Sequence[tuple[int, bytes]] = ()) -> None:
        self.parts = list(base)

    def add(self, height: int, value: bytes) -> None:
        while self.parts and self.parts[-1][0] == height:
            value = sha256(b"\x01" + self.parts.pop()[1] + value).digest()
            height += 1
        self.parts.append((height, value))

    def root(self) -> bytes:
        if not self.parts:
            return EMPTY
        value = self.parts[-1][1]
        for _, left in reversed(self.parts[:-1]):
            value = sha256(b"\x01" + left + value).digest()
        return value


def leaf(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def split_bundle(data: bytes) -> list[bytes] | None:
    """The entries of a full bundle, each behind its length in two bytes; None unless there are exactly 256."""
    entries: list[bytes] = []
    rest = memoryview(data)
    while len(rest) >= 2:
        length = rest[0] << 8 | rest[1]
        entry, rest = rest[2 : 2 + length], rest[2 + length :]
        if len(entry) != length or len(entries) == FULL:
            return None
        entries.append(bytes(entry))
    return entries if not rest and len(entries) == FULL else None


def strays(
    conn: Connection, found: Findings, code: str, of: Table, where: ColumnElement[bool], place: Callable[[Any], str]
) -> None:
    """Report rows that must not be there: the first ones by their place, the rest as a count."""
    count = conn.execute(select(func.count()).select_from(of).where(where)).scalar_one()
    if count:
        rows = conn.execute(select(*of.primary_key.columns).where(where).limit(MAX_OF_A_CODE)).all()
        found.add_all(code, sorted(place(row) for row in rows))
        found.counted(code, count - len(rows))


class Walk:
    """Rebuilds one log's tree from its entries, and compares every stored hash on the way.

    Args:
        roots: (size, expected root, code, place) in rising order of size: roots to compare on the way.
    """

    def __init__(
        self, conn: Connection, log_id: int, stored: int, roots: Iterator[tuple[int, bytes, str, str]], found: Findings
    ) -> None:
        self._conn = conn
        self._id = log_id
        self._stored = stored
        self._roots = roots
        self._next = next(roots, None)
        self._found = found
        self._tree = Tree()
        self._size = 0
        self._whole = True  # false after the first entry that is lost in every form
        self._rising: list[list[bytes]] = [[] for _ in range(_LEVELS + 1)]  # unfinished tiles, by level

    def stretches(self) -> Iterator[tuple[int, dict[int, bytes] | None]]:
        """(first index, index -> entry) of each bundle and of the tail; None for a bundle that cannot be read."""
        self._compare([])
        full, expected = self._stored // FULL, 0
        rows = self._conn.execute(
            select(bundle.c.n, bundle.c.data)
            .where(and_(bundle.c.log_id == self._id, bundle.c.n >= 0, bundle.c.n < full))
            .order_by(bundle.c.n),
            execution_options={"yield_per": 16},
        )
        for n, data in rows:
            self._gap(expected, n)
            yield n * FULL, self._bundle(n, data)
            expected = n + 1
        self._gap(expected, full)
        yield full * FULL, self._tail(full * FULL)
        self._higher_rows()
        self._extras(full)

    def _bundle(self, n: int, data: bytes) -> dict[int, bytes] | None:
        entries = split_bundle(data)
        if entries is None:
            self._found.add("bundle-unreadable", f"bundle {n}")
            self._from_tile(n)
            return None
        leaves = [leaf(entry) for entry in entries]
        self._compare_tile(0, n, leaves)
        self._take(leaves)
        return dict(enumerate(entries, n * FULL))

    def _gap(self, first: int, end: int) -> None:
        """Bundles `[first, end)` are not there: go on with their leaf hashes, as far as tiles hold them."""
        if first >= end:
            return
        self._found.add("bundle-missing", f"bundle {first}" if end == first + 1 else f"bundles {first}-{end - 1}")
        for n in range(first, end):
            if not self._from_tile(n):
                return

    def _from_tile(self, n: int) -> bool:
        held = self._stored_tile(0, n)
        if held is None or len(held) != FULL * HASH:
            self._break(n * FULL)
            return False
        self._take([held[at : at + HASH] for at in range(0, len(held), HASH)])
        return True

    def _break(self, index: int) -> None:
        if self._whole:
            self._found.add("tree-broken", f"entry {index}")
        self._whole = False

    def _tail(self, base: int) -> dict[int, bytes]:
        rows = self._conn.execute(
            select(tail.c.idx, tail.c.entry)
            .where(and_(tail.c.log_id == self._id, tail.c.idx >= base, tail.c.idx < self._stored))
            .order_by(tail.c.idx)
        )
        entries = {row.idx: bytes(row.entry) for row in rows}
        lost = [index for index in range(base, self._stored) if index not in entries]
        self._found.add_all("tail-missing", (f"entry {index}" for index in lost))
        unbroken = range(base, lost[0] if lost else self._stored)
        self._take([leaf(entries[index]) for index in unbroken])
        if lost:
            self._break(lost[0])
        return entries

    def _take(self, leaves: Sequence[bytes]) -> None:
        """Add the leaves of one bundle, or of the tail, to the tree; compare the roots that are due on the way."""
        if not self._whole:
            return
        part = Tree()
        for value in leaves:
            part.add(0, value)
            self._size += 1
            if self._next is not None and self._next[0] == self._size:
                self._compare(part.parts)
        if len(leaves) == FULL:
            self._tree.add(8, part.root())
            self._rise(1, part.root())

    def _compare(self, part: Sequence[tuple[int, bytes]]) -> None:
        root = Tree(self._tree.parts + list(part)).root()
        while self._next is not None and self._next[0] <= self._size:
            size, expected, code, place = self._next
            if size == self._size and expected != root:
                self._found.add(code, place)
            self._next = next(self._roots, None)

    def _rise(self, level: int, value: bytes) -> None:
        """Add a hash to a tile of level 1 or more; a full one is compared, and its root rises one level."""
        hashes = self._rising[level]
        hashes.append(value)
        if len(hashes) < FULL:
            return
        self._compare_tile(level, (self._size >> (8 * level)) // FULL - 1, hashes)
        part = Tree()
        for each in hashes:
            part.add(0, each)
        hashes.clear()
        self._rise(level + 1, part.root())

    def _compare_tile(self, level: int, n: int, hashes: Sequence[bytes]) -> None:
        held = self._stored_tile(level, n)
        if held is None:
            self._found.add("tile-missing", f"tile {level}/{n}")
        elif len(held) != len(hashes) * HASH:
            self._found.add("tile-wrong", f"tile {level}/{n}", f"{len(held)} bytes")
        elif held != b"".join(hashes):
            for offset, value in enumerate(hashes):
                if held[offset * HASH : (offset + 1) * HASH] != value:
                    index = n * FULL + offset
                    place = f"entry {index}" if level == 0 else f"tile {level}/{n} hash {offset}"
                    self._found.add("tile-wrong" if level else "leaf-differs", place)

    def _stored_tile(self, level: int, n: int) -> bytes | None:
        held = self._conn.execute(
            select(tile.c.hashes).where(and_(tile.c.log_id == self._id, tile.c.level == level, tile.c.n == n))
        ).scalar()
        return None if held is None else bytes(held)

    def _higher_rows(self) -> None:
        """The hashes of unfinished tiles of level 1 or more lie as rows: each one right, none missing."""
        if not self._whole:
            return
        for level in range(1, _LEVELS):
            hashes, first = self._rising[level], (self._stored >> (8 * level)) // FULL * FULL
            if not hashes:
                continue
            here = and_(node.c.log_id == self._id, node.c.level == level, _within(node.c.idx, first, len(hashes)))
            held = {row.idx: bytes(row.hash) for row in self._conn.execute(select(node.c.idx, node.c.hash).where(here))}
            for index, value in enumerate(hashes, first):
                if index not in held:
                    self._found.add("node-missing", f"node {level}/{index}")
                elif held[index] != value:
                    self._found.add("node-wrong", f"node {level}/{index}")

    def _extras(self, full: int) -> None:
        """Rows that a log of this size does not have."""
        conn, found = self._conn, self._found
        outside = or_(bundle.c.n < 0, bundle.c.n >= full)
        strays(
            conn, found, "bundle-extra", bundle, and_(bundle.c.log_id == self._id, outside), lambda r: f"bundle {r.n}"
        )
        outside = or_(tail.c.idx < full * FULL, tail.c.idx >= self._stored)
        strays(conn, found, "tail-extra", tail, and_(tail.c.log_id == self._id, outside), lambda r: f"entry {r.idx}")
        tiles, nodes = [], []
        for level in range(_LEVELS):
            count = self._stored >> (8 * level)
            tiles.append(and_(tile.c.level == level, _within(tile.c.n, 0, count // FULL)))
            if level:
                nodes.append(and_(node.c.level == level, _within(node.c.idx, count // FULL * FULL, count % FULL)))
        wrong = and_(tile.c.log_id == self._id, not_(or_(*tiles)))
        strays(conn, found, "tile-extra", tile, wrong, lambda r: f"tile {r.level}/{r.n}")
        wrong = and_(node.c.log_id == self._id, not_(or_(*nodes)))
        strays(conn, found, "node-extra", node, wrong, lambda r: f"node {r.level}/{r.idx}")


def _within(column: ColumnElement[int], first: int, count: int) -> ColumnElement[bool]:
    return and_(column >= first, column < first + count)
