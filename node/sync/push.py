"""Push one log to the node above: its head, its entries, its payloads; keep what comes back (DESIGN §2, L12-L14).

The same function serves a district's own log and, at the hub, each district's log on its way to national: the note goes
verbatim, under the district's origin, and the entries with proofs from our own mirror. Every step may be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog
from sqlalchemy import Connection

from node.clock import Clock
from node.errors import BadProof, BadSignature, Conflict, Frozen, Malformed, NodeError, NotFound
from node.store import checkpoints, logs, payloads, peers
from node.store.db import Store
from node.store.logs import LogState
from node.store.peers import Standing
from node.sync.peer import Peer
from node.tlog.checkpoint import Checkpoint, parse_checkpoint_text
from node.tlog.cosignature import cosignature_time
from node.tlog.mirror import MAX_PACKAGES_PER_REQUEST, AddEntriesHeader, canonical_packages, encode_package
from node.tlog.note import Note, Signature
from node.tlog.tiles import WIDTH, TileCache, consistency_proof, subtree_consistency_proof
from node.tlog.witness import AddCheckpointRequest
from node.trusted import Trusted, audiences_for
from node.wire.custody import open_custody
from node.wire.heads import cosignatures, open_head, open_own

_log = structlog.get_logger(__name__)
MAX_TURNS = 1000
TOUCH_MS = 60_000
PAYLOAD_BUNDLES_PER_CALL = 16


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one push moved."""

    entries: int = 0
    payloads: int = 0
    cosignatures: int = 0


