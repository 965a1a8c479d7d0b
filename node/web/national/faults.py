"""What the sandbox can be told to do wrong: refuse for the moment, fail, be slow, lose answers."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from node.errors import Malformed

SORTS = ("busy", "fail", "lose", "drop")
"""busy: STATUS -1, try later. fail: HTTP 500 before anything is stored. lose: stored, and the line is cut before the
answer. drop: the line is cut before anything is stored."""


@dataclass(slots=True)
class Faults:
    """Shares of requests, in thousandths, that go wrong in each way; and how long every answer takes."""

    busy: int = 0
    fail: int = 0
    lose: int = 0
    drop: int = 0
    delay_ms: int = 0
    seed: int = 1
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def next(self) -> str:
        """What happens to this request: one of `SORTS`, or nothing."""
        drawn = self._random.randrange(1000)
        for sort in SORTS:
            drawn -= getattr(self, sort)
            if drawn < 0:
                return sort
        return ""


def parse(text: str) -> Faults:
    """From a setting such as `busy=50 lose=100 delay_ms=20`. Raises Malformed.

    >>> parse("lose=100 delay_ms=20").lose
    100
    """
    given = {}
    for word in text.replace(",", " ").split():
        name, _, value = word.partition("=")
        if name not in (*SORTS, "delay_ms", "seed") or not value.isdigit():
            raise Malformed(
                f"intake_faults: {word!r}; known are busy, fail, lose, drop (thousandths), delay_ms, seed",
                zh=f"intake_faults 有误：{word}",
                field="intake_faults",
            )
        given[name] = int(value)
    return Faults(**given)
