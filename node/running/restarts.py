"""Whether, and how soon, a worker that has ended is started again."""

from __future__ import annotations

STEADY_S = 30.0
"""A worker that lived for so long had started well; ending sooner counts against it."""
FIRST_S = 0.5
MOST_S = 30.0
LIMIT = 5
"""Ends of this kind one after another that are enough."""


class Restarts:
    """Counts the ends of each of `workers`, numbered from 1."""

    def __init__(self, workers: int) -> None:
        self._soon = dict.fromkeys(range(1, workers + 1), 0)

    def steady(self, worker: int) -> None:
        """This worker has lived for `STEADY_S`."""
        self._soon[worker] = 0

    def after(self, worker: int, lived_s: float) -> float | None:
        """Seconds to wait before it is started again; None when all workers die at once again and again."""
        if lived_s >= STEADY_S:
            self.steady(worker)
        self._soon[worker] += 1
        # While another serves, this one is tried for ever: what keeps it from starting may pass.
        if all(times >= LIMIT for times in self._soon.values()):
            return None
        return min(MOST_S, FIRST_S * 2.0 ** (self._soon[worker] - 1))
