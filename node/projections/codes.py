"""Rows of code tables -> `code_view`."""

from __future__ import annotations

from typing import Any

from node.domain.codes import Division, ExpertClass
from node.domain.record import Document
from node.projections.shape import Place, Projection, Row, text
from node.store.tables import CodeView, table


def title(document: Document[Any]) -> str:
    return text(f"{document.body.code} {document.body.name}")


def row(place: Place, document: Document[Any]) -> Row:
    body: Division | ExpertClass = document.body
    return place.key() | {
        "table_name": place.kind,
        "code": text(body.code),
        "name": text(body.name),
        "parent": text(body.parent),
    }


PROJECTION = Projection(table(CodeView), row, title)
