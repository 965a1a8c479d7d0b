"""What the node above says when it is asked about something that is not right, and the evidence made with it (L21)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection

from node.errors import NodeError
from node.store import checkpoints, logs
from node.store.alarms import SUSPECTED, Finding
from node.store.logs import LogState
from node.sync import proofs
from node.sync.absorb import Look
from node.sync.peer import Peer
from node.sync.refused import ForgedEntries, ForgedPayload
from node.tlog.merkle import leaf_hash
from node.tlog.tiles import inclusion_proof
from node.wire.custody import open_custody
from node.wire.evidence import ChangedHeader, Evidence, Statement, SwappedPayload, Withheld


async def custody(peer: Peer, origin: str) -> str:
    """The peer's fresh custody note of a log, empty when it gives none."""
    try:
        return (await peer.custody(origin)).decode()
    except (NodeError, UnicodeDecodeError):
        return ""


async def statement(peer: Peer, origin: str) -> Statement | None:
    """What the peer says now of the size of a log, signed and dated: a custody note, else its cosigned checkpoint."""
    note = await custody(peer, origin)
    if note:
        return Statement(form="custody", note=note)
    try:
        return Statement(form="cosigned", note=(await peer.checkpoint(origin)).decode())
    except (NodeError, UnicodeDecodeError):
        return None


def keep(conn: Connection, look: Look, origin: str, error: NodeError | None, custody: str) -> tuple[str, int | None]:
    """Evidence of bytes that were refused: (code of the alarm, number of the evidence or None)."""
    state = logs.find(conn, origin)
    if state is None:
        return "refused", None
    keep = partial(proofs.keep, conn, look.policy, look.now_ms, origin)
    if isinstance(error, ForgedEntries):
        found = _changed(conn, state, error)
        if found is not None:
            return "changed-header", keep("changed-header", f"{found.index}\n{found.leaf.hex()}", lambda: found)
    if isinstance(error, ForgedPayload):
        # Bytes that not everybody may have go into no file that is handed around.
        if error.holding != "public":
            return "swapped-payload", None
        make = partial(_swapped, conn, state, error, custody)
        return "swapped-payload", keep("swapped-payload", f"{error.index}\n{error.section}", make)
    return "refused", None


def _changed(conn: Connection, state: LogState, error: ForgedEntries) -> ChangedHeader | None:
    expected = error.tiles.hashes(0, error.first // 256)
    for offset, (entry, leaf) in enumerate(zip(error.entries, expected, strict=False)):
        if leaf_hash(entry) != leaf:
            index, size = error.first + offset, error.tiles.size
            note = checkpoints.note(conn, state.id, size, state.origin)
            proof = tuple(inclusion_proof(error.tiles, index, size))
            return ChangedHeader(
                origin=state.origin, note=proofs.text(note), index=index, leaf=leaf, proof=proof, entry=entry
            )
    return None


def _swapped(conn: Connection, state: LogState, error: ForgedPayload, custody: str) -> Evidence:
    return SwappedPayload(
        origin=state.origin,
        receipt=proofs.receipt(conn, state, error.index),
        section=error.section,
        salt=error.salt,
        payload=error.payload,
        custody=custody,
    )


def keep_payload(
    conn: Connection,
    look: Look,
    peer: str,
    origin: str,
    note: str,
    *,
    missing: Sequence[tuple[int, str]],
    grace_ms: int,
) -> list[Finding]:
    """The finding that payloads which this custody note claims are not handed out, none when it claims none of them."""
    keys = [grant.key for grant in look.policy.grants(node=peer, use="custody")]
    try:
        claimed, _, _ = open_custody(note.encode(), keys)
    except NodeError:
        return []
    kept_back = [place for place in missing if claimed.origin == origin and claimed.holds(*place)]
    if not kept_back:
        return []
    index, section = kept_back[0]

    def make() -> Withheld:
        said = Statement(form="custody", note=note)
        return Withheld(origin=origin, statements=(said,), index=index, section=section)

    number = proofs.keep(conn, look.policy, look.now_ms, origin, "withheld", f"{peer}\n{index}\n{section}", make)
    detail = f"{peer} signs that it holds {len(kept_back)} payloads, and does not hand them out; the first is [{index}]"
    return [
        Finding("payload-withheld", origin, SUSPECTED, f"{detail} {section}", grace_ms=grace_ms, evidence_id=number)
    ]
