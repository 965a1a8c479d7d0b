"""Dates as sources write them, read into ISO text no more exact than the source is."""

from __future__ import annotations

import re
from datetime import date, time
from functools import lru_cache

_FORM = re.compile(
    r"(?P<y>[12][0-9]{3})"
    r"(?:(?P<compact>(?P<cm>[0-9]{2})(?P<cd>[0-9]{2}))"
    r"|[-/.年](?P<m>[0-9]{1,2})(?:[-/.月](?P<d>[0-9]{1,2})日?|月)?|年)?"
    r"(?:[T ]*(?P<H>[0-9]{1,2})(?::|时|点)(?P<M>[0-9]{1,2})(?:(?::|分)(?P<S>[0-9]{1,2})(?:\.[0-9]+)?秒?|分)?"
    r" ?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
"""Full-width digits and marks, as Chinese input methods type them."""


@lru_cache(maxsize=8192)
def iso(text: str) -> str | None:
    """ISO 8601 text of a date or moment, as exact as the source gives it; None when it is no date.

    >>> iso("2007年03月06日"), iso("2026-03-17 00:32"), iso("20251102"), iso("2024"), iso("2019-05")
    ('2007-03-06', '2026-03-17T00:32', '2025-11-02', '2024', '2019-05')
    >>> iso("2025-01-22T09:00:00+08:00"), iso("2025-02-30"), iso("长期")
    ('2025-01-22T09:00:00+08:00', None, None)
    >>> iso("２０１６年３月５日"), iso("2016年3月5日 9时30分")
    ('2016-03-05', '2016-03-05T09:30')
    """
    found = _FORM.fullmatch(text.translate(_WIDE).strip())
    if found is None:
        return None
    part = found.groupdict()
    year, month, day = part["y"], part["m"] or part["cm"], part["d"] or part["cd"]
    hour, minute, second, zone = part["H"], part["M"], part["S"], part["zone"]
    if hour is not None and day is None:
        return None
    try:  # does this moment exist?
        date(int(year), int(month or 1), int(day or 1))
        time(int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return None
    out = "-".join([year, *(f"{int(value):02d}" for value in (month, day) if value)])
    if hour is None:
        return out
    out += f"T{int(hour):02d}:{int(minute):02d}" + (f":{int(second):02d}" if second else "")
    if zone and zone != "Z" and ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    return out + (zone or "")


def day(text: str) -> str | None:
    """The date alone of what `iso` reads: `2026-03-17 00:32` is `2026-03-17`."""
    found = iso(text)
    return None if found is None else found[:10]


_EIGHT = re.compile(r"(?<![0-9])(20[0-9]{6})(?![0-9])")


def day_in_name(name: str) -> str:
    """The day that a file name carries as eight digits, or an empty text.

    >>> day_in_name("credit_scores_base_20251101.csv"), day_in_name("companies.csv")
    ('2025-11-01', '')
    """
    found = _EIGHT.search(name)
    return (iso(found[1]) or "") if found else ""
