"""The daily dump: everything public in four forms, and a record in our own log that vouches for each file's hash.

A file is made once a day and never changed; whoever took it away can show which bytes this node published, and that it
did so on that day. Old files are deleted after a while, the records stay.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Connection

from node.clock import Clock
from node.domain.dumps import DailyDump, DumpFile
from node.domain.record import Document, Draft, Outcome, Source
from node.opendata.export import FORMS, About, write
from node.store import cursors
from node.store.db import Store

_log = structlog.get_logger(__name__)
BEIJING = timezone(timedelta(hours=8))
FACT = "dump_day"
NAME = re.compile(r"open-data-(\d{8})\.(?:ocds\.json|jsonl|csv|xlsx)")

Publish = Callable[[Sequence[Draft]], Awaitable[list[Outcome]]]


class Dumper:
    """Makes the dump of a day once. `directory` holds the files; `keep_days` of them are kept, 0 makes none."""

    def __init__(
        self, store: Store, publish: Publish, clock: Clock, *, directory: Path, about: About, keep_days: int
    ) -> None:
        self._store = store
        self._publish = publish
        self._clock = clock
        self._about = about
        self.directory = directory
        self.keep_days = keep_days

    async def run(self) -> int:
        """Make today's dump unless it was made; gives how many files are new."""
        day = day_of(self._clock())
        if not self.keep_days or await self._store.read(partial(cursors.fact, name=FACT)) == day:
            return 0
        # A transaction each: a long one would keep the database from tidying up behind its writers.
        files = [await self._store.read(partial(self._write, form=form, day=day)) for form in FORMS]
        body = DailyDump(day=day, files=files)
        draft = Draft(
            "dump.daily",
            day,
            {"main": Document(key=day, body=body, source=Source(self._about.title, self._about.url), as_of=day)},
            {"day": day, "files": [[each.name, each.sha256, each.size, each.rows] for each in files]},
        )
        outcome = (await self._publish([draft]))[0]
        if outcome.error is not None:
            raise outcome.error
        # Only now: a crash before it makes the files again, and the record's next version names those.
        await self._store.write(partial(cursors.set_fact, name=FACT, value=day))
        await asyncio.to_thread(self._tidy, day)
        _log.info("dump_made", day=day, files=len(files))
        return len(files)

    def _write(self, conn: Connection, form: str, day: str) -> DumpFile:
        about = About(self._about.url, self._about.title, self._about.prefix, self._clock())
        path = self.directory / f"open-data-{day.replace('-', '')}{FORMS[form]}"
        return write(conn, form, path, about)

    def _tidy(self, day: str) -> None:
        first = (datetime.fromisoformat(day) - timedelta(days=self.keep_days - 1)).strftime("%Y%m%d")
        for path in self.directory.iterdir():
            if (found := NAME.fullmatch(path.name)) and found[1] < first:
                path.unlink()


def day_of(ms: int) -> str:
    """The day in Beijing, ISO.

    >>> day_of(1_764_000_000_000)
    '2025-11-25'
    """
    return datetime.fromtimestamp(ms / 1000, BEIJING).date().isoformat()
