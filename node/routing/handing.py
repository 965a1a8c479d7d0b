"""Handing over: what was typed at the wrong centre goes to the right one as a record, and becomes a draft there."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, select

from node.clock import Clock
from node.domain.calendar import day_of
from node.domain.handover import Handover
from node.domain.record import Amendment, Document, Draft, Outcome, Source
from node.errors import NotAllowed, NotFound
from node.routing.placing import Placing, right_office
from node.settings import Settings
from node.store.db import Store
from node.store.tables import Log, table
from node.store.tables_routing import HandoverTaken, HandoverView
from node.store.upsert import insert_or_replace
from node.wire import payload as payloads

Publish = Callable[[Sequence[Draft | Amendment]], Awaitable[list[Outcome]]]
_view, _taken, _log = table(HandoverView), table(HandoverTaken), table(Log)
MAX_ROWS = 200


@dataclass(frozen=True, slots=True)
class Offered:
    """A hand-over as a list shows it; `facts` is what was typed. `done` names what was made of it here, if anything."""

    record_id: bytes
    origin: str
    to: str
    category: str
    title: str
    reason: str
    at_ms: int
    facts: Mapping[str, Any]
    done: str = ""

    @property
    def id(self) -> str:
        return self.record_id.hex()


async def offer(
    publish: Publish,
    placing: Placing,
    settings: Settings,
    clock: Clock,
    facts: Mapping[str, Any],
    *,
    account: str,
) -> Outcome:
    """Hand a trade over to the centre that routing names: a record, which travels by sync or on a stick.

    `facts` are the registration's fields with `category`. The same facts again are the same hand-over.
    Raises NotFound when no other centre is the right one, Refused as routing does.
    """
    now_ms = clock()
    decision = placing.decide(facts, day_of(now_ms))
    office = right_office(decision, settings)
    typed = {name: value for name, value in facts.items() if name != "category"}
    said = {"to": office.node, "category": facts["category"], "facts": typed}
    key = hashlib.sha256(payloads.encode(said)).hexdigest()[:32]
    body = Handover(
        id=key,
        to=office.node,
        category=str(facts["category"]),
        title=str(facts.get("project_name", "")),
        division=str(facts.get("division", "")),
        at=now_ms,
        account=account,
        facts=typed,
        decision=decision.plain(),
        reason_zh=decision.why_zh,
        reason_en=decision.why_en,
    )
    document = Document(key=key, body=body, source=Source(settings.title), as_of=day_of(now_ms))
    (outcome,) = await publish([Draft("trade.handover", key, {"main": document}, said)])
    return outcome


def incoming(conn: Connection, me: str, *, open_only: bool = False) -> list[Offered]:
    """What others have handed over to this node, newest first."""
    return _offered(conn, _view.c.to_node == me, open_only)


def outgoing(conn: Connection, me: str) -> list[Offered]:
    """What this node has handed over, newest first."""
    return [each for each in _offered(conn, _log.c.own, False) if each.to != me]


def one(conn: Connection, record_id: bytes, me: str) -> Offered:
    """One hand-over to this node. Raises NotFound, NotAllowed when it is for another."""
    found = _offered(conn, _view.c.record_id == record_id, False)
    if not found:
        raise NotFound("no such hand-over is here", zh="没有这份移交", field="id")
    if found[0].to != me:
        raise NotAllowed(f"this hand-over is for {found[0].to}", zh=f"这份移交的接收方是 {found[0].to}")
    return found[0]


async def take(store: Store, settings: Settings, clock: Clock, record_id: bytes, *, account: str, done: str) -> Offered:
    """Note that a draft, or a trade (`done`), was made of a hand-over. Raises as `one` does."""
    offered = await store.read(partial(one, record_id=record_id, me=settings.name))
    row = {"record_id": record_id, "account": account, "done": done, "at_ms": clock()}
    await store.write(lambda conn: insert_or_replace(conn, _taken, [row]))
    return offered


def _offered(conn: Connection, which: Any, open_only: bool) -> list[Offered]:
    taken = _taken.c.record_id == _view.c.record_id
    statement = (
        select(_view, _log.c.origin, _taken.c.done)
        .join(_log, _log.c.id == _view.c.log_id)
        .outerjoin(_taken, taken)
        .where(which if not open_only else and_(which, _taken.c.done.is_(None)))
        .order_by(_view.c.at_ms.desc(), _view.c.record_id)
        .limit(MAX_ROWS)
    )
    return [
        Offered(
            bytes(row.record_id),
            row.origin,
            row.to_node,
            row.category,
            row.title,
            row.reason,
            row.at_ms,
            msgspec.json.decode(row.facts),
            row.done or "",
        )
        for row in conn.execute(statement)
    ]
