"""The versions of one record in one lineage of logs, as far as a batch needs to know them (DESIGN L3).

A lineage is a log with those that it goes on from and those that go on from it, one for each epoch. Its entries stand
in one order, by log and then by index. Only the neighbours of a new version and the newest one are loaded, so that a
record of very many versions costs no more than any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, and_, func, or_, select

from node.projections.reading import DECIDED, Reading
from node.store.tables import RecordView, table
from node.wire.header import Header

_CHUNK = 500
_records = table(RecordView)


@dataclass(slots=True)
class Version:
    """A version whose place in its record's chain is settled; `rank` is that of its log in the lineage."""

    log_id: int
    index: int
    version: int
    kind: str
    leaf: bytes
    content: str
    rank: int = 0

    @property
    def place(self) -> tuple[int, int]:
        return self.rank, self.index


@dataclass(slots=True)
class Chain:
    """Some versions of a record: `newest` is the highest, `decided` the highest whose content is decided."""

    versions: dict[int, Version] = field(default_factory=dict)
    newest: Version | None = None
    decided: int = 0

    def fault(self, reading: Reading, header: Header, rank: int = 0) -> tuple[str, str] | None:
        """What is wrong with this version's place in its record, or None; the first to claim a version has it.

        `rank` is the place of the reading's log in its lineage.
        """
        taken, before = self.versions.get(header.version), self.versions.get(header.version - 1)
        place = (rank, reading.index)
        if taken is not None and taken.place != place:
            return "version-taken", f"version {header.version} lies at index {taken.index}"
        if header.version == 1:
            return None
        if before is None or before.leaf != header.prev_leaf or before.place >= place:
            return "chain-broken", f"version {header.version} does not follow a version {header.version - 1} held here"
        if before.kind != reading.kind:
            return "kind-changed", f"{before.kind} became {reading.kind}"
        return None

    def add(self, version: Version) -> Version | None:
        """Take a version in; gives the one that was newest until now, when this one supersedes it."""
        before = self.newest
        self.versions[version.version] = version
        if version.content in DECIDED:
            self.decided = max(self.decided, version.version)
        if before is not None and before.version > version.version:
            return None
        self.newest = version
        return before if before is not None and before.place != version.place else None


def load(conn: Connection, lineage: Sequence[int], headers: Sequence[Header]) -> dict[bytes, Chain]:
    """The chains of the records that these headers speak of; `lineage` are the ids of its logs, oldest first."""
    chains = {header.record_id: Chain() for header in headers}
    for start in range(0, len(headers), _CHUNK):
        _load_some(conn, lineage, headers[start : start + _CHUNK], chains)
    for record_id, chain in chains.items():
        if chain.newest is None:
            continue
        # Mostly the newest is decided itself; else an older one may be what the lists show.
        chain.decided = chain.newest.version
        if chain.newest.content not in DECIDED:
            chain.decided = _highest_decided(conn, lineage, record_id)
    return chains


def _load_some(conn: Connection, lineage: Sequence[int], headers: Sequence[Header], chains: dict[bytes, Chain]) -> None:
    rank = {log_id: place for place, log_id in enumerate(lineage)}
    near = {version for header in headers for version in (header.version, header.version - 1)}
    names = ("record_id", "state", "log_id", "idx", "version", "kind", "leaf", "content")
    columns = [_records.c[name] for name in names]
    which = and_(
        _records.c.log_id.in_(lineage),
        _records.c.record_id.in_({header.record_id for header in headers}),
        or_(_records.c.version.in_(near), _records.c.state != "superseded"),
    )
    for record_id, state, log_id, index, number, kind, leaf, content in conn.execute(select(*columns).where(which)):
        version = Version(log_id, index, number, kind, leaf, content, rank[log_id])
        chains[record_id].versions[version.version] = version
        if state != "superseded":
            chains[record_id].newest = version


def _highest_decided(conn: Connection, lineage: Sequence[int], record_id: bytes) -> int:
    which = and_(
        _records.c.log_id.in_(lineage),
        _records.c.record_id == record_id,
        _records.c.content.in_(DECIDED),
    )
    return conn.execute(select(func.max(_records.c.version)).where(which)).scalar() or 0
