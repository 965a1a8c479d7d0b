"""Notices what another process of this node, such as a command line, has published or taken over."""

from __future__ import annotations

import asyncio

from node.running.head import OwnHead
from node.store import logs
from node.store.db import Store
from node.sync.bulletin import Bulletin
from node.trusted import Trusted


class Lookout:
    """Compares the logs and the policy with what they were when it last looked."""

    def __init__(self, store: Store, trusted: Trusted, head: OwnHead, news: asyncio.Event, bulletin: Bulletin) -> None:
        self._store = store
        self._trusted = trusted
        self._head = head
        self._news = news
        self._bulletin = bulletin
        self._seen: object = None

    async def look(self) -> None:
        """Look once; what has changed is news for the jobs and for whoever waits."""
        await self._trusted.refresh()
        states = await self._store.read(logs.all_logs)
        seen = [(state.id, state.stored_size, state.head_size, state.payload_next) for state in states]
        if (self._trusted.version, seen) != self._seen:
            await self._head.follow_policy()
            self._seen = (self._trusted.version, seen)
            self._news.set()
            self._bulletin.bump()
