"""The floor: a plain read-hash-insert copy of the same records, in the same kind of database, on the same disk.

No verification, no network, no node: rows are read in order by pages, each row's bytes are hashed with SHA-256, and
they are inserted in bulk into an empty table of the same shape, with a durable commit each 1,000 rows. A program of its
own that takes commands as JSON lines (`Process.ask`):

    {"do": "open", "at": [directory] or [address of the source, address of the target]}     SQLite or PostgreSQL
    {"do": "fill", "sources": [{"url": ..., "origin": ..., "start": ..., "end": ...}, ...]}   read nodes' records
    {"do": "copy"}                                                  -> seconds, cpu_seconds, rows, digest
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection

from node.store import logs, payloads
from node.store.db import Store
from node.tlog.tiles import WIDTH

PAGE = 1000
FloorRow = tuple[Any, ...]
"""Index, header, and salt and payload of two sections."""


class Floor(Protocol):
    """Two databases of one kind: `source` holds the records, `target` takes the copy."""

    def fill(self, rows: Iterator[FloorRow]) -> None: ...

    def copy(self) -> tuple[int, str]: ...


class SqliteFloor:
    """Two files, each with the durability and the cache that a node has."""

    def __init__(self, directory: Path) -> None:
        self._source, self._target = (self._open(directory / f"floor-{name}.db") for name in ("source", "target"))

    @staticmethod
    def _open(file: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(file, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32000", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    @staticmethod
    def _empty(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE IF EXISTS record")
        connection.execute(
            "CREATE TABLE record (idx INTEGER PRIMARY KEY, header BLOB, salt_1 BLOB, payload_1 BLOB,"
            " salt_2 BLOB, payload_2 BLOB)"
        )

    def fill(self, rows: Iterator[FloorRow]) -> None:
        for connection in (self._source, self._target):
            self._empty(connection)
        self._source.execute("BEGIN")
        self._source.executemany("INSERT INTO record VALUES (?,?,?,?,?,?)", rows)
        self._source.execute("COMMIT")
        for connection in (self._source, self._target):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def copy(self) -> tuple[int, str]:
        last, count, over = -1, 0, hashlib.sha256()
        read, write = self._source.cursor(), self._target.cursor()
        while page := read.execute("SELECT * FROM record WHERE idx > ? ORDER BY idx LIMIT ?", (last, PAGE)).fetchall():
            hash_rows(page, over)
            write.execute("BEGIN IMMEDIATE")
            write.executemany("INSERT INTO record VALUES (?,?,?,?,?,?)", page)
            write.execute("COMMIT")
            last, count = page[-1][0], count + len(page)
        return count, over.hexdigest()


def hash_rows(page: list[FloorRow], over: Any) -> None:
    """SHA-256 of each row's bytes; `over` takes the digests, so that two copies can be compared."""
    sha256 = hashlib.sha256
    over.update(b"".join([sha256(b"".join([part for part in row[1:] if part])).digest() for row in page]))


def rows_of(conn: Connection, origin: str, start: int, end: int) -> Iterator[FloorRow]:
    """A node's records as rows without their index: header, and salt and payload of each section, two at most."""
    log = logs.get(conn, origin)
    for low in range(start, end, WIDTH):
        high = min(low + WIDTH, end)
        held: dict[int, list[bytes]] = {}
        for (index, _), row in sorted(payloads.read_range(conn, log.id, low, high).items()):
            held.setdefault(index, []).extend((bytes(row.salt), bytes(row.payload)))
        for index, entry in enumerate(logs.entries(conn, log.id, low, high), low):
            parts = held.get(index, [])[:4]
            yield (bytes(entry), *parts, *[None] * (4 - len(parts)))


def _read(conn: Connection, source: dict[str, Any]) -> list[FloorRow]:
    return list(rows_of(conn, source["origin"], source["start"], source["end"]))


def _fill(floor: Floor, sources: list[dict[str, Any]]) -> int:
    """The records of all sources, one after another, become the rows to copy."""
    found: list[FloorRow] = []
    for source in sources:
        store = Store(source["url"])
        try:
            found += store.read_now(partial(_read, source=source))
        finally:
            store.close()
    floor.fill((number, *row) for number, row in enumerate(found))
    return len(found)


def _copy(floor: Floor) -> dict[str, Any]:
    started, used = time.perf_counter(), time.process_time()
    count, digest = floor.copy()
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - used,
        "rows": count,
        "digest": digest,
    }


def _open(at: list[str]) -> Floor:
    if len(at) == 1:
        return SqliteFloor(Path(at[0]))
    from node.bench.floor_postgres import PostgresFloor  # its driver is not installed everywhere

    return PostgresFloor(*at)


def main() -> None:
    # Addresses come this way and not as arguments: they may hold a password, and anyone may list processes.
    floor = _open(json.loads(sys.stdin.readline())["at"])
    print("{}", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        answer = {"rows": _fill(floor, command["sources"])} if command["do"] == "fill" else _copy(floor)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
