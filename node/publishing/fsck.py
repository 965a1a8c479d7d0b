"""The judge: rebuilds every tree from stored bytes, apart from the code that wrote them (DESIGN L8).

It reads the tables with its own SQL, hashes with its own code, and says everything that does not agree: entries,
tiles, heads, checkpoints, signatures, payloads and the index of issued records. It changes nothing. Damage in one log
does not keep it from looking at the others.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, exists, func, select, text

from node.errors import BadSignature, NodeError
from node.publishing.fsck_findings import Finding, Findings
from node.publishing.fsck_records import Records
from node.publishing.fsck_tree import FULL, Walk, strays
from node.store.migrate import strange_schema
from node.store.tables import Log, LogCheckpoint, LogEvidence, LogSignature, table
from node.tlog.note import KeyType, Signature, VerifierKey, parse_signature_lines

__all__ = ["Finding", "check"]

log = table(Log)
checkpoint = table(LogCheckpoint)
signature = table(LogSignature)
evidence = table(LogEvidence)

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")

ClosureOf = Callable[[str], tuple[int, bytes] | None]
KeysOf = Callable[[str], Sequence[VerifierKey]]
AudiencesOf = Callable[[str], frozenset[str]]
Progress = Callable[[int, int], None]
ViewsOf = Callable[[Connection], Iterable[tuple[str, str, str]]]


def check(
    conn: Connection,
    *,
    keys: KeysOf | None,
    cosigners: Sequence[VerifierKey] = (),
    audiences: AudiencesOf | None = None,
    closures: ClosureOf = lambda origin: None,
    views: ViewsOf | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Check everything that the store holds; an empty list means that all of it agrees.

    Args:
        conn: a read transaction that sees one snapshot, as `Store.read` gives it.
        keys: origin -> the log's keys, past ones too; None leaves log signatures unverified.
        cosigners: keys of witnesses and mirrors.
        audiences: origin -> audiences whose payloads are due here; None leaves open what is due.
        closures: origin -> (size, root) where the trust policy has closed the log, None while it goes on.
        views: gives (origin, place, what is wrong) where the read tables differ from what the logs say; they are not
            looked at without it.
        progress: called with (entries done, entries in all).
    """
    found = _check_database(conn)
    # Numbers only: a damaged text in one row must not hide the other logs.
    rows = conn.execute(select(log.c.id, log.c.stored_size).order_by(log.c.own.desc(), log.c.origin)).all()
    total = sum(max(0, row.stored_size) for row in rows)
    done = 0
    for log_id, stored in rows:
        findings = Findings("")

        def tell(size: int, before: int = done) -> None:
            if progress is not None:
                progress(before + size, total)

        try:
            # A failed statement would end the whole transaction on PostgreSQL; with a savepoint it ends this log only.
            with conn.begin_nested():
                state = conn.execute(select(log).where(log.c.id == log_id)).one()
                findings = Findings(state.origin)
                _check_log(conn, state, keys, cosigners, audiences, closures(state.origin), findings, tell)
        except Exception as error:  # whatever damage does to this log, the others are looked at too
            findings.add(
                "log-unreadable", f"log {log_id}", f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
            )
        found += findings.all()
        done += max(0, stored)
    return found if views is None else found + _check_views(conn, views)


def _check_views(conn: Connection, views: ViewsOf) -> list[Finding]:
    found: dict[str, Findings] = {}
    try:
        with conn.begin_nested():
            for origin, place, detail in views(conn):
                found.setdefault(origin, Findings(origin)).add("view-differs", place, detail)
    except Exception as error:  # a log that cannot be read has been named above
        found.setdefault("", Findings("")).add("view-differs", "read tables", type(error).__name__)
    return [finding for each in found.values() for finding in each.all()]


