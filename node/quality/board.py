"""What the board shows: sums by place and category, a heat map, lags, and how far records have come upwards.

Everything is read from `quality_sum` and from the logs' heads: no record is counted, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, func, select, true

from node.domain.shares import percent, wilson
from node.quality import lags
from node.quality.items import sums
from node.quality.measures import ANY, BITS, MEASURES, STEPS
from node.store import checkpoints, logs
from node.store.tables import table
from node.store.tables_uplink import UplinkMessage, VerdictView

NONE: Final = "none"
"""Stands in an address for records whose place has no code."""
_messages = table(UplinkMessage)
_verdicts = table(VerdictView)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which items are meant; empty values mean any. `measure` is a key of `node.quality.measures.MASKS`."""

    measure: str = ANY
    division: str = ""
    category: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """How many were judged and how many of them are right; the bounds are Wilson's, 95 %."""

    judged: int = 0
    bad: int = 0

    @property
    def good(self) -> int:
        return self.judged - self.bad

    @property
    def share(self) -> str:
        return percent(self.good, self.judged)

    @property
    def low(self) -> float:
        return wilson(self.good, self.judged)[0]

    @property
    def bounds(self) -> str:
        """
        >>> Figure(10, 2).bounds, Figure().bounds
        ('49.0–94.3%', '—')
        """
        low, high = wilson(self.good, self.judged)
        return f"{100 * low:.1f}–{100 * high:.1f}%" if self.judged else "—"

    @property
    def permille(self) -> int:
        return self.good * 1000 // self.judged if self.judged else -1


@dataclass(frozen=True, slots=True)
class Line:
    """A district's or category's figures, by measure; `low` is by what it is ranked."""

    name: str
    figures: Mapping[str, Figure]

    def figure(self, measure: str) -> Figure:
        return self.figures.get(measure, Figure())


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many of what was owed were sent on, and how many accepted; `sort` says of what."""

    sort: str
    counts: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Board:
    """`heat` goes by (division, step); `lags` has a count for each class of `node.quality.lags`, by name of the lag."""

    total: Line
    places: list[Line]
    categories: list[Line]
    heat: dict[tuple[str, str], Figure]
    bits: dict[str, Figure]
    lags: dict[str, list[int]] = field(default_factory=dict)

    @property
    def heat_places(self) -> list[str]:
        return [line.name for line in self.places if any((line.name, step) in self.heat for step in STEPS)]


def read(conn: Connection, wanted: Filter) -> Board:
    which = _which(wanted)
    names = (*MEASURES, ANY)
    measured = sums.c.measure.in_({*names, wanted.measure})
    whole = _lines(conn, None, and_(which, measured))
    heat = {
        (division, step): Figure(int(judged), int(bad))
        for division, step, judged, bad in conn.execute(
            select(sums.c.division, sums.c.step, func.sum(sums.c.judged), func.sum(sums.c.bad))
            .where(and_(which, sums.c.measure == wanted.measure))
            .group_by(sums.c.division, sums.c.step)
        )
        if judged
    }
    return Board(
        total=whole[0] if whole else Line("", {}),
        places=ranked(_lines(conn, sums.c.division, and_(which, measured)), wanted.measure),
        categories=ranked(_lines(conn, sums.c.category, and_(which, measured)), wanted.measure),
        heat=heat,
        bits=_bits(conn, which),
        lags=_lags(conn, which),
    )


def ranked(lines: Sequence[Line], measure: str) -> list[Line]:
    """By the lower bound of a measure, best first; of equal ones the name decides, and what was not judged is last."""
    return sorted(lines, key=lambda line: (-line.figure(measure).low, not line.figure(measure).judged, line.name))


def count(conn: Connection, wanted: Filter) -> Figure:
    """How many items a list of records has."""
    which = and_(_which(wanted), sums.c.measure == wanted.measure)
    judged, bad = conn.execute(select(func.sum(sums.c.judged), func.sum(sums.c.bad)).where(which)).one()
    return Figure(int(judged or 0), int(bad or 0))


def places(conn: Connection) -> list[str]:
    """Districts of which anything was judged; the empty one stands for places without a code."""
    found = conn.execute(select(sums.c.division).where(sums.c.measure == ANY).distinct().order_by(sums.c.division))
    return list(found.scalars())


def funnels(conn: Connection, path_up: Callable[[str], list[str]]) -> list[Funnel]:
    """What the uplink reported where there is one, else what was said of this node's records; and the mirrors' state."""
    found = []
    states = _counts(conn, select(_messages.c.state, func.count()).group_by(_messages.c.state))
    states.pop("deleted", None)
    if states:
        sent = sum(states.get(name, 0) for name in ("accepted", "rejected"))
        found.append(Funnel("uplink", (sum(states.values()), sent, states.get("accepted", 0))))
    published = hub = top = 0
    for state in logs.all_logs(conn):
        above = path_up(state.origin.rpartition("/")[0])
        if not above:
            continue  # the topmost node's own log goes nowhere
        reached = [min(state.stored_size, checkpoints.newest_signed_by(conn, state.id, name) or 0) for name in above]
        published += state.stored_size
        # The hub's own records are at the hub when they are published.
        hub += reached[0] if len(above) > 1 else state.stored_size
        top += reached[-1]
        if state.own and not states:
            found += _told(conn, state.origin)
    if published:
        found.append(Funnel("mirror", (published, hub, top)))
    return found


def _told(conn: Connection, origin: str) -> list[Funnel]:
    """What the receiver above said of this node's records, of those that it said anything of."""
    mine = _verdicts.c.about_origin == origin
    states = _counts(conn, select(_verdicts.c.state, func.count()).where(mine).group_by(_verdicts.c.state))
    if not states:
        return []
    sent = sum(states.get(name, 0) for name in ("accepted", "rejected"))
    return [Funnel("verdicts", (sum(states.values()), sent, states.get("accepted", 0)))]


