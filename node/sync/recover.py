"""Recover our own log from the node above, after an old copy of the database was put back, or it is gone (DESIGN L9).

What comes back is proven like any other origin's log: a note under our own key, tiles that give its root, entries that
hash to the tiles, payloads that match their commitments; and what is stored here must be the beginning of it. Nothing
is signed. The log stays frozen until all of it is back, so that a break at any place does no harm: run it again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from node.clock import Clock
from node.errors import BadProof, Frozen, NotFound, Refused, StorageFailed
from node.store import checkpoints, cursors, logs, payloads
from node.store.db import Store
from node.store.logs import LogState
from node.sync.custody import Custodian
from node.sync.fetch import Fetcher, ProvenTiles
from node.sync.peer import Peer
from node.sync.push import show_fork
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import verify_consistency
from node.tlog.note import Note, Signature
from node.tlog.tiles import WIDTH, consistency_proof
from node.trusted import Trusted
from node.wire import header as headers
from node.wire.heads import cosignatures, open_own

BUNDLES_PER_COMMIT = 16
MAX_LISTED = 100_000
RESTORED, FORK = "restored-from-backup", "fork"
HISTORY_FACT = "recovered"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Shown:
    """A checkpoint of our own log as the node above shows it, verified with our own key."""

    head: Checkpoint
    note: Note
    lines: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Lacking:
    """A section that did not come back, because the node above does not hold it: its audience says whether it could."""

    index: int
    section: str
    audience: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back: `[before, size)` of the entries, and what did not.

    `mirror` is the head to go on from, None when all was here already. `signed` is the largest tree that our key is
    known to have signed: entries from `size` up to it were never mirrored, and are lost.
    """

    state: LogState
    mirror: Shown | None
    before: int
    size: int
    signed: int
    lacking: tuple[Lacking, ...]

    @property
    def lost(self) -> range:
        return range(self.size, max(self.size, self.signed))