def _check_database(conn: Connection) -> list[Finding]:
    found = Findings("")
    if conn.dialect.name == "sqlite":
        try:
            for (line,) in conn.execute(text("PRAGMA integrity_check(100)")):
                if line != "ok":
                    found.add("database-damaged", "database", str(line))
            for row in conn.execute(text("PRAGMA foreign_key_check")):
                found.add("database-reference", f"table {row[0]} row {row[1]}")
            for name in strange_schema(conn):
                found.add("database-damaged", "database", f"the schema of {name} is not this release's")
        except Exception as error:  # a file too damaged for its own check
            found.add("database-damaged", "database", str(error).splitlines()[0])
    return found.all()


def _check_log(
    conn: Connection,
    state: Row[Any],
    keys: KeysOf | None,
    cosigners: Sequence[VerifierKey],
    audiences: AudiencesOf | None,
    closed: tuple[int, bytes] | None,
    found: Findings,
    tell: Callable[[int], None],
) -> None:
    _check_state(state, found)
    _check_evidence(conn, state, found)
    if closed is not None and state.stored_size > closed[0]:
        found.add("closed-beyond", f"entry {closed[0]}")
    _Signatures(conn, state, None if keys is None else keys(state.origin), cosigners, found).check()
    stored = max(0, state.stored_size)
    mine = None if audiences is None else audiences(state.origin)
    records = Records(conn, state.id, state.origin, own=state.own, mine=mine, found=found)
    for first, entries in Walk(conn, state.id, stored, _roots(conn, state, closed), found).stretches():
        end = min(first + FULL, stored)
        if entries is not None:
            records.stretch(first, end, state.payload_next, entries)
        tell(end)
    records.extras(stored)


def _check_state(state: Row[Any], found: Findings) -> None:
    if state.frozen:
        found.add("log-frozen", "log", state.frozen)
    if state.origin_hash != hashlib.sha256(state.origin.encode()).hexdigest():
        found.add("log-state-wrong", "origin_hash")
    for name, most in (("stored_size", 2**63), ("head_size", state.stored_size), ("payload_next", state.stored_size)):
        if not 0 <= getattr(state, name) <= most:
            found.add("log-state-wrong", name)
    if state.witnessed_size < 0:
        found.add("log-state-wrong", "witnessed_size")
    if state.own and state.head_size < state.stored_size:
        found.add("log-unsigned-end", f"entry {state.head_size}")


def _check_evidence(conn: Connection, state: Row[Any], found: Findings) -> None:
    # A note beyond a restored head contradicts nothing: the frozen log says it, and recovery answers it.
    which = and_(evidence.c.log_id == state.id, evidence.c.reason != "restored-from-backup")
    kept = select(evidence.c.reason, func.count().label("times")).where(which)
    for row in conn.execute(kept.group_by(evidence.c.reason).order_by(evidence.c.reason)):
        found.add("log-evidence", row.reason, str(row.times))


class _Head(NamedTuple):
    origin: str
    size: int
    root: bytes


def _read_head(data: str) -> _Head | None:
    """Origin, size and root of a checkpoint's text; None when it is none (c2sp.org/tlog-checkpoint)."""
    lines = data.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]) or not _SIZE.fullmatch(lines[1]):
        return None
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(root) != 32 or base64.b64encode(root).decode() != lines[2]:
        return None
    return _Head(lines[0], int(lines[1]), root)


def _roots(
    conn: Connection, state: Row[Any], closed: tuple[int, bytes] | None
) -> Iterator[tuple[int, bytes, str, str]]:
    """All roots that stored entries must give, smallest tree first."""
    heads = [
        (state.head_size, bytes(state.head_root), "head-root-wrong", f"head {state.head_size}"),
        (state.witnessed_size, bytes(state.witnessed_root), "witnessed-root-wrong", f"head {state.witnessed_size}"),
    ]
    if closed is not None:
        heads.append((*closed, "closed-root-wrong", f"head {closed[0]}"))
    return heapq.merge(sorted(heads), _checkpoint_roots(conn, state.id), key=lambda root: root[0])


