"""Checkpoints and the signatures on them: one text for each size, any number of verified lines.

The pending checkpoints of c2sp.org/tlog-mirror, the latest witnessed note, the mirrored checkpoint, and the newest note
with a given cosigner's line are all answers from these two tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import Connection, and_, delete, func, select, update

from node.errors import BadProof, NotFound
from node.store.tables import Log, LogCheckpoint, LogEvidence, LogSignature, table
from node.store.upsert import insert_or_ignore
from node.tlog.note import Note, Signature, parse_signature_lines

checkpoint = table(LogCheckpoint)
signature = table(LogSignature)
evidence = table(LogEvidence)
log = table(Log)

KEEP = 256
MAX_EVIDENCE = 64


def put(conn: Connection, log_id: int, size: int, text: str, signatures: Iterable[Signature]) -> None:
    """Keep a checkpoint whose growth was checked, with lines that were verified; a newer line of a signer replaces.

    Raises BadProof when another text is known for this size: then the caller has not checked growth.
    """
    held = conn.execute(
        select(checkpoint.c.text).where(and_(checkpoint.c.log_id == log_id, checkpoint.c.size == size))
    ).scalar()
    if held is None:
        insert_or_ignore(conn, checkpoint, [{"log_id": log_id, "size": size, "text": text}])
    elif held != text:
        raise BadProof(f"another checkpoint of size {size} is already known")
    for line in signatures:
        conn.execute(
            delete(signature).where(
                and_(
                    signature.c.log_id == log_id,
                    signature.c.size == size,
                    signature.c.signer == line.name,
                    signature.c.key_id == line.key_id.hex(),
                )
            )
        )
        row = {"log_id": log_id, "size": size, "signer": line.name, "key_id": line.key_id.hex(), "line": line.line()}
        insert_or_ignore(conn, signature, [row])


def text(conn: Connection, log_id: int, size: int) -> str | None:
    """The checkpoint's text at exactly this size, if known."""
    found: str | None = conn.execute(
        select(checkpoint.c.text).where(and_(checkpoint.c.log_id == log_id, checkpoint.c.size == size))
    ).scalar()
    return found


def note(conn: Connection, log_id: int, size: int, origin: str) -> Note:
    """The checkpoint of this size with all known lines, the log's own first. Raises NotFound."""
    found = text(conn, log_id, size)
    lines = conn.execute(
        select(signature.c.line)
        .where(and_(signature.c.log_id == log_id, signature.c.size == size))
        .order_by(signature.c.signer != origin, signature.c.signer, signature.c.key_id)
    ).scalars()
    signatures = parse_signature_lines("".join(lines).encode()) if found is not None else []
    if found is None or not signatures:
        raise NotFound("no checkpoint of that size here")
    return Note(found, tuple(signatures))


def newest_signed_by(conn: Connection, log_id: int, signer: str) -> int | None:
    """The largest size that this signer has signed, if any."""
    found: int | None = conn.execute(
        select(func.max(signature.c.size)).where(and_(signature.c.log_id == log_id, signature.c.signer == signer))
    ).scalar()
    return found


def line_of(conn: Connection, log_id: int, size: int, signer: str, key_id: str = "") -> Signature | None:
    """This signer's line on the checkpoint of this size, if it is known: of the key of this hex id, or of any."""
    mine = and_(signature.c.signer == signer, signature.c.key_id == key_id) if key_id else signature.c.signer == signer
    found: str | None = conn.execute(
        select(signature.c.line).where(and_(signature.c.log_id == log_id, signature.c.size == size, mine)).limit(1)
    ).scalar()
    return None if found is None else parse_signature_lines(found.encode())[0]


def own_lines(conn: Connection, log_id: int, size: int, origin: str) -> int:
    """How many lines of the log itself the checkpoint of this size bears: one a key."""
    mine = and_(signature.c.log_id == log_id, signature.c.size == size, signature.c.signer == origin)
    return int(conn.execute(select(func.count()).select_from(signature).where(mine)).scalar_one())


