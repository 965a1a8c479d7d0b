"""`scripts/compare-logical-replication`: PostgreSQL's own logical replication of the rows of `ggzy bench sync`.

Two private clusters on loopback, each as durable as PostgreSQL is by default (fsync, full_page_writes and
synchronous_commit on). All rows are committed at the publisher in transactions of 1,000 first. The timer runs from
there to the moment when the subscriber has all of them, flushed. The variants:

backlog       the subscription's slot is older than the rows, which stream through it as ours do; each transaction is
              flushed when it is applied (synchronous_commit = on)
backlog-lazy  the same with PostgreSQL's default for a subscription (synchronous_commit = off), flushed at the end
copy          the subscription is made after the rows, which go over as the first copy of the table

It carries rows and nothing else: no hash, signature, proof or cosignature; the reader trusts its source.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from node.bench.postgres import Cluster, plain, private_cluster
from node.bench.processes import cpu_seconds
from node.errors import Unavailable
from tests.compare.rows import COLUMNS, Row
from tests.compare.turns import Given, Run, Timed, main

SETTINGS = ("wal_level=logical", "wal_retrieve_retry_interval=10ms")
"""The second: no worker is started again for so long, which is meant for trouble and would stop the next round."""
VARIANTS = ("backlog", "backlog-lazy", "copy")
STEP = 1000
"""Rows a transaction at the publisher."""
POLL_S = 0.002
GIVE_UP_S = 600
FRAME_BYTES = 30  # CopyData (5) and XLogData (25) around each message of the plugin (PostgreSQL 15, 55.4 and 55.7)
_TABLE = (
    "CREATE TABLE record (idx BIGINT PRIMARY KEY, header BYTEA, salt_1 BYTEA, payload_1 BYTEA, salt_2 BYTEA,"
    " payload_2 BYTEA)"
)
_DIGEST = "SELECT count(*), sum(hash_record_extended(record.*, 0)::numeric) FROM record"
_PROGRESS = "SELECT pg_replication_origin_progress('pg_' || oid, {}) > %s::pg_lsn FROM pg_subscription"
_COPIED = "SELECT bool_and(srsubstate IN ('f', 's', 'r')) FROM pg_subscription_rel"
_WIRE = (
    "SELECT sum(octet_length(data) + %s) FROM pg_logical_slot_peek_binary_changes('counted', NULL, NULL,"
    " 'proto_version', '3', 'publication_names', 'records', 'binary', 'true')"
)
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Pair:
    """Two clusters: the rows go from the first to the second."""

    publisher: Cluster
    subscriber: Cluster

    def cpu_seconds(self) -> tuple[float, float]:
        assert self.publisher.pid is not None and self.subscriber.pid is not None
        return cpu_seconds(self.publisher.pid), cpu_seconds(self.subscriber.pid)


def replicate(pair: Pair, variant: str, rows: Sequence[Row]) -> Timed:
    """Replicate `rows` once into a fresh database. Raises Unavailable when they do not arrive, or not as they are."""
    urls = [plain(cluster.database("compare")) for cluster in (pair.publisher, pair.subscriber)]
    with psycopg.connect(urls[0], autocommit=True) as source, psycopg.connect(urls[1], autocommit=True) as target:
        for connection in (source, target):
            connection.execute(_TABLE)
        source.execute("CREATE PUBLICATION records FOR TABLE record")
        copying = variant == "copy"
        if not copying:
            _subscribe(target, urls[0], copying=False, lazy=variant == "backlog-lazy")
            source.execute("SELECT pg_create_logical_replication_slot('counted', 'pgoutput')")
        last = _fill(source, rows)
        wire = None if copying else _wire_bytes(source)
        for connection in (source, target):
            connection.execute("CHECKPOINT")
        used, started = pair.cpu_seconds(), time.perf_counter()
        if copying:
            _subscribe(target, urls[0], copying=True, lazy=False)
            _until(target, _COPIED)
        else:
            target.execute("ALTER SUBSCRIPTION records ENABLE")
            _until(target, _PROGRESS.format("false"), last)
            # With `true` the server flushes up to there before it answers, which the lazy variant has not done yet.
            target.execute(_PROGRESS.format("true"), (last,))
        seconds = time.perf_counter() - started
        spent = [after - before for before, after in zip(used, pair.cpu_seconds(), strict=True)]
        _require_same(source, target, len(rows))
        target.execute("DROP SUBSCRIPTION records")
    return Timed(seconds, {"publisher": spent[0], "subscriber": spent[1]}, wire)


def _subscribe(target: Connection, url: str, *, copying: bool, lazy: bool) -> None:
    # The binary format spares both ends the hexadecimal text of every value; the first copy is text in version 15.
    statement: LiteralString = (
        "CREATE SUBSCRIPTION records CONNECTION {} PUBLICATION records WITH (binary = true, enabled = {},"
        " copy_data = {}, synchronous_commit = {})"
    )
    options = (url, copying, copying, "off" if lazy else "on")
    target.execute(sql.SQL(statement).format(*map(sql.Literal, options)))


def _fill(source: Connection, rows: Sequence[Row]) -> str:
    """Commit the rows at the publisher; an LSN after all transactions but the last, whose end lies beyond it."""
    last = ""
    for low in range(0, len(rows), STEP):
        with source.transaction(), source.cursor() as cursor:
            with cursor.copy("COPY record FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int8", *["bytea"] * (len(COLUMNS) - 1)])
                for row in rows[low : low + STEP]:
                    copy.write_row(row)
            last = _value(cursor.execute("SELECT pg_current_wal_insert_lsn()::text"))
    return last


def _wire_bytes(source: Connection) -> int:
    """Bytes of the replication stream: its messages, counted through a second slot, and the frames around them."""
    total = int(_value(source.execute(_WIRE, (FRAME_BYTES,))))
    source.execute("SELECT pg_drop_replication_slot('counted')")
    return total


def _until(target: Connection, question: LiteralString, *values: str) -> None:
    end = time.monotonic() + GIVE_UP_S
    while not _value(target.execute(question, values)):
        if time.monotonic() > end:
            raise Unavailable(f"the rows did not arrive at the subscriber within {GIVE_UP_S} s")
        time.sleep(POLL_S)


def _require_same(source: Connection, target: Connection, count: int) -> None:
    here, there = (connection.execute(_DIGEST).fetchone() for connection in (source, target))
    if here != there or here is None or here[0] != count:
        raise Unavailable(f"the subscriber's rows differ from the publisher's: {there}, {here}")


def _value(cursor: psycopg.Cursor[Any]) -> Any:
    row = cursor.fetchone()
    return None if row is None else row[0]


async def open_pair(stack: AsyncExitStack, directory: Path) -> Pair:
    """Two running clusters in `directory`, stopped when `stack` is left."""
    places = await asyncio.to_thread(_places, directory)
    return Pair(*[await stack.enter_async_context(private_cluster(place, more=SETTINGS)) for place in places])


def _places(directory: Path) -> list[Path]:
    # The user postgres, who runs them when this is run by root, must pass through.
    directory.chmod(0o711)
    made = [directory / name for name in ("publisher", "subscriber")]
    for place in made:
        place.mkdir(mode=0o711)
    return made


async def prepare(given: Given, rows: Sequence[Row], stack: AsyncExitStack) -> tuple[dict[str, Run], dict[str, str]]:
    """The variants, each ready to run, and what they run on."""
    pair = await open_pair(stack, given.directory)

    def run(variant: str) -> Run:
        return lambda: asyncio.to_thread(replicate, pair, variant, rows)

    await run(VARIANTS[0])()  # to warm up, as ours does
    return {variant: run(variant) for variant in VARIANTS}, {"postgresql": pair.publisher.version}


if __name__ == "__main__":
    sys.exit(main("scripts/compare-logical-replication", __doc__ or "", prepare, best_of=("backlog", "backlog-lazy")))
