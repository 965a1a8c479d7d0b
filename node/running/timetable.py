"""Which jobs a node has, and at which of its settings' intervals they run."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import structlog

from node.jobs import Job, Timetable, Wake
from node.opendata.dump import Dumper
from node.opendata.export import About
from node.publishing.audit import audit, tidy
from node.running import reporting
from node.store import cursors, peers
from node.store.db import Store
from node.sync.run import Backoff

if TYPE_CHECKING:
    from node.app import Node

_log = structlog.get_logger(__name__)
DUMP_INTERVAL_S = 900
"""How soon after midnight the day's dump is made."""
PROJECT_PAUSE_S = 0.25
"""Much news at once makes one run of the projection a while, not one each."""


def timetable(node: Node, on_fatal: Callable[[], None], around: Callable[[Job], Job]) -> Timetable:
    """The node's jobs, each with `around` about it; `on_fatal` is called when the disk has failed."""
    settings = node.settings
    jobs = [
        Job("project", settings.project_interval_s, 600, node.projector.run),
        Job("trades", settings.project_interval_s, 600, node.keep_trades),
        Job("quality", settings.project_interval_s, 3600, node.quality.run),
        Job("watch", settings.watch_interval_s, 30, node.look_around),
        Job("audit", settings.audit_interval_s, 600, partial(audit_once, node.store)),
        Job("tidy files", settings.audit_interval_s, 600, node.attachments.tidy),
        Job("oversight", settings.observe_interval_s or settings.sync_interval_s, 300, node.watch_over),
    ]
    jobs.append(Job("accounts", settings.sync_interval_s, 300, node.accounts.upkeep))
    jobs.append(Job("gathered acts", settings.audit_batch_s, 300, node.audit.flush))
    if settings.dump_keep_days:
        jobs.append(Job("dump", DUMP_INTERVAL_S, 3600, dumper_of(node).run))
    if settings.role in ("hub", "district"):
        jobs.append(Job("routing", settings.project_interval_s, 300, node.routing_watch.run))
    first: tuple[str, ...] = ()
    wakes = [Wake(node.elsewhere, (("watch",),))]
    if settings.upstream_url:
        syncing = Syncing(node)
        jobs.append(Job("sync", settings.sync_interval_s, 900, syncing.run))
        jobs.append(Job("files", settings.sync_interval_s, 600, syncing.carry_files))
        jobs.append(Job("push", settings.sync_interval_s, 60, syncing.push_new))
        wakes.append(Wake(node.above, (("sync",),)))
        node.above.set()
        first = ("push",)
    else:
        jobs.append(Job("files", settings.sync_interval_s, 600, node.carry_files))
    # What is new goes up before anything else is made of it; all else that a pass does waits for the interval.
    wakes.append(Wake(node.news, (first, ("project",), ("trades", "quality")), PROJECT_PAUSE_S))
    if settings.witnesses:
        jobs.append(Job("witness", settings.sync_interval_s, 300, lambda: node.witnesses().run()))
    if reporting.configured(node):
        jobs.append(Job("uplink", settings.uplink_interval_s, 3600, lambda: reporting.run_once(node)))
    return Timetable([around(job) for job in jobs], wakes, on_fatal=on_fatal)


class Syncing:
    """The job that exchanges with the node above; waits longer and longer while that cannot be reached."""

    def __init__(self, node: Node) -> None:
        settings = node.settings
        self._node = node
        self._version: int | None = None
        self._asked = 0
        self._backoff = Backoff(
            node.clock, first_ms=int(settings.sync_interval_s * 1000), most_ms=int(settings.max_backoff_s * 1000)
        )

    async def run(self) -> None:
        """One pass when it is due; what came is projected, and told to the nodes below."""
        node = self._node
        asked = await node.store.read(peers.asked_ms)
        if not self._backoff.due() and asked <= self._asked:
            return
        self._asked = asked
        await node.await_enrolment()
        report = await node.sync_pass().run()
        self._version = node.trusted.version
        self._backoff.note(report)
        if report.busy_s:
            # As soon as it said, not with the next tick: the rest of a backlog waits for nothing else.
            asyncio.get_running_loop().call_later(self._backoff.wait_s(), node.above.set)
        if report.moved or report.cosignatures:
            node.bulletin.bump()
        if report.entries_down or report.payloads_down:
            await node.projector.run()

    async def carry_files(self) -> None:
        """Attachments, with a node above that answers; what records list is listed either way."""
        carried = await self._node.carry_files(reach=self._backoff.due())
        if carried.moved:
            self._node.bulletin.bump()

    async def push_new(self) -> None:
        """Push what is new, between two passes; a new version of the trust policy asks for a whole pass."""
        node = self._node
        if node.upstream is not None:
            await node.upstream.push_new()
        if self._version is not None and self._version != node.trusted.version:
            self._version = node.trusted.version
            node.above.set()


def dumper_of(node: Node) -> Dumper:
    """What makes the node's daily dump of open data."""
    settings = node.settings
    about = About(settings.url, settings.title, settings.ocds_prefix, 0)
    return Dumper(
        node.store,
        node.publisher.publish,
        node.clock,
        directory=settings.dumps,
        about=about,
        keep_days=settings.dump_keep_days,
    )


async def audit_once(store: Store) -> None:
    """Check ourselves a little; what is found is logged and shown by /readyz."""
    faults = await store.read(partial(audit, pick=secrets.randbelow))
    await store.write(tidy)
    await store.write(partial(cursors.set_fact, name="audit", value="; ".join(faults)))
    for fault in faults:
        _log.error("audit_fault", fault=fault)
