"""A process that writes to a PostgreSQL store, over and over until it is through, whatever happens to its connections.

    python -m tests.store.writers publish URL ORIGIN FIRST END STEP
    python -m tests.store.writers mirror URL ORIGIN SOURCE STEP

Prints a line for each answer that it got: `answered FIRST END`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from node.domain.audience import AUDIENCES
from node.errors import Conflict, Unavailable
from node.publishing.publish import Publisher
from node.store import logs, payloads
from node.store.db import Store, lane_of
from node.tlog.tiles import WIDTH
from tests.publishing.made import clock, divisions, file_store, signer

T = TypeVar("T")


def answered(first: int, end: int) -> None:
    print(f"answered {first} {end}", flush=True)


async def publish(store: Store, origin: str, first: int, end: int, step: int) -> None:
    """Records of our own log, one transaction for each stretch."""
    sequencer = Publisher(store, signer(origin), clock)
    while not await _got(sequencer.open_log):
        pass
    for start in range(first, end, step):
        stretch = divisions(range(start, min(start + step, end)))
        while not await _got(partial(sequencer.publish, stretch)):
            pass
        answered(start, min(start + step, end))


async def _got(ask: Callable[[], object]) -> bool:
    try:
        await ask()  # type: ignore[misc]
    except Unavailable:
        return False
    return True


def mirror(store: Store, origin: str, source: Store, step: int) -> None:
    """Entries and payloads of another node's log, taken in on its lane from wherever the log has come to."""
    end = source.read_now(lambda conn: logs.get(conn, origin).stored_size)
    reached = 0
    while reached < end:
        try:
            reached = store.write_now(partial(_take, origin=origin, source=source, step=step, end=end), lane_of(origin))
        except (Unavailable, Conflict):
            continue
        answered(0, reached)


def _take(conn: Connection, origin: str, source: Store, step: int, end: int) -> int:
    state = logs.ensure(conn, origin)
    start, stop = state.stored_size, min(state.stored_size + step, end)
    if start == end:
        return end

    def read(there: Connection) -> tuple[list[bytes], list[tuple[str, payloads.PayloadRow]]]:
        rows = [
            (audience, row)
            for audience in sorted(AUDIENCES)
            for row in payloads.read_range(there, 1, start, stop, [audience]).values()
        ]
        return logs.entries(there, 1, start, stop), rows

    entries, rows = source.read_now(read)
    logs.append(conn, state.id, start, entries)
    for audience in {audience for audience, _ in rows}:
        payloads.put_rows(conn, state.id, audience, [row for of, row in rows if of == audience])
    for n in range(start // WIDTH, stop // WIDTH):
        payloads.fold(conn, state.id, origin, n)
    logs.move_payload_next(conn, state.id, stop)
    return stop


def main(what: str, url: str, origin: str, *rest: str) -> None:
    store = Store(url)
    if what == "publish":
        asyncio.run(publish(store, origin, *map(int, rest)))
    else:
        source, step = rest
        mirror(store, origin, file_store(Path(source)), int(step))
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
