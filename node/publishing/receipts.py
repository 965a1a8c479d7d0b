"""Assemble a receipt: inclusion under the checkpoint that most trusted cosigners signed, and what explains it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from node.errors import NodeError, NotFound, Unavailable
from node.store import checkpoints, logs, payloads
from node.store.logs import LogState
from node.tlog.proof import TlogProof
from node.tlog.tiles import inclusion_proof
from node.wire import header as headers
from node.wire.custody import parse as parse_custody
from node.wire.receipt import Extra
from node.wire.trust import TrustPolicy


def best_size(conn: Connection, policy: TrustPolicy, state: LogState, index: int) -> int:
    """The size whose checkpoint covers `index` and carries the most cosigners of the policy; the newest of equals.

    Raises Unavailable when no signed checkpoint covers the entry yet.
    """
    cosigners = {key.name for key in policy.cosigner_keys()}
    known = {
        size: len(names & cosigners)
        for size, names in checkpoints.signers(conn, state.id, beyond=index).items()
        if state.origin in names and size <= state.stored_size
    }
    if not known:
        raise Unavailable("no signed checkpoint covers this record yet; try again after the next sync")
    return max(known, key=lambda size: (known[size], size))


def assemble(
    conn: Connection, policy: TrustPolicy, log_id: int, index: int, *, audiences: Iterable[str], custody: bytes
) -> bytes:
    """The bytes of a `.tlog-proof` for one entry.

    `audiences` are those whose salts the receiver may see; `custody` is a custody note, left out when it does not
    cover the entry. Raises NotFound, Unavailable.
    """
    state = logs.by_id(conn, log_id)
    if not 0 <= index < state.stored_size:
        raise NotFound(f"no entry {index} in this log")
    entry = logs.entry(conn, log_id, index)
    size = best_size(conn, policy, state, index)
    allowed = set(audiences)
    salts = []
    for section in headers.parse(entry).sections:
        held = payloads.get(conn, log_id, index, section.name) if section.audience in allowed else None
        if held is not None:
            salts.append((section.name, held[0]))
    extra = Extra(entry, tuple(salts), custody if _covers(custody, state.origin, index) else b"")
    proof = inclusion_proof(logs.tile_reader(conn, log_id), index, size)
    note = checkpoints.note(conn, log_id, size, state.origin)
    return TlogProof(index, tuple(proof), note.encode(), extra.encode()).encode()


def _covers(note: bytes, origin: str, index: int) -> bool:
    if not note:
        return False
    try:
        custody = parse_custody(note.decode().partition("\n\n")[0] + "\n")
    except (NodeError, UnicodeDecodeError):
        return False
    return custody.origin == origin and custody.start <= index < custody.end
