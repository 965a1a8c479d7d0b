"""Payloads of every log: packs for full bundles as received, rows for the tail and for what came late (DESIGN §8, L14).

A payload is addressed by (log, index, section). Callers have checked it against its header's commitment before it gets
here. Its *holding* (`node.domain.audience`) is the audience, marked when it is sealed: sealed payloads are single rows
always, so that one can go without a trace (L23). What was erased by law does not get in by any of these functions.
All functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, and_, delete, func, select, tuple_, update

from node.domain.audience import AUDIENCES, is_sealed
from node.errors import TooLarge
from node.store.bulk import insert_many
from node.store.tables import Erased, PayloadMissing, PayloadPack, table
from node.store.tables import PayloadRow as PayloadRowTable
from node.store.upsert import insert_or_ignore
from node.tlog.tiles import WIDTH
from node.wire import pack as packs
from node.wire.pack import Pack, PayloadRow

MAX_CALL_BYTES = 16 << 20
_STEP = 8 * WIDTH
"""Entries whose packs are read at once: how much is held when they turn out to be too much for one call."""
_ROW_BYTES = 100
"""What a payload's place and salt take in a pack, at most."""

pack_table = table(PayloadPack)
row_table = table(PayloadRowTable)
missing_table = table(PayloadMissing)
erased_table = table(Erased)


def put_rows(conn: Connection, log_id: int, audience: str, rows: Iterable[PayloadRow]) -> None:
    """Store payloads one by one under a holding; what is there already stays, what was erased is left out."""
    insert_many(
        conn,
        row_table,
        ("log_id", "idx", "section", "audience", "salt", "payload"),
        [
            (log_id, row.index, row.section, audience, row.salt, row.payload)
            for row in _not_erased(conn, log_id, list(rows))
        ],
    )