def signers(conn: Connection, log_id: int, *, beyond: int = -1) -> dict[int, set[str]]:
    """size -> names that signed it, for sizes above `beyond`: what a receipt can choose from."""
    found: dict[int, set[str]] = {}
    rows = conn.execute(
        select(signature.c.size, signature.c.signer).where(
            and_(signature.c.log_id == log_id, signature.c.size > beyond)
        )
    )
    for size, signer in rows:
        found.setdefault(size, set()).add(signer)
    return found


def prune(conn: Connection, log_id: int, keep: int = KEEP) -> int:
    """Drop old checkpoints but the newest `keep` and each signer's newest; gives how many went."""
    newest = select(func.max(signature.c.size)).where(signature.c.log_id == log_id).group_by(signature.c.signer)
    limit = conn.execute(
        select(checkpoint.c.size)
        .where(checkpoint.c.log_id == log_id)
        .order_by(checkpoint.c.size.desc())
        .offset(keep)
        .limit(1)
    ).scalar()
    if limit is None:
        return 0
    kept = set(conn.execute(newest).scalars())
    gone = [
        size
        for size in conn.execute(
            select(checkpoint.c.size).where(and_(checkpoint.c.log_id == log_id, checkpoint.c.size <= limit))
        ).scalars()
        if size not in kept
    ]
    for size in gone:
        for part in (signature, checkpoint):
            conn.execute(delete(part).where(and_(part.c.log_id == log_id, part.c.size == size)))
    return len(gone)


def keep_evidence(
    conn: Connection,
    log_id: int,
    seen_ms: int,
    reason: str,
    held: bytes,
    shown: bytes,
    *,
    file: bytes = b"",
    identity: str = "",
) -> int | None:
    """Keep two notes that cannot both be true; a pair is kept once, and of one reason no more than a few.

    `file` is the evidence as others can check it (`node.wire.evidence`); evidence that is no pair of notes is only
    that, and `identity` says what it is about, so that it is kept once. Gives the number under which it is kept or was
    before, None when there are too many already.
    Two notes are the same when their texts are: fresh cosignatures change nothing about what the log signed. One pair
    proves it; whoever holds a forked log's key could make any number, and fill the disk with them.
    """
    pair = held.decode("utf-8", "replace"), shown.decode("utf-8", "replace")
    digest = hashlib.sha256((identity or "\n\n".join(_texts(*pair))).encode()).hexdigest()
    of_reason = and_(evidence.c.log_id == log_id, evidence.c.reason == reason)
    known = {row.digest: row.id for row in conn.execute(select(evidence.c.digest, evidence.c.id).where(of_reason))}
    if digest in known:
        number = int(known[digest])
        if file:
            conn.execute(
                update(evidence).where(and_(evidence.c.id == number, evidence.c.file == "")).values(file=file.decode())
            )
        return number
    if len(known) >= MAX_EVIDENCE:
        return None
    row = {"log_id": log_id, "seen_ms": seen_ms, "reason": reason, "held": pair[0], "shown": pair[1]}
    insert_or_ignore(conn, evidence, [row | {"digest": digest, "file": file.decode()}])
    kept = select(evidence.c.id).where(and_(of_reason, evidence.c.digest == digest))
    return int(conn.execute(kept).scalar_one())


def evidence_number(conn: Connection, log_id: int, reason: str, identity: str) -> int | None:
    """The number under which evidence of that identity is kept, None when it is not."""
    digest = hashlib.sha256(identity.encode()).hexdigest()
    which = and_(evidence.c.log_id == log_id, evidence.c.reason == reason, evidence.c.digest == digest)
    found: int | None = conn.execute(select(evidence.c.id).where(which)).scalar()
    return found


def evidence_of(conn: Connection, origin: str) -> list[tuple[int, str, str, str]]:
    """(seen_ms, reason, held, shown) of all evidence about a log, oldest first."""
    columns = (evidence.c.seen_ms, evidence.c.reason, evidence.c.held, evidence.c.shown)
    of = select(*columns).join(log, log.c.id == evidence.c.log_id).where(log.c.origin == origin)
    return [tuple(row) for row in conn.execute(of.order_by(evidence.c.id))]


def _texts(*notes: str) -> tuple[str, ...]:
    return tuple(note.partition("\n\n")[0] for note in notes)
