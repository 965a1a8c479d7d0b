"""Push one log to the node above: its head, its entries, its payloads; keep what comes back (DESIGN §2, L12-L14).

The same function serves a district's own log and, at the hub, each district's log on its way to national: the note goes
verbatim, under the district's origin, and the entries with proofs from our own mirror. Every step may be repeated.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, Self, TypeVar, cast

import structlog
from sqlalchemy import Connection

from node.clock import Clock
from node.errors import BadProof, BadSignature, Conflict, Frozen, Malformed, NodeError, NotFound
from node.store import checkpoints, logs, payloads, peers
from node.store.db import Store
from node.store.logs import LogState
from node.store.peers import Standing
from node.sync.custody import PayloadState
from node.sync.peer import Peer
from node.sync.squeeze import Squeezed, squeeze
from node.tlog.checkpoint import Checkpoint, parse_checkpoint_text
from node.tlog.cosignature import cosignature_time
from node.tlog.mirror import MAX_PACKAGES_PER_REQUEST, AddEntriesHeader, canonical_packages, encode_bundle_package
from node.tlog.note import Note, Signature
from node.tlog.tiles import WIDTH, TileCache, consistency_proof, encode_bundle, subtree_consistency_proof
from node.tlog.witness import AddCheckpointRequest
from node.trusted import Trusted, audiences_for
from node.wire.custody import open_custody
from node.wire.heads import cosignatures, open_head, open_own

_log = structlog.get_logger(__name__)
MAX_TURNS = 1000
TOUCH_MS = 60_000
PAYLOAD_BUNDLES_PER_CALL = 16
PAYLOAD_CALLS = 2
"""Under way at once: what one brings is looked at while what the one before it brought is being stored."""
T = TypeVar("T")
P = TypeVar("P")


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
        if fresh and standing.mirrored_size == size:
            if standing.payload_next >= size:
                return Pushed(), standing, []
            standing, moved = await self._bring_payloads(state, standing, size, _Reach(size))
            return Pushed(payloads=moved), standing, []
        lines = await self.submit_head(state, standing.witnessed_size, note, size)
        standing, reach = replace(standing, witnessed_size=size), _Reach(min(standing.mirrored_size, size))
        # Payloads follow their entries at once: while one is on its way or looked at, the other is taken in.
        following = asyncio.create_task(self._bring_payloads(state, standing, size, reach))
        try:
            entries, more = await self._add_entries(state, standing, size, reach)
            good = self._verified(note, [*lines, *more])
            standing, moved = await following
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        standing = replace(standing, mirrored_size=size)
        return Pushed(entries=entries, payloads=moved, cosignatures=len(good)), standing, good

    async def _bring_payloads(
        self, state: LogState, standing: Standing, size: int, reach: _Reach
    ) -> tuple[Standing, int]:
        """Bring the payloads of all entries that the peer holds or is given meanwhile, and fetch its word for them."""
        standing, moved = await self._put_payloads(state, standing, size, reach)
        await reach.until(size)
        custody = await self._peer.custody(state.origin)
        self._check_custody(custody, state.origin)
        return replace(standing, custody=custody.decode()), moved

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

    async def _add_entries(
        self, state: LogState, standing: Standing, size: int, reach: _Reach
    ) -> tuple[int, list[Signature]]:
        start, end, ticket, moved = min(standing.mirrored_size, size), size, b"", 0
        async with _Ahead(self._store) as ahead:
            for _ in range(MAX_TURNS):
                body, count = await ahead.take((start, end, ticket), partial(_squeezed_upload, state=state))
                # The mirror will most likely want what follows; so it is read and compressed while this is taken in.
                if start + count < end:
                    ahead.begin((start + count, end, ticket), partial(_squeezed_upload, state=state))
                lines, info = await self._peer.add_entries(body)
                if info is None:
                    reach.come(end)
                    return moved + count, lines
                if info.size > size or info.next_entry > state.stored_size:
                    await self._judge_peer(state, f"the mirror claims entries up to {info.next_entry}")
                    raise Conflict("the mirror claims more than there is", size=info.next_entry)
                moved += count if (info.next_entry, info.size) != (start, end) else 0
                reach.come(info.next_entry)
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

    async def _put_payloads(
        self, state: LogState, standing: Standing, size: int, reach: _Reach
    ) -> tuple[Standing, int]:
        theirs = audiences_for(self._trusted, self._peer.name, state.origin)
        there = await self._peer.payload_state(state.origin)
        position, moved = min(there.next, size), 0
        for index, section in there.missing:
            moved += await self._bring_missing(state, index, section, theirs)
        ours = min(state.payload_next, size)
        packed = partial(packs_of_stretch, state=state, audiences=theirs)
        under_way: deque[tuple[int, int, asyncio.Task[PayloadState]]] = deque()
        try:
            async with _Ahead(self._store) as ahead:
                while position < ours or under_way:
                    if position < ours and len(under_way) < PAYLOAD_CALLS:
                        # Never beyond what the peer has: a call for the whole stretch would be refused.
                        await reach.until(_payload_stop(position, ours))
                        made, stop = await ahead.take((position, _payload_stop(position, ours)), packed)
                        if stop < ours:
                            ahead.begin((stop, _payload_stop(stop, ours)), packed)
                        call = self._peer.put_payloads(state.origin, position, stop, made)
                        under_way.append((position, stop, asyncio.create_task(call)))
                        position = stop
                        continue
                    first, stop, task = under_way.popleft()
                    try:
                        there = await task
                        moved += stop - first
                    except Conflict as conflict:
                        if conflict.size >= first:
                            raise
                        await _end(under_way)
                        position = conflict.size
        finally:
            await _end(under_way)
        return replace(standing, payload_next=min(there.next, size)), moved

    async def _bring_missing(self, state: LogState, index: int, section: str, theirs: frozenset[str]) -> int:
        """Bring a payload that the peer misses, when we hold it."""
        held = await self._store.read(lambda conn: payloads.get(conn, state.id, index, section))
        if held is None:
            return 0
        alone = partial(packs_of_stretch, place=(index, index + 1), state=state, audiences=theirs)
        made, _ = await self._store.read(alone)
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


async def _end(under_way: deque[tuple[int, int, asyncio.Task[PayloadState]]]) -> None:
    """Take back calls that are under way; what they have brought by now does no harm."""
    for _, _, task in under_way:
        task.cancel()
    await asyncio.gather(*(task for _, _, task in under_way), return_exceptions=True)
    under_way.clear()


class _Reach:
    """How many entries of a log the peer is known to hold; others wait for it to come further."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._further = asyncio.Event()

    def come(self, size: int) -> None:
        self._size = max(self._size, size)
        self._further.set()

    async def until(self, size: int) -> None:
        """Return once the peer holds so many."""
        while self._size < size:
            self._further.clear()
            await self._further.wait()


