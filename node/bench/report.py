"""What a measurement found: percentiles, a table for people, and the numbers of the JSON line.

Figures are plain numbers in the units that their names end in (`_s` seconds, `_ms` milliseconds, `_per_s` a second).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Figures = dict[str, Any]


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest of `values` that at least `share` of them (0 to 1) do not exceed: the nearest rank.

    Raises ValueError without values or for a share outside 0 to 1.

    >>> percentile([5, 1, 4, 2, 3], 0.5), percentile(range(1, 101), 0.99)
    (3, 99)
    """
    ordered = sorted(values)
    if not ordered or not 0 <= share <= 1:
        raise ValueError("a percentile needs values and a share from 0 to 1")
    return ordered[max(1, math.ceil(share * len(ordered))) - 1]


def median(values: Iterable[float]) -> float:
    """The middle value, the mean of the two middle ones for an even count. Raises ValueError without values."""
    return float(statistics.median(values))


def latencies(seconds: Sequence[float]) -> Figures:
    """p50, p99 and the longest of some durations, in milliseconds."""
    return {
        "p50_ms": rounded(percentile(seconds, 0.5) * 1000),
        "p99_ms": rounded(percentile(seconds, 0.99) * 1000),
        "max_ms": rounded(max(seconds) * 1000),
    }


def rounded(value: float, digits: int = 4) -> float:
    """`value` to so many significant digits: more would say what was not measured.

    >>> rounded(123456.7), rounded(0.0123456), rounded(0)
    (123500.0, 0.01235, 0.0)
    """
    if not value or not math.isfinite(value):
        return float(value)
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


def show(title: str, rows: Iterable[tuple[str, Any]], *, notes: Sequence[str] = ()) -> None:
    """A table of (what, figure) for people, on standard output; `title` and texts are Chinese with English beside."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right", overflow="fold")
    for what, figure in rows:
        table.add_row(what, text(figure))
    console = Console(highlight=False, soft_wrap=False)
    console.print(table, markup=False)
    for note in notes:
        console.print(note, markup=False, soft_wrap=True)


def text(figure: Any) -> str:
    """A figure as people read it.

    >>> text(1234567.0), text(0.25), text([1, 2.5]), text("x")
    ('1,234,567', '0.25', '1  2.5', 'x')
    """
    if isinstance(figure, bool) or figure is None:
        return "—" if figure is None else ("是 yes" if figure else "否 no")
    if isinstance(figure, int | float):
        return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.4g}"
    if isinstance(figure, Mapping):
        return "  ".join(f"{name} {text(value)}" for name, value in figure.items())
    if isinstance(figure, list | tuple):
        return "  ".join(text(value) for value in figure)
    return str(figure)
