"""Accept what another node sends: its checkpoint (as witness) and its entries (as mirror).

Two steps, c2sp.org/tlog-witness and tlog-mirror (DESIGN L12): the head first, small enough for any line, so that fork
protection holds at once; then the entries in packages, each proven against that head before it is stored. Payloads
follow apart, see `custody.py`. No signature leaves before what it states is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from node.clock import Clock
from node.errors import BadProof, Conflict, Malformed, NodeError, NotFound
from node.keyring import Keyring
from node.store import checkpoints, logs
from node.store.db import Store, lane_of
from node.store.logs import FullBundle
from node.sync import proofs
from node.tlog.checkpoint import Checkpoint, parse_checkpoint_text, read_checkpoint
from node.tlog.merkle import (
    claimed_root,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_subtree_consistency,
)
from node.tlog.mirror import AddEntriesReader, MirrorInfo, Package
from node.tlog.note import Note, Signature
from node.tlog.tiles import WIDTH, encode_bundle
from node.tlog.witness import AddCheckpointRequest
from node.trusted import Trusted
from node.wire import header as headers
from node.wire.evidence import Branch, Fork
from node.wire.heads import open_head

MAX_EXCESS_ENTRIES = 8192
PACKAGES_PER_COMMIT = 32
BYTES_PER_COMMIT = 4 << 20
MAX_PACKAGE_BYTES = WIDTH * (headers.MAX_HEADER_BYTES + 2)


Admit = Callable[[str], None]
"""Counts a submission of the log that it is given. Raises Overloaded when there were too many."""


class MirrorConflict(NodeError):
    """The upload does not fit what the mirror holds; `info` tells the sender where to go on (tlog-mirror, 409)."""

    code = "conflict"
    title_zh = "上传位置与镜像不一致"
    title_en = "The upload does not fit what the mirror holds"
    advice_zh = "请从返回的位置继续上传。"
    advice_en = "Go on from the place in the answer."

    def __init__(self, detail: str, info: MirrorInfo) -> None:
        super().__init__(detail)
        self.info = info


@dataclass(frozen=True, slots=True)
class EntriesOutcome:
    """What became of an upload: the mirror's cosignature (200), or where to go on (202)."""

    cosignature: Signature | None
    info: MirrorInfo


