"""A trade as a whole: which disclosures its legal clocks ask for and whether they came in time.

Only trades of which something is public have an item, and only clocks of public acts count: this is a public board.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, select

from node.quality.items import Key, Row, day_of, of_trade
from node.quality.measures import LATE_ACT, OWED
from node.store.tables import Log, table
from node.store.tables_trading import ActView, TradeDue, TradeState

_acts = table(ActView)
_states = table(TradeState)
_dues = table(TradeDue)
_log = table(Log)
_CHUNK = 400


def standing(conn: Connection, keys: Iterable[str], now_ms: int) -> dict[Key, Row]:
    """Items of these trades, one for each node that has published acts of it."""
    found: dict[Key, Row] = {}
    wanted = sorted(key for key in keys if is_key(key))
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        states = {
            (row["trade"], row["node"]): row
            for row in conn.execute(select(_states).where(_states.c.trade.in_(some))).mappings()
        }
        dues: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for due in conn.execute(
            select(_dues).where(and_(_dues.c.trade.in_(some), _dues.c.disclosure != ""))
        ).mappings():
            dues.setdefault((due["trade"], due["node"]), []).append(due)
        for log_id, origin, key, idx, title in _public(conn, some):
            node = origin.rpartition("/")[0]
            state = states.get((key, node))
            if state is None or state["void"] or state["fault"]:
                continue
            row = of_trade(log_id, key, idx, title, state)
            judge(row, dues.get((key, node), []), now_ms)
            found.setdefault((log_id, row["record_id"]), row)
    return found


def judge(item: Row, dues: Sequence[Mapping[str, Any]], now_ms: int) -> None:
    """Set what the clocks say. A clock that has not started, and an open one that still runs, say nothing yet."""
    told = [due for due in dues if due["state"] != "owed" or (due["due_ms"] is not None and due["due_ms"] < now_ms)]
    if told:
        item["judged"] |= OWED | LATE_ACT
        item["bad"] |= OWED if any(due["state"] == "owed" for due in told) else 0
        item["bad"] |= LATE_ACT if any(due["state"] != "done" for due in told) else 0
    running = [
        due["due_ms"]
        for due in dues
        if due["state"] == "owed" and due["due_ms"] is not None and due["due_ms"] >= now_ms
    ]
    # The day after it has run out: the same day, an hour later, would be soon enough for nobody to notice.
    item["due_day"] = day_of(min(running)) if running else ""


def _public(conn: Connection, keys: Sequence[str]) -> list[tuple[int, str, str, int, str]]:
    """(log, its origin, trade, index, title) of the first public act of each trade in each log."""
    statement = (
        select(_acts.c.log_id, _log.c.origin, _acts.c.trade, _acts.c.idx, _acts.c.title)
        .join(_log, _log.c.id == _acts.c.log_id)
        .where(and_(_acts.c.trade.in_(keys), _acts.c.kind == "trade.act", _acts.c.withdrawn.is_(False)))
        .order_by(_acts.c.log_id, _acts.c.trade, _acts.c.seq)
    )
    first: dict[tuple[str, str], tuple[int, str, str, int, str]] = {}
    for row in conn.execute(statement):
        # One item a trade and node, also where its acts go on in a later epoch's log.
        first.setdefault((row.trade, row.origin.rpartition("/")[0]), tuple(row))
    return list(first.values())


def is_key(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) == 16 and len(text) == 32
    except ValueError:
        return False
