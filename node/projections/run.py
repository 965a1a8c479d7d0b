"""Entries -> rows of the read tables, in order of index; anything may be given again at any time.

Of each record the chain of versions is checked here, not in the mirror (DESIGN L3): version 1 stands alone, a later one
names the leaf of the version before it, of lower index in the same log or in a log that this one goes on from; the
first to claim a version has it, whatever else claims it goes to quarantine. What cannot be read goes to quarantine too,
with its reason, and holds up nothing (L15).

A record's row in its domain's table comes from its newest version whose content is decided: held here, or not meant for
this node. So content that comes late never takes a page back to an older version.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Table, and_, bindparam, delete, func, select, update

from node.projections import PROJECTIONS
from node.projections.chains import Chain, Version, load
from node.projections.reading import DECIDED, NOBODY, Issuer, Reading, read
from node.projections.shape import Row, text
from node.store import view_put
from node.store.tables import Quarantine, RecordView, table
from node.store.upsert import insert_or_replace
from node.wire.header import Header

VIEW_VERSION = 5
"""Rises when the same entries would give other rows; a node that finds another version runs `clear` and starts over."""

Mine = bool | frozenset[str]
Item = tuple[int, bytes, bytes | None, Mine] | tuple[int, bytes, bytes | None, Mine, bool]
"""(index, entry, payload of `main` or None, whether this node may hold that payload or the audiences whose payloads it
may hold, whether it was erased by law)."""

_records = table(RecordView)
_quarantine = table(Quarantine)
_DOMAINS = tuple({each.table.name: each.table for shown in PROJECTIONS.values() for each in shown}.values())


def project(
    conn: Connection, log_id: int, index: int, entry: bytes, main_payload: bytes | None, *, may_have: bool = True
) -> None:
    """Project one entry; see `project_batch`."""
    project_batch(conn, log_id, [(index, entry, main_payload, may_have)])


def project_batch(
    conn: Connection, log_id: int, items: Sequence[Item], lineage: Sequence[int] = (), issuer: Issuer = NOBODY
) -> int:
    """Project entries of one log; gives how many. Never raises for what an entry or a payload holds.

    An index is given for the first time only after all lower ones; it may be given again whenever its payload has come.
    `lineage` are the ids of the logs that go on from one another, oldest first, this one among them; none means that
    the log stands alone. `issuer` is the node whose log it is: what it may not issue goes to quarantine.
    """
    lineage = lineage or (log_id,)
    readings = [
        read(log_id, *item[:4], len(item) > 4 and item[4], issuer) for item in sorted(items, key=lambda item: item[0])
    ]
    known = load(conn, lineage, [reading.header for reading in readings if reading.header is not None])
    batch = _Batch(log_id, lineage, known)
    for reading in readings:
        batch.take(reading)
    batch.write(conn)
    return len(readings)


def clear(conn: Connection) -> None:
    """Empty the read tables, so that they can be made anew from the logs."""
    view_put.clear(conn, (*_DOMAINS, _records, _quarantine))


class _Batch:
    """Changes to the read tables, gathered so that each table is written in one statement."""

    def __init__(self, log_id: int, lineage: Sequence[int], chains: dict[bytes, Chain]) -> None:
        self.log_id = log_id
        self.rank = lineage.index(log_id)
        self.others = [each for each in lineage if each != log_id]
        self.chains = chains
        self.records: dict[int, Row] = {}
        self.superseded: set[tuple[int, int]] = set()
        self.quarantine: dict[int, Row] = {}
        self.good: set[int] = set()
        # A record's row in its domain's table is put, or dropped (None); `lost` drops it if it shows that very index.
        self.domain: dict[tuple[str, bytes], Row | None] = {}
        self.lost: set[tuple[str, bytes, int]] = set()

    def take(self, reading: Reading) -> None:
        fault = reading.fault
        if reading.header is not None:
            chain = self.chains[reading.header.record_id]
            broken = chain.fault(reading, reading.header, self.rank)
            if broken is None:
                self._place(chain, reading, reading.header)
            fault = broken or fault
        if fault is None:
            self.good.add(reading.index)
        else:
            code, detail = fault
            where = {"log_id": self.log_id, "idx": reading.index}
            self.quarantine[reading.index] = where | {"kind": reading.kind, "code": code, "reason": text(detail)}

    def _place(self, chain: Chain, reading: Reading, header: Header) -> None:
        version = Version(
            self.log_id, reading.index, header.version, reading.kind, reading.leaf, reading.content, self.rank
        )
        older = chain.add(version)
        if older is not None and older.log_id == self.log_id and older.index in self.records:
            self.records[older.index]["state"] = "superseded"
        elif older is not None:
            self.superseded.add((older.log_id, older.index))
        newest = chain.newest is not None and chain.newest.place == version.place
        self.records[reading.index] = {
            "log_id": self.log_id,
            "idx": reading.index,
            "record_id": header.record_id,
            "version": header.version,
            "kind": reading.kind,
            "leaf": reading.leaf,
            "claimed_ms": header.claimed_ms,
            "state": "superseded" if not newest else "withdrawn" if reading.withdrawn else "current",
            "content": reading.content,
            "title": reading.title,
            "made_up": reading.made_up,
        }
        if header.version >= chain.decided:
            for each in PROJECTIONS.get(header.kind, ()):
                self._show((each.table.name, header.record_id), reading)

    def _show(self, where: tuple[str, bytes], reading: Reading) -> None:
        if reading.content in DECIDED:
            self.domain[where] = reading.rows.get(where[0])
        else:
            # Content that is not here leaves the older version on show, unless what is shown is this very version.
            shown = self.domain.get(where)
            if shown is not None and shown["idx"] == reading.index:
                del self.domain[where]
            self.lost.add((*where, reading.index))

    def write(self, conn: Connection) -> None:
        self._write_records(conn)
        self._supersede(conn)
        for each in _DOMAINS:
            self._write_domain(conn, each)
        insert_or_replace(conn, _quarantine, list(self.quarantine.values()))
        self._release(conn)

    def _write_records(self, conn: Connection) -> None:
        if not self.records:
            return
        last = conn.execute(select(func.coalesce(func.max(_records.c.seq), 0))).scalar_one()
        rows = [self.records[index] | {"seq": last + place} for place, index in enumerate(sorted(self.records), 1)]
        first, end = rows[0]["idx"], rows[-1]["idx"]
        between = and_(_records.c.log_id == self.log_id, _records.c.idx >= first, _records.c.idx <= end)
        again = self.records.keys() & set(conn.execute(select(_records.c.idx).where(between)).scalars())
        if again:
            of = and_(_records.c.log_id == self.log_id, _records.c.idx == bindparam("of_idx"))
            conn.execute(delete(_records).where(of), [{"of_idx": index} for index in sorted(again)])
        view_put.insert(conn, _records, rows)

    def _supersede(self, conn: Connection) -> None:
        later = [{"of_log": log_id, "of_idx": index} for log_id, index in sorted(self.superseded)]
        if later:
            of = and_(_records.c.log_id == bindparam("of_log"), _records.c.idx == bindparam("of_idx"))
            conn.execute(update(_records).where(of).values(state="superseded"), later)

    def _write_domain(self, conn: Connection, domain: Table) -> None:
        lost = [(self.log_id, record, index) for name, record, index in sorted(self.lost) if name == domain.name]
        changes = {record_id: row for (name, record_id), row in self.domain.items() if name == domain.name}
        gone = [(self.log_id, record_id) for record_id, row in changes.items() if row is None]
        # A record is shown once for its whole lineage: from the log that has its newest decided version.
        gone += [(other, record_id) for other in self.others for record_id in changes]
        if lost or changes:
            view_put.replace(conn, domain, [row for row in changes.values() if row is not None], gone, lost)

    def _release(self, conn: Connection) -> None:
        """Take out of quarantine what can be read now."""
        if not self.good:
            return
        between = and_(
            _quarantine.c.log_id == self.log_id,
            _quarantine.c.idx >= min(self.good),
            _quarantine.c.idx <= max(self.good),
        )
        held = set(conn.execute(select(_quarantine.c.idx).where(between)).scalars()) & self.good
        if held:
            of = and_(_quarantine.c.log_id == self.log_id, _quarantine.c.idx == bindparam("of_idx"))
            conn.execute(delete(_quarantine).where(of), [{"of_idx": index} for index in sorted(held)])
