"""Counting days in Beijing: calendar days, working days, years, hours.

Which days are off is data (`config/rules/holidays.toml`): the State Council's yearly notices, with the weekends that
are worked to make up. A year that the table does not hold has its weekends alone, and is said to be unverified.

The day of the event does not count; the first day is the one after it. A period that ends on a day off ends on the next
day that is none, where the table's `roll` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import MAXYEAR, MINYEAR, date
from typing import Any, Literal

import msgspec

from node.domain.rulebook import Unit
from node.domain.rulefaults import RuleFault, convert, is_day, malformed, repeated

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
AHEAD_DAYS = 60
"""So long before a year begins its notice is looked for: the State Council publishes it in November as a rule."""
_ZONE_MS = 8 * HOUR_MS  # Beijing has no summer time since 1991
_EPOCH = date(1970, 1, 1).toordinal()


class Year(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One year's notice: ISO days off on weekdays or weekends, and weekend days that are worked."""

    year: int
    legal_basis: str
    tag: Literal["S", "I", "K", "U"]
    off: list[str]
    work: list[str]


class Holidays(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """`config/rules/holidays.toml`. A table of a new year alone says nothing of `roll`, and what was held stays."""

    year: list[Year]
    roll: bool | None = None
    roll_basis: str = ""
    roll_tag: str = ""


def day_of(moment_ms: int) -> str:
    """The ISO day in Beijing of a moment in UTC milliseconds.

    >>> day_of(1_735_660_799_999), day_of(1_735_660_800_000)
    ('2024-12-31', '2025-01-01')
    """
    return _iso(_number(moment_ms))


def start_of(day: str) -> int:
    """The first millisecond of an ISO day in Beijing. Raises ValueError for what is no day."""
    return _first(date.fromisoformat(day).toordinal())


def end_of(day: str) -> int:
    """The last millisecond of an ISO day in Beijing."""
    return start_of(day) + DAY_MS - 1


class Calendar:
    """Knows working days. Days are ISO texts or moments in UTC milliseconds; a moment stands for its day in Beijing."""

    def __init__(
        self, holidays: Iterable[str], workdays: Iterable[str], *, years: Iterable[int] = (), roll: bool = True
    ) -> None:
        self.off = frozenset(date.fromisoformat(day).toordinal() for day in holidays)
        self.worked = frozenset(date.fromisoformat(day).toordinal() for day in workdays)
        self.years = frozenset(years)
        self.roll = roll

    def is_workday(self, day: int | str) -> bool:
        return self._works(_number(day))

    def verified(self, day: int | str) -> bool:
        """Whether the notice for that day's year is in the table; else only weekends are known to be off."""
        return date.fromordinal(_number(day)).year in self.years

    def unknown(self, start: int | str, due: int | str, unit: Unit) -> int:
        """The first year whose notice a period's end rests on and which is not in the table; 0 where there is none.

        Working days rest on every year from `start` on, other days and years on the one of their end, which is moved
        when it is a day off; hours on none.
        """
        if unit == "小时":
            return 0
        last = date.fromordinal(_number(due)).year
        first = date.fromordinal(_number(start)).year if unit == "工作日" else last
        return next((year for year in range(first, last + 1) if year not in self.years), 0)

    def wanting(self, day: int | str) -> int:
        """The first year from a day on to `AHEAD_DAYS` after it whose notice is not in the table; 0 where all are."""
        first = _number(day)
        years = (date.fromordinal(each).year for each in (first, first + AHEAD_DAYS))
        return next((year for year in years if year not in self.years), 0)

    def add(self, start: int | str, count: int, unit: Unit) -> str:
        """The ISO day that is `count` of a unit after a day; hours need a moment and give its day.

        >>> Calendar([], []).add("2025-01-31", 1, "日"), Calendar([], []).add("2025-01-31", 2, "工作日")
        ('2025-02-01', '2025-02-04')
        """
        if unit == "小时":
            return day_of(_moment(start) + count * HOUR_MS)
        return _iso(self._add(_number(start), count, unit))

    def between(self, start: int | str, end: int | str, unit: Unit) -> int:
        """How many whole units lie after `start` up to and with `end`; negative when `end` is earlier.

        >>> Calendar([], []).between("2025-01-31", "2025-02-04", "工作日")
        2
        """
        if unit == "小时":
            return (_moment(end) - _moment(start)) // HOUR_MS
        first, last = _number(start), _number(end)
        if unit == "日":
            return last - first
        if unit == "年":
            years = date.fromordinal(last).year - date.fromordinal(first).year
            return years if self._add(first, years, "年") <= last else years - 1
        if last < first:
            return -self.between(_iso(last), _iso(first), unit)
        return sum(self._works(day) for day in range(first + 1, last + 1))

    def due(self, start: int | str, count: int, unit: Unit) -> int:
        """The last millisecond at which something is in time that must be done within `count` of a unit.

        A day stands for its end when hours are counted from it.
        """
        if unit == "小时":
            return (end_of(start) if isinstance(start, str) else start) + count * HOUR_MS
        last = self._add(_number(start), count, unit)
        while self.roll and count and not self._works(last):
            last += 1
        return _first(last) + DAY_MS - 1

    def earliest(self, start: int | str, count: int, unit: Unit, *, window: bool = False) -> int:
        """The first millisecond at which something may end that must last at least `count` of a unit.

        With `window` the start's day is the first day of the period and counts.
        """
        if unit == "小时":
            return (end_of(start) if isinstance(start, str) else start) + count * HOUR_MS
        first = _number(start)
        return _first(self._add(first - 1 if window else first, count, unit))

    def _works(self, day: int) -> bool:
        if day in self.worked:
            return True
        return day not in self.off and (day + 6) % 7 < 5  # ordinal 1 was a Monday

    def _add(self, day: int, count: int, unit: Unit) -> int:
        if unit == "日":
            return day + count
        if unit == "年":
            begin = date.fromordinal(day)
            try:
                return begin.replace(year=begin.year + count).toordinal()
            except ValueError:  # 29 February: where the day is missing, the last of the month
                return begin.replace(year=begin.year + count, day=28).toordinal()
        step = 1 if count >= 0 else -1
        left = abs(count)
        while left:
            day += step
            left -= self._works(day)
        return day


def parse(values: Any, source: str = "holidays.toml") -> Calendar:
    """A calendar from the plain data of one table. Raises Malformed, which names the row."""
    table = table_from(values, source)
    if found := list(faults(table)):
        raise malformed(found, source)
    return joined([table])


def table_from(values: Any, source: str) -> Holidays:
    """The table from plain data. Raises Malformed, which names the row and `source`."""
    return convert(values, Holidays, source)


def joined(tables: Iterable[Holidays]) -> Calendar:
    """The calendar of sound tables: of a year that stands in several the last one counts."""
    years: dict[int, Year] = {}
    roll = True
    for table in tables:
        years |= {each.year: each for each in table.year}
        roll = roll if table.roll is None else table.roll
    return Calendar(
        (day for year in years.values() for day in year.off),
        (day for year in years.values() for day in year.work),
        years=(year.year for year in years.values() if year.tag in ("S", "I")),
        roll=roll,
    )


def faults(table: Holidays) -> Iterator[RuleFault]:
    """What is wrong with a table of the right shape: days that do not exist, or could not be meant."""
    yield from repeated("year", (str(each.year) for each in table.year))
    if not table.year:
        yield RuleFault("year", "没有任何年份", "it has no year")
    for each in table.year:
        place = f"year {each.year}"
        if str(each.year) not in each.legal_basis:
            yield RuleFault(place, "依据须写明该年度的放假通知", "its clause must name the notice of that year")
        if not each.off:
            yield RuleFault(place, "没有放假日", "it has no day off")
        for what, days in (("off", each.off), ("work", each.work)):
            yield from repeated(f"{place} → {what}", days)
            for day in days:
                if why := _wrong(day, each.year, worked=what == "work"):
                    yield RuleFault(f"{place} → {what} {day}", *why)
        for day in sorted(set(each.off) & set(each.work)):
            yield RuleFault(f"{place} → work {day}", "同时列为放假和上班", "it is both off and worked")


def _wrong(day: str, year: int, *, worked: bool) -> tuple[str, str] | None:
    if not is_day(day):
        return "应写作 2026-01-01，且须确有此日", "it must be a day, written as 2026-01-01"
    found = date.fromisoformat(day)
    if not MINYEAR < year < MAXYEAR or abs((found - date(year, 7, 1)).days) > 200:
        return f"不在 {year} 年放假通知的范围内", f"it is no day of the notice for {year}"
    if worked and found.weekday() < 5:
        return "调休上班日须为周六或周日", "a day that is worked instead must be a Saturday or Sunday"
    return None


def _iso(number: int) -> str:
    return date.fromordinal(number).isoformat()


def _number(day: int | str) -> int:
    if isinstance(day, str):
        return date.fromisoformat(day).toordinal()
    return (day + _ZONE_MS) // DAY_MS + _EPOCH


def _first(number: int) -> int:
    return (number - _EPOCH) * DAY_MS - _ZONE_MS


def _moment(value: int | str) -> int:
    return start_of(value) if isinstance(value, str) else value
