"""The floor on PostgreSQL: two databases of one server, read by pages over a binary cursor, written by binary COPY."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import psycopg

from node.bench.floor import PAGE, FloorRow, hash_rows
from node.bench.postgres import plain


class PostgresFloor:
    """Two databases of one server; the copy goes in by binary COPY."""

    def __init__(self, source: str, target: str) -> None:
        self._source, self._target = (psycopg.connect(plain(url), autocommit=True) for url in (source, target))

    @staticmethod
    def _empty(connection: psycopg.Connection[FloorRow]) -> None:
        connection.execute("DROP TABLE IF EXISTS record")
        connection.execute(
            "CREATE TABLE record (idx BIGINT PRIMARY KEY, header BYTEA, salt_1 BYTEA, payload_1 BYTEA,"
            " salt_2 BYTEA, payload_2 BYTEA)"
        )

    def fill(self, rows: Iterator[FloorRow]) -> None:
        for connection in (self._source, self._target):
            self._empty(connection)
        self._put(self._source, list(rows))
        self._source.execute("ANALYZE record")
        self._source.execute("CHECKPOINT")

    @staticmethod
    def _put(connection: psycopg.Connection[FloorRow], rows: list[FloorRow]) -> None:
        with (
            connection.transaction(),
            connection.cursor() as cursor,
            cursor.copy("COPY record FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types(["int8", *["bytea"] * 5])
            for row in rows:
                copy.write_row(row)

    def copy(self) -> tuple[int, str]:
        last, count, over = -1, 0, hashlib.sha256()
        with self._source.cursor(binary=True) as read:
            while page := read.execute(
                "SELECT * FROM record WHERE idx > %s ORDER BY idx LIMIT %s", (last, PAGE)
            ).fetchall():
                hash_rows(page, over)
                self._put(self._target, page)
                last, count = page[-1][0], count + len(page)
        return count, over.hexdigest()
