"""Projections: what each kind of record becomes in the read tables. A new kind is one line in `PROJECTIONS`.

A kind may feed several tables; the first projection gives the title of the record's own page.
"""

from __future__ import annotations

from node.projections import acts, codes, credit, entities, experts, handover, persons, rules, trades, verdicts
from node.projections.shape import Projection

PROJECTIONS: dict[str, tuple[Projection, ...]] = {
    "trade.result": (trades.PROJECTION,),
    "trade.candidates": (trades.PROJECTION,),
    "trade.notice": (trades.PROJECTION,),
    "trade.listing": (trades.PROJECTION,),
    "trade.act": (acts.NOTICE, acts.PROJECTION),
    "trade.step": (acts.PROJECTION,),
    "entity.company": (entities.PROJECTION,),
    "credit.score": (credit.PROJECTION,),
    "credit.behaviour": (credit.PROJECTION,),
    "credit.blacklist": (credit.PROJECTION,),
    "expert.class": (codes.PROJECTION,),
    "expert.profile": (experts.PROJECTION,),
    "verdict": (verdicts.PROJECTION,),
    "code.division": (codes.PROJECTION,),
    "rule.package": (rules.PACKAGES,),
    "rule.table": (rules.TABLES,),
    "account.person": (persons.ACCOUNTS,),
    "account.binding": (persons.BINDINGS,),
    "audit.act": (persons.AUDIT,),
    "audit.batch": (persons.BATCHES,),
    "supervise.order": (persons.ORDERS,),
    "trade.handover": (handover.PROJECTION,),
}
