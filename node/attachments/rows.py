"""What the database knows of files: which are held, who had them, which records list them, which are still to come.

All functions run inside the caller's transaction. Who may have a file is decided here and nowhere else: a listing hands
it out to its audience, and only if the node that made the listing is known to have had the bytes (`attached_source`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from node.domain.acts import Attached
from node.store.tables import Log, table
from node.store.tables_attachments import AttachedFile, AttachedListing, AttachedSource, AttachedUpload, AttachedWanted
from node.store.upsert import insert_or_ignore, insert_or_replace

files = table(AttachedFile)
sources = table(AttachedSource)
listings = table(AttachedListing)
wanted = table(AttachedWanted)
uploads = table(AttachedUpload)
_logs = table(Log)

HELD, QUARANTINED = "held", "quarantined"
NodeOf = Callable[[str], str | None]
"""The node that an origin belongs to."""
MayRead = Callable[[str], Collection[str]]
"""The audiences that an asker belongs to in the log of an origin."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file whose bytes were received whole."""

    sha256: str
    size: int
    media_type: str
    state: str
    reason: str
    uploaded_by: str
    stored_ms: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that this node waits for, listed by a log of `node`."""

    sha256: str
    node: str
    size: int
    since_ms: int
    tries: int
    next_ms: int
    error: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One place where a record lists a file."""

    origin: str
    index: int
    section: str
    record_id: bytes
    kind: str
    attached: Attached


def find(conn: Connection, sha256: str) -> StoredFile | None:
    row = conn.execute(select(files).where(files.c.sha256 == sha256)).first()
    return None if row is None else StoredFile(*row)


def all_files(conn: Connection, after: str = "", limit: int = 1000) -> list[StoredFile]:
    """Files by rising hash, those after `after`."""
    query = select(files).where(files.c.sha256 > after).order_by(files.c.sha256).limit(limit)
    return [StoredFile(*row) for row in conn.execute(query)]


def put(
    conn: Connection,
    sha256: str,
    size: int,
    media_type: str,
    *,
    node: str,
    now_ms: int,
    uploaded_by: str = "",
    state: str = HELD,
    reason: str = "",
) -> None:
    """Note a file whose bytes lie on the disk by now, and that `node` had it; it is no longer waited for."""
    row = {"sha256": sha256, "size": size, "media_type": media_type, "state": state, "reason": reason}
    row |= {"uploaded_by": uploaded_by, "stored_ms": now_ms}
    before = find(conn, sha256)
    if before is None or before.state != state:
        insert_or_replace(conn, files, [row])
    elif uploaded_by and not before.uploaded_by:
        conn.execute(update(files).where(files.c.sha256 == sha256).values(uploaded_by=uploaded_by))
    if state == HELD:
        had_by(conn, sha256, node)
    else:
        note_try(conn, sha256, node, 2**53, f"quarantined: {reason}"[:500])


def had_by(conn: Connection, sha256: str, node: str) -> None:
    """Note that a node had the bytes of a file that is held here."""
    insert_or_ignore(conn, sources, [{"sha256": sha256, "node": node}])
    conn.execute(delete(wanted).where(and_(wanted.c.sha256 == sha256, wanted.c.node == node)))


def was_had_by(conn: Connection, sha256: str, node: str) -> bool:
    which = and_(sources.c.sha256 == sha256, sources.c.node == node)
    return conn.execute(select(sources.c.node).where(which)).first() is not None


def listed(conn: Connection, sha256: str) -> list[Listed]:
    """Every place where a record lists a file."""
    rows = conn.execute(
        select(_logs.c.origin, listings)
        .join_from(listings, _logs, _logs.c.id == listings.c.log_id)
        .where(listings.c.sha256 == sha256)
        .order_by(listings.c.log_id, listings.c.idx, listings.c.section, listings.c.n)
    )
    return [
        Listed(
            row.origin,
            row.idx,
            row.section,
            row.record_id,
            row.kind,
            Attached(row.name, row.sha256, row.size, row.media_type, row.audience),
        )
        for row in rows
    ]


def readable(conn: Connection, sha256: str, node_of: NodeOf, may_read: MayRead) -> Attached | None:
    """The listing by which this asker may have a file; None when there is none."""
    for each in listed(conn, sha256):
        node = node_of(each.origin)
        if node and each.attached.audience in may_read(each.origin) and was_had_by(conn, sha256, node):
            return each.attached
    return None


