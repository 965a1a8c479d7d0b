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
from node.store.tables import Erased, PayloadMissing, PayloadPack, table
from node.store.tables import PayloadRow as PayloadRowTable
from node.store.upsert import insert_or_ignore
from node.tlog.tiles import WIDTH
from node.wire import pack as packs
from node.wire.pack import Pack, PayloadRow

MAX_CALL_BYTES = 16 << 20

pack_table = table(PayloadPack)
row_table = table(PayloadRowTable)
missing_table = table(PayloadMissing)
erased_table = table(Erased)


def put_rows(conn: Connection, log_id: int, audience: str, rows: Iterable[PayloadRow]) -> None:
    """Store payloads one by one under a holding; what is there already stays, what was erased is left out."""
    insert_or_ignore(
        conn,
        row_table,
        [
            {
                "log_id": log_id,
                "idx": row.index,
                "section": row.section,
                "audience": audience,
                "salt": row.salt,
                "payload": row.payload,
            }
            for row in _not_erased(conn, log_id, list(rows))
        ],
    )


def put_pack(conn: Connection, log_id: int, n: int, audience: str, data: bytes) -> None:
    """Store the pack of a full bundle in the bytes it came in; loose payloads that it holds too are let go.

    A pack of sealed sections is stored as rows, and one that brings what was erased without it.
    """
    if is_sealed(audience):
        put_rows(conn, log_id, audience, packs.parse(data).rows)
        return
    low, high = n * WIDTH, (n + 1) * WIDTH
    kept = data if not erased_in(conn, log_id, low, high) else _without(conn, log_id, data)
    if kept is not None:
        insert_or_ignore(conn, pack_table, [{"log_id": log_id, "n": n, "audience": audience, "data": kept}])
    conn.execute(
        delete(row_table).where(
            and_(
                row_table.c.log_id == log_id,
                row_table.c.idx >= low,
                row_table.c.idx < high,
                row_table.c.audience == audience,
            )
        )
    )


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


def inflated_size(conn: Connection, log_id: int, start: int, end: int, audiences: Iterable[str]) -> int:
    """Bytes of the payloads held in `[start, end)` for these audiences, an upper bound, without inflating any."""
    wanted = list(audiences)
    of_packs = select(pack_table.c.data).where(
        and_(
            pack_table.c.log_id == log_id,
            pack_table.c.n >= start // WIDTH,
            pack_table.c.n * WIDTH < end,
            pack_table.c.audience.in_(wanted),
        )
    )
    of_rows = select(func.coalesce(func.sum(func.length(row_table.c.payload) + 100), 0)).where(
        and_(
            row_table.c.log_id == log_id,
            row_table.c.idx >= start,
            row_table.c.idx < end,
            row_table.c.audience.in_(wanted),
        )
    )
    packed_bytes = sum(packs.stated_size(data) for data in conn.execute(of_packs).scalars())
    return packed_bytes + int(conn.execute(of_rows).scalar_one())


def fitting_end(conn: Connection, log_id: int, start: int, end: int, audiences: frozenset[str]) -> int:
    """The largest part `[start, fitting_end)` of a stretch whose payloads one call may carry; at least one entry."""
    while end - start > 1 and inflated_size(conn, log_id, start, end, audiences) > MAX_CALL_BYTES:
        # Whole bundles as long as there are several: only those travel in the bytes they lie in.
        half = start + (end - start) // 2
        end = half - half % WIDTH if half - half % WIDTH > start else half
    return end


def packed(conn: Connection, log_id: int, origin: str, start: int, end: int, audiences: Iterable[str]) -> list[bytes]:
    """Packs that cover `[start, end)` for these audiences, as stored where a whole bundle lies packed, else made now.

    `[start, end)` must not cross a multiple of 256.
    """
    n, whole = start // WIDTH, (start % WIDTH, end % WIDTH) == (0, 0)
    made = []
    for audience in sorted(audiences):
        stored: bytes | None = conn.execute(
            select(pack_table.c.data).where(
                and_(pack_table.c.log_id == log_id, pack_table.c.n == n, pack_table.c.audience == audience)
            )
        ).scalar()
        loose = conn.execute(
            select(row_table.c.idx)
            .where(
                and_(
                    row_table.c.log_id == log_id,
                    row_table.c.idx >= start,
                    row_table.c.idx < end,
                    row_table.c.audience == audience,
                )
            )
            .limit(1)
        ).first()
        if stored is not None and whole and loose is None:
            made.append(stored)
            continue
        held = read_range(conn, log_id, start, end, [audience])
        if held:
            made += _packs_of(origin, start, end, audience, [held[place] for place in sorted(held)])
    return made


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
    if missing(conn, log_id, start, end) or inflated_size(conn, log_id, start, end, AUDIENCES) > MAX_CALL_BYTES:
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
        put_pack(conn, log_id, n, audience, data)


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