class Acceptor:
    """Takes in other nodes' logs. One for each node; safe to call from many requests at once."""

    def __init__(self, store: Store, keys: Keyring, trusted: Trusted, clock: Clock, *, own_origin: str) -> None:
        self._store = store
        self._keys = keys
        self._trusted = trusted
        self._clock = clock
        self._own = own_origin

    # --- step 1: the head -------------------------------------------------------------------------------------------

    async def add_checkpoint(self, body: bytes, *, admit: Admit = lambda origin: None) -> Signature:
        """Witness a log's new head and give the cosignature (tlog-witness, add-checkpoint).

        `admit` counts the request against its sender's share once its log is known, before any signature is checked.

        Raises:
            Malformed: 400. NotFound: 404, unknown origin. BadSignature: 403.
            Conflict: 409, `.size` is the size that is held. BadProof: 422, the head does not extend what is held.
        """
        request = AddCheckpointRequest.parse(body)
        admit(self._known(read_checkpoint(request.note)[0].origin))
        head, note, own_lines = self.open_head(request.note)
        if request.old_size > head.size:
            raise Malformed("the old size is larger than the checkpoint", field="old")
        try:
            witness = partial(self._witness, request=request, head=head, note=note, lines=own_lines)
            return await self._store.write(witness, lane_of(head.origin))
        except (BadProof, Conflict):
            # A head that is refused may be refused because the log has signed two histories: then both notes are kept.
            if await self._store.read(lambda conn: _contradicts(conn, request, head)):
                shown = Note(note.text, own_lines)
                await self._store.write(lambda conn: self._contradiction(conn, request, head, shown))
            raise

    def open_head(self, note_bytes: bytes) -> tuple[Checkpoint, Note, tuple[Signature, ...]]:
        """Verify a checkpoint with the keys that the policy holds for its origin and size.

        Gives the head, the note and the lines that verified: the log's, and those of cosigners we know.
        Raises Malformed, NotFound for an origin that this node does not mirror, BadSignature.
        """
        self._known(read_checkpoint(note_bytes)[0].origin)
        head = open_head(self._trusted.policy, note_bytes)
        return head.checkpoint, head.note, head.lines

    def _witness(
        self,
        conn: Connection,
        request: AddCheckpointRequest,
        head: Checkpoint,
        note: Note,
        lines: tuple[Signature, ...],
    ) -> Signature:
        state = logs.ensure(conn, head.origin)
        if request.old_size != state.witnessed_size:
            raise Conflict("the old size is not the one witnessed here", size=state.witnessed_size)
        head.check_empty_root()
        verify_consistency(state.witnessed_size, head.size, state.witnessed_root, head.root, list(request.proof))
        logs.move_witnessed(conn, state, head.size, head.root)
        cosignature = self.cosign_as_witness(note.text)
        # The same head with other extension lines is the same head (tlog-cosignature): cosigned, the first text stays.
        if checkpoints.text(conn, state.id, head.size) in (None, note.text):
            checkpoints.put(conn, state.id, head.size, note.text, [*lines, cosignature])
        return cosignature

    def cosign_as_witness(self, text: str) -> Signature:
        """The witness's line on a checkpoint whose growth was checked; it leaves only once the head is stored."""
        return self._keys.witness.cosign(text, self._clock() // 1000)

    def _contradiction(self, conn: Connection, request: AddCheckpointRequest, head: Checkpoint, shown: Note) -> None:
        """Keep a refused head when it is another history than what is held: both are signed by the log (L10).

        Two heads of one size show it by themselves. Of a larger one its own proof does, where it holds the older root:
        the proof may be the sender's, but it leads to a head that the log signed.
        """
        state, old = logs.get(conn, head.origin), request.old_size
        held = checkpoints.note(conn, state.id, state.witnessed_size, state.origin)
        root = claimed_root(old, head.size, head.root, request.proof)
        fork: Fork | None = None
        if head.size == state.witnessed_size:
            fork = proofs.fork_of_pair(proofs.text(held), proofs.text(shown))
        elif head.size <= state.head_size:
            fork = proofs.fork_of_stored(conn, state, shown)
        elif root is not None and old == state.witnessed_size:
            branches = Branch(root=state.witnessed_root), Branch(root=root, proof=tuple(request.proof))
            fork = proofs.fork_at(state.origin, held, shown, old, branches)
        elif root is not None and old <= state.head_size:
            fork = proofs.fork_of_larger(conn, state, shown, old, root, tuple(request.proof))
        if fork is None or proofs.keep_fork(conn, self._trusted.policy, self._clock(), fork) is None:
            checkpoints.keep_evidence(conn, state.id, self._clock(), "fork", held.encode(), shown.encode())

    # --- step 2: the entries ----------------------------------------------------------------------------------------

    async def add_entries(self, body: AsyncIterator[bytes], *, admit: Admit = lambda origin: None) -> EntriesOutcome:
        """Mirror entries of a pending checkpoint (tlog-mirror, add-entries). The body is streamed, never held whole.

        Raises:
            Malformed: 400. NotFound: 404. BadProof: 422. MirrorConflict: 409, with where to go on.
        """
        reader = AddEntriesReader(max_package_bytes=MAX_PACKAGE_BYTES)
        upload: _Upload | None = None
        waiting: list[Package] = []
        size = 0
        try:
            async for chunk in body:
                reader.feed(chunk)
                if reader.header is not None and upload is None:
                    admit(self._known(reader.header.origin))
                    upload = await self._begin(
                        reader.header.origin, reader.header.upload_start, reader.header.upload_end
                    )
                for package in reader.packages():
                    waiting.append(package)
                    size += sum(map(len, package.entries))
                    if upload is not None and (len(waiting) >= PACKAGES_PER_COMMIT or size >= BYTES_PER_COMMIT):
                        await self._save(upload, waiting)
                        waiting, size = [], 0
        except (TimeoutError, Malformed, ConnectionError):
            # What was proven before the fault is kept, so that a bad line still makes progress.
            if upload is None:
                raise
            if waiting:
                await self._save(upload, waiting)
                waiting = []
            if not upload.saved:
                raise
        if upload is None:
            raise Malformed("the upload's header is cut short")
        if waiting:
            await self._save(upload, waiting)
        if upload.reached < upload.end and not upload.saved:
            raise Malformed("the body ended before the first package was complete")
        # Another upload may have brought the rest meanwhile: then there is nothing to go on with.
        if max(upload.reached, upload.stored) < upload.end:
            return EntriesOutcome(None, MirrorInfo(upload.end, max(upload.reached, upload.stored)))
        cosignature = await self.finish(upload.origin, upload.end)
        return EntriesOutcome(cosignature, MirrorInfo(upload.end, upload.end))

    async def _begin(self, origin: str, start: int, end: int) -> _Upload:
        return await self._store.read(lambda conn: _begin(conn, origin, start, end))

    def _known(self, origin: str) -> str:
        """`origin` itself. Raises NotFound unless it is a log that this node mirrors."""
        if origin == self._own or self._trusted.policy.node_of_origin(origin) is None:
            raise NotFound("this node does not mirror a log of that origin", field="origin")
        return origin

    async def _save(self, upload: _Upload, batch: Sequence[Package]) -> None:
        """Prove and store packages, several in one transaction; those before a bad one are kept."""
        proven, failure = await asyncio.to_thread(_prove, upload, batch)
        if proven:
            await self._store.write(partial(_append, upload=upload, proven=proven), lane_of(upload.origin))
            upload.saved = True
            upload.reached = proven[-1].package.end
            upload.carry = proven[-1].leaves
        if failure is not None:
            raise failure

    async def finish(self, origin: str, size: int) -> Signature:
        """Cosign as mirror: all entries up to `size` are durable and have the root that the log signed.

        Raises MirrorConflict when the mirror has gone past `size` already.
        """

        def work(conn: Connection) -> Signature:
            state = logs.get(conn, origin)
            if size < state.head_size or size > state.stored_size:
                raise MirrorConflict(
                    "the mirror checkpoint has moved on", MirrorInfo(state.witnessed_size, state.stored_size)
                )
            text = checkpoints.text(conn, state.id, size)
            if text is None:
                raise MirrorConflict(
                    "no pending checkpoint of that size", MirrorInfo(state.witnessed_size, state.stored_size)
                )
            root = parse_checkpoint_text(text).root
            logs.check_root(conn, state.id, size, root)
            logs.move_head(conn, state, size, root)
            line = self._keys.mirror.cosign(text, self._clock() // 1000)
            checkpoints.put(conn, state.id, size, text, [line])
            return line

        return await self._store.write(work, lane_of(origin))


def _contradicts(conn: Connection, request: AddCheckpointRequest, head: Checkpoint) -> bool:
    """Whether a head, signed by its log, is no part and no growth of what the same log has signed before.

    A smaller tree is held against the stored entries; of a larger one its own proof shows what it grew from. A proof
    that does not even lead to the head says nothing.
    """
    state = logs.find(conn, head.origin)
    if state is None or not state.witnessed_size:
        return False  # nothing of this log was ever taken, so nothing is contradicted
    if head.size == state.witnessed_size:
        return head.root != state.witnessed_root
    if head.size <= min(state.stored_size, state.witnessed_size):
        return logs.stored_root(conn, state.id, head.size) != head.root
    before = claimed_root(request.old_size, head.size, head.root, request.proof)
    if before is None or request.old_size > state.witnessed_size:
        return False
    if request.old_size == state.witnessed_size:
        return before != state.witnessed_root
    return request.old_size <= state.stored_size and before != logs.stored_root(conn, state.id, request.old_size)


@dataclass
class _Upload:
    """An upload under way. `carry` are the leaf hashes of the bundle that `reached` lies in, before it."""

    origin: str
    log_id: int
    end: int
    root: bytes
    stored: int
    reached: int
    carry: list[bytes]
    saved: bool = False


def _begin(conn: Connection, origin: str, start: int, end: int) -> _Upload:
    state = logs.find(conn, origin)
    if state is None or checkpoints.text(conn, state.id, state.witnessed_size) is None:
        raise BadProof("no checkpoint of this log was ever submitted here")
    text = checkpoints.text(conn, state.id, end)
    known = text is not None and end <= state.witnessed_size
    info = MirrorInfo(state.witnessed_size, state.stored_size)
    if known and end >= state.head_size:
        # More may be stored, of a later checkpoint; a sender cannot start beyond its end.
        info = MirrorInfo(end, min(end, state.stored_size))
    if text is None or not known:
        raise MirrorConflict("the end of the upload is no checkpoint known here", info)
    if end < state.head_size:
        raise MirrorConflict("the mirror is past the end of the upload", info)
    if start > state.stored_size:
        raise MirrorConflict("the upload would leave a gap", info)
    if min(end, state.stored_size) - start > MAX_EXCESS_ENTRIES:
        raise MirrorConflict("the upload repeats too many entries", info)
    before = logs.entries(conn, state.id, start - start % WIDTH, start)
    return _Upload(
        origin,
        state.id,
        end,
        parse_checkpoint_text(text).root,
        state.stored_size,
        start,
        [leaf_hash(entry) for entry in before],
    )


@dataclass(frozen=True, slots=True)
class _Proven:
    """A package that is proven, and the leaf hashes of its bundle up to its end.

    `full` is the bundle as it is stored, where the package brought all of it.
    """

    package: Package
    leaves: list[bytes]
    full: FullBundle | None


def _prove(upload: _Upload, batch: Sequence[Package]) -> tuple[list[_Proven], NodeError | None]:
    """The packages that are proven, up to the first that is not, and why that one is not."""
    carry = upload.carry
    proven: list[_Proven] = []
    for package in batch:
        leaves = [] if package.start % WIDTH == 0 else list(carry)
        leaves += map(leaf_hash, package.entries)
        root = root_of(leaves)
        try:
            verify_subtree_consistency(package.subtree_start, package.end, upload.end, root, package.proof, upload.root)
        except BadProof as error:
            return proven, error
        whole = len(package.entries) == WIDTH
        full = FullBundle(encode_bundle(package.entries), b"".join(leaves), root) if whole else None
        proven.append(_Proven(package, leaves, full))
        carry = leaves
    return proven, None


def _append(conn: Connection, upload: _Upload, proven: Sequence[_Proven]) -> None:
    """Store what is not there yet; another upload of the same log may have been faster, with the same entries."""
    stored = logs.by_id(conn, upload.log_id).stored_size
    fresh: list[bytes] = []
    for each in proven:
        if each.package.end > stored:
            fresh += each.package.entries[max(0, stored - each.package.start) :]
    known = {each.package.start // WIDTH: each.full for each in proven if each.full is not None}
    upload.stored = logs.append(conn, upload.log_id, stored, fresh, known) if fresh else stored