def want(conn: Connection, each: Attached, node: str, now_ms: int) -> None:
    """Wait for a file that is listed, unless it is here and was had by that node."""
    held = find(conn, each.sha256)
    if held is not None and was_had_by(conn, each.sha256, node):
        return
    row = {"sha256": each.sha256, "node": node, "size": each.size, "since_ms": now_ms}
    insert_or_ignore(conn, wanted, [row | {"tries": 0, "next_ms": 0, "error": ""}])


def missing(
    conn: Connection, *, now_ms: int | None = None, nodes: Collection[str] | None = None, limit: int = 256
) -> list[Wanted]:
    """What this node waits for, of these nodes' logs, longest first; with `now_ms` only what is due to be tried."""
    query = select(wanted).order_by(wanted.c.next_ms, wanted.c.since_ms, wanted.c.sha256).limit(limit)
    if now_ms is not None:
        query = query.where(wanted.c.next_ms <= now_ms)
    if nodes is not None:
        query = query.where(wanted.c.node.in_(nodes))
    return [Wanted(*row) for row in conn.execute(query)]


def waited_for(conn: Connection, sha256: str, node: str) -> Wanted | None:
    row = conn.execute(select(wanted).where(and_(wanted.c.sha256 == sha256, wanted.c.node == node))).first()
    return None if row is None else Wanted(*row)


def note_try(conn: Connection, sha256: str, node: str, next_ms: int, error: str) -> None:
    which = and_(wanted.c.sha256 == sha256, wanted.c.node == node)
    conn.execute(update(wanted).where(which).values(tries=wanted.c.tries + 1, next_ms=next_ms, error=error[:500]))


def try_again(conn: Connection, hashes: Iterable[str], now_ms: int) -> int:
    """Fetch these at the next pass, also what was refused; gives how many are waited for."""
    which = wanted.c.sha256.in_(list(hashes))
    return conn.execute(update(wanted).where(which).values(next_ms=now_ms)).rowcount


def give_up(conn: Connection, sha256: str, node: str) -> None:
    """No longer wait for a file."""
    conn.execute(delete(wanted).where(and_(wanted.c.sha256 == sha256, wanted.c.node == node)))


def counts(conn: Connection) -> tuple[int, int, int, int]:
    """(files held, their bytes, files waited for, files in quarantine)."""
    held = conn.execute(
        select(func.count(), func.coalesce(func.sum(files.c.size), 0)).where(files.c.state == HELD)
    ).one()
    waiting = conn.execute(select(func.count()).select_from(wanted)).scalar_one()
    aside = conn.execute(select(func.count()).where(files.c.state == QUARANTINED)).scalar_one()
    return int(held[0]), int(held[1]), int(waiting), int(aside)


def relist(conn: Connection, log_id: int, index: int, rows: Sequence[dict[str, object]]) -> set[str]:
    """Write what an entry lists, whatever stood there; gives the hashes that it no longer lists."""
    which = and_(listings.c.log_id == log_id, listings.c.idx == index)
    before = set(conn.execute(select(listings.c.sha256).where(which)).scalars())
    conn.execute(delete(listings).where(which))
    if rows:
        conn.execute(insert(listings), list(rows))
    return before - {str(row["sha256"]) for row in rows}


def unlisted(conn: Connection, hashes: Iterable[str]) -> list[str]:
    """Those that no record lists."""
    return [
        each
        for each in sorted(hashes)
        if conn.execute(select(listings.c.n).where(listings.c.sha256 == each).limit(1)).first() is None
    ]


def forget(conn: Connection, sha256: str) -> None:
    """Everything that the database knows of a file but its listings."""
    for each in (files, sources, wanted):
        conn.execute(delete(each).where(each.c.sha256 == sha256))


def stale(conn: Connection, before_ms: int, limit: int = 100) -> list[str]:
    """Files that came before a moment and that no record lists: drafts that were given up."""
    on_list = select(listings.c.n).where(listings.c.sha256 == files.c.sha256).exists()
    query = select(files.c.sha256).where(and_(files.c.stored_ms < before_ms, ~on_list)).limit(limit)
    return list(conn.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class Shown:
    """A file that is waited for, as a public page may tell of it: `name` is empty unless its record is public."""

    wanted: Wanted
    name: str


def missing_shown(conn: Connection, limit: int) -> list[Shown]:
    """What this node waits for, for the page of its state."""
    found = missing(conn, limit=limit)
    names = {
        row.sha256: row.name
        for row in conn.execute(
            select(listings.c.sha256, listings.c.name).where(
                and_(listings.c.sha256.in_([each.sha256 for each in found]), listings.c.audience == "public")
            )
        )
    }
    return [Shown(each, names.get(each.sha256, "")) for each in found]
