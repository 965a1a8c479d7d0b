"""The judge's look at what lies beside the tree: payloads against their headers, and the index of issued records."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgpack
from sqlalchemy import Connection, Row, and_, or_, select

from node.errors import BadProof, NodeError
from node.publishing.fsck_findings import Findings
from node.publishing.fsck_tree import FULL, leaf, strays
from node.store.tables import Erased, Issued, PayloadMissing, PayloadPack, PayloadRow, table
from node.wire import header as headers
from node.wire import pack as packs
from node.wire import payload as payloads
from node.wire.header import Header

pack = table(PayloadPack)
row = table(PayloadRow)
missing = table(PayloadMissing)
issued = table(Issued)
erased = table(Erased)

_BLOCK = 65536
"""So many entries' rows of `issued` are held at a time: the table is ordered by key, so each block reads all of it."""


def _digest(read: Row[Any]) -> bytes:
    """What a row's digest must be (`node.store.issued`); nothing fits a row whose values are not of their types."""
    parts = (read.key_hash, read.version, read.said_hash, read.record_id, read.leaf, read.log_id, read.idx)
    try:
        data = [each.to_bytes(8, "big", signed=True) if isinstance(each, int) else bytes(each) for each in parts]
    except (TypeError, ValueError, OverflowError):
        return b""
    return hashlib.sha256(b"".join(len(each).to_bytes(4, "big") + each for each in data)).digest()[:16]


