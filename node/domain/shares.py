"""Shares of what was judged, and how sure one may be of them: Wilson's interval (1927), 95 %.

A district with three records, all of them right, must not stand above one with ten thousand of which a few are not. So
lists are ranked by the lower bound: the least share that still fits what was seen.
"""

from __future__ import annotations

from math import sqrt

Z = 1.959963984540054
"""Of the normal distribution, two-sided 95 %."""


def wilson(good: int, judged: int) -> tuple[float, float]:
    """The lower and the upper bound of the share of which `good` in `judged` is a sample; (0, 1) of nothing.

    Raises ValueError where `good` is below zero or above `judged`.

    >>> [round(bound, 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]
    >>> wilson(3, 3)[0] < wilson(9990, 10000)[0]
    True
    """
    if not 0 <= good <= judged:
        raise ValueError(f"{good} of {judged}")
    if not judged:
        return 0.0, 1.0
    share, square = good / judged, Z * Z
    middle = share + square / (2 * judged)
    half = Z * sqrt(share * (1 - share) / judged + square / (4 * judged * judged))
    whole = 1 + square / judged
    # Rounding must not carry a bound over the share itself at the ends.
    low = 0.0 if good == 0 else (middle - half) / whole
    high = 1.0 if good == judged else (middle + half) / whole
    return max(0.0, low), min(1.0, high)


def percent(good: int, judged: int) -> str:
    """A share for reading; never 100 % of what has a fault, never 0 % of what has something good.

    >>> percent(1, 3), percent(99999, 100000), percent(1, 100000), percent(5, 5), percent(0, 0)
    ('33.3%', '99.9%', '0.1%', '100%', '—')
    """
    if not judged:
        return "—"
    if good == judged:
        return "100%"
    tenths = good * 1000 // judged
    return f"{max(tenths, 1) / 10 if good else 0:.1f}%"
