"""Records of one project: those that share its code, and those that sources join by nothing but the project's name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, or_, select

from node.store.tables import Log, RecordView, TradeView, table
from node.store.tables_quality import QualityItem

MOST = 500
Row = dict[str, Any]
_trades, _records, _log, _items = table(TradeView), table(RecordView), table(Log), table(QualityItem)


def of_code(conn: Connection, code: str) -> list[Row]:
    """Rows of `trade_view` whose project code this is, by day; at most `MOST`."""
    return _rows(conn, [_trades.c.project_code == code])


def of_keys(conn: Connection, codes: list[int], names: list[int]) -> list[Row]:
    """Rows whose project or section code, or project name, has one of these keys (`node.quality.keys`)."""
    which = [_items.c.code_key.in_(codes)] if codes else []
    which += [_items.c.name_key.in_(names)] if names else []
    if not which:
        return []
    held = select(_items.c.log_id, _items.c.record_id).where(or_(*which)).limit(MOST).subquery()
    same = and_(_trades.c.log_id == held.c.log_id, _trades.c.record_id == held.c.record_id)
    return _rows(conn, [same], held)


def _rows(conn: Connection, which: list[Any], beside: Any = None) -> list[Row]:
    source = _trades if beside is None else _trades.join(beside, which[0])
    same = and_(_records.c.log_id == _trades.c.log_id, _records.c.idx == _trades.c.idx)
    statement = (
        select(_trades, _log.c.origin, _records.c.state, _records.c.leaf, _records.c.version, _records.c.claimed_ms)
        .select_from(source.join(_log, _log.c.id == _trades.c.log_id).join(_records, same))
        .where(*([] if beside is not None else which))
        .order_by(_trades.c.published_on, _trades.c.doc)
        .limit(MOST)
    )
    return [dict(row) for row in conn.execute(statement).mappings()]
