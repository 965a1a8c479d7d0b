"""Wrong-tier trades found from synced records: the routing decision is run again on what other nodes registered.

What a registration says decides (`wrong`, or `ordered` where a supervisor let it pass). A notice that was imported says
too little for that, so it only raises a `doubt`. The stage reads records in the order in which they came here, from its
cursor on; a new table, a new policy or read tables made anew make it start over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, Row, and_, delete, func, or_, select

from node import tiers
from node.clock import Clock
from node.domain import departments, divisions, routing
from node.domain.acts import Act
from node.domain.calendar import day_of
from node.domain.routing import Decision, Misrouted, Office, Order
from node.domain.tablebook import TableBook
from node.errors import Malformed, Refused
from node.routing import orders, series
from node.rules import Rules
from node.settings import Settings
from node.store import cursors, payloads
from node.store.db import READ_TABLES, Store
from node.store.tables import Log, RecordView, TradeView, table
from node.store.tables_accounts import OrderView
from node.store.tables_routing import RoutingFinding
from node.store.tables_trading import ActView
from node.store.upsert import insert_or_replace
from node.trusted import Trusted
from node.wire.document import decode
from node.wire.trust import TrustPolicy

_log_ = structlog.get_logger(__name__)
VERSION = 1
"""Rises when the same records would give other findings."""
BATCH = 500
STATES: dict[str, tuple[str, str]] = {
    "wrong": ("层级或属地不符", "held at the wrong centre"),
    "ordered": ("依监管指令在此", "here by a supervisor's order"),
    "doubt": ("需核对", "to be looked at"),
}
_STAMP, _SEQ, _GENERATION = "routing_of", "routing_seq", "view_generation"
_ACTS, _NOTICES = ("trade.act", "trade.step"), ("trade.notice", "trade.result", "trade.candidates", "trade.listing")
_records, _acts, _trades = table(RecordView), table(ActView), table(TradeView)
_findings, _log, _orders = table(RoutingFinding), table(Log), table(OrderView)
_MAX = 400


@dataclass(frozen=True, slots=True)
class _Held:
    """What one record says of a trade, and where it lies."""

    log_id: int
    record_id: bytes
    index: int
    origin: str
    trade: str
    category: str
    title: str
    division: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of `routing_finding` as pages show it."""

    state: str
    record_id: bytes
    trade: str
    category: str
    title: str
    division: str
    held_by: str
    right_node: str
    right_title: str
    why_zh: str
    why_en: str
    ordered_by: str
    found_ms: int


class Watch:
    """Re-runs routing decisions. Running it again is harmless."""

    def __init__(self, store: Store, trusted: Trusted, settings: Settings, rules: Rules, clock: Clock) -> None:
        self._store = store
        self._trusted = trusted
        self._settings = settings
        self._rules = rules
        self._clock = clock

    async def run(self) -> int:
        """Look at everything that is new; gives how many records."""
        policy = self._trusted.held
        if policy is None:
            return 0
        if not await self._store.read(partial(self._behind, policy=policy)):
            return 0
        total = 0
        while moved := await self._store.write(partial(self._step, policy=policy), READ_TABLES):
            total += moved
        return total

    def _behind(self, conn: Connection, policy: TrustPolicy) -> bool:
        """Whether there is anything to look at: found out by reading, so that the writer is left alone."""
        newest = int(conn.execute(select(func.coalesce(func.max(_records.c.seq), 0))).scalar_one())
        return newest > int(cursors.fact(conn, _SEQ) or 0) or cursors.fact(conn, _STAMP) != self._stamp(conn, policy)

    def _step(self, conn: Connection, policy: TrustPolicy) -> int:
        stamp = self._stamp(conn, policy)
        if cursors.fact(conn, _STAMP) != stamp:
            conn.execute(delete(_findings))
            cursors.set_fact(conn, _STAMP, stamp)
            cursors.set_fact(conn, _SEQ, "0")
        start = int(cursors.fact(conn, _SEQ) or 0)
        rows = conn.execute(
            select(_records.c.seq, _records.c.log_id, _records.c.record_id, _records.c.kind)
            .where(_records.c.seq > start)
            .order_by(_records.c.seq)
            .limit(BATCH)
        ).all()
        if not rows:
            return 0
        offices = {office.node: office for office in tiers.offices(policy)}
        judge = _Judge(conn, policy, self._rules.by_day, offices, self._settings, self._clock())
        for row in rows:
            if row.kind in _ACTS:
                judge.act(row.log_id, bytes(row.record_id))
            elif row.kind in _NOTICES:
                judge.notice(row.log_id, bytes(row.record_id))
        judge.write()
        cursors.set_fact(conn, _SEQ, str(rows[-1].seq))
        return len(rows)

    def _stamp(self, conn: Connection, policy: TrustPolicy) -> str:
        # A new order may be about a trade that was looked at long ago.
        given = conn.execute(select(func.count()).select_from(_orders)).scalar_one()
        generation = cursors.fact(conn, _GENERATION) or ""
        held = ",".join(each.name for each in self._rules.by_day.versions("routing"))
        return f"{VERSION} {held} {policy.version} {generation} {given}"


