"""What runs beside the answering: the exchange of news with other processes, and the jobs, where they are here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import structlog

from node.errors import NodeError
from node.publishing.notice import Notice
from node.running.duties import Duties
from node.running.exchange import Exchange
from node.running.news import SharedBulletin
from node.running.timetable import timetable
from node.store.lease import Lease
from node.sync.bulletin import Follower

if TYPE_CHECKING:
    from node.app import Node

LEASE = "jobs"
_log = structlog.get_logger(__name__)


class Work:
    """Begun with `start` when the node is open, ended with `stop`. `on_fatal` is called when the disk has failed."""

    def __init__(self, node: Node, on_fatal: Callable[[], None]) -> None:
        self._node = node
        self._on_fatal = on_fatal
        self._exchange = _exchange(node)
        lease = None if self._exchange is None else Lease(node.settings.database, LEASE)
        self._duties = Duties(lease, partial(timetable, node, on_fatal), self._follower)
        self._notice = Notice(node.mark, node.elsewhere.set)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def where(self) -> str:
        """Whether the jobs run "here" or "elsewhere", as this process last knew."""
        return self._duties.where

    async def start(self) -> None:
        """Raises Unavailable when the database is away."""
        if self._exchange is not None:
            await self._exchange.open()
            self._tasks.append(asyncio.create_task(self._exchange.run(self._on_fatal)))
        self._notice.open()
        self._tasks.append(asyncio.create_task(self._duties.run()))
        if self._exchange is not None:
            self._tasks.append(asyncio.create_task(self._follow_rules()))

    async def stop(self) -> None:
        """Stop the jobs and give the lease back; what is being told to other processes is told to its end."""
        self._notice.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._exchange is not None:
            await self._exchange.close()

    async def _follow_rules(self) -> None:
        """Where the jobs may be elsewhere, each process looks by itself whether rules have come, or their day has."""
        while True:
            try:
                await self._node.rule_records.refresh()
            except NodeError as error:
                _log.warning("rules_not_read", code=error.code)
            except Exception:
                # A process that no longer hears of rules would judge by old ones, and nobody would be told.
                _log.exception("rules_not_read")
            await asyncio.sleep(self._node.settings.project_interval_s)

    def _follower(self) -> Follower | None:
        return self._node.follower() if self._node.settings.upstream_url else None


def _exchange(node: Node) -> Exchange | None:
    if node.beside is None or not isinstance(node.bulletin, SharedBulletin):
        return None
    look_s = node.settings.watch_interval_s
    return Exchange(
        node.store, node.beside, node.trusted, node.news, node.bulletin, elsewhere=node.elsewhere, look_s=look_s
    )
