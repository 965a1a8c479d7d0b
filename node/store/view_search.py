"""What is looked for in a read table, and what is known once it was looked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Table

from node.store.word_terms import Need

Place = tuple[int, int, int]
"""Where a row stands in a list by date: its `doc`, its log and its index."""

DATE, AMOUNT, NAME = "date", "amount", "name"
HIGHEST = (1 << 63) - 1
"""No `doc` is higher."""


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for in a read table: what the index must have, and `which` rows fit; None when all do. `low` and
    `high` bound `doc`, both belong to the range; `below` is a place that all rows come after.
    """

    view: Table
    need: Need = field(default_factory=Need)
    which: ColumnElement[bool] | None = None
    low: int = 0
    high: int = HIGHEST
    below: Place | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The places of a page's rows, in order, and what is known of all rows that fit: there are `total`, or with `more`
    at least so many. `cut` is set when looking had to end before it was known: the `doc` down to which it came.
    """

    places: tuple[Place, ...]
    total: int
    more: bool = False
    cut: int | None = None
