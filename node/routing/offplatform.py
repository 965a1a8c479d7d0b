"""Trades off the platform (场外交易, R2): approved projects and budgets of lists, held against what is held here.

Each item is judged by the catalogue and then looked for among registrations and notices, by codes first and by name
last. What must be held and is not found is listed with what was tried; what the owner may decide is kept, not counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, case, func, or_, select, update

from node.clock import Clock
from node.domain import catalogue
from node.domain.calendar import day_of
from node.domain.catalogue import Approved, Catalogue, Held, Match
from node.errors import NotFound, Rejected
from node.store import views
from node.store.db import Store
from node.store.search_text import fold
from node.store.tables import Log, TradeView, table
from node.store.tables_routing import CatalogueItem
from node.store.tables_trading import TradeState
from node.store.upsert import insert_or_ignore
from node.store.views import TradeQuery

_items, _states, _trades, _log = table(CatalogueItem), table(TradeState), table(TradeView), table(Log)
BATCH = 50
MAX_REASON = 500
_NEAR = 40
"""So many trades of a like name are compared with one item, by each of its pieces."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a list: new items, and those that were there already."""

    added: int
    known: int


async def keep(
    store: Store, clock: Clock, rules: Catalogue, list_name: str, rows: Iterable[tuple[int, Approved]]
) -> Kept:
    """Store a list's items with the verdict of the catalogue in force on each. The same item again is known."""
    now_ms = clock()
    made = {row["id"]: row for number, item in rows for row in (_row(list_name, number, item, rules, now_ms),)}

    def work(conn: Connection) -> Kept:
        before = _count(conn)
        insert_or_ignore(conn, _items, list(made.values()))
        added = _count(conn) - before
        return Kept(added, len(made) - added)

    return await store.write(work)


def _count(conn: Connection) -> int:
    return int(conn.execute(select(func.count()).select_from(_items)).scalar_one())


def _row(list_name: str, number: int, item: Approved, rules: Catalogue, now_ms: int) -> dict[str, Any]:
    facts = msgspec.json.encode(asdict(item), order="sorted")
    judged = catalogue.judge(item, rules, today=day_of(now_ms))
    return {
        "id": hashlib.sha256(facts).hexdigest(),
        "list_name": list_name,
        "row": number,
        "facts": facts.decode(),
        "name": item.name,
        "category": item.category,
        "division": item.division,
        "verdict": judged.verdict,
        "rule": judged.rule,
        "why_zh": judged.why_zh,
        "why_en": judged.why_en,
        "found": "",
        "found_record": "",
        "found_origin": "",
        "found_title": "",
        "likeness": 0,
        "added_ms": now_ms,
        "checked_ms": 0,
        "explained": "",
        "explained_by": "",
        "explained_ms": 0,
    }


async def compare(store: Store, clock: Clock, rules: Catalogue) -> int:
    """Look for every item that must, or may have to, be held; gives how many were looked at."""
    since_ms, total = clock(), 0
    while True:
        found = await store.read(partial(_look, before_ms=since_ms, rules=rules))
        if not found:
            return total
        await store.write(partial(_note, found=found, now_ms=since_ms))
        total += len(found)


def _look(conn: Connection, before_ms: int, rules: Catalogue) -> list[tuple[str, Match]]:
    which = and_(_items.c.verdict != "voluntary", _items.c.checked_ms < before_ms)
    rows = conn.execute(select(_items.c.id, _items.c.facts).where(which).order_by(_items.c.id).limit(BATCH)).all()
    found = []
    for row in rows:
        item = Approved(**msgspec.json.decode(row.facts))
        found.append((row.id, catalogue.match(item, _held(conn, item), name_permille=rules.name_permille)))
    return found


def _note(conn: Connection, found: Sequence[tuple[str, Match]], now_ms: int) -> None:
    for item_id, match in found:
        held = match.held
        conn.execute(
            update(_items)
            .where(_items.c.id == item_id)
            .values(
                found=match.how,
                found_record=held.record if held else "",
                found_origin=held.origin if held else "",
                found_title=held.title if held else "",
                likeness=match.permille,
                checked_ms=now_ms,
            )
        )


def _held(conn: Connection, item: Approved) -> list[Held]:
    """Trades that may be this project: of its codes, and of a like name. Bounded work an item."""
    codes = [code for code in (item.invest_code, item.project_code) if code]
    found: dict[tuple[str, str], Held] = {}
    for row in _registered(conn, codes):
        # A registration's search words hold its codes as a line each, so that a code is not found inside another.
        words = row.search.split("\n")
        invest = item.invest_code if item.invest_code and fold(item.invest_code) in words else ""
        found[row.trade, row.node] = Held(row.trade, row.node, row.title, row.project_code, invest, "", row.owner)
    for row in _noticed(conn, item, codes):
        found[row["record_id"].hex(), row["origin"]] = Held(
            row["record_id"].hex(),
            row["origin"],
            row["title"],
            row["project_code"],
            "",
            row["section_code"],
            row["owner"],
        )
    pieces = catalogue.keys_of(item.name)
    for row in _like(conn, pieces):
        found[row.trade, row.node] = Held(row.trade, row.node, row.title, row.project_code, "", "", row.owner)
    return list(found.values())