class Records:
    """Judges the payloads and issued rows of one log, one stretch of at most 256 entries at a time, in rising order.

    `mine` are the audiences whose payloads are due here, None when nobody said.
    """

    def __init__(
        self, conn: Connection, log_id: int, origin: str, *, own: bool, mine: frozenset[str] | None, found: Findings
    ) -> None:
        self._conn = conn
        self._id = log_id
        self._origin = origin
        self._own = own
        self._mine = mine
        self._found = found
        self._issued: dict[int, list[tuple[bytes, bytes, int] | None]] = {}
        self._block_end = 0
        here = conn.execute(select(issued.c.idx).where(issued.c.log_id == log_id).limit(1)).first()
        self._any_issued = here is not None

    def stretch(self, first: int, end: int, payload_next: int, entries: Mapping[int, bytes]) -> None:
        """Judge `[first, end)`; what belongs to an entry that is not in `entries` cannot be judged."""
        read = {index: self._header(index, entry) for index, entry in entries.items()}
        if self._any_issued:
            self._check_issued(first, end, entries, read)
        refs = {
            (index, section.name): (section.holding, section.commitment)
            for index, header in read.items()
            for section in (header.sections if header else ())
        }
        held: set[tuple[int, str]] = set()
        self._check_packs(first, end, entries, refs, held)
        self._check_rows(first, end, entries, refs, held)
        listed = self._check_missing(first, end, entries, refs, held)
        gone = self._erased(first, end)
        self._found.add_all("erased-held", (f"entry {index} {section}" for index, section in sorted(gone & held)))
        for (index, section), (audience, _) in refs.items():
            due = self._mine is not None and audience in self._mine and index < payload_next
            due = due and (index, section) not in gone
            if due and (index, section) not in held | listed:
                self._found.add("payload-lost", f"entry {index} {section}")

    def _erased(self, first: int, end: int) -> set[tuple[int, str]]:
        which = and_(erased.c.log_id == self._id, erased.c.idx >= first, erased.c.idx < end)
        return {
            (each.idx, each.section) for each in self._conn.execute(select(erased.c.idx, erased.c.section).where(which))
        }

    def extras(self, stored: int) -> None:
        """Rows outside the log."""
        conn, found = self._conn, self._found
        outside = or_(pack.c.n < 0, pack.c.n >= stored // FULL)
        wrong = and_(pack.c.log_id == self._id, outside)
        strays(conn, found, "pack-extra", pack, wrong, lambda r: f"pack {r.n} {r.audience}")
        wrong = and_(row.c.log_id == self._id, or_(row.c.idx < 0, row.c.idx >= stored))
        strays(conn, found, "payload-extra", row, wrong, lambda r: f"entry {r.idx} {r.section}")
        wrong = and_(missing.c.log_id == self._id, or_(missing.c.idx < 0, missing.c.idx >= stored))
        strays(conn, found, "missing-extra", missing, wrong, lambda r: f"entry {r.idx} {r.section}")
        wrong = and_(issued.c.log_id == self._id, or_(issued.c.idx < 0, issued.c.idx >= stored))
        place = "issued {} version {}"
        strays(conn, found, "issued-extra", issued, wrong, lambda r: place.format(r.key_hash.hex()[:16], r.version))

    def _header(self, index: int, entry: bytes) -> Header | None:
        try:
            header = headers.parse(entry)
            # Another library than the one that writes headers must write the same bytes (L1).
            if self._own and msgpack.packb(msgpack.unpackb(entry)) != entry:
                self._found.add("entry-not-canonical", f"entry {index}")
            return header
        except NodeError as error:
            # A mirror stores whatever its origin logged (L15); our own log holds only what we can write (L1).
            if self._own:
                self._found.add("entry-unreadable", f"entry {index}", error.detail)
            return None

    def _check_packs(
        self,
        first: int,
        end: int,
        entries: Mapping[int, bytes],
        refs: Mapping[tuple[int, str], tuple[str, bytes]],
        held: set[tuple[int, str]],
    ) -> None:
        if end - first != FULL:
            return
        rows = self._conn.execute(
            select(pack.c.audience, pack.c.data).where(and_(pack.c.log_id == self._id, pack.c.n == first // FULL)),
            execution_options={"yield_per": 1},
        )
        for audience, data in rows:
            place = f"pack {first // FULL} {audience}"
            try:
                opened = packs.parse(data)
            except NodeError as error:
                self._found.add("pack-unreadable", place, error.detail)
                continue
            inside = first <= opened.start < opened.end <= end
            if (opened.origin, opened.audience) != (self._origin, audience) or not inside:
                self._found.add("pack-misplaced", place)
                continue
            for item in opened.rows:
                if item.index in entries:
                    self._judge(item.index, item.section, audience, item.salt, item.payload, refs, held)

    def _check_rows(
        self,
        first: int,
        end: int,
        entries: Mapping[int, bytes],
        refs: Mapping[tuple[int, str], tuple[str, bytes]],
        held: set[tuple[int, str]],
    ) -> None:
        rows = self._conn.execute(
            select(row).where(and_(row.c.log_id == self._id, row.c.idx >= first, row.c.idx < end)),
            execution_options={"yield_per": 16},
        )
        for each in rows:
            if each.idx in entries:
                self._judge(each.idx, each.section, each.audience, each.salt, each.payload, refs, held)

    def _judge(
        self,
        index: int,
        section: str,
        audience: str,
        salt: bytes,
        payload: bytes,
        refs: Mapping[tuple[int, str], tuple[str, bytes]],
        held: set[tuple[int, str]],
    ) -> None:
        place = f"entry {index} {section}"
        ref = refs.get((index, section))
        if ref is None:
            self._found.add("payload-extra", place)
            return
        held.add((index, section))
        if ref[0] != audience:
            self._found.add("payload-audience", place)
        try:
            payloads.check(salt, payload, ref[1])
        except BadProof:
            self._found.add("payload-wrong", place)

    def _check_missing(
        self,
        first: int,
        end: int,
        entries: Mapping[int, bytes],
        refs: Mapping[tuple[int, str], tuple[str, bytes]],
        held: set[tuple[int, str]],
    ) -> set[tuple[int, str]]:
        rows = self._conn.execute(
            select(missing.c.idx, missing.c.section).where(
                and_(missing.c.log_id == self._id, missing.c.idx >= first, missing.c.idx < end)
            )
        )
        listed = {(each.idx, each.section) for each in rows}
        for index, section in sorted(listed):
            if (index, section) in held:
                self._found.add("missing-held", f"entry {index} {section}")
            elif index in entries and (index, section) not in refs:
                self._found.add("missing-extra", f"entry {index} {section}")
            elif self._own:
                # What others' logs lack is theirs to bring, and told by the status; of our own nobody else will look.
                self._found.add("payload-missing", f"entry {index} {section}")
        return listed

    def _check_issued(
        self, first: int, end: int, entries: Mapping[int, bytes], read: Mapping[int, Header | None]
    ) -> None:
        if first >= self._block_end:
            self._load_issued(first)
        for index in range(first, end):
            for each in self._issued.get(index, ()):
                header = read.get(index)
                if index in entries and (
                    header is None or each != (leaf(entries[index]), header.record_id, header.version)
                ):
                    self._found.add("issued-wrong", f"entry {index}")

    def _load_issued(self, first: int) -> None:
        self._block_end = first - first % _BLOCK + _BLOCK
        self._issued = {}
        rows = self._conn.execute(
            select(issued).where(
                and_(issued.c.log_id == self._id, issued.c.idx >= first, issued.c.idx < self._block_end)
            ),
            execution_options={"yield_per": 1024},
        )
        for each in rows:
            said = (each.leaf, each.record_id, each.version)
            self._issued.setdefault(each.idx, []).append(said if _digest(each) == each.digest else None)
