"""Read the records in which other nodes speak of logs, each once: what they observed, and evidence (DESIGN L10, L21).

The sizes of a `log.observe` record replace those of before, its heads wait until our own copy of the log is as large.
`log.evidence` records are checked by ourselves and believed for what they prove.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import structlog
from sqlalchemy import Connection

from node.domain.logs import Evidence as EvidenceRecord
from node.domain.record import Document
from node.errors import Malformed, NodeError
from node.store import alarms, cursors, logs, observed, payloads
from node.store.logs import LogState
from node.store.observed import NEWEST, Waiting
from node.sync import proofs
from node.tlog.checkpoint import read_checkpoint
from node.wire import evidence, evidence_check
from node.wire import header as headers
from node.wire.evidence import Fork
from node.wire.statement import read_observation
from node.wire.trust import TrustPolicy

_log = structlog.get_logger(__name__)
STAGE = "oversight"
BATCH = 2048
_evidence = msgspec.msgpack.Decoder(Document[EvidenceRecord])


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the store needs to know: the policy, this node's name and log, the time, and the graces."""

    policy: TrustPolicy
    me: str
    own: str
    now_ms: int
    interval_ms: int
    grace_ms: int


def absorb(conn: Connection, look: Look) -> int:
    """Read records about logs that came since the last look, of every log but our own; gives how many entries."""
    moved = 0
    for row in observed.waiting(conn):
        if not row.origin and _take(conn, look, logs.by_id(conn, row.log_id), row.idx):
            observed.done(conn, row)
    for state in logs.all_logs(conn):
        start = cursors.get(conn, STAGE, state.id)
        end = min(start + BATCH, state.payload_next, state.head_size)
        if state.own or start >= end:
            continue
        for offset, entry in enumerate(logs.entries(conn, state.id, start, end)):
            if (b"log.observe" in entry or b"log.evidence" in entry) and not _take(conn, look, state, start + offset):
                observed.wait(conn, [Waiting(state.id, start + offset, NEWEST, 0, "")])
        cursors.move(conn, STAGE, state.id, end)
        moved += end - start
    return moved


def _take(conn: Connection, look: Look, state: LogState, index: int) -> bool:
    """Read one entry; false when its payload is not here yet."""
    try:
        header = headers.parse(logs.entry(conn, state.id, index))
    except Malformed:
        return True
    if header.kind not in ("log.observe", "log.evidence"):
        return True
    if header.kind == "log.observe" and not _observes(look.policy, state.origin):
        return True
    held = payloads.get(conn, state.id, index, "main")
    if held is None:
        return False
    try:
        if header.kind == "log.observe":
            _take_observation(conn, look.policy, state, index, held[1])
        else:
            _take_evidence(conn, look, held[1])
    except NodeError as error:
        _log.warning("record_of_logs_unreadable", origin=state.origin, index=index, detail=error.detail)
    return True


def _observes(policy: TrustPolicy, origin: str) -> bool:
    """Whether the node of a log has members: any other has nothing to observe, and could only fill our tables."""
    node = policy.node_of_origin(origin)
    return node is not None and bool(policy.below(node))


def _take_observation(conn: Connection, policy: TrustPolicy, state: LogState, index: int, payload: bytes) -> None:
    body = read_observation(payload)
    if any(not 0 <= size < 2**63 for size in body.sizes.values()) or not 0 <= body.observed_ms < 2**63:
        raise Malformed("an observation with numbers that are none")
    # An observer holds no logs but those of the policy: other names would only grow the tables, without end.
    sizes = {origin: size for origin, size in body.sizes.items() if policy.node_of_origin(origin) is not None}
    observed.put_sizes(conn, state.id, index, body.observed_ms, sizes)
    rows = []
    for note in body.heads:
        head, _ = read_checkpoint(note.encode())
        if policy.node_of_origin(head.origin) is not None:
            rows.append(Waiting(state.id, index, head.origin, head.size, note))
    observed.wait(conn, rows)


def _take_evidence(conn: Connection, look: Look, payload: bytes) -> None:
    try:
        body = _evidence.decode(payload).body
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not evidence: {error}") from None
    found = evidence.parse(body.file.encode())
    if not isinstance(found, Fork) or look.policy.node_of_origin(found.origin) is None:
        return  # other sorts are for those who were shown the bytes; they can be had from whoever keeps them
    evidence_check.verify(found, look.policy)
    if proofs.keep_fork(conn, look.policy, look.now_ms, found) is not None:
        alarms.mark_known(conn, logs.get(conn, found.origin).id, alarms.FORK, look.now_ms)
