"""What an address of the board asks for: whose records, of which place, category and step, by which measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.domain.trades import CATEGORIES
from node.quality.board import Wanted
from node.quality.measures import ANY, MASKS, MEASURES, STEPS
from node.web.board_text import BY
from node.web.portal_query import Form, form_of

SORTS = (ANY, *MEASURES)
DEFAULT_SORT = ANY


@dataclass(frozen=True, slots=True)
class Asked:
    """`by` is node or place, `sort` what ranks the lines; `measure` and `whole` are for the list of records."""

    wanted: Wanted
    by: str
    sort: str
    measure: str
    whole: bool
    page: int


def asked(given: Mapping[str, str], nodes: Mapping[str, tuple[int, ...]]) -> tuple[Asked, Form]:
    form = form_of(given, ("node", "division", "category", "step", "by", "sort", "measure", "all", "page"))
    node = form.choice("node", nodes)
    wanted = Wanted(
        node=node,
        division=form.words("division").strip(),
        category=form.choice("category", CATEGORIES),
        step=form.choice("step", dict.fromkeys(STEPS)),
        logs=nodes.get(node, ()),
    )
    by, sort = form.choice("by", BY, "node"), form.choice("sort", dict.fromkeys(SORTS), DEFAULT_SORT)
    measure = form.choice("measure", MASKS, ANY)
    whole = form.choice("all", {"1": 1}) == "1"
    return Asked(wanted, by, sort, measure, whole, form.page()), form
