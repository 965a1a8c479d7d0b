"""May this node hold a trade? The desk asks before it registers one; a refusal names the right node (R7-R13, R15)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from node import tiers
from node.domain import catalogue, departments, routing, tradecodes
from node.domain.catalogue import Approved
from node.domain.faults import Fault
from node.domain.routing import Decision, Misrouted, Office, Order
from node.domain.tablebook import TableBook
from node.domain.tradecodes import CodeTable
from node.errors import NotFound, Refused
from node.routing import orders
from node.rules import Rules
from node.settings import Settings
from node.store.db import Store
from node.trusted import Trusted


class Placing:
    """Decides by the table in force, the centres of the trust policy and the orders in the synced logs."""

    def __init__(self, store: Store, trusted: Trusted, settings: Settings, rules: Rules) -> None:
        self._store = store
        self._trusted = trusted
        self._settings = settings
        self._rules = rules

    def decide(self, facts: Mapping[str, Any], day: str) -> Decision:
        """Where a trade belongs, whatever this node is. Raises Refused."""
        return routing.route(facts, self._rules.by_day.routing(day), self._offices(), day=day)

    async def __call__(self, facts: Mapping[str, Any], trade: str, day: str) -> tuple[dict[str, Any], list[Fault]]:
        """What to keep of the decision with a registration (R13), and the faults that a clerk sees."""
        try:
            decision, found, order = await self._judge(facts, trade, day)
        except Refused as error:
            return {}, [Fault(error.field or "category", "routing", error.zh, error.detail)]
        kept = decision.plain() | ({"order": order.record, "order_number": order.number} if order else {})
        held = self._rules.by_day
        return kept, [
            *map(_fault, found),
            *_numbers(facts, self._settings, held.numbers(day)),
            *_catalogued(facts, day, held),
        ]

    async def _judge(
        self, facts: Mapping[str, Any], trade: str, day: str
    ) -> tuple[Decision, list[Misrouted], Order | None]:
        offices, here = self._offices(), tiers.here(self._settings)
        held = self._rules.by_day
        table = held.routing(day)
        facts = {**facts, "sector_names": departments.names_of(held.departments(day), facts, day)}
        decision, found, order = routing.faults(facts, here, table, offices, day=day)
        if not any(each.rule == "routing-node" for each in found) or self._trusted.held is None:
            return decision, found, order
        code = str(facts.get("project_code") or "")
        read = partial(orders.overriding, policy=self._trusted.policy, trade=trade, project_code=code)
        given = await self._store.read(read)
        return routing.faults(facts, here, table, offices, given, day=day, trade=trade)

    def _offices(self) -> list[Office]:
        """The centres of the federation; before it has joined one, a node knows itself alone."""
        found = tiers.offices(self._trusted.held)
        return found or [tiers.here(self._settings)]


def _fault(each: Misrouted) -> Fault:
    return Fault(each.field, each.rule, each.zh, each.en, each.basis, "refuse" if each.refuse else "warn")


def _numbers(facts: Mapping[str, Any], settings: Settings, table: CodeTable) -> list[Fault]:
    """What is to be said of the numbers that a clerk typed: the project's, and each lot's unified code."""
    found = []
    own = {settings.platform_uscc} - {""}
    code = facts.get("project_code")
    if isinstance(code, str) and code:
        found += [("project_code", each) for each in tradecodes.check_number(code, own=False, table=table)]
    rows = facts.get("lots")
    for place, row in enumerate(rows if isinstance(rows, list) else [], 1):
        unified = row.get("unified_code") if isinstance(row, Mapping) else None
        if isinstance(unified, str) and unified:
            faults = tradecodes.check_unified(unified, mode=settings.unified_code_check, table=table, own_platforms=own)
            found += [(f"lots[{place}].unified_code", each) for each in faults]
    return [
        Fault(field, each.rule, each.zh, each.en, severity="refuse" if each.refuse else "warn") for field, each in found
    ]


def _catalogued(facts: Mapping[str, Any], day: str, held: TableBook) -> list[Fault]:
    """A remark, never a refusal (R15): a trade called voluntary looks like one that the catalogue calls mandatory."""
    if facts.get("mandatory") is not False:
        return []
    estimate = facts.get("estimate")
    item = Approved(
        str(facts.get("project_name", "")),
        str(facts.get("category", "")),
        day=day,
        sort=str(facts.get("content", ""))[:200],
        estimate_fen=estimate if isinstance(estimate, int) else None,
        private=not (facts.get("state_funds") or facts.get("fund_level")),
    )
    judged = catalogue.judge(item, held.catalogue(day), today=day)
    if judged.verdict != "mandatory":
        return []
    return [
        Fault(
            "mandatory",
            "catalogue",
            f"登记为自愿进场，但按目录似属必须进场：{judged.why_zh}。请核对，不影响登记",
            f"registered as voluntary, but the catalogue seems to call it mandatory: {judged.why_en}; check it",
            severity="warn",
        )
    ]


def right_office(decision: Decision, settings: Settings) -> Office:
    """The centre to which a trade is handed over. Raises NotFound when there is none, or it is this one."""
    if decision.office is None or decision.office.node == settings.name:
        raise NotFound(
            "there is no other centre to hand it over to",
            zh="没有可移交的中心",
            advice_zh="该项目可在本中心登记，或所在区县的中心尚未加入联邦。",
            advice_en="It may be registered here, or the centre of its district has not joined yet.",
        )
    return decision.office
