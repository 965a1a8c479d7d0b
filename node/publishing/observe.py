"""Publish what this node observed of other logs, and what it can prove against one (DESIGN L10, L21).

What has been observed before is read from our own log, so that nothing is lost or said twice after a crash; see
docs/decisions/0015 for how much is published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import structlog
from sqlalchemy import Connection

from node.clock import Clock
from node.domain.logs import Evidence, Observation
from node.domain.record import Document, Draft, Source
from node.errors import Frozen
from node.publishing.publish import Publisher
from node.store import alarms, checkpoints, logs, observed, payloads
from node.store.alarms import FORK, EvidenceState
from node.store.db import Store
from node.store.logs import LogState
from node.tlog.note import Note
from node.trusted import Trusted
from node.wire.statement import read_observation

_log = structlog.get_logger(__name__)

KIND = "log.observe"
HEADS_PER_RECORD = 400
MAX_RANK = 6


class Observer:
    """Publishes observations and evidence in this node's own log. `interval_ms` is that of sync."""

    def __init__(self, store: Store, publisher: Publisher, trusted: Trusted, clock: Clock, *, interval_ms: int) -> None:
        self._store = store
        self._publisher = publisher
        self._trusted = trusted
        self._clock = clock
        self._interval_ms = interval_ms
        self._last: dict[str, int] | None = None

    # --- observations -----------------------------------------------------------------------------------------------

    async def observe(self) -> int:
        """Publish the heads that changed since the last record, if this node has members; gives how many.

        A log that is frozen is left alone, with a warning.
        """
        if not self._trusted.policy.below(self._trusted.me):
            return 0
        if self._last is None:
            self._last = await self._store.read(self._read_last)
        body, notes = await self._store.read(partial(self._look, last=self._last))
        if not notes:
            return 0
        parts = [notes[start : start + HEADS_PER_RECORD] for start in range(0, len(notes), HEADS_PER_RECORD)]
        drafts = [self._draft(body, part, number) for number, part in enumerate(parts)]
        self._last = None  # until it is known that they are published, our log alone knows what was
        if not await self._publish(drafts):
            return 0
        self._last = dict(body.sizes)
        return len(notes)

    def _draft(self, body: Observation, notes: Sequence[str], part: int) -> Draft:
        # One record an hour, of which each observation is a version (docs/decisions/0015).
        hour = f"{datetime.fromtimestamp(body.observed_ms / 1000, UTC):%Y-%m-%dT%H}"
        key = hour if part == 0 else f"{hour}/{part}"
        made = Observation(observed_ms=body.observed_ms, sizes=body.sizes, heads=list(notes))
        document = Document(key, made, Source(self._trusted.me))
        return Draft(KIND, key, {"main": document}, {"observed_ms": body.observed_ms, "heads": list(notes)})

    def _look(self, conn: Connection, last: dict[str, int]) -> tuple[Observation, list[str]]:
        # The time first: whatever is stored later is not expected in an observation of this moment.
        now_ms = self._clock()
        held = [state for state in logs.all_logs(conn) if self._is_other(state) and state.head_size > 0]
        sizes = {state.origin: state.head_size for state in held}
        grown = [state for state in held if state.head_size > last.get(state.origin, 0)]
        if all(observed.grew_by_observations(conn, each, last.get(each.origin, 0), each.head_size) for each in grown):
            return Observation(observed_ms=now_ms, sizes=sizes), []
        return Observation(observed_ms=now_ms, sizes=sizes), [_note(conn, state) for state in grown]

    def _is_other(self, state: LogState) -> bool:
        """Never our own log, an earlier epoch of it included; and nothing that the policy does not know."""
        node = self._trusted.policy.node_of_origin(state.origin)
        return not state.own and node is not None and node != self._trusted.me

    def _read_last(self, conn: Connection) -> dict[str, int]:
        """The sizes of our newest observation, from our own log."""
        state = logs.find(conn, self._publisher.origin)
        end = 0 if state is None else state.head_size
        while state is not None and end > 0:
            start = (end - 1) - (end - 1) % 256
            entries = logs.entries(conn, state.id, start, end)
            for index in range(end - 1, start - 1, -1):
                held = (
                    payloads.get(conn, state.id, index, "main")
                    if observed.is_observation(entries[index - start])
                    else None
                )
                if held is not None:
                    return dict(read_observation(held[1]).sizes)
            end = start
        return {}

    # --- evidence ---------------------------------------------------------------------------------------------------

    async def announce(self) -> int:
        """Publish forks that no log tells of yet; gives how many.

        Many nodes find the same fork in the same moment: each waits for its turn, and most find it told of by then.
        """
        waiting = [each for each in await self._store.read(self._unknown) if self._my_turn(each)]
        done = 0
        for each in waiting:
            body = Evidence(origin=each.origin, sort=each.reason, file=each.file)
            key = f"{each.reason}/{each.origin}"
            document = Document(key, body, Source(self._trusted.me))
            draft = Draft("log.evidence", key, {"main": document}, {"origin": each.origin, "sort": each.reason})
            if await self._publish([draft]):
                await self._store.write(partial(self._mark, origin=each.origin))
                done += 1
        return done

    def _unknown(self, conn: Connection) -> list[EvidenceState]:
        found: dict[str, EvidenceState] = {}
        for each in alarms.all_evidence(conn):
            if each.reason == FORK and each.file and each.judged_ms is not None:
                if not alarms.is_known(conn, logs.get(conn, each.origin).id, FORK):
                    found.setdefault(each.origin, each)
        return list(found.values())

    def _my_turn(self, each: EvidenceState) -> bool:
        def place(name: str) -> bytes:
            return hashlib.sha256(f"{name}\n{each.origin}".encode()).digest()

        names = sorted((member.name for member in self._trusted.policy.members), key=place)
        rank = names.index(self._trusted.me) if self._trusted.me in names else MAX_RANK
        return self._clock() - each.seen_ms >= min(rank, MAX_RANK) * self._interval_ms

    def _mark(self, conn: Connection, origin: str) -> None:
        alarms.mark_known(conn, logs.get(conn, origin).id, FORK, self._clock())

    async def _publish(self, drafts: Sequence[Draft]) -> bool:
        try:
            outcomes = await self._publisher.publish(drafts)
        except Frozen as error:
            _log.warning("not_published_as_frozen", kind=drafts[0].kind, detail=error.detail)
            return False
        for outcome in outcomes:
            if outcome.error is not None:
                _log.error("not_published", kind=drafts[0].kind, detail=outcome.error.detail)
        return all(outcome.error is None for outcome in outcomes)


def _note(conn: Connection, state: LogState) -> str:
    """Our head of a log with the log's own lines alone: what cosigners add is not theirs to prove."""
    held = checkpoints.note(conn, state.id, state.head_size, state.origin)
    return Note(held.text, tuple(line for line in held.signatures if line.name == state.origin)).encode().decode()