def _checkpoint_roots(conn: Connection, log_id: int) -> Iterator[tuple[int, bytes, str, str]]:
    rows = conn.execute(
        select(checkpoint.c.size, checkpoint.c.text).where(checkpoint.c.log_id == log_id).order_by(checkpoint.c.size),
        execution_options={"yield_per": 256},
    )
    for size, data in rows:
        head = _read_head(data)
        if head is not None:
            yield size, head.root, "checkpoint-root-wrong", f"checkpoint {size}"


class _Signatures:
    """Judges the checkpoints of one log as texts, and every signature line on them."""

    def __init__(
        self,
        conn: Connection,
        state: Row[Any],
        log_keys: Sequence[VerifierKey] | None,
        cosigners: Sequence[VerifierKey],
        found: Findings,
    ) -> None:
        self._conn = conn
        self._state = state
        self._verify_all = log_keys is not None
        # A log's key speaks for its own log only.
        own = [key for key in log_keys or () if key.name == state.origin and key.type != KeyType.COSIGNATURE]
        expected = [each for key in own for each in (key, *key.also)]
        self._keys = [*expected, *(key for key in cosigners if key.type == KeyType.COSIGNATURE)]
        self._found = found

    def check(self) -> None:
        state, found = self._state, self._found
        largest = max(state.head_size, state.witnessed_size)
        head_signed = False
        rows = self._conn.execute(
            select(checkpoint.c.size, checkpoint.c.text)
            .where(checkpoint.c.log_id == state.id)
            .order_by(checkpoint.c.size),
            execution_options={"yield_per": 256},
        )
        for size, data in rows:
            place = f"checkpoint {size}"
            head = _read_head(data)
            if head is None:
                found.add("checkpoint-unreadable", place)
            elif (head.origin, head.size) != (state.origin, size):
                found.add("checkpoint-misplaced", place)
            if size > largest:
                found.add("checkpoint-beyond", place)
            signed = self._lines(size, data)
            head_signed = head_signed or (signed and size == state.head_size)
        # Nothing needs to be signed over an empty tree.
        if state.head_size and not head_signed:
            found.add("head-unsigned", f"head {state.head_size}")
        there = exists().where(and_(checkpoint.c.log_id == signature.c.log_id, checkpoint.c.size == signature.c.size))
        lost = and_(signature.c.log_id == state.id, ~there)
        strays(self._conn, found, "signature-orphan", signature, lost, lambda r: f"checkpoint {r.size} {r.signer}")

    def _lines(self, size: int, data: str) -> bool:
        """Judge the lines of one checkpoint; whether the log itself signed it."""
        signed = claimed = False
        for row in self._conn.execute(
            select(signature.c.signer, signature.c.key_id, signature.c.line)
            .where(and_(signature.c.log_id == self._state.id, signature.c.size == size))
            .order_by(signature.c.signer, signature.c.key_id)
        ):
            place = f"checkpoint {size} {row.signer}"
            claimed = claimed or row.signer == self._state.origin
            try:
                (line,) = parse_signature_lines(row.line.encode())
            except (NodeError, ValueError):
                self._found.add("signature-unreadable", place)
                continue
            if (line.name, line.key_id.hex()) != (row.signer, row.key_id):
                self._found.add("signature-misplaced", place)
            if self._verifies(data, line, place) and line.name == self._state.origin:
                signed = True
        if not claimed:
            self._found.add("checkpoint-unsigned", f"checkpoint {size}")
        return signed

    def _verifies(self, data: str, line: Signature, place: str) -> bool:
        """Whether a known key made this line; a line of an unknown key counts where it was not ours to know it."""
        for key in self._keys:
            if key.made(line):
                try:
                    if key.checkable:
                        key.verify(data, line)
                except BadSignature:
                    self._found.add("signature-wrong", place)
                    return False
                # A line that a suite adds says nothing without that of the log's own key.
                return key.type != KeyType.SM2
        if self._verify_all:
            self._found.add("signature-key-unknown", place)
        return not (self._verify_all and self._state.own)
