"""How long it took: classes of time, for histograms."""

from __future__ import annotations

from typing import Final

from node.domain.calendar import start_of

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
# (upper end in ms, Chinese, English); the last one is open.
BUCKETS: Final[tuple[tuple[int, str, str], ...]] = (
    (60_000, "1 分钟内", "under 1 min"),
    (10 * 60_000, "10 分钟内", "under 10 min"),
    (HOUR_MS, "1 小时内", "under 1 h"),
    (4 * HOUR_MS, "4 小时内", "under 4 h"),
    (DAY_MS, "1 天内", "under 1 d"),
    (3 * DAY_MS, "3 天内", "under 3 d"),
    (7 * DAY_MS, "7 天内", "under 7 d"),
    (30 * DAY_MS, "30 天内", "under 30 d"),
    (1 << 62, "30 天以上", "30 d or more"),
)
UNKNOWN: Final = -1
LAGS: Final = ("lag", "hub_lag", "top_lag")
"""From the event to publishing; from publishing to the node above; from publishing to the one above that."""


def bucket(lag_ms: int) -> int:
    """The class of a time; one that ends before it begins (clocks differ, or a day stands for a moment) is the first.

    >>> bucket(-5), bucket(59_999), bucket(60_000), bucket(10**15)
    (0, 0, 1, 8)
    """
    return next(number for number, (end, _, _) in enumerate(BUCKETS) if lag_ms < end)


def day_ms(day: str) -> int | None:
    """The first millisecond of an ISO day in Beijing; None for what is no day.

    >>> day_ms("2025-11-25"), day_ms("2025-11"), day_ms("")
    (1764000000000, None, None)
    """
    try:
        return start_of(day) if len(day) == 10 else None
    except ValueError:
        return None
