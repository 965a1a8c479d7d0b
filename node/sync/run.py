"""One pass of sync with the node above: policy, then every log up, then what comes down (DESIGN §2, L16, L18).

A node without upstream has nothing to do here: the nodes below it open every connection, up and down.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial

import structlog
from sqlalchemy import Connection

from node.clock import Clock
from node.errors import Frozen, NodeError, Overloaded, Unavailable
from node.store import logs, peers
from node.store.db import Store
from node.store.logs import LogState
from node.sync.accept import Acceptor
from node.sync.custody import Custodian
from node.sync.oversight import Oversight, Served
from node.sync.peer import LogSummary, Peer
from node.sync.pull import Puller
from node.sync.push import Pusher
from node.sync.urgent import Urgent
from node.sync.wraps import WrapCarrier
from node.trusted import Trusted, versions_above

_log = structlog.get_logger(__name__)
AT_ONCE = 4


@dataclass
class PassReport:
    """What a pass moved, and what failed: origin (or "policy", "list") -> error text.

    `unreachable` is true when the node above did not answer at all; then nothing else was tried. `refused` are the
    errors behind `failures`, and `listed` what the node above says it holds, None before it was asked. `busy_s`: for so
    long it asks to be left alone, because it has more to do than it can.
    """

    entries_up: int = 0
    payloads_up: int = 0
    entries_down: int = 0
    payloads_down: int = 0
    policies: int = 0
    cosignatures: int = 0
    wraps: int = 0
    files: int = 0
    unreachable: bool = False
    busy_s: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    refused: dict[str, NodeError] = field(default_factory=dict)
    listed: dict[str, LogSummary] | None = None

    @property
    def moved(self) -> int:
        logs = self.entries_up + self.payloads_up + self.entries_down + self.payloads_down
        return logs + self.policies + self.wraps + self.files


class Backoff:
    """How long to leave a node alone that does not answer: doubling from `first_ms` up to `most_ms`, with jitter (L18).

    `chance` gives a number from 0 to 1: nodes that lost the same hub must not all come back in the same second.
    """

    def __init__(
        self, clock: Clock, *, first_ms: int, most_ms: int, chance: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._first_ms = first_ms
        self._most_ms = most_ms
        self._chance = chance
        self._failures = 0
        self._not_before_ms = 0

    def due(self) -> bool:
        return self._clock() >= self._not_before_ms

    def wait_s(self) -> float:
        """Seconds until it is due; 0 when it is."""
        return max(0, self._not_before_ms - self._clock()) / 1000

    def note(self, report: PassReport) -> None:
        """Take notice of how a pass ended."""
        if not report.unreachable:
            self._failures = 0
            # Up to twice what was named: those who were turned away together must not come back together.
            busy_ms = int(report.busy_s * 1000 * (1 + self._chance()))
            self._not_before_ms = self._clock() + min(self._most_ms, busy_ms)
            return
        wait_ms = min(self._most_ms, self._first_ms * 2 ** min(self._failures, 20))
        self._failures += 1
        self._not_before_ms = self._clock() + int(wait_ms * (0.5 + self._chance() / 2))


class SyncPass:
    """Runs passes with one upstream. `max_s` bounds the time that one log may take, so that it starves no other.

    `on_brought` is called when something was pushed between two passes (`push_new`).
    """

    def __init__(
        self,
        store: Store,
        peer: Peer,
        trusted: Trusted,
        acceptor: Acceptor,
        custodian: Custodian,
        clock: Clock,
        *,
        own_origin: str,
        refresh_ms: int,
        max_s: float = 600,
        oversight: Oversight | None = None,
        on_brought: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._oversight = oversight
        self.peer = self._peer = peer
        self._trusted = trusted
        self._clock = clock
        self._own = own_origin
        self._max_s = max_s
        self._checked = False
        self._pusher = Pusher(store, peer, trusted, clock, refresh_ms=refresh_ms)
        self._wraps = WrapCarrier(store, peer, trusted)
        self._puller = Puller(store, peer, trusted, acceptor, custodian, clock)
        self._urgent = Urgent(store, self._bring, self._goes_up)
        self._on_brought = on_brought

    async def run(self, *, down: bool = True) -> PassReport:
        """One pass. Failures of single logs are in the report; nothing is raised for them."""
        report = PassReport()
        await self._one(report, "policy", self._exchange_policy(report))
        self._urgent.silent = report.unreachable or not self._checked
        if report.unreachable:
            await self._store.write(partial(self._note_outage, error=report.failures["policy"]))
            return report
        if self._oversight is not None:
            await self._one(report, "oversight", self._oversight.before(self._peer.name))
        if not self._checked:
            # A signed call first: a wrong clock or an unknown key is told before anything else fails for it.
            await self._one(report, "hello", self._peer.hello())
            await self._one(report, self._own, self.check_own())
            self._urgent.silent = not self._checked
        states = await self._store.read(logs.all_logs)
        await self._each(
            report, [(state.origin, partial(self._up, report, state)) for state in states if self._goes_up(state)]
        )
        if down:
            await self._one(report, "list", self._down(report))
        if self._oversight is not None and down:
            served = Served(report.listed, dict(report.failures), report.refused)
            await self._one(report, "oversight", self._look(self._oversight, served))
        return report

    async def push_new(self) -> None:
        """Push what is new since the last pass or the last call, and nothing else; what fails is the next pass's."""
        await self._urgent.look()

    async def close(self) -> None:
        """End what `push_new` left under way."""
        await self._urgent.close()

    async def _look(self, oversight: Oversight, served: Served) -> None:
        await oversight.after(self._peer, served)

    def _note_outage(self, conn: Connection, error: str) -> None:
        """Every log's row tells that its peer does not answer, so that none looks level while nobody can know."""
        now = self._clock()
        for standing in peers.all_standings(conn):
            if standing.peer == self._peer.name:
                failed = replace(standing, last_try_ms=now, failures=standing.failures + 1, last_error=error[:500])
                peers.put(conn, failed)

    async def check_own(self) -> None:
        """Once a process: has the node above seen more of our log than we have? Then it freezes (L9)."""
        await self._pusher.check_own(self._own)
        self._checked = True

    def _goes_up(self, state: LogState) -> bool:
        node = self._trusted.policy.node_of_origin(state.origin)
        return state.own or (node is not None and node in self._trusted.policy.below(self._trusted.me))

    async def _up(self, report: PassReport, state: LogState) -> None:
        async with self._urgent.turn(state.origin):
            self._urgent.tried(state)
            await self._push(report, state)
        report.cosignatures += await self._pusher.fetch_cosignatures(state.origin)

    async def _push(self, report: PassReport, state: LogState) -> None:
        pushed = await self._pusher.push(state.origin)
        report.entries_up += pushed.entries
        report.payloads_up += pushed.payloads
        report.cosignatures += pushed.cosignatures
        report.wraps += await self._wraps.push(state.origin)

    async def _bring(self, state: LogState) -> None:
        """One log between two passes."""
        report = PassReport()
        await self._one(report, state.origin, self._push(report, state))
        # Passes leave a node alone that does not answer, ever longer; so does this, until one of them has reached it.
        self._urgent.silent |= type(report.refused.get(state.origin)) is Unavailable
        if report.moved or report.cosignatures:
            self._on_brought()

    async def _down(self, report: PassReport) -> None:
        wanted = await self._puller.wanted(own_origin=self._own)
        report.listed = {summary.origin: summary for summary in wanted}

        async def pull(summary: LogSummary) -> None:
            pulled = await self._puller.pull(summary)
            report.entries_down += pulled.entries
            report.payloads_down += pulled.payloads
            report.wraps += await self._wraps.pull(summary.origin, summary.wraps)

        await self._each(report, [(summary.origin, partial(pull, summary)) for summary in wanted])

    async def _exchange_policy(self, report: PassReport) -> None:
        """Both sides end with the newer policy; each checks every step by itself, so the order does not matter."""
        await self._trusted.refresh()
        ours, theirs = self._trusted.policy.version, await self._peer.policy_version()
        if theirs > ours:
            notes = [await self._peer.policy(version) for version in range(ours + 1, min(theirs, ours + 64) + 1)]
            report.policies += await self._trusted.adopt(notes)
        elif ours > theirs:
            await self._peer.put_policy(await self._store.read(lambda conn: versions_above(conn, theirs)))

    async def _each(self, report: PassReport, works: list[tuple[str, Callable[[], Awaitable[None]]]]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def guarded(name: str, work: Callable[[], Awaitable[None]]) -> None:
            async with gate:
                await self._one(report, name, work())

        await asyncio.gather(*(guarded(name, work) for name, work in works))

    async def _one(self, report: PassReport, name: str, work: Awaitable[None]) -> None:
        try:
            await asyncio.wait_for(work, self._max_s)
        except NodeError as error:
            report.failures[name] = f"{error.code}: {error.detail}"
            report.refused[name] = error
            if isinstance(error, Overloaded):
                report.busy_s = max(report.busy_s, error.retry_after_s)
            report.unreachable |= name == "policy" and type(error) is Unavailable
            tell = _log.warning if isinstance(error, Frozen) else _log.info
            tell("sync_failed", peer=self._peer.name, what=name, code=error.code, detail=error.detail)
        except TimeoutError:
            report.failures[name] = f"unavailable: no end after {self._max_s:g} s"
            _log.warning("sync_stuck", peer=self._peer.name, what=name, after_s=self._max_s)
        except Exception as error:
            # A fault of ours with one log must not keep the others from moving (L18).
            report.failures[name] = f"internal: {type(error).__name__}"
            _log.exception("sync_broke", peer=self._peer.name, what=name)
