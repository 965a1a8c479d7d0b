"""One record with all its versions, as its page needs it: from the read tables, the log's entries and the payloads.

The document is decoded by the caller, who knows the kinds; here are places, headers and bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from node.errors import Malformed, NotFound
from node.store import erased, logs, payloads
from node.store.tables import LogSignature, PayloadMissing, RecordView, table
from node.tlog.note import parse_signature_lines
from node.wire import header as headers
from node.wire.header import Header, SectionRef

MAX_VERSIONS = 50

_records = table(RecordView)
_signatures = table(LogSignature)
_missing = table(PayloadMissing)


@dataclass(frozen=True, slots=True)
class SectionState:
    """A section of a header and what this node has of it: held, sealed (as ciphertext), missing (a fault), erased by
    law, or withheld."""

    ref: SectionRef
    state: str


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version and the log it lies in; `payload` is what this node holds of `main`, if anything."""

    log: logs.LogState
    index: int
    version: int
    kind: str
    leaf: bytes
    claimed_ms: int
    state: str
    content: str
    title: str
    made_up: bool
    header: Header
    sections: tuple[SectionState, ...]
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A signer whose signature covers an entry: the smallest such checkpoint, and the time in it, if it is dated."""

    name: str
    size: int
    signed_s: int | None


@dataclass(frozen=True, slots=True)
class RecordHistory:
    """A record of one node, through all epochs of its log: its newest `MAX_VERSIONS` versions, newest first.

    `log` is that of the newest version. `cosigners` are those of the version that was asked for, else of the newest.
    `elsewhere` are origins that use the same id for something of theirs: ids belong to an origin (L2).
    """

    record_id: bytes
    log: logs.LogState
    versions: tuple[VersionView, ...]
    total: int
    cosigners: tuple[Cosigner, ...]
    elsewhere: tuple[str, ...]

    def version(self, number: int | None) -> VersionView:
        """The version of that number, or the newest. Raises NotFound."""
        if number is None:
            return self.versions[0]
        found = next((version for version in self.versions if version.version == number), None)
        if found is None:
            raise NotFound(f"the record has no version {number} here", zh=f"本节点没有该记录的第 {number} 版")
        return found


def record(conn: Connection, record_id: bytes, origin: str = "", *, version: int | None = None) -> RecordHistory:
    """The record as `origin` has it; without one, this node's own first. Raises NotFound.

    An older `version` than the newest ones is brought along when it is asked for.
    """
    holders = _holders(conn, record_id)
    asked_for = next((log for log in holders if origin in ("", log.origin)), None)
    if asked_for is None:
        raise NotFound("no such record on this node", zh="本节点没有这条记录")
    lineage = {log.id: log for log in holders if _node(log) == _node(asked_for)}
    mine = (_records.c.log_id.in_(lineage), _records.c.record_id == record_id)
    newest = select(_records).where(*mine).order_by(_records.c.version.desc(), _records.c.log_id.desc())
    rows = list(conn.execute(newest.limit(MAX_VERSIONS)).mappings())
    if version is not None and rows[-1]["version"] > version:
        rows += conn.execute(newest.where(_records.c.version == version)).mappings()
    total = conn.execute(select(func.count()).select_from(_records).where(*mine)).scalar_one()
    versions = tuple(_version(conn, lineage[row["log_id"]], {**row}) for row in rows)
    asked = next((each for each in versions if each.version == version), versions[0])
    cosigners = cosigners_of(conn, asked.log.id, asked.index)
    elsewhere = tuple(other.origin for other in holders if other.id not in lineage)
    return RecordHistory(record_id, versions[0].log, versions, total, cosigners, elsewhere)


def cosigners_of(conn: Connection, log_id: int, index: int) -> tuple[Cosigner, ...]:
    """Who has signed a checkpoint that holds this entry, by name; the log's own signature is among them."""
    which = (_signatures.c.log_id == log_id, _signatures.c.size > index)
    first = (
        select(_signatures.c.signer, func.min(_signatures.c.size).label("size"))
        .where(*which)
        .group_by(_signatures.c.signer)
        .subquery()
    )
    statement = (
        select(_signatures.c.signer, _signatures.c.size, func.min(_signatures.c.line))
        .join(first, (first.c.signer == _signatures.c.signer) & (first.c.size == _signatures.c.size))
        .where(*which)
        .group_by(_signatures.c.signer, _signatures.c.size)
        .order_by(_signatures.c.signer)
    )
    return tuple(Cosigner(name, size, signed_s(line)) for name, size, line in conn.execute(statement))


def signed_s(line: str) -> int | None:
    """POSIX seconds in a cosignature line (c2sp.org/tlog-cosignature); None for a signature without a date."""
    try:
        (signature,) = parse_signature_lines(line.encode())
    except (Malformed, ValueError):
        return None
    # A dated cosignature is eight bytes of time before sixty-four of Ed25519.
    return int.from_bytes(signature.signature[:8], "big") if len(signature.signature) == 72 else None


def _holders(conn: Connection, record_id: bytes) -> list[logs.LogState]:
    """The logs that have this id, those of this node first."""
    ids = set(conn.execute(select(_records.c.log_id).where(_records.c.record_id == record_id)).scalars())
    if not ids:
        return []
    every = logs.all_logs(conn)
    mine = {_node(log) for log in every if log.own}
    return sorted((log for log in every if log.id in ids), key=lambda log: _node(log) not in mine)


def _node(log: logs.LogState) -> str:
    """What the logs of one node's epochs have in common: an origin is the node's name and the epoch."""
    return log.origin.rpartition("/")[0]


def _version(conn: Connection, log: logs.LogState, row: dict[str, object]) -> VersionView:
    log_id = log.id
    values = {name: row[name] for name in VersionView.__slots__ if name in row}
    index = int(str(row["idx"]))
    header = headers.parse(logs.entry(conn, log_id, index))
    held = {section.name: payloads.get(conn, log_id, index, section.name) for section in header.sections}
    faults, gone = _faults(conn, log_id, index), erased.of_entry(conn, log_id, index)
    sections = tuple(
        SectionState(ref, _section_state(ref, held[ref.name] is not None, ref.name in faults, ref.name in gone))
        for ref in header.sections
    )
    main = held.get("main")
    return VersionView(
        log=log,
        index=index,
        header=header,
        sections=sections,
        payload=main[1] if main else None,
        **values,  # type: ignore[arg-type] # columns of the same names and types
    )


def _section_state(ref: SectionRef, held: bool, missing: bool, gone: bool) -> str:
    if held:
        return "sealed" if ref.size_class else "held"
    return "erased" if gone else "missing" if missing else "withheld"


def _faults(conn: Connection, log_id: int, index: int) -> Sequence[str]:
    which = (_missing.c.log_id == log_id, _missing.c.idx == index)
    return conn.execute(select(_missing.c.section).where(*which)).scalars().all()