class Pusher:
    """Pushes logs to one upstream node. `refresh_ms`: a cosignature older than this is renewed."""

    def __init__(self, store: Store, peer: Peer, trusted: Trusted, clock: Clock, *, refresh_ms: int) -> None:
        self._store = store
        self._peer = peer
        self._trusted = trusted
        self._clock = clock
        self._refresh_ms = refresh_ms
        self._shown: dict[int, tuple[int, int]] = {}

    async def push(self, origin: str) -> Pushed:
        """Bring the peer to our head of this log. Raises what the peer's answers and the network raise."""
        state, standing, fresh, shown = await self._store.read(partial(self._load, origin=origin))
        now, size = self._clock(), state.head_size
        level = fresh and standing.mirrored_size == size and standing.payload_next >= min(size, state.payload_next)
        level = level and not state.frozen
        # An idle link costs no write: its row is touched once a minute.
        if level and not standing.last_error and now - standing.last_ok_ms < TOUCH_MS:
            return Pushed()
        try:
            if state.frozen:
                raise Frozen(state.frozen)
            pushed, standing, good = await self._push(state, standing, fresh=fresh)
        except NodeError as error:
            failed = replace(standing, failures=standing.failures + 1, last_error=f"{error.code}: {error.detail}"[:500])
            await self._store.write(partial(peers.put, standing=replace(failed, last_try_ms=self._clock())))
            raise
        now = self._clock()
        standing = replace(standing, last_try_ms=now, last_ok_ms=now, failures=0, last_error="")
        await self._store.write(partial(_note, state=state, size=size, signatures=good, standing=standing))
        self._shown[state.id] = size, shown
        return pushed

    async def _push(
        self, state: LogState, standing: Standing, *, fresh: bool
    ) -> tuple[Pushed, Standing, list[Signature]]:
        size = state.head_size
        note = await self._store.read(lambda conn: checkpoints.note(conn, state.id, size, state.origin))
        done, good = Pushed(), []
        if not fresh or standing.mirrored_size != size:
            lines = await self.submit_head(state, standing.witnessed_size, note, size)
            standing = replace(standing, witnessed_size=size)
            entries, more = await self._add_entries(state, standing, size)
            standing = replace(standing, mirrored_size=size)
            good = self._verified(note, [*lines, *more])
            done = Pushed(entries=entries, cosignatures=len(good))
        if standing.payload_next < size or not fresh:
            standing, moved = await self._put_payloads(state, standing, size)
            custody = await self._peer.custody(state.origin)
            self._check_custody(custody, state.origin)
            standing = replace(standing, custody=custody.decode())
            done = replace(done, payloads=moved)
        return done, standing, good

    def _load(self, conn: Connection, origin: str) -> tuple[LogState, Standing, bool, int]:
        """The log, what we know of it at the peer, whether our head carries a fresh cosignature of its mirror, and how
        many lines of the log itself it bears."""
        state = logs.get(conn, origin)
        policy = self._trusted.policy
        mirrors = [g.key for g in policy.grants(node=self._peer.name, use="mirror") if policy.retired_at(g.key) is None]
        lines = [checkpoints.line_of(conn, state.id, state.head_size, key.name, key.key_id.hex()) for key in mirrors]
        newest_s = max((cosignature_time(line) for line in lines if line is not None), default=0)
        fresh = newest_s > 0 and abs(self._clock() - newest_s * 1000) < self._refresh_ms
        # After a rotation the log signs its head again, with another key: the same tree, yet the peer lacks the line.
        shown = checkpoints.own_lines(conn, state.id, state.head_size, state.origin)
        fresh = fresh and (shown <= 1 or self._shown.get(state.id) == (state.head_size, shown))
        return state, peers.get(conn, self._peer.name, state.id, "push"), fresh, shown

    # --- heads ------------------------------------------------------------------------------------------------------

    async def submit_head(self, state: LogState, known_size: int, note: Note, size: int) -> list[Signature]:
        """Submit the checkpoint of `size` to a witness that should hold `known_size`; gives its lines, not verified.

        Raises Conflict when the witness is beyond `size`, BadProof when it refuses the proof: then its own note has
        been looked at (L10). Raises what the network raises.
        """
        old = min(known_size, size)
        for _ in range(4):
            proof = await self._store.read(partial(_proof, log_id=state.id, old=old, new=size))
            try:
                return await self._peer.add_checkpoint(AddCheckpointRequest(old, tuple(proof), note.encode()).encode())
            except Conflict as conflict:
                if conflict.size > size:
                    await self._judge_peer(state, f"the witness claims size {conflict.size}, ours is {size}")
                    raise
                old = conflict.size
            except BadProof:
                await self._judge_peer(state, "the witness refuses our consistency proof")
                raise
        raise Conflict("the witness keeps changing the size it holds", size=old)

    async def check_own(self, origin: str) -> None:
        """Look at the peer's newest note of our own log, before this process signs anything (L9).

        A note under our key beyond our head means that we were restored from a backup: then the log is frozen.
        Raises what the network raises; a peer that holds nothing of ours proves nothing.
        """
        state = await self._store.read(partial(logs.get, origin=origin))
        try:
            shown = await self._peer.witnessed(origin)
        except NotFound:
            return
        head, note = open_own(self._trusted.policy, origin, shown)
        if await self._store.write(partial(self._judge_own, state=state, head=head, note=note)):
            await show_fork(self._store, self._peer, origin, head.size)

    async def _judge_peer(self, state: LogState, claim: str) -> None:
        """A status code freezes nothing (L10): look at the peer's note; freeze only on our own signature beyond us."""
        try:
            shown = await self._peer.witnessed(state.origin)
            head, note = open_own(self._trusted.policy, state.origin, shown)
        except NodeError as error:
            _log.warning("peer_at_fault", peer=self._peer.name, origin=state.origin, claim=claim, error=error.code)
            return
        if state.own and await self._store.write(partial(self._judge_own, state=state, head=head, note=note)):
            await show_fork(self._store, self._peer, state.origin, head.size)

    def _judge_own(self, conn: Connection, state: LogState, head: Checkpoint, note: Note) -> bool:
        return judge_own(conn, state, head, note, seen_ms=self._clock(), holder=self._peer.name)

    # --- entries ----------------------------------------------------------------------------------------------------

    async def _add_entries(self, state: LogState, standing: Standing, size: int) -> tuple[int, list[Signature]]:
        start, end, ticket, moved = min(standing.mirrored_size, size), size, b"", 0
        for _ in range(MAX_TURNS):
            body, count = await self._store.read(partial(upload_body, state=state, start=start, end=end, ticket=ticket))
            lines, info = await self._peer.add_entries(body)
            if info is None:
                return moved + count, lines
            if info.size > size or info.next_entry > state.stored_size:
                await self._judge_peer(state, f"the mirror claims entries up to {info.next_entry}")
                raise Conflict("the mirror claims more than there is", size=info.next_entry)
            moved += count if (info.next_entry, info.size) != (start, end) else 0
            # A pending size of before is finished first; the next turn of the loop brings the rest.
            start, end, ticket = min(info.next_entry, size), size, info.ticket
        raise Conflict("the mirror makes no progress", size=start)

    def _verified(self, note: Note, lines: Iterable[Signature]) -> list[Signature]:
        """The cosignatures that verify under a key of the policy; others are ignored, as the note format says."""
        policy = self._trusted.policy
        good = [line for _, line in cosignatures(policy, Note(note.text, tuple(lines)))]
        # Without its mirror's line nothing counts as safe there (L9), and every pass would bring all of it again.
        mirrors = [grant.key for grant in policy.grants(node=self._peer.name, use="mirror")]
        if not any(key.made(line) for key in mirrors for line in good):
            raise BadSignature(f"{self._peer.name} gave no cosignature of a mirror key that the trust policy knows")
        return good

    # --- payloads ---------------------------------------------------------------------------------------------------

    async def _put_payloads(self, state: LogState, standing: Standing, size: int) -> tuple[Standing, int]:
        theirs = audiences_for(self._trusted, self._peer.name, state.origin)
        there = await self._peer.payload_state(state.origin)
        position, moved = min(there.next, size), 0
        for index, section in there.missing:
            moved += await self._bring_missing(state, index, section, theirs)
        ours = min(state.payload_next, size)
        while position < ours:
            stop = min(ours, (position // WIDTH + PAYLOAD_BUNDLES_PER_CALL) * WIDTH)
            made, stop = await self._store.read(
                partial(packs_of_stretch, state=state, start=position, end=stop, audiences=theirs)
            )
            try:
                there = await self._peer.put_payloads(state.origin, position, stop, made)
            except Conflict as conflict:
                if conflict.size >= position:
                    raise
                position = conflict.size
                continue
            moved += stop - position
            position = stop
        return replace(standing, payload_next=min(there.next, size)), moved

    async def _bring_missing(self, state: LogState, index: int, section: str, theirs: frozenset[str]) -> int:
        """Bring a payload that the peer misses, when we hold it."""
        held = await self._store.read(lambda conn: payloads.get(conn, state.id, index, section))
        if held is None:
            return 0
        made = await self._store.read(
            lambda conn: payloads.packed(conn, state.id, state.origin, index, index + 1, theirs)
        )
        await self._peer.put_payloads(state.origin, index, index + 1, made)
        return 1

    def _check_custody(self, note: bytes, origin: str) -> None:
        keys = [grant.key for grant in self._trusted.policy.grants(node=self._peer.name, use="custody")]
        custody, _, _ = open_custody(note, keys)
        if custody.origin != origin:
            raise Malformed("the custody note speaks of another log")

    # --- what comes down again ----------------------------------------------------------------------------------------

    async def fetch_cosignatures(self, origin: str) -> int:
        """Fetch the newest cosignatures of nodes above the peer (national's reach a district through the hub)."""
        policy = self._trusted.policy
        above = policy.path_up(self._peer.name)
        wanted = [g.key for name in above for use in ("witness", "mirror") for g in policy.grants(node=name, use=use)]
        got = 0
        for key in wanted:
            state, have = await self._store.read(partial(_newest_by, origin=origin, name=key.name))
            if have == state.head_size:
                continue
            try:
                data = await self._peer.cosigned(origin, key.name)
            except NotFound:
                continue
            opened = open_head(policy, data)
            head = opened.checkpoint
            if head.origin != origin:
                raise BadSignature("the peer serves another log's checkpoint at this address")
            if head.size > state.stored_size or (have is not None and head.size <= have):
                continue
            keep = partial(_keep_checked, log_id=state.id, head=head, note=opened.note, lines=opened.lines)
            await self._store.write(keep)
            got += 1
        return got


async def show_fork(store: Store, peer: Peer, origin: str, their_size: int) -> None:
    """Show the peer our head too, once both histories are known: so that it holds both notes as evidence (L10).

    It refuses the head, as a witness must; what it answers changes nothing here. Of a larger head only the proof shows
    what it grew from, and a proof from a tree of 2^n entries does not hold that tree's root: so one from a tree of an
    entry less is shown too.
    """
    state = await store.read(partial(logs.get, origin=origin))
    size = state.head_size
    note = await store.read(lambda conn: checkpoints.note(conn, state.id, size, origin))
    for old in {min(their_size, size), max(0, min(their_size - 1, size))}:
        proof = await store.read(partial(_proof, log_id=state.id, old=old, new=size))
        try:
            await peer.add_checkpoint(AddCheckpointRequest(old, tuple(proof), note.encode()).encode())
        except NodeError as error:
            _log.info("fork_shown", peer=peer.name, origin=origin, answer=error.code)


def judge_own(conn: Connection, state: LogState, head: Checkpoint, note: Note, *, seen_ms: int, holder: str) -> bool:
    """Freeze our log when `note`, verified under our own key, is larger than our head or of another root (L9, L10).

    Both notes are kept. Gives whether they are a fork.
    """
    now = logs.by_id(conn, state.id)
    larger = head.size > now.head_size
    if not larger and logs.stored_root(conn, state.id, head.size) == head.root:
        return False
    held = checkpoints.note(conn, state.id, now.head_size, state.origin)
    reason = "restored-from-backup" if larger else "fork"
    checkpoints.keep_evidence(conn, state.id, seen_ms, reason, held.encode(), note.encode())
    # A reason that is known stays, but for the graver one: what was found out before may say more.
    if not now.frozen or not (larger or now.frozen.startswith("fork")):
        logs.freeze(conn, state.id, f"{reason}: {holder} holds a note under our key of size {head.size}")
        _log.error("log_frozen", origin=state.origin, reason=reason, their_size=head.size, our_size=now.head_size)
    return not larger


def _proof(conn: Connection, log_id: int, old: int, new: int) -> list[bytes]:
    return consistency_proof(logs.tile_reader(conn, log_id), old, new)


def _newest_by(conn: Connection, origin: str, name: str) -> tuple[LogState, int | None]:
    state = logs.get(conn, origin)
    return state, checkpoints.newest_signed_by(conn, state.id, name)


def _note(conn: Connection, state: LogState, size: int, signatures: list[Signature], standing: Standing) -> None:
    """Keep what came back and where the peer stands, in one transaction."""
    text = checkpoints.text(conn, state.id, size)
    if signatures and text is not None:
        checkpoints.put(conn, state.id, size, text, signatures)
    peers.put(conn, standing)


def _keep_checked(conn: Connection, log_id: int, head: Checkpoint, note: Note, lines: Sequence[Signature]) -> None:
    logs.check_root(conn, log_id, head.size, head.root)
    checkpoints.put(conn, log_id, head.size, note.text, lines)


def upload_body(
    conn: Connection, state: LogState, start: int, end: int, ticket: bytes = b"", *, max_bytes: int | None = None
) -> tuple[bytes, int]:
    """An add-entries body of at most 32 packages from `start` of the tree of `end`, and how many entries it holds.

    Beyond `max_bytes` no package is added to the first. Raises NotFound when no checkpoint of `end` is known.
    """
    text = checkpoints.text(conn, state.id, end)
    if text is None or parse_checkpoint_text(text).size != end:
        raise NotFound(f"no checkpoint of size {end} here")
    cache = TileCache(logs.tile_reader(conn, state.id), end)
    parts, count = [AddEntriesHeader(state.origin, start, end, ticket).encode()], 0
    total = len(parts[0])
    for place, (subtree, first, stop) in enumerate(canonical_packages(start, end)):
        if place == MAX_PACKAGES_PER_REQUEST:
            break
        entries = logs.entries(conn, state.id, first, stop)
        package = encode_package(entries, subtree_consistency_proof(cache, subtree, stop, end))
        total += len(package)
        if max_bytes is not None and count and total > max_bytes:
            break
        parts.append(package)
        count += len(entries)
    return b"".join(parts), count


def packs_of_stretch(
    conn: Connection, state: LogState, start: int, end: int, audiences: frozenset[str]
) -> tuple[list[bytes], int]:
    """Packs from `start` on, and the end of what they cover: less than asked for when payloads are large."""
    end = payloads.fitting_end(conn, state.id, start, end, audiences)
    made: list[bytes] = []
    for n in range(start // WIDTH, (end - 1) // WIDTH + 1):
        low, high = max(start, n * WIDTH), min(end, (n + 1) * WIDTH)
        made += payloads.packed(conn, state.id, state.origin, low, high, audiences)
    return made, end
