"""Carries news between the processes that answer for one node from one PostgreSQL database, on whichever machine.

What came in at one worker wakes the jobs in the one that runs them, and what those have done answers the nodes that
wait at any. The numbers of `store.told` say what there is; the bell only makes it quick, and is not needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog

from node.errors import NodeError, StorageFailed
from node.running.news import News, SharedBulletin
from node.store import told
from node.store.bell import Bell
from node.store.beside import Beside
from node.store.db import Store
from node.trusted import Trusted

_log = structlog.get_logger(__name__)
PAUSE_S = 0.05
"""Least time between two tellings of one sort, so that a storm of uploads is told as one."""


class Exchange:
    """Tells the others, and listens. `open` before use, `run` while serving, `close` after.

    `elsewhere` is set when another process has news for the jobs; `look_s` is how often it looks when nothing rings.
    """

    def __init__(
        self,
        store: Store,
        beside: Beside,
        trusted: Trusted,
        news: News,
        bulletin: SharedBulletin,
        *,
        elsewhere: asyncio.Event,
        look_s: float,
    ) -> None:
        self._store = store
        self._trusted = trusted
        self._news = news
        self._bulletin = bulletin
        self._elsewhere = elsewhere
        self._look_s = look_s
        self._rung = asyncio.Event()
        self._jobs_told = 0
        self._away = False
        self._tellers = [Teller(beside, told.JOBS), Teller(beside, told.WAITING)]
        self._bell: Bell | None = None

    async def open(self) -> None:
        """Begin to tell and to listen. Raises Unavailable."""
        numbers = await self._store.read(told.read)
        self._jobs_told = numbers.jobs
        self._bulletin.show(numbers.waiting)
        jobs, waiting = self._tellers
        self._news.tell_others(jobs.tell)
        self._bulletin.tell_all(waiting.tell)
        loop = asyncio.get_running_loop()
        self._bell = Bell(self._store.url, partial(_ring_in, loop, self._rung))
        self._bell.open()

    async def close(self) -> None:
        """Stop both; what is being told is told to its end."""
        self._news.tell_others(None)
        self._bulletin.tell_all(None)
        for teller in self._tellers:
            await teller.close()
        if self._bell is not None:
            await asyncio.to_thread(self._bell.close)

    async def run(self, on_fatal: Callable[[], None]) -> None:
        """Look for news when it rings, and at the interval; until cancelled."""
        while True:
            try:
                await self.look()
            except StorageFailed as error:
                _log.error("storage_failed", detail=error.detail)
                on_fatal()
                return
            except NodeError as error:
                if not self._away:
                    _log.warning("database_away", code=error.code, detail=error.detail)
                self._away = True
            except Exception:
                _log.exception("exchange_broke")
            else:
                if self._away:
                    _log.warning("database_back")
                self._away = False
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    await self._rung.wait()
            self._rung.clear()

    async def look(self) -> None:
        """Take notice of what was told since, and of a trust policy that another process took over."""
        numbers = await self._store.read(told.read)
        self._bulletin.show(numbers.waiting)
        if numbers.jobs != self._jobs_told:
            self._jobs_told = numbers.jobs
            self._news.wake()
            self._elsewhere.set()
        await self._trusted.refresh()


def _ring_in(loop: asyncio.AbstractEventLoop, rung: asyncio.Event) -> None:
    # The bell's thread may ring once more while the loop ends.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(rung.set)


class Teller:
    """Raises one number; what is told while that is under way, or shortly after, is told together."""

    def __init__(self, beside: Beside, name: str) -> None:
        self._beside = beside
        self._name = name
        self._due = False
        self._task: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """Tell the others soon; never waits and never raises."""
        self._due = True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._due:
                self._due = False
                await self._beside.run(partial(told.tell, name=self._name))
                await asyncio.sleep(PAUSE_S)
        except NodeError as error:
            # The worker that runs the jobs looks by itself too; it finds what was stored.
            _log.warning("news_not_told", about=self._name, code=error.code)
        finally:
            self._task = None
