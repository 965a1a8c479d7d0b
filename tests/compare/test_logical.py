"""PostgreSQL's own replication carries the rows over, in each of the ways that are timed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest

from node.bench.options import PLACE
from node.bench.postgres import plain, renamed
from node.errors import Unavailable
from tests.compare.logical import FRAME_BYTES, STEP, VARIANTS, Pair, open_pair, replicate
from tests.compare.rows import Row

ROWS: list[Row] = [(n, b"header %d" % n, b"s" * 16, bytes([n % 256]) * 40, None, None) for n in range(STEP + 1)]


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    # Not pytest's directory: the user postgres may not pass through it when the tests are run by root.
    with tempfile.TemporaryDirectory(dir=PLACE) as name:
        async with AsyncExitStack() as stack:
            try:
                yield await open_pair(stack, Path(name))
            except Unavailable as error:
                pytest.skip(str(error))


async def test_all_rows_arrive_in_each_variant(pair: Pair) -> None:
    for variant in VARIANTS:
        timed = await asyncio.to_thread(replicate, pair, variant, ROWS)
        assert timed.seconds > 0 and timed.cpu_seconds.keys() == {"publisher", "subscriber"}
        assert (timed.wire_bytes is None) == (variant == "copy")
        if timed.wire_bytes is not None:
            assert timed.wire_bytes > len(ROWS) * FRAME_BYTES + sum(len(row[1]) + len(row[3]) for row in ROWS)
        with psycopg.connect(plain(renamed(pair.subscriber.url, "compare"))) as there:
            assert there.execute("SELECT * FROM record ORDER BY idx").fetchall() == ROWS
    with psycopg.connect(plain(pair.publisher.url)) as server:
        settings = "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'wal_level')"
        found = server.execute(settings).fetchall()
    assert dict(found) == {"fsync": "on", "synchronous_commit": "on", "wal_level": "logical"}
