"""Projections: what each kind of record becomes in the read tables. A new kind is one line in `PROJECTIONS`."""

from __future__ import annotations

from node.projections import codes, credit, entities, experts, persons, trades
from node.projections.shape import Projection

PROJECTIONS: dict[str, Projection] = {
    "trade.result": trades.PROJECTION,
    "trade.candidates": trades.PROJECTION,
    "trade.notice": trades.PROJECTION,
    "trade.listing": trades.PROJECTION,
    "entity.company": entities.PROJECTION,
    "credit.score": credit.PROJECTION,
    "credit.behaviour": credit.PROJECTION,
    "credit.blacklist": credit.PROJECTION,
    "expert.class": codes.PROJECTION,
    "expert.profile": experts.PROJECTION,
    "code.division": codes.PROJECTION,
    "account.person": persons.ACCOUNTS,
    "audit.act": persons.AUDIT,
    "supervise.order": persons.ORDERS,
}
