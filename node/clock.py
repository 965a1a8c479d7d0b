"""The clock as a value: parts are handed one, so that tests move it by hand."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Gives the time as UTC milliseconds since the epoch. Claimed times come from it; order never does (DESIGN L4)."""

    def __call__(self) -> int: ...


def utc_ms() -> int:
    """The machine's clock."""
    return time.time_ns() // 1_000_000
