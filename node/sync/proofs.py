"""Make evidence from what is stored: proofs from our own trees, records with their receipts (DESIGN L10, L21).

Evidence is checked as a third party would check it before it is kept as proof: what does not convince us is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection

from node.errors import NodeError, NotFound
from node.store import checkpoints, logs, payloads
from node.store.logs import LogState
from node.tlog.checkpoint import Checkpoint, parse_checkpoint_text
from node.tlog.merkle import claimed_root
from node.tlog.note import Note
from node.tlog.proof import TlogProof
from node.tlog.tiles import TileCache, consistency_proof, inclusion_proof, tree_root
from node.wire import evidence, evidence_check
from node.wire.evidence import Branch, Evidence, Fork, Statement
from node.wire.receipt import Extra
from node.wire.trust import TrustPolicy

_log = structlog.get_logger(__name__)


def branch(conn: Connection, log_id: int, at: int, size: int) -> Branch:
    """The root of the first `at` stored entries, and the proof from there to the stored tree of `size`."""
    read = logs.tile_reader(conn, log_id)
    return Branch(root=logs.stored_root(conn, log_id, at), proof=tuple(consistency_proof(read, at, size)))


def fork_of_stored(conn: Connection, state: LogState, shown: Note) -> Fork | None:
    """The fork between our stored log and another head of it that is not larger than ours, None when they agree."""
    head = parse_checkpoint_text(shown.text)
    if head.size > state.head_size or logs.stored_root(conn, state.id, head.size) == head.root:
        return None
    held = checkpoints.note(conn, state.id, state.head_size, state.origin)
    ours = branch(conn, state.id, head.size, state.head_size)
    theirs = Branch(root=head.root)
    return Fork(origin=state.origin, notes=(held.encode().decode(), text(shown)), at=head.size, branches=(ours, theirs))


def fork_of_larger(
    conn: Connection, state: LogState, shown: Note, at: int, root: bytes, proof: tuple[bytes, ...]
) -> Fork | None:
    """The fork between our stored log and a larger head whose tree has `root` at size `at`; None when they agree."""
    if at > state.head_size or logs.stored_root(conn, state.id, at) == root:
        return None
    held = checkpoints.note(conn, state.id, state.head_size, state.origin)
    branches = (branch(conn, state.id, at, state.head_size), Branch(root=root, proof=proof))
    return Fork(origin=state.origin, notes=(held.encode().decode(), text(shown)), at=at, branches=branches)


def fork_at(origin: str, held: Note, shown: Note, at: int, branches: tuple[Branch, Branch]) -> Fork:
    return Fork(origin=origin, notes=(text(held), text(shown)), at=at, branches=branches)


def root_at(tiles: TileCache, at: int, proof: Sequence[bytes]) -> bytes | None:
    """The root of the first `at` entries in the tree of `tiles`, where `proof` is theirs from there to its head."""
    # The proof of a tree of 2^n entries leaves its root out; it is one hash of the tiles then.
    if at > 0 and at & (at - 1) == 0:
        return tiles.range(0, at)
    if at == tiles.size:
        return tree_root(tiles, at)
    return claimed_root(at, tiles.size, tree_root(tiles, tiles.size), proof)


def text(note: Note) -> str:
    return note.encode().decode()


def fork_of_pair(held: str, shown: str) -> Fork | None:
    """The fork of two notes of one size; None for any others, which need a proof."""
    try:
        heads: list[Checkpoint] = [parse_checkpoint_text(note.partition("\n\n")[0] + "\n") for note in (held, shown)]
    except NodeError:
        return None
    if heads[0].size != heads[1].size:
        return None
    branches = Branch(root=heads[0].root), Branch(root=heads[1].root)
    return Fork(origin=heads[0].origin, notes=(held, shown), at=heads[0].size, branches=branches)


def receipt(conn: Connection, state: LogState, index: int, *, salts: tuple[tuple[str, bytes], ...] = ()) -> bytes:
    """A `.tlog-proof` of a stored entry, with its header and these salts. Raises NotFound."""
    proof = inclusion_proof(logs.tile_reader(conn, state.id), index, state.head_size)
    note = checkpoints.note(conn, state.id, state.head_size, state.origin)
    extra = Extra(logs.entry(conn, state.id, index), salts, b"")
    return TlogProof(index, tuple(proof), note.encode(), extra.encode()).encode()


def observed(conn: Connection, state: LogState, index: int) -> Statement:
    """The statement that the `log.observe` record at `index` of a stored log makes. Raises NotFound."""
    held = payloads.get(conn, state.id, index, "main")
    if held is None or index >= state.head_size:
        raise NotFound("that record is not held here")
    salt, payload = held
    return Statement(form="observed", receipt=receipt(conn, state, index, salts=(("main", salt),)), payload=payload)


def holds(found: Evidence, policy: TrustPolicy) -> bool:
    """Whether evidence convinces a third party who has our trust policy."""
    try:
        evidence_check.verify(found, policy)
    except NodeError as error:
        _log.info("evidence_does_not_hold", sort=found.sort, origin=found.origin, detail=error.detail)
        return False
    return True


def keep(
    conn: Connection,
    policy: TrustPolicy,
    now_ms: int,
    origin: str,
    sort: str,
    identity: str,
    make: Callable[[], Evidence | None],
) -> int | None:
    """Keep evidence that is no pair of notes, made once; gives its number, None when there is none that holds."""
    log_id = logs.ensure(conn, origin).id
    identity = f"{sort}\n{origin}\n{identity}"
    known = checkpoints.evidence_number(conn, log_id, sort, identity)
    if known is not None:
        return known
    try:
        made = make()
    except NodeError as error:
        _log.warning("evidence_not_made", sort=sort, origin=origin, detail=error.detail)
        return None
    if made is None or not holds(made, policy):
        return None
    file = evidence.encode(made)
    return checkpoints.keep_evidence(conn, log_id, now_ms, sort, b"", b"", file=file, identity=identity)


def keep_fork(conn: Connection, policy: TrustPolicy, now_ms: int, found: Fork) -> int | None:
    """Keep a fork that is proven; gives its number, None when it is not."""
    if not holds(found, policy):
        return None
    log_id = logs.ensure(conn, found.origin).id
    held, shown = (note.encode() for note in found.notes)
    return checkpoints.keep_evidence(conn, log_id, now_ms, "fork", held, shown, file=evidence.encode(found))