class Recovery:
    """Recovers one log of ours from one node above. `signed` is what the mark beside the key remembers (L9)."""

    def __init__(
        self,
        store: Store,
        peer: Peer,
        trusted: Trusted,
        custodian: Custodian,
        clock: Clock,
        *,
        origin: str,
        signed: int,
    ) -> None:
        self._store = store
        self._peer = peer
        self._fetch = Fetcher(peer)
        self._trusted = trusted
        self._custodian = custodian
        self._clock = clock
        self._origin = origin
        self._signed = signed

    async def bring_back(self, progress: Progress = lambda done, total: None) -> Returned:
        """Fetch, prove and store what is not here; the log is frozen from the first difference on.

        Raises:
            Frozen: the log is forked, or turns out to be: a new epoch is the way on.
            StorageFailed: what is stored here is damaged, and must be set aside.
            BadProof: the node above serves something else than what we signed.
            Refused: nothing is here, and the node above knows nothing either: then nobody can say what was signed.
            NotFound, Unavailable and other errors of the network.
        """
        state = await self._store.read(partial(logs.get, origin=self._origin))
        if state.frozen.startswith(FORK):
            raise _forked(state.frozen)
        await self._store.read(partial(_check_stored, state=state))
        mirror, shown = await self._shown()
        if not shown and not self._signed and state.frozen and not state.stored_size:
            raise _unknown_above(self._peer.name)
        signed = max([self._signed, state.head_size, *(each.head.size for each in shown)])
        if signed > state.head_size and not state.frozen:
            await self._store.write(partial(_freeze, state=state, reason=f"{RESTORED}: ggzy recover is at work"))
        for each in shown:
            if each.head.size <= state.head_size:
                await self._require_prefix(state, each)
        before = state.stored_size
        if mirror is not None and mirror.head.size > state.head_size:
            tiles = await self._prove(state, mirror)
            await self._bring_entries(state, mirror, tiles, progress)
        else:
            mirror = None
        state = await self._store.read(partial(logs.get, origin=self._origin))
        size = state.head_size if mirror is None else mirror.head.size
        await self._bring_payloads(size)
        return Returned(state, mirror, before, size, signed, tuple(await self.lacking()))

    async def lacking(self) -> list[Lacking]:
        """Sections of the log that are due here and not held."""
        return await self._store.read(partial(_lacking, origin=self._origin))

    async def thaw(self, returned: Returned) -> bool:
        """Let the log go on from what came back; gives whether it is open for signing.

        Not when entries that were signed have never reached the mirror: then its reason names them.
        """
        return await self._store.write(partial(_finish, returned=returned, now_ms=self._clock()))

    # --- what the node above shows ----------------------------------------------------------------------------------

    async def _shown(self) -> tuple[Shown | None, list[Shown]]:
        """Its mirrored checkpoint, if there is one, and all it shows: what it witnessed and others cosigned as well."""
        mirror: Shown | None = None
        try:
            mirror = self._open(await self._peer.checkpoint(self._origin))
        except NotFound:
            pass  # it may have witnessed what it does not mirror yet
        found = [] if mirror is None else [mirror]
        policy = self._trusted.policy
        above = [grant.key.name for name in policy.path_up(self._trusted.me) for grant in policy.grants(node=name)]
        calls = [partial(self._peer.witnessed, self._origin)]
        calls += [partial(self._peer.cosigned, self._origin, name) for name in above]
        for call in calls:
            try:
                found.append(self._open(await call()))
            except NotFound:
                continue
        return mirror, found

    def _open(self, data: bytes) -> Shown:
        head, note = open_own(self._trusted.policy, self._origin, data)
        mine = {(key.name, key.key_id) for key in self._trusted.policy.log_keys(self._origin)}
        own = [line for line in note.signatures if (line.name, line.key_id) in mine]
        cosigned = [line for _, line in cosignatures(self._trusted.policy, note)]
        return Shown(head, note, (*own, *cosigned))

    # --- proof ------------------------------------------------------------------------------------------------------

    async def _require_prefix(self, state: LogState, shown: Shown) -> None:
        """A smaller note under our key must be a part of what is here, which was found sound before."""
        root = await self._store.read(partial(logs.stored_root, log_id=state.id, size=shown.head.size))
        if root != shown.head.root:
            await self._fork(state, shown)

    async def _prove(self, state: LogState, shown: Shown) -> ProvenTiles:
        """The hashes of the larger tree, once it is proven to begin with ours."""
        tiles = await self._fetch.tiles(self._origin, state.head_size, shown.head, also=(state.stored_size,))
        proof = consistency_proof(tiles, state.head_size, shown.head.size)
        try:
            verify_consistency(state.head_size, shown.head.size, state.head_root, shown.head.root, proof)
        except BadProof:
            await self._fork(state, shown)
        # What an earlier, broken recovery has stored beyond our head belongs to the same tree.
        size = min(state.stored_size, shown.head.size)
        stored = await self._store.read(partial(logs.stored_root, log_id=state.id, size=size))
        proof = consistency_proof(tiles, size, shown.head.size)
        verify_consistency(size, shown.head.size, stored, shown.head.root, proof)
        return tiles

    async def _fork(self, state: LogState, shown: Shown) -> None:
        reason = f"{FORK}: {self._peer.name} holds another history under our key, of size {shown.head.size}"
        await self._store.write(partial(_keep_fork, state=state, shown=shown.note, reason=reason, now=self._clock()))
        await show_fork(self._store, self._peer, self._origin, shown.head.size)
        raise _forked(reason)

    # --- what comes back --------------------------------------------------------------------------------------------

    async def _bring_entries(self, state: LogState, shown: Shown, tiles: ProvenTiles, progress: Progress) -> None:
        place, size = state.stored_size, shown.head.size
        async with aclosing(self._fetch.entries(self._origin, place, tiles)) as steps:
            async for fresh in steps:
                place = await self._store.write(partial(logs.append, log_id=state.id, start=place, new=fresh))
                progress(place, size)

    async def _bring_payloads(self, size: int) -> None:
        state = await self._store.read(partial(logs.get, origin=self._origin))
        there = await self._peer.payload_state(self._origin)
        place, end = state.payload_next, min(there.next, size)
        while place < size:
            stop = min(end if place < end else size, (place // WIDTH + BUNDLES_PER_COMMIT) * WIDTH)
            bodies: list[bytes] = []
            if place < end:
                bodies, stop = await self._fetch.payloads(self._origin, place, stop)
            # Without bodies too: what is due and nobody brings is listed, never passed over in silence.
            await self._custodian.add_payloads(self._origin, place, stop, bodies)
            place = stop
        for index, section in (await self._custodian.payload_state(self._origin)).missing:
            if index < end and (index, section) not in there.missing:
                bodies = await self._peer.payloads(self._origin, index, index + 1)
                await self._custodian.add_payloads(self._origin, index, index + 1, bodies)


def _forked(reason: str) -> Frozen:
    return Frozen(
        reason,
        zh="日志已分叉：同一密钥签出了两份互相矛盾的历史",
        advice_zh="不能从镜像恢复。请停止持有该密钥的所有进程，保留证据，开新纪元（ggzy epoch），见 docs/recovery.md。",
        advice_en="It cannot be recovered. Stop every process with this key, keep the evidence, open a new epoch with "
        "ggzy epoch, see docs/recovery.md.",
    )


def _unknown_above(name: str) -> Refused:
    return Refused(
        f"{name} knows nothing of this log and nothing is here: nobody can say what was signed",
        zh="上级与本地均无此日志的记录，无法判断曾签过什么；日志保持冻结",
        advice_zh="请核对 upstream_url；确实从未同步过时，请开新纪元（ggzy epoch request），见 docs/recovery.md。",
        advice_en="Check upstream_url; if nothing ever reached it, open a new epoch (ggzy epoch request), see "
        "docs/recovery.md.",
    )


def _check_stored(conn: Connection, state: LogState) -> None:
    """Raise StorageFailed unless what is stored gives the root of our own head: damage must not pass for a fork."""
    try:
        if logs.stored_root(conn, state.id, state.head_size) == state.head_root:
            return
    except NotFound:
        pass
    raise StorageFailed(
        "the stored entries do not give the root of the signed head; nothing was fetched",
        zh="本地存储的条目与已签名的日志头不符",
        advice_zh="数据库已损坏。请停止服务，检查磁盘，然后运行 ggzy recover --fresh：旧库留作证据，从镜像重建。",
        advice_en="The database is damaged. Stop the service, check the disk, run ggzy recover --fresh: it sets the "
        "database aside and makes a new one from the mirror.",
    )


def _freeze(conn: Connection, state: LogState, reason: str) -> None:
    logs.freeze(conn, state.id, reason)


def _keep_fork(conn: Connection, state: LogState, shown: Note, reason: str, now: int) -> None:
    held = checkpoints.note(conn, state.id, state.head_size, state.origin)
    checkpoints.keep_evidence(conn, state.id, now, FORK, held.encode(), shown.encode())
    logs.freeze(conn, state.id, reason)


def _lacking(conn: Connection, origin: str) -> list[Lacking]:
    log_id, found = logs.get(conn, origin).id, []
    for index, section in payloads.missing(conn, log_id, limit=MAX_LISTED):
        ref = headers.parse(logs.entry(conn, log_id, index)).section(section)
        found.append(Lacking(index, section, "" if ref is None else ref.audience))
    return found


def _finish(conn: Connection, returned: Returned, now_ms: int) -> bool:
    state = logs.by_id(conn, returned.state.id)
    if returned.lost:
        reason = (
            f"{RESTORED}: entries {returned.lost.start} to {returned.lost.stop - 1} were signed and never mirrored; "
            f"the way on is a new epoch (ggzy epoch)"
        )
        if state.frozen != reason:
            logs.freeze(conn, state.id, reason)
        return False
    if not state.frozen:
        return True
    size, root = state.head_size, state.head_root
    if returned.mirror is not None:
        head = returned.mirror.head
        size, root = head.size, head.root
        logs.check_root(conn, state.id, size, root)
        checkpoints.put(conn, state.id, size, returned.mirror.note.text, returned.mirror.lines)
    if state.stored_size != size:
        raise Refused(f"{state.stored_size} entries are stored and {size} are signed; run ggzy fsck")
    was = f"{now_ms} {state.frozen}; went on at {size}"
    told = cursors.fact(conn, HISTORY_FACT)
    cursors.set_fact(conn, HISTORY_FACT, f"{told}\n{was}" if told else was)
    logs.thaw(conn, state, size, root)
    return True
