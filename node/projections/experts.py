"""Expert profiles -> `expert_view`. Profiles are shared among authorities, so no public page reads this table."""

from __future__ import annotations

from typing import Any

from node.domain.experts import ExpertProfile
from node.domain.record import Document
from node.projections.shape import Place, Projection, Row, text
from node.store.tables import ExpertView, table


def title(document: Document[Any]) -> str:
    return text(document.body.alias)


def row(place: Place, document: Document[Any]) -> Row:
    expert: ExpertProfile = document.body
    return place.key() | {
        "alias": text(expert.alias),
        "classes": text(" ".join(expert.classes)),
        "division": text(expert.division, 12),
        "standing": text(expert.standing),
        "made_up": document.made_up,
    }


PROJECTION = Projection(table(ExpertView), row, title)
