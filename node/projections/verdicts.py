"""Verdicts of the receiver above -> `verdict_view`."""

from __future__ import annotations

from typing import Any

from node.domain.record import Document
from node.domain.verdicts import Verdict
from node.projections.shape import Place, Projection, Row, integer, text
from node.store.tables import table
from node.store.tables_uplink import VerdictView

_MAX_REASON = 1000


def title(document: Document[Any]) -> str:
    return text(document.body.title)


def row(place: Place, document: Document[Any]) -> Row:
    body: Verdict = document.body
    telling = [item for item in body.items if item.state == body.state]
    return place.key() | {
        "about_origin": text(body.origin),
        "about_record": _bytes(body.record),
        "about_version": integer(body.version) or 0,
        "state": body.state,
        "title": title(document),
        "category": text(body.category),
        "reason_zh": text("；".join(f"{item.name} {item.zh}" for item in telling), _MAX_REASON),
        "reason_en": text("; ".join(f"{item.name} {item.en}" for item in telling), _MAX_REASON),
        "items": len(body.items),
        "at_ms": integer(body.at) or 0,
    }


def _bytes(record: str) -> bytes:
    try:
        return bytes.fromhex(record)[:16]
    except ValueError:
        return b""


PROJECTION = Projection(table(VerdictView), row, title)
