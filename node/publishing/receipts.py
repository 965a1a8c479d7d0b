"""Make a receipt: inclusion under the checkpoint that most trusted cosigners signed, and what explains it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from sqlalchemy import Connection

from node.errors import NodeError, NotFound, Unavailable
from node.store import checkpoints, logs, payloads, peers
from node.store.db import Store
from node.store.logs import LogState
from node.tlog.note import Note
from node.tlog.proof import TlogProof
from node.tlog.tiles import inclusion_proof
from node.trusted import Trusted
from node.wire import header as headers
from node.wire.custody import parse as parse_custody
from node.wire.heads import open_head
from node.wire.receipt import Extra
from node.wire.trust import TrustPolicy


async def issue(
    store: Store,
    trusted: Trusted,
    log: LogState,
    index: int,
    *,
    audiences: Iterable[str],
    ours: Callable[[str], Awaitable[Note]],
    outside: Iterable[str] = (),
) -> bytes:
    """The bytes of a `.tlog-proof` for entry `index` of a log, with all that this node can add to it (DESIGN L13).

    `ours` makes this node's own custody note of an origin; `outside` and `audiences` as in `assemble`.
    Raises NotFound, Unavailable.
    """
    custody, policy = await custody_note(store, trusted, log, ours), trusted.policy
    return await store.read(
        lambda conn: assemble(conn, policy, log.id, index, audiences=audiences, custody=custody, outside=outside)
    )


async def custody_note(store: Store, trusted: Trusted, log: LogState, ours: Callable[[str], Awaitable[Note]]) -> bytes:
    """The custody note that goes into a receipt: of our own log what the node above gave us, of any other our own.

    Empty when there is none: nobody vouches for the storage of his own payloads.
    """
    if trusted.policy.node_of_origin(log.origin) != trusted.me:
        return (await ours(log.origin)).encode()
    above = trusted.policy.path_up(trusted.me)
    if not above:
        return b""
    standing = await store.read(partial(peers.get, peer=above[0], log_id=log.id, direction="push"))
    return standing.custody.encode()


def best_size(conn: Connection, policy: TrustPolicy, state: LogState, index: int, outside: Iterable[str] = ()) -> int:
    """The size whose checkpoint covers `index` and is signed by most; the newest of equals.

    One with the mirror of the node above the origin comes before any without, because no receipt holds without it
    (DESIGN L13). Counted are cosigners of the policy and `outside`, names of independent witnesses.
    Raises Unavailable when no signed checkpoint covers the entry yet.
    """
    cosigners = {key.name for key in policy.cosigner_keys()} | set(outside)
    needed = mirrors_above(policy, state.origin)
    known = {
        size: (not needed.isdisjoint(names), len(names & cosigners), size)
        for size, names in checkpoints.signers(conn, state.id, beyond=index).items()
        if state.origin in names and size <= state.stored_size
    }
    for size in sorted(known, key=lambda size: known[size], reverse=True):
        if _holds(conn, policy, state, size):
            return size
    raise Unavailable("no signed checkpoint covers this record yet; try again after the next sync")


def _holds(conn: Connection, policy: TrustPolicy, state: LogState, size: int) -> bool:
    """Whether the checkpoint counts, where the policy says of some key or log that it has ended (L19)."""
    if not policy.revoked and policy.closure(state.origin) is None:
        return True
    try:
        open_head(policy, checkpoints.note(conn, state.id, size, state.origin).encode())
    except NodeError:
        return False
    return True


def mirrors_above(policy: TrustPolicy, origin: str) -> set[str]:
    """Key names of the mirrors of the node above an origin; empty at the top."""
    node = policy.node_of_origin(origin)
    above = policy.path_up(node)[:1] if node is not None else []
    return {grant.key.name for name in above for grant in policy.grants(node=name, use="mirror")}


def assemble(
    conn: Connection,
    policy: TrustPolicy,
    log_id: int,
    index: int,
    *,
    audiences: Iterable[str],
    custody: bytes,
    outside: Iterable[str] = (),
) -> bytes:
    """The bytes of a `.tlog-proof` for one entry.

    `audiences` are those whose salts the receiver may see; `custody` is a custody note, left out when it does not
    cover the entry; `outside` are key names of independent witnesses. Raises NotFound, Unavailable.
    """
    state = logs.by_id(conn, log_id)
    if not 0 <= index < state.stored_size:
        raise NotFound(f"no entry {index} in this log")
    entry = logs.entry(conn, log_id, index)
    size = best_size(conn, policy, state, index, outside)
    allowed = set(audiences)
    salts = []
    for section in headers.parse(entry).sections:
        held = payloads.get(conn, log_id, index, section.name) if section.holding in allowed else None
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
