"""What the board shows: sums by node or place, category and step, ranked; and the records behind each figure.

Reads `quality_sum` for figures, `quality_item` for records; runs inside the caller's snapshot and does bounded work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, func, select, true

from node.domain.shares import percent, wilson
from node.quality.items import fits, items, sums
from node.quality.lags import BUCKETS, LAGS
from node.quality.measures import ANY, BITS, MASKS, MEASURES, ON_PAPER
from node.store import logs
from node.store.view_counts import COUNT_CAP

PAGE_SIZE = 50
SHOWN = (*MEASURES, ANY)
"""What the board shows of each line; single faults are for lists."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """How many were judged, how many of them are right; `low` is the lower bound of 95 % confidence."""

    judged: int = 0
    bad: int = 0

    @property
    def good(self) -> int:
        return self.judged - self.bad

    @property
    def low(self) -> float:
        return wilson(self.good, self.judged)[0]

    @property
    def text(self) -> str:
        return percent(self.good, self.judged)

    @property
    def low_text(self) -> str:
        return f"{self.low * 100:.1f}%" if self.judged else "—"

    def __add__(self, other: Share) -> Share:
        return Share(self.judged + other.judged, self.bad + other.bad)


NOTHING = Share()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the board is about; empty is everything. `node` is a node's name, `logs` the ids of its logs."""

    node: str = ""
    division: str = ""
    category: str = ""
    step: str = ""
    logs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table: a node, a place or a category with its measures."""

    name: str
    shares: Mapping[str, Share] = field(default_factory=dict)

    def share(self, measure: str) -> Share:
        return self.shares.get(measure, NOTHING)


@dataclass(frozen=True, slots=True)
class Board:
    """`by` are the lines of nodes or places, ranked; `heat` is (line, step) -> share of items with nothing wrong."""

    whole: Line
    by: tuple[Line, ...]
    categories: tuple[Line, ...]
    heat: Mapping[tuple[str, str], Share]
    steps: tuple[str, ...]
    lags: Mapping[str, tuple[int, ...]]


def nodes(conn: Connection) -> dict[str, tuple[int, ...]]:
    """Node -> the ids of its logs, of all epochs."""
    found: dict[str, list[int]] = {}
    for log in logs.all_logs(conn):
        found.setdefault(log.origin.rpartition("/")[0], []).append(log.id)
    return {node: tuple(ids) for node, ids in found.items()}


def board(conn: Connection, wanted: Wanted, *, by: str, sort: str) -> Board:
    """`by` is node or place; `sort` the measure whose lower bound ranks the lines, highest first."""
    names = {log_id: node for node, ids in nodes(conn).items() for log_id in ids}
    column = sums.c.log_id if by == "node" else sums.c.division
    total = (func.sum(sums.c.judged), func.sum(sums.c.bad))
    statement = select(column, sums.c.category, sums.c.step, sums.c.measure, *total).where(
        _which(sums, wanted), sums.c.measure.in_(SHOWN)
    )
    lines: dict[str, dict[str, Share]] = {}
    categories: dict[str, dict[str, Share]] = {}
    whole: dict[str, Share] = {}
    heat: dict[tuple[str, str], Share] = {}
    for key, category, step, measure, judged, bad in conn.execute(
        statement.group_by(column, sums.c.category, sums.c.step, sums.c.measure)
    ):
        name, share = names.get(key, "") if by == "node" else key, Share(int(judged), int(bad))
        for into in (lines.setdefault(name, {}), categories.setdefault(category, {}), whole):
            into[measure] = into.get(measure, NOTHING) + share
        if measure == ANY:
            heat[name, step] = heat.get((name, step), NOTHING) + share
    ranked = ranking([Line(name, shares) for name, shares in lines.items()], sort)
    return Board(
        whole=Line("", whole),
        by=tuple(ranked),
        categories=tuple(ranking([Line(name, shares) for name, shares in categories.items()], sort)),
        heat=heat,
        steps=tuple(dict.fromkeys(step for _, step in heat)),
        lags=_lags(conn, wanted),
    )


def divisions(conn: Connection, wanted: Wanted) -> set[str]:
    """The places of which anything is judged."""
    statement = select(sums.c.division).where(_which(sums, wanted), sums.c.measure == ANY).distinct()
    return set(conn.execute(statement).scalars())


def ranking(lines: Sequence[Line], sort: str) -> list[Line]:
    """By the lower bound of a measure, highest first; those of which nothing was judged come last.

    >>> few, many = Line("few", {"any": Share(3, 0)}), Line("many", {"any": Share(10000, 10)})
    >>> [line.name for line in ranking([few, Line("none"), many], "any")]
    ['many', 'few', 'none']
    """
    return sorted(lines, key=lambda line: (not line.share(sort).judged, -line.share(sort).low, line.name))


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the records behind a figure: `total` of them, of which the first `COUNT_CAP` can be reached."""

    rows: list[Row]
    total: int
    number: int
    size: int = PAGE_SIZE

    @property
    def last(self) -> int:
        return max(1, -(-min(self.total, COUNT_CAP) // self.size))


def records(conn: Connection, wanted: Wanted, measure: str, *, all_of_them: bool, page: int) -> Listed:
    """Records that are not right by a measure, or all that were judged by it, the newest first."""
    statement = select(func.sum(sums.c.judged), func.sum(sums.c.bad)).where(
        _which(sums, wanted), sums.c.measure == measure
    )
    judged, bad = (int(value or 0) for value in conn.execute(statement).one())
    total = judged if all_of_them else bad
    offset = (page - 1) * PAGE_SIZE
    if not total or offset >= COUNT_CAP:
        return Listed([], total, page)
    mask = MASKS[measure]
    which = [_which(items, wanted), fits(mask, all_of_them=all_of_them)]
    order = [items.c.doc.desc(), items.c.log_id.desc(), items.c.idx.desc(), items.c.record_id]
    if not (all_of_them or wanted.division or wanted.node) and total <= COUNT_CAP:
        kinds = [value for value in conn.execute(select(items.c.bad).distinct()).scalars() if value & mask]
        # As a sum, so that the database finds the few by what is wrong with them and sorts those.
        which, order = [_which(items, wanted), items.c.bad.in_(kinds)], [(items.c.doc + 0).desc(), *order[1:]]
    rows = conn.execute(select(items).where(*which).order_by(*order).offset(offset).limit(PAGE_SIZE)).mappings()
    return Listed([dict(row) for row in rows], total, page)


def faults_of(row: Mapping[str, Any]) -> list[str]:
    """The names of what is wrong with an item; that it went on paper is no fault, and is told."""
    return [name for name, bit in BITS.items() if row["bad"] & bit & (MASKS[ANY] | ON_PAPER)]


def measure_of(name: str) -> str:
    """The measure that a bit belongs to; a measure's own name, and `any`, are themselves.

    >>> measure_of("duplicate"), measure_of("coverage"), measure_of("any")
    ('accuracy', 'coverage', 'any')
    """
    if name in MEASURES or name == ANY:
        return name
    return next(measure for measure, mask in MEASURES.items() if mask & BITS[name])


def _lags(conn: Connection, wanted: Wanted) -> dict[str, tuple[int, ...]]:
    names = [f"{lag}.{number}" for lag in LAGS for number in range(len(BUCKETS))]
    statement = select(sums.c.measure, func.sum(sums.c.judged)).where(_which(sums, wanted), sums.c.measure.in_(names))
    found = {measure: int(number) for measure, number in conn.execute(statement.group_by(sums.c.measure))}
    return {lag: tuple(found.get(f"{lag}.{number}", 0) for number in range(len(BUCKETS))) for lag in LAGS}


def _which(view: Any, wanted: Wanted) -> Any:
    parts = [true()]
    parts += [view.c.log_id.in_(wanted.logs)] if wanted.node else []
    for name in ("division", "category", "step"):
        if value := getattr(wanted, name):
            parts.append(view.c[name] == value)
    return and_(*parts)
