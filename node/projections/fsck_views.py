"""The judge's look at the read tables: all logs projected again beside them, and every row compared (DESIGN L8).

A bit that flips in a title or an amount would be on a page until somebody rebuilds. What differs is named, never shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table

from node.projections.erasures import EARLY, REFUSED
from node.projections.follow import Projector
from node.store import word_check
from node.store.view_rows import COUNTS, VIEWS, columns, empty_views, rows

Values = tuple[Any, ...]
_KEYS = 2
"""The first columns of every read table: the log, and an index or a record."""
_ORDERS = {EARLY.encode(), REFUSED.encode()}
"""Reasons of quarantine that come of judging orders to erase, not of projecting."""


def check(projector: Projector, conn: Connection) -> Iterator[tuple[str, str, str]]:
    """(origin, place, what is wrong) where a read table differs from what the logs say.

    `conn` sees one snapshot. Takes little memory, however long the logs are, and as much room for temporary files as
    the read tables take. Nothing is said of tables that are about to be made anew anyway.
    """
    with empty_views() as made:
        origins: dict[Any, str] = {}
        for state, done, most in projector.replay(conn, made):
            origins[state.id] = state.origin
            if done > most:
                yield state.origin, f"cursor {done}", "the read tables cannot have come so far"
        if origins:
            for view in VIEWS:
                yield from _compare(view, rows(conn, view), rows(made, view), origins)
            if list(rows(conn, COUNTS)) != list(rows(made, COUNTS)):
                yield "", COUNTS.name, "the counts are not those of the rows"
            for name in word_check.differing(conn):
                yield "", f"{name} words", "the word index does not hold what the rows say"


def _compare(
    view: Table, held: Iterator[Values], due: Iterator[Values], origins: dict[Any, str]
) -> Iterator[tuple[str, str, str]]:
    names = columns(view)
    held = (row for row in held if view.name != "quarantine" or row[names.index("code")] not in _ORDERS)
    for one, other in _pairs(held, due):
        if one == other:
            continue
        row = one or other or ()
        index = row[names.index("idx")]
        place = f"entry {index} {view.name}" if isinstance(index, int) else view.name
        if one is None or other is None:
            wrong = "the row is missing" if one is None else "there should be no such row"
        else:
            wrong = ", ".join(name for name, a, b in zip(names, one, other, strict=True) if a != b)
        yield origins.get(row[0], ""), place, wrong


def _pairs(held: Iterator[Values], due: Iterator[Values]) -> Iterator[tuple[Values | None, Values | None]]:
    """Rows of the same key together; None for one that is on one side only. Both sides rise by key."""
    one, other = next(held, None), next(due, None)
    while one is not None or other is not None:
        a, b = _place(one), _place(other)
        yield (one if a <= b else None), (other if b <= a else None)
        one, other = (next(held, None) if a <= b else one), (next(due, None) if b <= a else other)


def _place(row: Values | None) -> tuple[Any, ...]:
    """Where a row stands among all, as the database sorts: by kind of value, then by value; the end is behind all."""
    if row is None:
        return ((9,),)
    return tuple((0,) if key is None else (2, key) if isinstance(key, bytes) else (1, key) for key in row[:_KEYS])
