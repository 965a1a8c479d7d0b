"""Watch over the node above, and over what comes from below: does everybody see one history, and all of it? (L10, L21)

After each pass the node looks: at the records in which others say what they observed, at what the node above served in
this pass against what it must be able to serve, and at whether its log is confirmed from above. What was known before
the pass is what counts, so that no race makes an honest node look like a liar. A line that is down, slow or new
accuses nobody; only what was served, or signed, does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import Connection

from node.clock import Clock
from node.errors import NodeError
from node.store import alarms, checkpoints, logs, observed, payloads, peers
from node.store.alarms import PROVEN, SUSPECTED, WARNING, Finding
from node.store.db import Store
from node.store.logs import LogState
from node.store.observed import NEWEST, Seen
from node.sync import absorb, accused, observations, proofs
from node.sync.absorb import Look
from node.sync.confirmed import confirmed
from node.sync.peer import LogSummary, Peer
from node.sync.second_look import SecondLook
from node.tlog.cosignature import cosignature_time
from node.trusted import Trusted
from node.wire.evidence import Statement, Withheld
from node.wire.statement import SLACK_MS

_log = structlog.get_logger(__name__)

LINE_FAULTS = ("unavailable", "overloaded", "disk-full", "internal", "storage-failed", "frozen")
"""Codes of failures that say nothing about the node above."""
OF_SERVING = frozenset({"dropped", "withheld", "refused", "payload-withheld", "changed-header", "swapped-payload"})


@dataclass
class Served:
    """What the node above served in one pass: its list of logs (None when there was none), and what failed.

    `failures` are error texts by origin, `refused` the errors that hold bytes which were refused.
    """

    listed: Mapping[str, LogSummary] | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, NodeError] = field(default_factory=dict)

    def line_fault(self, origin: str) -> bool:
        """Whether this log's part of the pass failed in a way that accuses nobody."""
        return self.failures.get(origin, "").partition(":")[0] in LINE_FAULTS