def _registered(conn: Connection, codes: Sequence[str]) -> Sequence[Any]:
    if not codes:
        return []
    within = [_states.c.search.contains(fold(code), autoescape=True) for code in codes]
    which = and_(_states.c.void.is_(False), or_(_states.c.project_code.in_(codes), *within))
    return conn.execute(select(_states).where(which).limit(_NEAR)).all()


def _like(conn: Connection, pieces: Sequence[str]) -> Sequence[Any]:
    if not pieces:
        return []
    within = or_(*(_states.c.search.contains(fold(piece), autoescape=True) for piece in pieces))
    which = and_(_states.c.void.is_(False), within)
    return conn.execute(select(_states).where(which).order_by(_states.c.last_ms.desc()).limit(_NEAR)).all()


def _noticed(conn: Connection, item: Approved, codes: Sequence[str]) -> list[dict[str, Any]]:
    """Notices and results, found by the word index."""
    found: dict[bytes, dict[str, Any]] = {}
    for words in [*codes, *catalogue.keys_of(item.name)]:
        page = views.search_trades(conn, TradeQuery(words=words))
        found |= {row["record_id"]: dict(row) for row in page.rows}
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Missing:
    """An item as the list of what is not found shows it, with what was tried."""

    id: str
    name: str
    category: str
    division: str
    verdict: str
    why_zh: str
    why_en: str
    found: str
    found_record: str
    found_origin: str
    found_title: str
    likeness: int
    list_name: str
    row: int
    item: Approved
    explained: str = ""
    explained_by: str = ""
    explained_ms: int = 0


def missing(conn: Connection, *, verdict: str = "mandatory", limit: int = 500) -> list[Missing]:
    """Items that must be held (or, with `open`, may have to) and are found nowhere; never voluntary ones."""
    which = and_(_items.c.verdict == verdict, _items.c.verdict != "voluntary", _items.c.found == "none")
    return _rows(conn, and_(which, _items.c.explained == ""), limit)


def explained(conn: Connection, *, limit: int = 500) -> list[Missing]:
    """Items that are found nowhere, and why that is right, as somebody here has said."""
    return _rows(conn, and_(_items.c.found == "none", _items.c.explained != ""), limit)


def items(conn: Connection, *, limit: int = 100_000) -> list[Missing]:
    """All items, by list and row."""
    return _rows(conn, _items.c.id != "", limit)


def explain(conn: Connection, item: str, reason: str, *, account: str, now_ms: int) -> None:
    """Say why an item is rightly held nowhere; an empty reason takes that back. Raises NotFound, Rejected."""
    reason = " ".join(reason.split())
    if len(reason) > MAX_REASON:
        raise Rejected(f"at most {MAX_REASON} characters", zh=f"理由不超过 {MAX_REASON} 字", field="reason")
    said = {"explained": reason, "explained_by": account if reason else "", "explained_ms": now_ms if reason else 0}
    if conn.execute(update(_items).where(_items.c.id == item).values(**said)).rowcount != 1:
        raise NotFound("no such item of a list", zh="没有这一项目", field="item")


def matched(conn: Connection, *, limit: int = 500) -> list[Missing]:
    """Items that were found, and how."""
    which = and_(_items.c.verdict != "voluntary", _items.c.found.in_(("invest-code", "project-code", "name")))
    return _rows(conn, which, limit)


def _rows(conn: Connection, which: Any, limit: int) -> list[Missing]:
    rows = conn.execute(select(_items).where(which).order_by(_items.c.list_name, _items.c.row).limit(limit))
    return [
        Missing(
            row.id,
            row.name,
            row.category,
            row.division,
            row.verdict,
            row.why_zh,
            row.why_en,
            row.found,
            row.found_record,
            row.found_origin,
            row.found_title,
            row.likeness,
            row.list_name,
            row.row,
            Approved(**msgspec.json.decode(row.facts)),
            row.explained,
            row.explained_by,
            row.explained_ms,
        )
        for row in rows
    ]


def counts(conn: Connection) -> dict[tuple[str, str], int]:
    """(verdict, how found) -> items; how is empty before they were looked for, `explained` where that was said."""
    found = case((and_(_items.c.found == "none", _items.c.explained != ""), "explained"), else_=_items.c.found)
    grouped = select(_items.c.verdict, found, func.count()).group_by(_items.c.verdict, found)
    return {(verdict, found): int(number) for verdict, found, number in conn.execute(grouped)}
