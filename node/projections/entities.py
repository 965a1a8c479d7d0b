"""Market parties -> `entity_view`."""

from __future__ import annotations

from typing import Any

from node.domain.entities import Company
from node.domain.record import Document
from node.projections.shape import Place, Projection, Row, day, text
from node.store.tables import EntityView, table


def title(document: Document[Any]) -> str:
    return text(document.body.name)


def row(place: Place, document: Document[Any]) -> Row:
    company: Company = document.body
    return place.key() | {
        "name": text(company.name),
        "uscc": text(company.uscc, 40),
        "division": text(company.division, 12),
        "registered_on": day(company.registered_on),
    }


PROJECTION = Projection(table(EntityView), row, title)
