"""A million rows for `ggzy bench portal`: trades of the corpus in the read tables, as the projection would have them.

Each trade becomes its row by `node.projections.trades` and is written by `node.store.view_put`, word index, counts and
all; the row of its version goes beside it. Only the log entries behind them are left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Connection

from node.bench.corpus import records
from node.domain.record import Draft
from node.projections import trades
from node.projections.follow import take_up
from node.projections.shape import Place
from node.store import logs, view_put
from node.store.db import Store
from node.store.tables import RecordView, TradeView, table
from node.wire import header as headers

ORIGINS = 40
STEP = 8192
FIRST_DAY, DAYS = date(2023, 1, 1), 3 * 365
SAMPLE = 4000
"""So many rows are remembered, to ask for."""
_NOW_MS = 1_764_000_000_000
_records, _trades = table(RecordView), table(TradeView)


@dataclass(slots=True)
class Filled:
    """How long it took, some of the rows that are there, and the ids of the records that have a page."""

    seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    record_ids: list[str] = field(default_factory=list)


def fill(database: str, number: int, seed: int) -> Filled:
    """Fill the read tables of a node that is not running; what its own log holds is left to its projection."""
    filled, random = Filled(), Random(seed)
    store = Store(database)
    try:
        filled.record_ids = store.read_now(_own_records)
        origins = store.write_now(_origins)
        started, done = time.perf_counter(), 0
        drafts = _drafts(number, seed)
        while step := list(islice(drafts, STEP)):
            rows = store.write_now(partial(_write, drafts=step, origins=origins, done=done, number=number))
            done += len(step)
            filled.rows += random.sample(rows, min(len(rows), max(1, SAMPLE * STEP // max(number, STEP))))
        filled.seconds = time.perf_counter() - started
    finally:
        store.close()
    return filled


def drop_file_cache(directory: Path) -> None:
    """Ask the kernel to forget what it holds of these files, as far as it is on disk (posix_fadvise(2))."""
    os.sync()
    for file in directory.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def _drafts(number: int, seed: int) -> Iterator[Draft]:
    """Seven results to three listings."""
    results, listings = records("result", number, seed), records("listing", number, seed)
    pieces = (chain(islice(results, 7), islice(listings, 3)) for _ in range(-(-number // 10)))
    return islice(chain.from_iterable(pieces), number)


def _own_records(conn: Connection) -> list[str]:
    own = [log for log in logs.all_logs(conn) if log.own]
    entries = [entry for log in own for entry in logs.entries(conn, log.id, 0, log.stored_size)]
    return [headers.parse(entry).record_id.hex() for entry in entries]


def _origins(conn: Connection) -> list[int]:
    take_up(conn)
    return [logs.ensure(conn, f"ggzy.example/bench/5002{n:02d}/1", own=False).id for n in range(ORIGINS)]


def _write(conn: Connection, drafts: list[Draft], origins: list[int], done: int, number: int) -> list[dict[str, Any]]:
    rows, versions = [], []
    for seq, draft in enumerate(drafts, done):
        # As real ones, ids rise with time, and what is dated later comes later.
        record_id = seq.to_bytes(6, "big") + os.urandom(10)
        place = Place(origins[seq % ORIGINS], seq // ORIGINS, record_id, draft.kind)
        day = FIRST_DAY + timedelta(days=seq * DAYS // number)
        rows.append({**trades.row(place, draft.sections["main"]), "published_on": day.isoformat()})
        versions.append(_version(place, rows[-1]["title"], seq))
    view_put.insert(conn, _records, versions)
    view_put.replace(conn, _trades, rows)
    return rows


def _version(place: Place, title: str, number: int) -> dict[str, Any]:
    return {
        "log_id": place.log_id,
        "idx": place.index,
        "record_id": place.record_id,
        "version": 1,
        "kind": place.kind,
        "leaf": place.record_id * 2,
        "claimed_ms": _NOW_MS,
        "state": "current",
        "content": "held",
        "title": title,
        "made_up": True,
        "seq": number + 1,
    }
