"""What the home page and the status page tell: counts, each log and its peers, quarantine, faults."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, and_, func, select

from node.store import logs
from node.store.tables import (
    CreditView,
    EntityView,
    ExpertView,
    LogEvidence,
    LogSignature,
    PayloadMissing,
    PeerState,
    Policy,
    Quarantine,
    RecordView,
    TradeView,
    table,
)
from node.store.view_counts import COUNT_CAP, capped, of_field, whole
from node.store.view_record import signed_s
from node.store.word_terms import first_doc, last_doc

_records = table(RecordView)
_trades = table(TradeView)
_credit = table(CreditView)
_signatures = table(LogSignature)
_peers = table(PeerState)
_missing = table(PayloadMissing)
_quarantine = table(Quarantine)
_evidence = table(LogEvidence)
_policy = table(Policy)


@dataclass(frozen=True, slots=True)
class Counts:
    """Totals of current records; `today` counts trades published, `arrived` all versions claimed, since midnight: these
    two up to `COUNT_CAP`."""

    categories: dict[str, int]
    sorts: dict[str, int]
    trades: int
    credit: int
    entities: int
    experts: int
    today: int
    arrived: int
    cap: int = COUNT_CAP


@dataclass(frozen=True, slots=True)
class Cover:
    """How far one signer has signed a log; `signed_s` is the time in its newest cosignature."""

    signer: str
    size: int
    signed_s: int | None


@dataclass(frozen=True, slots=True)
class Peer:
    """One log at one peer, as last told; see `node.store.tables.PeerState`."""

    peer: str
    direction: str
    witnessed_size: int
    mirrored_size: int
    payload_next: int
    last_try_ms: int
    last_ok_ms: int
    failures: int
    last_error: str


@dataclass(frozen=True, slots=True)
class Federated:
    """One log here: its state, when its newest readable entry was claimed, and who stands behind it."""

    log: logs.LogState
    newest_ms: int | None
    missing: int
    quarantined: int
    evidence: int
    covers: tuple[Cover, ...]
    peers: tuple[Peer, ...]


@dataclass(frozen=True, slots=True)
class Quarantined:
    origin: str
    index: int
    kind: str
    code: str
    reason: str


def counts(conn: Connection, today: str, since_ms: int) -> Counts:
    """`today` is the local date, `since_ms` its midnight; these two are counted up to `COUNT_CAP`."""
    dated = and_(_trades.c.doc >= first_doc(today), _trades.c.doc <= last_doc(today))
    return Counts(
        categories=of_field(conn, _trades, "category"),
        sorts=of_field(conn, _credit, "sort"),
        trades=whole(conn, _trades),
        credit=whole(conn, _credit),
        entities=whole(conn, table(EntityView)),
        experts=whole(conn, table(ExpertView)),
        today=capped(conn, _trades, dated)[0],
        arrived=capped(conn, _records, _records.c.claimed_ms >= since_ms)[0],
    )


def federation(conn: Connection) -> list[Federated]:
    """Every log of this node, its own first."""
    missing = _per_log(conn, _missing)
    quarantined = _per_log(conn, _quarantine)
    evidence = _per_log(conn, _evidence)
    return [
        Federated(
            log=log,
            newest_ms=_newest(conn, log.id),
            missing=missing.get(log.id, 0),
            quarantined=quarantined.get(log.id, 0),
            evidence=evidence.get(log.id, 0),
            covers=_covers(conn, log.id),
            peers=_peers_of(conn, log.id),
        )
        for log in logs.all_logs(conn)
    ]


def quarantine(conn: Connection, *, limit: int = 200) -> list[Quarantined]:
    """Entries in quarantine, by origin and index; at most `limit`."""
    names = {log.id: log.origin for log in logs.all_logs(conn)}
    rows = conn.execute(select(_quarantine).order_by(_quarantine.c.log_id, _quarantine.c.idx).limit(limit))
    return [Quarantined(names[row.log_id], row.idx, row.kind, row.code, row.reason) for row in rows]


def policy_version(conn: Connection) -> int | None:
    """The newest trust policy that was accepted, if any."""
    found: int | None = conn.execute(select(func.max(_policy.c.version))).scalar()
    return found


def _per_log(conn: Connection, view: Table) -> dict[int, int]:
    statement = select(view.c.log_id, func.count()).group_by(view.c.log_id)
    return {log_id: number for log_id, number in conn.execute(statement)}


def _newest(conn: Connection, log_id: int) -> int | None:
    statement = select(_records.c.claimed_ms).where(_records.c.log_id == log_id).order_by(_records.c.idx.desc())
    found: int | None = conn.execute(statement.limit(1)).scalar()
    return found


def _covers(conn: Connection, log_id: int) -> tuple[Cover, ...]:
    mine = _signatures.c.log_id == log_id
    newest = (
        select(_signatures.c.signer, func.max(_signatures.c.size).label("size"))
        .where(mine)
        .group_by(_signatures.c.signer)
        .subquery()
    )
    statement = (
        select(_signatures.c.signer, _signatures.c.size, func.max(_signatures.c.line))
        .join(newest, (newest.c.signer == _signatures.c.signer) & (newest.c.size == _signatures.c.size))
        .where(mine)
        .group_by(_signatures.c.signer, _signatures.c.size)
        .order_by(_signatures.c.signer)
    )
    return tuple(Cover(signer, size, signed_s(line)) for signer, size, line in conn.execute(statement))


def _peers_of(conn: Connection, log_id: int) -> tuple[Peer, ...]:
    columns = [_peers.c[name] for name in Peer.__slots__]
    rows = conn.execute(select(*columns).where(_peers.c.log_id == log_id).order_by(_peers.c.peer))
    return tuple(Peer(*row) for row in rows)