def put_packs(conn: Connection, log_id: int, packed: Sequence[tuple[int, str, bytes]], *, loose: bool = True) -> None:
    """Store packs (number of the bundle, audience, bytes) of full bundles in the bytes they came in.

    Payloads that a pack holds and that lie loose too are let go; `loose=False` says that none do. A pack of sealed
    sections is stored as rows, and one that brings what was erased without it.
    """
    if not packed:
        return
    numbers = [n for n, _, _ in packed]
    gone = {index // WIDTH for index, _ in erased_in(conn, log_id, min(numbers) * WIDTH, (max(numbers) + 1) * WIDTH)}
    rows = []
    for n, audience, data in packed:
        if is_sealed(audience):
            put_rows(conn, log_id, audience, packs.parse(data).rows)
            continue
        kept = _without(conn, log_id, data) if n in gone else data
        if kept is not None:
            rows.append((log_id, n, audience, kept))
        if loose:
            low = n * WIDTH
            here = and_(row_table.c.log_id == log_id, row_table.c.idx >= low, row_table.c.idx < low + WIDTH)
            conn.execute(delete(row_table).where(and_(here, row_table.c.audience == audience)))
    insert_many(conn, pack_table, ("log_id", "n", "audience", "data"), rows)


def has_rows(conn: Connection, log_id: int, start: int, end: int) -> bool:
    """Whether a payload of `[start, end)` lies by itself, in no pack."""
    here = and_(row_table.c.log_id == log_id, row_table.c.idx >= start, row_table.c.idx < end)
    return conn.execute(select(row_table.c.idx).where(here).limit(1)).first() is not None


def drop(conn: Connection, log_id: int, places: Sequence[tuple[int, str]]) -> bool:
    """Delete payloads, their salts, and their place in the missing list; a pack that holds one is written anew.

    Only for what has its tombstone already. Tells whether anything was held.
    """
    found = False
    for each in (row_table, missing_table):
        of = and_(each.c.log_id == log_id, tuple_(each.c.idx, each.c.section).in_(places))
        found |= conn.execute(delete(each).where(of)).rowcount > 0
    for n in sorted({index // WIDTH for index, _ in places}):
        rows = conn.execute(
            select(pack_table.c.audience, pack_table.c.data).where(
                and_(pack_table.c.log_id == log_id, pack_table.c.n == n)
            )
        ).all()
        for audience, data in rows:
            here = and_(pack_table.c.log_id == log_id, pack_table.c.n == n, pack_table.c.audience == audience)
            kept = _without(conn, log_id, data)
            if kept is None:
                conn.execute(delete(pack_table).where(here))
            elif kept is not data:
                conn.execute(update(pack_table).where(here).values(data=kept))
            found |= kept is not data
    return found


def erased_in(conn: Connection, log_id: int, start: int, end: int) -> set[tuple[int, str]]:
    """(index, section) of what was erased by law in `[start, end)`."""
    rows = conn.execute(
        select(erased_table.c.idx, erased_table.c.section).where(
            and_(erased_table.c.log_id == log_id, erased_table.c.idx >= start, erased_table.c.idx < end)
        )
    )
    return {(row.idx, row.section) for row in rows}


def _not_erased(conn: Connection, log_id: int, rows: list[PayloadRow]) -> list[PayloadRow]:
    if not rows:
        return rows
    indexes = [row.index for row in rows]
    gone = erased_in(conn, log_id, min(indexes), max(indexes) + 1)
    return [row for row in rows if (row.index, row.section) not in gone] if gone else rows


def _without(conn: Connection, log_id: int, data: bytes) -> bytes | None:
    """A pack without what was erased: the same bytes when it holds nothing such, None when nothing is left."""
    pack = packs.parse(data)
    kept = _not_erased(conn, log_id, list(pack.rows))
    if len(kept) == len(pack.rows):
        return data
    return packs.encode(Pack(pack.origin, pack.start, pack.end, pack.audience, tuple(kept))) if kept else None


def get(conn: Connection, log_id: int, index: int, section: str) -> tuple[bytes, bytes] | None:
    """(salt, payload) of one section, or None when it is not held."""
    row = conn.execute(
        select(row_table.c.salt, row_table.c.payload).where(
            and_(row_table.c.log_id == log_id, row_table.c.idx == index, row_table.c.section == section)
        )
    ).first()
    if row is not None:
        return row.salt, row.payload
    for data in conn.execute(
        select(pack_table.c.data).where(and_(pack_table.c.log_id == log_id, pack_table.c.n == index // WIDTH))
    ).scalars():
        for item in packs.parse(data).rows:
            if item.index == index and item.section == section:
                return item.salt, item.payload
    return None


def read_range(
    conn: Connection, log_id: int, start: int, end: int, audiences: Sequence[str] | None = None
) -> dict[tuple[int, str], PayloadRow]:
    """All payloads held in `[start, end)`, by (index, section); of some audiences only when they are given."""
    found: dict[tuple[int, str], PayloadRow] = {}
    which = and_(pack_table.c.log_id == log_id, pack_table.c.n >= start // WIDTH, pack_table.c.n * WIDTH < end)
    if audiences is not None:
        which = and_(which, pack_table.c.audience.in_(audiences))
    for data in conn.execute(select(pack_table.c.data).where(which)).scalars():
        for item in packs.parse(data).rows:
            if start <= item.index < end:
                found[item.index, item.section] = item
    loose = and_(row_table.c.log_id == log_id, row_table.c.idx >= start, row_table.c.idx < end)
    if audiences is not None:
        loose = and_(loose, row_table.c.audience.in_(audiences))
    for row in conn.execute(select(row_table).where(loose)):
        found[row.idx, row.section] = PayloadRow(row.idx, row.section, row.salt, row.payload)
    return found


def packed(
    conn: Connection, log_id: int, origin: str, start: int, end: int, audiences: Iterable[str]
) -> tuple[list[bytes], int]:
    """Packs from `start` on for these audiences, and the end of what they cover: no more than one call may carry.

    As stored where a whole bundle lies packed, else made now. At least one entry is covered.
    """
    wanted = sorted(audiences)
    made: list[bytes] = []
    total = 0
    for low in range(start - start % WIDTH, end, _STEP):
        stretch = max(start, low), min(end, low + _STEP)
        stored = _stored_packs(conn, log_id, *stretch, wanted)
        loose = _loose_sizes(conn, log_id, *stretch, wanted)
        for n in range(low // WIDTH, (stretch[1] - 1) // WIDTH + 1):
            first, last = max(start, n * WIDTH), min(end, (n + 1) * WIDTH)
            of_bundle = stored.get(n, {})
            total += sum(map(packs.stated_size, of_bundle.values())) + sum(loose.get(n, {}).values())
            if total > MAX_CALL_BYTES:
                if first > start:
                    return made, first
                # One bundle that is too much travels in parts, each packed anew.
                last = _part(conn, log_id, first, last, wanted)
            whole = last - first == WIDTH
            for audience in wanted:
                data = of_bundle.get(audience)
                if data is not None and whole and audience not in loose.get(n, {}):
                    made.append(data)
                elif data is not None or audience in loose.get(n, {}):
                    held = read_range(conn, log_id, first, last, [audience])
                    if held:
                        made += _packs_of(origin, first, last, audience, [held[place] for place in sorted(held)])
            if total > MAX_CALL_BYTES:
                return made, last
    return made, end


def _stored_packs(
    conn: Connection, log_id: int, start: int, end: int, audiences: Sequence[str]
) -> dict[int, dict[str, bytes]]:
    """Number of a bundle -> audience -> pack, of the bundles that `[start, end)` touches."""
    here = and_(pack_table.c.log_id == log_id, pack_table.c.n >= start // WIDTH, pack_table.c.n <= (end - 1) // WIDTH)
    found: dict[int, dict[str, bytes]] = {}
    columns = (pack_table.c.n, pack_table.c.audience, pack_table.c.data)
    for n, audience, data in conn.execute(select(*columns).where(and_(here, pack_table.c.audience.in_(audiences)))):
        found.setdefault(n, {})[audience] = data
    return found


def _loose_sizes(
    conn: Connection, log_id: int, start: int, end: int, audiences: Sequence[str]
) -> dict[int, dict[str, int]]:
    """Number of a bundle -> audience -> bytes, an upper bound, of payloads in `[start, end)` that lie in no pack."""
    n = (row_table.c.idx // WIDTH).label("n")
    here = and_(row_table.c.log_id == log_id, row_table.c.idx >= start, row_table.c.idx < end)
    sizes = func.sum(func.length(row_table.c.payload) + _ROW_BYTES)
    found: dict[int, dict[str, int]] = {}
    which = and_(here, row_table.c.audience.in_(audiences))
    for at, audience, size in conn.execute(
        select(n, row_table.c.audience, sizes).where(which).group_by(n, row_table.c.audience)
    ):
        found.setdefault(int(at), {})[audience] = int(size)
    return found


def _part(conn: Connection, log_id: int, start: int, end: int, audiences: Sequence[str]) -> int:
    """The end of the largest part of a stretch within one bundle that one call may carry; at least one entry."""
    held = read_range(conn, log_id, start, end, audiences)
    total, index = 0, start
    for index, section in sorted(held):
        total += len(held[index, section].payload) + _ROW_BYTES
        if total > MAX_CALL_BYTES:
            return max(index, start + 1)
    return end


def _packs_of(origin: str, start: int, end: int, audience: str, rows: list[PayloadRow]) -> list[bytes]:
    """These payloads in one pack, or in several of a part of the stretch each when one would be too large to read."""
    try:
        return [packs.encode(Pack(origin, start, end, audience, tuple(rows)))]
    except TooLarge:
        if end - start == 1:
            raise
    middle = (start + end) // 2
    halves = (
        (start, middle, [r for r in rows if r.index < middle]),
        (middle, end, [r for r in rows if r.index >= middle]),
    )
    return [data for low, high, part in halves if part for data in _packs_of(origin, low, high, audience, part)]


def fold(conn: Connection, log_id: int, origin: str, n: int) -> None:
    """Fold a full bundle's loose payloads into packs, one for each audience that has no pack and misses nothing.

    Sealed payloads stay rows.
    """
    start, end = n * WIDTH, (n + 1) * WIDTH
    here = and_(row_table.c.log_id == log_id, row_table.c.idx >= start, row_table.c.idx < end)
    # What would not travel in one call stays as rows, which are sent in parts.
    if missing(conn, log_id, start, end, 1) or _inflated_size(conn, log_id, n) > MAX_CALL_BYTES:
        return
    packed_already = set(
        conn.execute(
            select(pack_table.c.audience).where(and_(pack_table.c.log_id == log_id, pack_table.c.n == n))
        ).scalars()
    )
    for audience in sorted(set(conn.execute(select(row_table.c.audience).where(here).distinct()).scalars())):
        if audience in packed_already or is_sealed(audience):
            continue
        held = read_range(conn, log_id, start, end, [audience])
        rows = tuple(held[place] for place in sorted(held))
        try:
            data = packs.encode(Pack(origin, start, end, audience, rows))
        except TooLarge:
            continue  # no reader would take such a pack, so these payloads stay rows
        put_packs(conn, log_id, [(n, audience, data)])


def _inflated_size(conn: Connection, log_id: int, n: int) -> int:
    """Bytes of the open payloads held of a bundle, an upper bound, without inflating any."""
    start, end = n * WIDTH, (n + 1) * WIDTH
    packed_here = _stored_packs(conn, log_id, start, end, AUDIENCES).get(n, {})
    loose = _loose_sizes(conn, log_id, start, end, AUDIENCES).get(n, {})
    return sum(map(packs.stated_size, packed_here.values())) + sum(loose.values())


def mark_missing(conn: Connection, log_id: int, places: Iterable[tuple[int, str]]) -> None:
    """Note sections that this node may have and was not brought (L14); what was erased is not missing."""
    lacking = list(places)
    if lacking:
        gone = erased_in(conn, log_id, min(lacking)[0], max(lacking)[0] + 1)
        lacking = [place for place in lacking if place not in gone]
    insert_or_ignore(
        conn, missing_table, [{"log_id": log_id, "idx": index, "section": section} for index, section in lacking]
    )


def found(conn: Connection, log_id: int, places: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Take sections off the missing list; gives those that were on it (so that they are projected again)."""
    was = []
    for index, section in places:
        gone = conn.execute(
            delete(missing_table).where(
                and_(missing_table.c.log_id == log_id, missing_table.c.idx == index, missing_table.c.section == section)
            )
        )
        if gone.rowcount:
            was.append((index, section))
    return was


def missing(
    conn: Connection, log_id: int, start: int = 0, end: int = 2**62, limit: int = 1000
) -> list[tuple[int, str]]:
    """Missing sections in `[start, end)`, in order, at most `limit`."""
    rows = conn.execute(
        select(missing_table.c.idx, missing_table.c.section)
        .where(and_(missing_table.c.log_id == log_id, missing_table.c.idx >= start, missing_table.c.idx < end))
        .order_by(missing_table.c.idx, missing_table.c.section)
        .limit(limit)
    )
    return [(row.idx, row.section) for row in rows]
