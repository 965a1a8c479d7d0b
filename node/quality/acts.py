"""Trades of this system as items: each public act that stands, and the trade as a whole with its legal clocks."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, select

from node.domain import engine, medium
from node.domain.calendar import Calendar, day_of
from node.domain.engine import Trade
from node.errors import Malformed, NotFound
from node.quality import content, lags
from node.quality.items import Key, Row, empty, items, put
from node.quality.measures import LATE_ACT, LATE_PUBLISHED, ON_PAPER, ORDER, OWED
from node.quality.yardstick import Yardstick
from node.rules import Rules
from node.store import loading, logs
from node.store.loading import Recorded
from node.store.tables import RecordView, table
from node.store.tables_trading import ActView
from node.store.word_terms import doc_number

KINDS = ("trade.act", "trade.step")
_acts, _records = table(ActView), table(RecordView)


class First(NamedTuple):
    """Where and when the first version of a record was published."""

    idx: int
    claimed_ms: int


def touched(conn: Connection, versions: Sequence[Row]) -> set[str]:
    """The trades that these versions belong to."""
    found: set[str] = set()
    for row in versions:
        of = and_(_acts.c.log_id == row["log_id"], _acts.c.record_id == row["record_id"])
        found |= set(conn.execute(select(_acts.c.trade).where(of)).scalars())
        # Of an act that was erased nothing tells the trade any more, but its own item.
        of = and_(items.c.log_id == row["log_id"], items.c.record_id == row["record_id"])
        found |= set(conn.execute(select(items.c.trade).where(of)).scalars())
    return found - {""}


def take(conn: Connection, trades: set[str], rules: Rules, yardstick: Yardstick, now_ms: int) -> None:
    """Judge these trades anew, whoever holds them."""
    for key in sorted(trades):
        old = {
            (row["log_id"], row["record_id"]): dict(row)
            for row in conn.execute(select(items).where(items.c.trade == key)).mappings()
        }
        new: dict[Key, Row | None] = dict.fromkeys(old)
        for node in loading.holders(conn, key):
            for row in _of_node(conn, key, node, rules, yardstick, now_ms):
                place = (row["log_id"], row["record_id"])
                if place in old:
                    row |= {name: old[place][name] for name in ("hub_lag", "top_lag")}
                new[place] = row
        put(conn, old, new)


def _of_node(conn: Connection, key: str, node: str, rules: Rules, yardstick: Yardstick, now_ms: int) -> list[Row]:
    try:
        acts = loading.recorded(conn, key, node)
    except NotFound:
        return []
    try:
        trade = loading.replayed(acts, rules.book)
    except Malformed:
        return []  # without its rules or its registration nothing can be judged here
    ids = {origin: logs.get(conn, origin).id for origin in {each.origin for each in acts}}
    firsts = _first_published(conn, acts)
    rows = [
        _act(
            each,
            ids[each.origin],
            trade,
            firsts.get(each.record_id, First(each.index, each.claimed_ms)),
            yardstick,
            rules.tables,
        )
        for each in acts
        if each.kind == "trade.act" and not each.withdrawn
    ]
    # A trade that has disclosed nothing yet is nobody's business but the centre's.
    return [*rows, _whole(trade, acts, ids[acts[0].origin], rules.calendar, now_ms)] if rows else []


def _act(
    each: Recorded, log_id: int, trade: Trade, first: First, yardstick: Yardstick, tables: Mapping[str, Collection[str]]
) -> Row:
    act, published_ms = each.document.body, first.claimed_ms
    judged, bad = content.of_act(act, trade, tables)
    lag_ms = published_ms - act.at
    judged |= LATE_PUBLISHED
    bad |= LATE_PUBLISHED if lag_ms > yardstick.publish_within_hours * lags.HOUR_MS else 0
    day = _day(act.at)
    return empty(
        log_id=log_id,
        record_id=each.record_id,
        idx=each.index,
        first_idx=first.idx,
        version=each.version,
        sort="act",
        kind=each.kind,
        step=content.step_of_act(act),
        category=act.category[:40],
        division=(act.division or trade.division)[:6],
        day=day,
        title=act.title[:400],
        trade=act.trade,
        claimed_ms=published_ms,
        judged=judged,
        bad=bad,
        doc=doc_number(day, log_id, each.index),
        lag=lags.bucket(lag_ms),
    )


def _whole(trade: Trade, acts: Sequence[Recorded], log_id: int, calendar: Calendar, now_ms: int) -> Row:
    clocks = engine.owed(trade, now_ms=now_ms, calendar=calendar)
    strip = engine.strip(trade, now_ms=now_ms, calendar=calendar)
    judged, bad = ORDER, ORDER if trade.odd else 0
    if any(one.state != "none" for one in strip):
        judged |= OWED
        bad |= OWED if any(one.state == "late" for one in strip) else 0
    if any(one.state != "owed" for one in clocks):
        judged |= LATE_ACT
        bad |= LATE_ACT if any(one.state in ("late", "done-late") for one in clocks) else 0
    how = medium.medium_of(trade)
    if how in (medium.ELECTRONIC, medium.PAPER):
        judged |= ON_PAPER
        bad |= ON_PAPER if how == medium.PAPER else 0
    due = [one.due_ms for one in clocks if one.state == "owed" and one.due_ms is not None]
    shown = Counter(one.state for one in clocks if _discloses(trade, one.act))
    last = max(acts, key=lambda each: each.act.seq)
    day = _day(last.act.at)
    public = next(each for each in reversed(acts) if each.kind == "trade.act" and not each.withdrawn)
    name = public.document.body.context.get("project_name")
    return empty(
        log_id=log_id,
        record_id=hashlib.sha256(trade.key.encode()).digest()[:16],
        idx=last.index,
        first_idx=last.index,
        version=last.version,
        sort="trade",
        kind="trade",
        step="trade",
        category=trade.category[:40],
        division=trade.division[:6],
        day=day,
        title=str(name or public.document.body.title)[:400],
        trade=trade.key,
        claimed_ms=last.claimed_ms,
        judged=judged,
        bad=bad,
        due_day=day_of(min(due)) if due else "",
        due_owed=shown.total(),
        due_done=shown["done"] + shown["done-late"],
        due_in_time=shown["done"],
        due_late=shown["late"],
        doc=doc_number(day, log_id, last.index),
    )


def _discloses(trade: Trade, act: str) -> bool:
    rule = trade.package.act(act)
    return rule is not None and rule.public and bool(rule.disclosure)


def _first_published(conn: Connection, acts: Sequence[Recorded]) -> dict[bytes, First]:
    ids = [each.record_id for each in acts]
    first = and_(_records.c.record_id.in_(ids), _records.c.version == 1)
    rows = conn.execute(select(_records.c.record_id, _records.c.idx, _records.c.claimed_ms).where(first))
    return {record_id: First(idx, claimed_ms) for record_id, idx, claimed_ms in rows}


def _day(at_ms: int) -> str:
    return day_of(at_ms) if 0 <= at_ms < 253_370_736_000_000 else ""
