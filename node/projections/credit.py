"""Credit records -> `credit_view`.

`sort` is score, behaviour or blacklist. A behaviour's `grade` is 良好 or 不良 and its `points` carry the sign of what
it earns or costs, so that one column can be read from top to bottom.
"""

from __future__ import annotations

from typing import Any

from node.domain.credit import BlacklistEntry, CreditBehaviour, CreditScore
from node.domain.record import Document
from node.projections.shape import Place, Projection, Row, address, day, integer, search, text
from node.store.tables import CreditView, table

GOOD, BAD = "良好", "不良"

Body = CreditScore | CreditBehaviour | BlacklistEntry


def title(document: Document[Any]) -> str:
    body: Body = document.body
    return text("：".join(part for part in (body.party.name, _subject(body)) if part))


def row(place: Place, document: Document[Any]) -> Row:
    body: Body = document.body
    return (
        place.key()
        | {
            "kind": place.kind,
            "party": text(body.party.name),
            "uscc": text(body.party.uscc, 40),
            "subject": text(_subject(body)),
            "authority": text(document.source.name),
            "document_no": "",
            "grade": "",
            "points": None,
            "ends_on": "",
            "source_url": address(document.source.url),
            "made_up": document.made_up,
            "search": search([body.party.name, body.party.uscc, *_words(body), document.source.name]),
        }
        | _particular(body, document)
    )


def _subject(body: Body) -> str:
    if isinstance(body, CreditScore):
        return body.qualification or body.field_of_work
    if isinstance(body, CreditBehaviour):
        return body.reason
    return "：".join(part for part in (body.list_name, body.reason) if part)


def _words(body: Body) -> list[str]:
    if isinstance(body, CreditScore):
        return [body.qualification, body.field_of_work]
    if isinstance(body, CreditBehaviour):
        return [body.reason, body.project_name, body.qualification, body.document_no]
    return [body.list_name, body.reason, body.sanction, body.authority, body.document_no]


def _particular(body: Body, document: Document[Any]) -> Row:
    if isinstance(body, CreditScore):
        return {
            "sort": "score",
            "grade": text(body.grade),
            "points": integer(body.score),
            "starts_on": day(document.as_of),
        }
    if isinstance(body, CreditBehaviour):
        points = None if body.points is None else abs(body.points) * (1 if body.good else -1)
        return {
            "sort": "behaviour",
            "grade": GOOD if body.good else BAD,
            "points": integer(points),
            "starts_on": day(body.starts_on),
            "ends_on": day(body.ends_on),
            "document_no": text(body.document_no),
        }
    return {
        "sort": "blacklist",
        "authority": text(body.authority),
        "starts_on": day(body.decided_on),
        "document_no": text(body.document_no),
    }


PROJECTION = Projection(table(CreditView), row, title)