class _Ahead:
    """Reads the next piece of a backlog from the store while the one before it is on its way.

    Only a guess at what will be asked for: `take` reads afresh when another place is wanted.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._place: object = None
        self._task: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._drop()

    def begin(self, place: P, work: Callable[[Connection, P], T]) -> None:
        """Start reading `place`; nothing else may be under way."""
        assert self._task is None
        self._place = place
        self._task = asyncio.create_task(self._store.read(lambda conn: work(conn, place)))

    async def take(self, place: P, work: Callable[[Connection, P], T]) -> T:
        """What `work` reads at `place`. Raises what it raises."""
        if self._task is None or self._place != place:
            await self._drop()
            return await self._store.read(lambda conn: work(conn, place))
        task, self._task = self._task, None
        return cast(T, await task)

    async def _drop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)


def _payload_stop(position: int, end: int) -> int:
    return min(end, (position // WIDTH + PAYLOAD_BUNDLES_PER_CALL) * WIDTH)


def _squeezed_upload(conn: Connection, place: tuple[int, int, bytes], *, state: LogState) -> tuple[Squeezed, int]:
    start, end, ticket = place
    body, count = upload_body(conn, state, start, end, ticket)
    return squeeze(body), count


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
    places = list(islice(canonical_packages(start, end), MAX_PACKAGES_PER_REQUEST))
    full = logs.bundles(conn, state.id, places[0][0] // WIDTH, places[-1][0] // WIDTH) if places else {}
    for subtree, first, stop in places:
        bundle = full.get(subtree // WIDTH) if stop - first == WIDTH else None
        # What is uploaded is what lies there, byte for byte; only a part of a bundle is put together anew.
        bundle = bundle or encode_bundle(logs.entries(conn, state.id, first, stop))
        package = encode_bundle_package(bundle, subtree_consistency_proof(cache, subtree, stop, end))
        total += len(package)
        if max_bytes is not None and count and total > max_bytes:
            break
        parts.append(package)
        count += stop - first
    return b"".join(parts), count


def packs_of_stretch(
    conn: Connection, place: tuple[int, int], *, state: LogState, audiences: frozenset[str]
) -> tuple[list[bytes], int]:
    """Packs of `place` (start, end), and the end of what they cover: less than asked for when payloads are large."""
    return payloads.packed(conn, state.id, state.origin, *place, audiences)