class Oversight:
    """Looks, and keeps the alarms. One for each node; `second` are other nodes to ask directly.

    `interval_ms` is that of sync, `grace_ms` for how long news may be on its way, `refresh_ms` how often heads are
    cosigned anew.
    """

    def __init__(
        self,
        store: Store,
        trusted: Trusted,
        clock: Clock,
        *,
        own_origin: str,
        interval_ms: int,
        grace_ms: int,
        refresh_ms: int,
        second: Sequence[SecondLook] = (),
    ) -> None:
        self._store = store
        self._trusted = trusted
        self._clock = clock
        self._own = own_origin
        self._interval_ms = interval_ms
        self._grace_ms = grace_ms
        self._refresh_ms = refresh_ms
        self._second = second
        self._expected: dict[str, Seen] = {}

    def _look(self) -> Look:
        return Look(self._trusted.policy, self._trusted.me, self._own, self._clock(), self._interval_ms, self._grace_ms)

    async def before(self, upstream: str) -> None:
        """Note what the node above must be able to serve from now on."""
        await self._absorb()
        look = self._look()
        self._expected = await self._store.read(partial(observations.expected, look=look, upstream=upstream))

    async def after(self, peer: Peer | None = None, served: Served | None = None) -> list[Finding]:
        """Look around, after a pass with `peer` or without one; gives the alarms that are new."""
        await self._absorb()
        look, served = self._look(), served or Served()
        found = await self._store.write(partial(observations.compare, look=look))
        if peer is not None:
            found += await self._serving(peer, served, look)
            logs_above = [each for each in self._logs_of(peer.name) if not served.line_fault(each)]
            found += await confirmed(self._store, peer, look, logs_above, refresh_ms=self._refresh_ms)
            found += await self._store.write(partial(self._observed_own, look=look, upstream=peer.name))
        reached: set[str] = set()
        for second in self._second:
            found += await second.look(look, None if peer is None else peer.name, reached)
        # What was found out while asking around has become evidence by now.
        found += await self._store.write(partial(observations.judge_evidence, look=look))

        def judged(code: str, origin: str) -> bool:
            if code in OF_SERVING:
                return served.listed is not None and not served.line_fault(origin)
            if code in ("not-observed", "unconfirmed"):
                return peer is not None and not any(served.line_fault(each) for each in self._logs_of(peer.name))
            return origin in reached if code == "second-look" else True

        fresh = await self._store.write(partial(alarms.settle, now_ms=look.now_ms, found=found, judged=judged))
        for each in fresh:
            tell = _log.warning if each.severity == WARNING else _log.error
            tell("alarm", code=each.code, origin=each.origin, severity=each.severity, detail=each.detail)
        return fresh

    async def _absorb(self) -> None:
        while await self._store.write(partial(absorb.absorb, look=self._look())):
            pass

    def _logs_of(self, node: str) -> list[str]:
        policy = self._trusted.policy
        return [origin for origin in policy.origins() if policy.node_of_origin(origin) == node]

    # --- what the node above served ---------------------------------------------------------------------------------

    async def _serving(self, peer: Peer, served: Served, look: Look) -> list[Finding]:
        if served.listed is None:
            return []
        policy, found = look.policy, []
        mine = {look.me, *policy.below(look.me)}
        states = {state.origin: state for state in await self._store.read(logs.all_logs)}
        for origin, seen in self._expected.items():
            node = policy.node_of_origin(origin)
            if node is not None and node not in mine and not served.line_fault(origin):
                found += await self._short(peer, served.listed, served.failures, seen, states.get(origin))
        for origin, why in served.failures.items():
            if policy.node_of_origin(origin) in mine or origin not in served.listed or served.line_fault(origin):
                continue
            found.append(await self._accuse(peer, look, origin, why, served.refused.get(origin)))
        return found + await self._payloads(peer, served, look, states)

    async def _short(
        self,
        peer: Peer,
        listed: Mapping[str, LogSummary],
        failures: Mapping[str, str],
        seen: Seen,
        state: LogState | None,
    ) -> list[Finding]:
        """The finding about a log of which less was served than the node above must be able to serve."""
        origin, held = seen.origin, 0 if state is None else state.head_size
        claimed = listed[origin].size if origin in listed else 0
        if origin in listed and claimed >= seen.size and (held >= seen.size or origin in failures):
            return []
        code = "withheld" if origin in listed else "dropped"
        look = self._look()
        later = await accused.statement(peer, origin)
        make = partial(self._keep_short, look=look, peer=peer.name, seen=seen, later=later)
        number, severity = await self._store.write(make)
        detail = f"{peer.name} must hold {seen.size} entries and serves {min(claimed, held) if origin in listed else 0}"
        return [Finding(code, origin, severity, detail, mark=seen.size, evidence_id=number)]

    def _keep_short(
        self, conn: Connection, look: Look, peer: str, seen: Seen, later: Statement | None
    ) -> tuple[int | None, str]:
        """Two statements of one node that contradict each other are proof; its claim alone is worth keeping too."""

        def both() -> Withheld | None:
            if later is None:
                return None
            return Withheld(origin=seen.origin, statements=(observations.statement_of(conn, seen), later))

        def claim() -> Withheld:
            return Withheld(origin=seen.origin, statements=(observations.statement_of(conn, seen),))

        keep = partial(proofs.keep, conn, look.policy, look.now_ms, seen.origin, "withheld")
        number = keep(f"{peer}\n{seen.size}\nboth", both)
        if number is not None:
            return number, PROVEN
        return keep(f"{peer}\n{seen.size}\nclaim", claim), SUSPECTED

    async def _accuse(self, peer: Peer, look: Look, origin: str, why: str, error: NodeError | None) -> Finding:
        """The finding about a log whose bytes were refused, with the bytes where they are evidence."""
        custody = await accused.custody(peer, origin)
        keep = partial(accused.keep, look=look, origin=origin, error=error, custody=custody)
        code, number = await self._store.write(keep)
        severity = PROVEN if number else SUSPECTED
        grace_ms = 0 if number else self._interval_ms
        return Finding(code, origin, severity, f"{peer.name}: {why}", grace_ms=grace_ms, evidence_id=number)

    async def _payloads(self, peer: Peer, served: Served, look: Look, states: Mapping[str, LogState]) -> list[Finding]:
        """Payloads that the node above says it holds, and that did not come although they were asked for."""
        found = []
        for origin in served.listed or ():
            state = states.get(origin)
            if state is None or origin in served.failures:
                continue
            missing = await self._store.read(partial(payloads.missing, log_id=state.id, limit=1000))
            note = await accused.custody(peer, origin) if missing else ""
            if note:
                keep = partial(accused.keep_payload, look=look, peer=peer.name, origin=origin, note=note)
                found += await self._store.write(partial(keep, missing=missing, grace_ms=self._interval_ms))
        return found

    # --- the node above is seen by others ---------------------------------------------------------------------------

    def _observed_own(self, conn: Connection, look: Look, upstream: str) -> list[Finding]:
        """Does our newest head that the node above has signed for stand in its records?"""
        state = logs.find(conn, self._own)
        if state is None or state.head_size == 0:
            return []
        stored = peers.get(conn, upstream, state.id, "push").mirrored_size
        said = [each for each in observed.everything(conn) if self._by(conn, look, each) == upstream]
        mine = max((each.size for each in said if each.origin == self._own), default=0)
        # Growth by observations alone is no news to an observer.
        if mine >= stored or observed.grew_by_observations(conn, state, mine, min(stored, state.head_size)):
            return []
        newest = max((each for each in said if each.origin == NEWEST), key=lambda each: each.observed_ms, default=None)
        number = None if newest is None else self._keep_unobserved(conn, look, upstream, state, newest, mine)
        finding = Finding(
            "not-observed",
            self._own,
            PROVEN if number else SUSPECTED if newest is not None else WARNING,
            f"{upstream} has signed for {stored} entries and observed {mine}",
            mark=stored,
            reached=mine,
            grace_ms=0 if number else self._grace_ms,
            evidence_id=number,
        )
        return [finding]

    def _by(self, conn: Connection, look: Look, seen: Seen) -> str | None:
        return look.policy.node_of_origin(logs.by_id(conn, seen.log_id).origin)

    def _keep_unobserved(
        self, conn: Connection, look: Look, upstream: str, state: LogState, newest: Seen, mine: int
    ) -> int | None:
        """Its mirror signed for more before its newest record says less."""
        for grant in look.policy.grants(node=upstream, use="mirror"):
            for size, names in sorted(checkpoints.signers(conn, state.id, beyond=mine).items()):
                line = checkpoints.line_of(conn, state.id, size, grant.key.name) if grant.key.name in names else None
                if line is None or cosignature_time(line) * 1000 + SLACK_MS >= newest.observed_ms:
                    continue
                note = checkpoints.note(conn, state.id, size, state.origin)
                cosigned = Statement(form="cosigned", note=proofs.text(note))

                def make(cosigned: Statement = cosigned) -> Withheld:
                    both = (cosigned, observations.statement_of(conn, newest))
                    return Withheld(origin=state.origin, statements=both)

                identity = f"{upstream}\nunobserved\n{size}"
                return proofs.keep(conn, look.policy, look.now_ms, state.origin, "withheld", identity, make)
        return None
