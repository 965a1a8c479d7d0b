"""Hand-overs -> `handover_view`."""

from __future__ import annotations

from typing import Any

import msgspec

from node.domain.handover import Handover
from node.domain.record import Document
from node.projections.shape import Place, Projection, Row, integer, text
from node.store.tables import table
from node.store.tables_routing import HandoverView

MAX_FACTS = 60_000


def row(place: Place, document: Document[Any]) -> Row:
    body: Handover = document.body
    facts = msgspec.json.encode(body.facts, order="sorted").decode()
    return place.key() | {
        # Which node offers it, the log's origin says; the record's word for it is not asked.
        "to_node": text(body.to),
        "category": text(body.category),
        "title": text(body.title),
        "division": text(body.division, 12),
        "reason": text(body.reason_zh),
        "facts": facts if len(facts) <= MAX_FACTS and "\\u0000" not in facts else "{}",
        "at_ms": integer(body.at) or 0,
        "made_up": document.made_up,
    }


PROJECTION = Projection(table(HandoverView), row, lambda document: text(document.body.title))