def _counts(conn: Connection, statement: object) -> dict[str, int]:
    return {state: int(number) for state, number in conn.execute(statement)}  # type: ignore[call-overload]


def _which(wanted: Filter) -> ColumnElement[bool]:
    which: ColumnElement[bool] = true()
    if wanted.division:
        which = and_(which, sums.c.division == ("" if wanted.division == NONE else wanted.division))
    if wanted.category:
        which = and_(which, sums.c.category == wanted.category)
    if wanted.step:
        which = and_(which, sums.c.step == wanted.step)
    return which


def _lines(conn: Connection, column: ColumnElement[str] | None, which: ColumnElement[bool]) -> list[Line]:
    by = [] if column is None else [column]
    statement = select(sums.c.measure, func.sum(sums.c.judged), func.sum(sums.c.bad), *by).where(which)
    found: dict[str, dict[str, Figure]] = {}
    for measure, judged, bad, *name in conn.execute(statement.group_by(sums.c.measure, *by)):
        found.setdefault(name[0] if name else "", {})[measure] = Figure(int(judged), int(bad))
    return [Line(name, figures) for name, figures in found.items()]


def _bits(conn: Connection, which: ColumnElement[bool]) -> dict[str, Figure]:
    of = _lines(conn, None, and_(which, sums.c.measure.in_(BITS)))
    return {name: of[0].figure(name) if of else Figure() for name in BITS}


def _lags(conn: Connection, which: ColumnElement[bool]) -> dict[str, list[int]]:
    found = {name: [0] * len(lags.BUCKETS) for name in lags.LAGS}
    names = [f"{name}.{n}" for name in lags.LAGS for n in range(len(lags.BUCKETS))]
    statement = select(sums.c.measure, func.sum(sums.c.judged)).where(and_(which, sums.c.measure.in_(names)))
    for measure, number in conn.execute(statement.group_by(sums.c.measure)):
        name, _, place = measure.partition(".")
        found[name][int(place)] = int(number)
    return found
