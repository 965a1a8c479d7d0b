"""A protection that is gone is found: the judge compares the schema with what this release's steps make."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from node.publishing import fsck
from node.store import migrate
from node.store.db import Store


def findings(conn: Connection) -> list[tuple[str, str]]:
    return [(finding.code, finding.en) for finding in fsck.check(conn, keys=None)]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER log_tile_no_delete",
        "UPDATE sqlite_master SET sql = replace(sql, 'log_bundle b WHERE', 'log_bundle b -- W') WHERE type = 'trigger'",
        "UPDATE sqlite_master SET sql = CAST(replace(CAST(sql AS BLOB), 'ABORT', x'bc424f5254') AS TEXT) "
        "WHERE name = 'log_tile_no_delete'",
        "DROP INDEX ix_trade_view_doc",
        "CREATE TRIGGER log_more AFTER INSERT ON log_tail BEGIN SELECT 1; END",
    ],
)
def test_L6_a_schema_that_is_not_this_releases_is_found(tmp_path: Path, statement: str) -> None:
    url = f"sqlite:///{tmp_path / 'node.db'}"
    migrate.upgrade(url)
    store = Store(url)
    assert store.read_now(findings) == []

    def damage(conn: Connection) -> list[tuple[str, str]]:
        conn.execute(text("PRAGMA writable_schema=ON"))
        conn.execute(text(statement))
        return findings(conn)

    found = store.write_now(damage)
    store.close()
    assert {code for code, _ in found} == {"database-damaged"} and "schema" in found[0][1], found
