"""Hold what other nodes observed against what is here (DESIGN L21): from the store alone, without the network.

A head that is another history than our own copy of the log is a fork, with the proof at hand; one that its log never
signed, and an observer that takes back what it said, are told of too.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from sqlalchemy import Connection

from node.errors import BadSignature, Malformed, NodeError, NotFound
from node.store import alarms, checkpoints, logs, observed
from node.store.alarms import PROVEN, SUSPECTED, WARNING, EvidenceState, Finding
from node.store.logs import LogState
from node.store.observed import NEWEST, Seen, Waiting
from node.sync import proofs
from node.sync.absorb import Look
from node.tlog.checkpoint import open_checkpoint, read_checkpoint
from node.tlog.note import Note, parse_note
from node.wire import evidence, heads
from node.wire.evidence import FalseObservation, Fork, Withheld
from node.wire.trust import TrustPolicy

_log = structlog.get_logger(__name__)


# --- comparing ------------------------------------------------------------------------------------------------------


def compare(conn: Connection, look: Look) -> list[Finding]:
    """Hold every waiting head against our own copy, and each observer against itself."""
    found: list[Finding] = []
    for row in observed.waiting(conn):
        if row.origin:
            found += _compare_head(conn, look, row)
    found += _retracted(conn, look)
    found += _not_forwarded(conn, look)
    return found + judge_evidence(conn, look)


def _compare_head(conn: Connection, look: Look, row: Waiting) -> Iterable[Finding]:
    observer = logs.by_id(conn, row.log_id)
    if look.policy.node_of_origin(row.origin) is None:
        return ()
    try:
        note = heads.open_head(look.policy, row.note.encode()).note
    except NodeError:
        if _signed_once(look.policy, row):
            observed.done(conn, row)  # revoked or closed since: the policy has said what it is worth
            return ()
        return (_false_observation(conn, look, observer, row),)
    state = logs.find(conn, row.origin)
    if state is None:
        return ()
    if state.own:
        _judge_own(conn, look, state, note, row, observer)
    elif compare_note(conn, look, state, note) is False:
        return ()
    observed.done(conn, row)
    return ()


def _signed_once(policy: TrustPolicy, row: Waiting) -> bool:
    """Whether any key of the log, whatever became of it, has signed the head."""
    try:
        open_checkpoint(row.note.encode(), policy.log_keys(row.origin))
    except (BadSignature, Malformed):
        return False
    return True


def compare_note(conn: Connection, look: Look, state: LogState, note: Note) -> bool:
    """Hold a verified head against our copy of its log; a fork is kept. False when our copy is not as large yet."""
    head, _ = read_checkpoint(note.encode())
    if head.size <= state.head_size:
        fork = proofs.fork_of_stored(conn, state, note)
    elif head.size == state.witnessed_size and head.root != state.witnessed_root:
        held = checkpoints.note(conn, state.id, state.witnessed_size, state.origin)
        fork = proofs.fork_of_pair(proofs.text(held), proofs.text(note))
    else:
        return False
    if fork is not None:
        proofs.keep_fork(conn, look.policy, look.now_ms, fork)
    return True


def _false_observation(conn: Connection, look: Look, observer: LogState, row: Waiting) -> Finding:
    def make() -> FalseObservation:
        return FalseObservation(origin=row.origin, statement=proofs.observed(conn, observer, row.idx))

    identity = f"{observer.origin}\n{row.idx}"
    number = proofs.keep(conn, look.policy, look.now_ms, row.origin, "false-observation", identity, make)
    return Finding(
        "false-observation",
        row.origin,
        PROVEN if number else SUSPECTED,
        f"{observer.origin} [{row.idx}] names a head of size {row.size} that the log did not sign",
        mark=row.size,
        # The policy that knows a new key of the log may be a pass behind.
        grace_ms=look.interval_ms,
        evidence_id=number,
    )


def _judge_own(conn: Connection, look: Look, state: LogState, note: Note, row: Waiting, observer: LogState) -> None:
    """Somebody observed a head under our own key: beyond ours, or another history, it stops us (L9, L10)."""
    head, _ = heads.open_own(look.policy, state.origin, note.encode())
    larger = head.size > state.head_size
    fork = None if larger else proofs.fork_of_stored(conn, state, note)
    if fork is not None:
        proofs.keep_fork(conn, look.policy, look.now_ms, fork)
    elif larger:
        held = checkpoints.note(conn, state.id, state.head_size, state.origin)
        reason = "restored-from-backup"
        checkpoints.keep_evidence(conn, state.id, look.now_ms, reason, held.encode(), note.encode())
    if (larger or fork is not None) and not state.frozen:
        why = "restored-from-backup" if larger else "fork"
        logs.freeze(conn, state.id, f"{why}: {observer.origin} [{row.idx}] names a head of ours of size {head.size}")
        _log.error("log_frozen", origin=state.origin, reason=why, their_size=head.size, our_size=state.head_size)


def _retracted(conn: Connection, look: Look) -> Iterable[Finding]:
    """Observers whose newest record says less of a log than one before it."""
    newest = {each.log_id: each for each in observed.everything(conn) if each.origin == NEWEST}
    for each in observed.everything(conn):
        last = newest.get(each.log_id)
        if each.origin == NEWEST or last is None or each.idx >= last.idx:
            continue
        if look.policy.node_of_origin(each.origin) is None:
            continue
        observer = logs.by_id(conn, each.log_id)
        number = _keep_retracted(conn, look, observer, each, last)
        yield Finding(
            "retracted",
            each.origin,
            PROVEN if number else SUSPECTED,
            f"{observer.origin} said {each.size} entries at [{each.idx}] and less at [{last.idx}]",
            mark=each.size,
            evidence_id=number,
        )


def _keep_retracted(conn: Connection, look: Look, observer: LogState, before: Seen, last: Seen) -> int | None:
    def make() -> Withheld:
        both = (proofs.observed(conn, observer, before.idx), proofs.observed(conn, observer, last.idx))
        return Withheld(origin=before.origin, statements=both)

    identity = f"{observer.origin}\n{before.idx}"
    return proofs.keep(conn, look.policy, look.now_ms, before.origin, "withheld", identity, make)


def _not_forwarded(conn: Connection, look: Look) -> Iterable[Finding]:
    """Logs from below that a node below us says it holds and that have not come up to us, for longer than the grace."""
    states = {state.origin: state for state in logs.all_logs(conn)}
    by_id = {state.id: state for state in states.values()}
    below = set(look.policy.below(look.me))
    for each in observed.everything(conn):
        by = look.policy.node_of_origin(by_id[each.log_id].origin)
        node = look.policy.node_of_origin(each.origin)
        if by not in below or node not in look.policy.below(by):
            continue
        reached = states[each.origin].witnessed_size if each.origin in states else 0
        if reached < each.size:
            yield Finding(
                "not-forwarded",
                each.origin,
                WARNING,
                f"{by} holds {each.size} entries, {reached} have come here",
                mark=each.size,
                reached=reached,
                grace_ms=look.grace_ms,
            )


def judge_evidence(conn: Connection, look: Look) -> list[Finding]:
    """An alarm for each fork that was found since the last look, by whatever part of this node."""
    found = []
    for each in alarms.all_evidence(conn):
        if each.judged_ms is not None:
            continue
        file = each.file
        if each.reason == alarms.FORK and not file:
            fork = proofs.fork_of_pair(each.held, each.shown) or _fork_of_stored(conn, each)
            file = evidence.encode(fork).decode() if fork is not None and proofs.holds(fork, look.policy) else ""
        alarms.judge(conn, each.id, look.now_ms, file)
        if each.reason == alarms.FORK:
            severity = PROVEN if file else SUSPECTED
            found.append(
                Finding(alarms.FORK, each.origin, severity, "two signed heads contradict each other", 0, -1, 0, each.id)
            )
    return found


def _fork_of_stored(conn: Connection, each: EvidenceState) -> Fork | None:
    """Two heads of different sizes: our own tree proves that the one which is not its own is another history."""
    state = logs.get(conn, each.origin)
    for note in (each.shown, each.held):
        try:
            fork = proofs.fork_of_stored(conn, state, parse_note(note.encode()))
        except NodeError:
            continue
        if fork is not None:
            return fork
    return None


def expected(conn: Connection, look: Look, upstream: str) -> dict[str, Seen]:
    """How much of each log the node above must be able to serve, by its own word or by its own signature.

    Its own word are the sizes of its records; its own log must reach every head of it that anybody observed.
    """
    states = {state.id: state for state in logs.all_logs(conn)}
    found: dict[str, Seen] = {}

    def note(seen: Seen) -> None:
        ended = look.policy.closure(seen.origin)
        if ended is not None and seen.size > ended.size:
            seen = Seen(seen.log_id, seen.origin, ended.size, seen.idx, seen.observed_ms)
        if seen.origin not in found or found[seen.origin].size < seen.size:
            found[seen.origin] = seen

    for each in observed.everything(conn):
        if each.origin != NEWEST and look.policy.node_of_origin(states[each.log_id].origin) == upstream:
            note(each)
    for row in observed.waiting(conn):
        if row.origin and look.policy.node_of_origin(row.origin) == upstream:
            try:
                heads.open_head(look.policy, row.note.encode())
            except NodeError:
                continue
            note(Seen(row.log_id, row.origin, row.size, row.idx, 0))
    return found


def statement_of(conn: Connection, seen: Seen) -> evidence.Statement:
    """The record by which `seen` is known, for evidence. Raises NotFound."""
    state = logs.by_id(conn, seen.log_id)
    if seen.idx >= state.head_size:
        raise NotFound("that record is not held here")
    return proofs.observed(conn, state, seen.idx)
