"""Have independent witnesses cosign our own log (c2sp.org/tlog-witness): any program, outside the trust policy.

What a witness gives is kept with the checkpoint that it signed, once it verifies with the key of our settings; so it is
served with that checkpoint and goes into receipts. A witness can withhold; it can neither stop nor freeze anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import structlog
from sqlalchemy import Connection

from node.clock import Clock
from node.errors import BadSignature, Conflict, NodeError, StorageFailed, Unavailable
from node.keyring import Keyring
from node.settings import Witness
from node.store import checkpoints, logs, peers
from node.store.db import Store
from node.store.logs import LogState
from node.store.peers import Standing
from node.sync.peer import Peer, Reply, Request, Transport
from node.sync.push import Pusher
from node.sync.run import Backoff, PassReport
from node.tlog.cosignature import cosignature_time
from node.tlog.note import Note, Signature
from node.tlog.signature import MAX_SIGNATURES
from node.trusted import Trusted

_log = structlog.get_logger(__name__)
DIRECTION = "witness"
MAX_ANSWER_BYTES = MAX_SIGNATURES * 10_000
"""Longest answer that is read: a post-quantum signature has some 5 kB."""


@dataclass
class WitnessReport:
    """What a pass brought: how many cosignatures, and what failed, witness -> error text."""

    cosignatures: int = 0
    failures: dict[str, str] = field(default_factory=dict)


class WitnessTransport:
    """Puts our addresses onto the prefix of a foreign witness: `add-checkpoint` and `<origin hash>/checkpoint`.

    The specification lets the two prefixes be one. A witness that serves no checkpoints there answers 404, and then
    nothing is known of what it holds.
    """

    def __init__(self, below: Transport) -> None:
        self._below = below

    async def send(self, request: Request) -> Reply:
        target = request.target.removeprefix("/tlog").removeprefix("/witness")
        reply = await self._below.send(replace(request, target=target))
        if len(reply.body) > MAX_ANSWER_BYTES:
            raise Unavailable(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
        return reply


class Witnesses:
    """Passes over the independent witnesses of one node's own log.

    Args:
        lines: each witness of the settings with the way to it.
        refresh_ms: a cosignature older than this is renewed, as the witness's time is what dates the log.
        first_ms, most_ms: waits after failures, see `Backoff`.
        max_s: bounds one witness's part of a pass.
    """

    def __init__(
        self,
        store: Store,
        keys: Keyring,
        trusted: Trusted,
        clock: Clock,
        lines: Sequence[tuple[Witness, Transport]],
        *,
        origin: str,
        refresh_ms: int,
        first_ms: int,
        most_ms: int,
        max_s: float = 120,
    ) -> None:
        self._store = store
        self._trusted = trusted
        self._clock = clock
        self._origin = origin
        self._refresh_ms = refresh_ms
        self._max_s = max_s
        self._each = []
        for witness, transport in lines:
            peer = Peer(witness.name, WitnessTransport(transport), keys.request, clock)
            pusher = Pusher(store, peer, trusted, clock, refresh_ms=refresh_ms)
            self._each.append((witness, pusher, Backoff(clock, first_ms=first_ms, most_ms=most_ms)))

    async def run(self) -> WitnessReport:
        """One pass, all witnesses side by side, so that none waits for a slow one. Raises nothing of theirs."""
        report = WitnessReport()
        await asyncio.gather(*(self._one(report, *each) for each in self._each if each[2].due()))
        return report

    async def _one(self, report: WitnessReport, witness: Witness, pusher: Pusher, backoff: Backoff) -> None:
        failure: NodeError | None = None
        try:
            cosigned = await asyncio.wait_for(self._ask(witness, pusher), self._max_s)
            report.cosignatures += cosigned
        except StorageFailed:
            raise
        except NodeError as error:
            failure = error
        except TimeoutError:
            failure = Unavailable(f"no end after {self._max_s:g} s")
        # Whatever it was, a foreign service is not asked again at every tick.
        backoff.note(PassReport(unreachable=failure is not None))
        if failure is not None:
            report.failures[witness.name] = f"{failure.code}: {failure.detail}"
            _log.info("witness_failed", witness=witness.name, code=failure.code, detail=failure.detail)
            await self._store.write(partial(self._note_failure, name=witness.name, failure=failure))

    async def _ask(self, witness: Witness, pusher: Pusher) -> bool:
        """Have one witness cosign what it has not; whether it did. Raises what its answers and the network raise."""
        state, standing, size = await self._store.read(partial(self._load, witness=witness))
        if size is None:
            return False
        for _ in range(2):
            note = await self._store.read(partial(_own_note, state=state, size=size))
            try:
                lines = await pusher.submit_head(state, standing.witnessed_size, note, size)
                break
            except Conflict as conflict:
                # It holds more than what we chose to submit, as when our own record of it was lost: then all we have.
                if not size < conflict.size <= state.head_size:
                    raise
                size = state.head_size
        else:
            raise Conflict("the witness keeps changing the size it holds", size=size)
        line = _cosignature(witness, note, lines)
        now = self._clock()
        standing = replace(standing, witnessed_size=size, last_try_ms=now, last_ok_ms=now, failures=0, last_error="")
        await self._store.write(partial(_keep, size=size, text=note.text, line=line, standing=standing))
        return True

    def _load(self, conn: Connection, witness: Witness) -> tuple[LogState, Standing, int | None]:
        """Our log, where it stands at the witness, and the size to submit; None when there is nothing to do."""
        state = logs.get(conn, self._origin)
        standing = peers.get(conn, witness.name, state.id, DIRECTION)
        if state.frozen or state.head_size == 0:
            return state, standing, None
        size, key = self._size(conn, state, standing), witness.verifier
        held = any(key.made(line) for line in checkpoints.note(conn, state.id, size, state.origin).signatures)
        # By our own clock: that of a witness may be wrong, and would have us ask at every tick.
        fresh = standing.witnessed_size == size and self._clock() - standing.last_ok_ms < self._refresh_ms
        return state, standing, None if held and fresh and not standing.last_error else size

    def _size(self, conn: Connection, state: LogState, standing: Standing) -> int:
        """The newest head that the node above has mirrored, if the witness lacks it; else our newest.

        Signatures gather on the same checkpoints this way, and one receipt can carry all of them.
        """
        policy = self._trusted.policy
        above = policy.path_up(self._trusted.me)[:1]
        names = [grant.key.name for name in above for grant in policy.grants(node=name, use="mirror")]
        sizes = [checkpoints.newest_signed_by(conn, state.id, name) or 0 for name in names]
        mirrored = max((size for size in sizes if size <= state.head_size), default=0)
        return mirrored if mirrored > standing.witnessed_size else state.head_size

    def _note_failure(self, conn: Connection, name: str, failure: NodeError) -> None:
        standing = peers.get(conn, name, logs.get(conn, self._origin).id, DIRECTION)
        error = f"{failure.code}: {failure.detail}"[:500]
        failed = replace(standing, failures=standing.failures + 1, last_try_ms=self._clock(), last_error=error)
        peers.put(conn, failed)


def _own_note(conn: Connection, state: LogState, size: int) -> Note:
    """The checkpoint with our own lines alone: a witness ignores all others, and may take no more than some kB."""
    note = checkpoints.note(conn, state.id, size, state.origin)
    return Note(note.text, tuple(line for line in note.signatures if line.name == state.origin))


def _cosignature(witness: Witness, note: Note, lines: Sequence[Signature]) -> Signature:
    """The line of the witness's key, verified; lines of other keys are ignored. Raises BadSignature."""
    key = witness.verifier
    mine = [line for line in lines if key.made(line)]
    if not mine:
        raise BadSignature(f"{witness.name} gave no cosignature of the key in our settings, {key.name}")
    key.verify(note.text, mine[0])
    if cosignature_time(mine[0]) == 0:
        raise BadSignature(f"{witness.name} gave a cosignature without a time")
    return mine[0]


def _keep(conn: Connection, size: int, text: str, line: Signature, standing: Standing) -> None:
    checkpoints.put(conn, standing.log_id, size, text, [line])
    peers.put(conn, standing)