class _Judge:
    """One batch: what is found, and what no longer is."""

    def __init__(
        self,
        conn: Connection,
        policy: TrustPolicy,
        tables: TableBook,
        offices: Mapping[str, Office],
        settings: Settings,
        now_ms: int,
    ) -> None:
        self._conn = conn
        self._policy = policy
        self._tables = tables
        self._offices = offices
        self._settings = settings
        self._now_ms = now_ms
        self._found: dict[tuple[int, bytes], dict[str, Any]] = {}
        self._clean: set[tuple[int, bytes]] = set()

    def act(self, log_id: int, record_id: bytes) -> None:
        """A registration, or an act that corrects one."""
        row = self._act_row(and_(_acts.c.log_id == log_id, _acts.c.record_id == record_id))
        if row is None:
            self._clean.add((log_id, record_id))
            return
        if row.seq != 1:
            if row.corrects != 1:
                return
            row = self._act_row(and_(_acts.c.log_id == log_id, _acts.c.trade == row.trade, _acts.c.seq == 1))
            if row is None:
                return
        place = (row.log_id, bytes(row.record_id))
        office = self._office(row.origin)
        fields = self._fields(row)
        if row.withdrawn or office is None or fields is None:
            self._clean.add(place)
            return
        if not row.own:
            series.heed_others(self._conn, self._settings.platform_uscc, _unified(fields))
        facts = fields | {"category": row.category, "project_code": row.project_code or fields.get("project_code", "")}
        facts["division"] = fields.get("division") or row.division
        held = _Held(*place, row.idx, row.origin, row.trade, row.category, row.title, row.division)
        self._judge(held, facts, office, day_of(row.at_ms))

    def _judge(self, held: _Held, facts: Mapping[str, Any], office: Office, day: str) -> None:
        offices, table = list(self._offices.values()), self._tables.routing(day)
        code = str(facts.get("project_code") or "")
        facts = {**facts, "sector_names": departments.names_of(self._tables.departments(day), facts, day)}
        try:
            decision, found, _ = routing.faults(facts, office, table, offices, day=day)
            order: Order | None = None
            if any(each.rule == "routing-node" for each in found):
                given = orders.overriding(self._conn, self._policy, trade=held.trade, project_code=code)
                again = routing.faults(facts, office, table, offices, given, day=day, trade=held.trade)
                decision, found, order = again
        except Refused as error:
            # What began before the table, or under a category of another day, is not judged by it.
            _log_.debug("routing_not_judged", trade=held.trade, detail=error.detail)
            self._clean.add((held.log_id, held.record_id))
            return
        if order is not None:
            self._put(held, "ordered", decision, None, order)
        elif wrong := next((each for each in found if each.rule == "routing-node"), None):
            self._put(held, "wrong", decision, wrong)
        elif decision.lacking and not facts.get("legacy_source"):
            self._put(held, "doubt", decision, found[0])
        else:
            self._clean.add((held.log_id, held.record_id))

    def notice(self, log_id: int, record_id: bytes) -> None:
        """A notice or result that was imported: no levels are known, so only what they cannot change is looked at."""
        row = self._conn.execute(
            select(_trades, _log.c.origin)
            .join(_log, _log.c.id == _trades.c.log_id)
            .where(and_(_trades.c.log_id == log_id, _trades.c.record_id == record_id))
        ).first()
        office = None if row is None else self._office(row.origin)
        if row is None or office is None or office.tier != "district":
            self._clean.add((log_id, record_id))
            return
        held = _Held(log_id, record_id, row.idx, row.origin, "", row.category, row.title, row.division)
        facts = {"category": row.category, "division": row.division}
        if row.category == "矿业权":
            day = _day(row.published_on)
            decision = routing.route(facts, self._tables.routing(day), list(self._offices.values()), day=day)
            self._put(held, "doubt", decision, None)
        elif row.division in divisions.CHONGQING and row.division != office.division:
            right = routing.office_of(row.division, "", list(self._offices.values()))
            zh = f"公告所在地为{divisions.name_of(row.division)}，由{office.title}发布或导入，请核对是否属地交易"
            en = f"the notice is of {divisions.name_of(row.division)} and was published or imported by {office.title}"
            self._put(held, "doubt", None, Misrouted("division", "place", zh, en, "", False, right))
        else:
            self._clean.add((log_id, record_id))

    def _act_row(self, which: Any) -> Row[Any] | None:
        return self._conn.execute(
            select(_acts, _log.c.origin, _log.c.own).join(_log, _log.c.id == _acts.c.log_id).where(which)
        ).first()

    def _fields(self, row: Row[Any]) -> dict[str, Any] | None:
        """The registration's fields as corrected; None when they are not held here."""
        of = and_(
            _acts.c.log_id == row.log_id,
            _acts.c.trade == row.trade,
            or_(_acts.c.seq == 1, _acts.c.corrects == 1),
            _acts.c.withdrawn.is_(False),
        )
        fields: dict[str, Any] | None = None
        for each in self._conn.execute(select(_acts.c.idx, _acts.c.kind, _acts.c.seq).where(of).order_by(_acts.c.seq)):
            held = payloads.get(self._conn, row.log_id, each.idx, "main")
            if held is None:
                continue
            try:
                act: Act = decode(each.kind, held[1]).body
            except Malformed:
                continue
            fields = dict(act.fields) if each.seq == 1 else (fields or {}) | act.fields
        return fields

    def _office(self, origin: str) -> Office | None:
        node = self._policy.node_of_origin(origin)
        return None if node is None else self._offices.get(node)

    def _put(
        self, held: _Held, state: str, decision: Decision | None, wrong: Misrouted | None, order: Order | None = None
    ) -> None:
        right = (wrong.right if wrong else None) or (decision.office if decision else None)
        why = (decision.why_zh, decision.why_en) if decision else ("", "")
        zh, en = (wrong.zh, wrong.en) if wrong else why
        self._found[held.log_id, held.record_id] = {
            "log_id": held.log_id,
            "record_id": held.record_id,
            "idx": held.index,
            "state": state,
            "trade": held.trade,
            "category": held.category,
            "title": held.title,
            "division": held.division,
            "held_by": held.origin,
            "right_node": right.node if right else "",
            "right_title": right.title if right else "",
            "decision": msgspec.json.encode(decision.plain() if decision else {}).decode(),
            "why_zh": zh[: 2 * _MAX],
            "why_en": en[: 2 * _MAX],
            "ordered_by": f"{order.department} {order.number}".strip() if order else "",
            "found_ms": self._now_ms,
        }
        self._clean.discard((held.log_id, held.record_id))

    def write(self) -> None:
        for log_id, record_id in self._clean - self._found.keys():
            of = and_(_findings.c.log_id == log_id, _findings.c.record_id == record_id)
            self._conn.execute(delete(_findings).where(of))
        insert_or_replace(self._conn, _findings, list(self._found.values()))


