"""Workbooks of rows that an import refused, with the reasons: kept a while, so that a closed window loses nothing."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from node.errors import NotFound
from node.store.tables import table
from node.store.tables_trading import ImportRefused

KEEP_MS = 30 * 86_400_000
MOST = 50
_kept = table(ImportRefused)
_LISTED = [column for column in _kept.c if column.name != "workbook"]
Row = dict[str, Any]


def keep(
    conn: Connection, *, account: str, form: str, published: int, refused: int, workbook: bytes, now_ms: int
) -> str:
    """Keep a workbook; gives its number. What is older than `KEEP_MS`, or beyond `MOST`, goes."""
    number = secrets.token_hex(16)
    row = {"id": number, "account": account, "form": form, "at_ms": now_ms, "published": published}
    conn.execute(insert(_kept).values(**row, refused=refused, workbook=workbook))
    newest = select(_kept.c.id).order_by(_kept.c.at_ms.desc(), _kept.c.id).limit(MOST).scalar_subquery()
    conn.execute(delete(_kept).where((_kept.c.at_ms < now_ms - KEEP_MS) | _kept.c.id.not_in(newest)))
    return number


def all_kept(conn: Connection) -> list[Row]:
    """Those that are kept, newest first, without their workbooks."""
    return [dict(row) for row in conn.execute(select(*_LISTED).order_by(_kept.c.at_ms.desc())).mappings()]


def workbook(conn: Connection, number: str) -> bytes:
    """Raises NotFound."""
    found = conn.execute(select(_kept.c.workbook).where(_kept.c.id == number)).scalar()
    if found is None:
        raise NotFound("no such workbook, or dealt with", zh="没有这份未通过行，或已处理", field="id")
    return bytes(found)


def discard(conn: Connection, number: str) -> bool:
    """It is dealt with; whether it was there."""
    return conn.execute(delete(_kept).where(_kept.c.id == number)).rowcount == 1
