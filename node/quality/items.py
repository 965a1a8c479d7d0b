"""Rows of `quality_item`: made of a record as lists show it, or of a trade as it stands; their sums.

An item counts once for each measure by which it could be judged. Sums are carried on with each change, so that no page
counts records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, delete
from sqlalchemy.dialects import postgresql, sqlite

from node.domain import joining
from node.quality import lags
from node.quality.judging import place
from node.quality.measures import ANY, CONTENT, MASKS, UNREPAIRED, counted
from node.store.tables import table
from node.store.tables_quality import QualityItem, QualitySum
from node.store.word_terms import doc_number

Row = dict[str, Any]
Key = tuple[int, bytes]
items = table(QualityItem)
sums = table(QualitySum)
RECORD: Final = "record"
TRADE: Final = "trade"
_BEIJING_MS = 8 * lags.HOUR_MS
_STEPS: Final = {
    "trade_notice": "notice",
    "qualification_review": "qualification",
    "result": "result",
    "performance": "performance",
    "change": "change",
}


def key_of(row: Mapping[str, Any]) -> Key:
    return row["log_id"], row["record_id"]


def day_of(ms: int) -> str:
    """The day in Beijing; nothing for a moment that no calendar has.

    >>> day_of(1_764_000_000_000), day_of(-1)
    ('2025-11-25', '')
    """
    if not 0 < ms < 253_370_736_000_000:
        return ""
    return datetime.fromtimestamp((ms + _BEIJING_MS) // 1000, UTC).date().isoformat()


def later(day: str, days: int) -> str:
    """
    >>> later("2025-11-25", 10), later("2025-11", 10), later("9999-12-31", 1)
    ('2025-12-05', '', '')
    """
    try:
        return (date.fromisoformat(day) + timedelta(days=days)).isoformat() if len(day) == 10 else ""
    except (ValueError, OverflowError):
        return ""


def end_of(day: str) -> int:
    """UTC ms of the end of a day in Beijing; 0 for what is no whole day.

    >>> end_of("1970-01-01"), end_of("2025")
    (57600000, 0)
    """
    try:
        began = datetime.fromisoformat(day).replace(tzinfo=UTC) if len(day) == 10 else None
    except ValueError:
        return 0
    return 0 if began is None else int(began.timestamp()) * 1000 + lags.DAY_MS - _BEIJING_MS


def step_of(kind: str, disclosure: str) -> str:
    return "candidates" if kind == "trade.candidates" else _STEPS.get(disclosure, "notice")


def of_record(view: Mapping[str, Any], version: int, claimed_ms: int) -> Row:
    """An item of a row of `trade_view`, nothing judged yet."""
    category, trade = view["category"], view["trade"]
    if trade:
        code = joining.code_key("", trade, "")
    else:
        code = joining.code_key(category, view["project_code"], view["section_code"])
    names = ("kind", "category", "stage", "title", "project_code", "section_code", "division", "owner", "winner")
    same = (*(view[name] for name in names), view["published_on"], str(view["amount_fen"]), view["amount_text"])
    return {
        "log_id": view["log_id"],
        "record_id": view["record_id"],
        "idx": view["idx"],
        "version": version,
        "sort": RECORD,
        "kind": view["kind"],
        "step": step_of(view["kind"], view["disclosure"]),
        "category": category,
        "division": place(view["division"]),
        "day": view["published_on"],
        "title": view["title"],
        "trade": trade,
        "claimed_ms": claimed_ms,
        "code_key": code,
        "name_key": 0 if trade else joining.name_key(category, view["project_name"]),
        "same_key": joining.same_key(*same),
        "judged": 0,
        "bad": 0,
        "ever": 0,
        "faulty": False,
        "due_day": "",
        "lag": lags.UNKNOWN,
        "hub_lag": lags.UNKNOWN,
        "top_lag": lags.UNKNOWN,
        "doc": view["doc"],
    }


def of_trade(log_id: int, trade: str, idx: int, title: str, state: Mapping[str, Any]) -> Row:
    """An item of a trade as a whole, nothing judged yet; `title` is that of a public act."""
    day = day_of(state["last_ms"])
    nothing = {"code_key": 0, "name_key": 0, "same_key": 0, "judged": 0, "bad": 0, "ever": 0, "faulty": False}
    return nothing | {
        "log_id": log_id,
        "record_id": bytes.fromhex(trade),
        "idx": idx,
        "version": 0,
        "sort": TRADE,
        "kind": TRADE,
        "step": TRADE,
        "category": state["category"],
        "division": place(state["division"]),
        "day": day,
        "title": title,
        "trade": trade,
        "claimed_ms": state["last_ms"],
        "due_day": "",
        "lag": lags.UNKNOWN,
        "hub_lag": lags.UNKNOWN,
        "top_lag": lags.UNKNOWN,
        "doc": doc_number(day, log_id, idx),
    }


def settle(item: Row) -> Row:
    """Judge whether what was wrong in some version was put right, and whether anything is wrong now."""
    item["ever"] &= CONTENT
    judged, bad = item["judged"] & ~UNREPAIRED, item["bad"] & ~UNREPAIRED
    if item["ever"]:
        judged |= UNREPAIRED
        bad |= UNREPAIRED if item["ever"] & bad else 0
    return item | {"judged": judged, "bad": bad, "faulty": bool(bad & MASKS[ANY])}


def replace(conn: Connection, old: Sequence[Mapping[str, Any]], new: Sequence[Row]) -> None:
    """Write items in the place of others, and carry the sums on."""
    _delete(conn, [key_of(row) for row in old])
    if new:
        conn.execute(items.insert(), list(new))
    change: Counter[tuple[int, str, str, str, str, bool]] = Counter()
    for row in new:
        for measure, bad in _counts(row):
            change[(*_where(row), measure, False)] += 1
            change[(*_where(row), measure, True)] += bad
    for row in old:
        for measure, bad in _counts(row):
            change[(*_where(row), measure, False)] -= 1
            change[(*_where(row), measure, True)] -= bad
    _carry(conn, change)


def _where(row: Mapping[str, Any]) -> tuple[int, str, str, str]:
    return row["log_id"], row["division"], row["category"], row["step"]


def _counts(row: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for measure, _, bad in counted(row["judged"], row["bad"]):
        yield measure, bad
    for name in lags.LAGS:
        if row[name] != lags.UNKNOWN:
            yield f"{name}.{row[name]}", 0


def _carry(conn: Connection, change: Counter[tuple[int, str, str, str, str, bool]]) -> None:
    rows: dict[tuple[int, str, str, str, str], Row] = {}
    for (log_id, division, category, step, measure, bad), number in sorted(change.items()):
        if number:
            row = rows.setdefault(
                (log_id, division, category, step, measure),
                {
                    "log_id": log_id,
                    "division": division,
                    "category": category,
                    "step": step,
                    "measure": measure,
                    "judged": 0,
                    "bad": 0,
                },
            )
            row["bad" if bad else "judged"] += number
    if not rows:
        return
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(sums)
    more = {name: sums.c[name] + statement.excluded[name] for name in ("judged", "bad")}
    keys = [column.name for column in sums.primary_key]
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=more), list(rows.values()))
    if any(row["judged"] < 0 for row in rows.values()):
        conn.execute(delete(sums).where(sums.c.judged <= 0))


def _delete(conn: Connection, keys: Sequence[Key]) -> None:
    for log_id in {log_id for log_id, _ in keys}:
        mine = [record_id for each, record_id in keys if each == log_id]
        for start in range(0, len(mine), 500):
            which = and_(items.c.log_id == log_id, items.c.record_id.in_(mine[start : start + 500]))
            conn.execute(delete(items).where(which))