def _unified(fields: Mapping[str, Any]) -> list[str]:
    rows = fields.get("lots")
    found = [row.get("unified_code") for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return [code for code in [*found, fields.get("unified_code")] if isinstance(code, str)]


def _day(text: str) -> str:
    """A notice's day where it is one; else a day on which every row of the table holds."""
    return text if len(text) == 10 else "9999-12-31"


def findings(conn: Connection, *, state: str = "", limit: int = 500) -> Sequence[Finding]:
    """What was found, wrong ones first, newest first."""
    rank = {"wrong": 0, "doubt": 1, "ordered": 2}
    statement = select(_findings).order_by(_findings.c.found_ms.desc(), _findings.c.record_id)
    if state:
        statement = statement.where(_findings.c.state == state)
    rows = [
        Finding(
            row.state,
            bytes(row.record_id),
            row.trade,
            row.category,
            row.title,
            row.division,
            row.held_by,
            row.right_node,
            row.right_title,
            row.why_zh,
            row.why_en,
            row.ordered_by,
            row.found_ms,
        )
        for row in conn.execute(statement.limit(limit))
    ]
    return sorted(rows, key=lambda each: rank.get(each.state, 9))


def counts(conn: Connection) -> dict[str, int]:
    """How many findings of each state."""
    rows = conn.execute(select(_findings.c.state, func.count()).group_by(_findings.c.state))
    return {state: int(number) for state, number in rows}
