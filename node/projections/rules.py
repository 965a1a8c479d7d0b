"""Rule packages and rule tables -> `rule_view`: every version stays, for trades keep the one that they began under."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from node.domain.record import Document
from node.domain.rulebook import Package
from node.domain.ruletables import RuleTable
from node.projections.shape import Place, Projection, Row, text
from node.store.tables import table
from node.store.tables_attachments import RuleView

_encoder = msgspec.msgpack.Encoder(order="sorted")


def title(document: Document[Any]) -> str:
    return text(f"{document.body.zh}（{document.body.version}）")


def row(place: Place, document: Document[Any], *, sort: str) -> Row:
    body: Package | RuleTable = document.body
    return place.key() | {
        "sort": sort or text(getattr(body, "sort", ""), 20),
        "rule": text(body.id, 100),
        "version": text(body.version, 40),
        "category": text(getattr(body, "category", ""), 40),
        "zh": text(body.zh),
        "en": text(body.en),
        "department": text(body.department),
        "effective_from": text(body.effective_from, 10),
        "effective_to": text(body.effective_to, 10),
        "withdrawn": document.status == "withdrawn",
        "data": _encoder.encode(body),
    }


PACKAGES = Projection(table(RuleView), partial(row, sort="package"), title, keeps_withdrawn=True)
TABLES = Projection(table(RuleView), partial(row, sort=""), title, keeps_withdrawn=True)
