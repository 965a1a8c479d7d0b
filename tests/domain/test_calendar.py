"""Days in Beijing, working days by the State Council's notices, and what a period's end is."""

from __future__ import annotations

import doctest
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import calendar
from node.domain.calendar import DAY_MS, Calendar, day_of, end_of, start_of
from node.errors import Malformed
from node.rules import load_calendar

CHINA = load_calendar()
DAYS = st.dates(date(2016, 1, 1), date(2026, 12, 31)).map(date.isoformat)
UNITS = st.sampled_from(["日", "工作日"])


def test_doctests() -> None:
    assert doctest.testmod(calendar).failed == 0


# Each year's oddest week, by hand from the notice: last day before, n-th working day after.
@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        ("2016-02-05", 1, "2016-02-06"),  # a Saturday worked before the Spring Festival
        ("2016-02-06", 1, "2016-02-14"),  # a Sunday worked after it
        ("2017-01-26", 2, "2017-02-04"),
        ("2018-09-30", 1, "2018-10-08"),
        ("2019-04-30", 1, "2019-05-05"),  # Labour Day as changed by the notice of March 2019
        ("2020-01-23", 1, "2020-02-03"),  # the Spring Festival of 2020, prolonged
        ("2021-09-30", 2, "2021-10-09"),
        ("2022-12-30", 1, "2023-01-03"),  # a notice that begins in the year before
        ("2023-09-28", 2, "2023-10-08"),
        ("2024-02-09", 1, "2024-02-18"),
        ("2025-01-27", 2, "2025-02-06"),
        ("2025-09-30", 1, "2025-10-09"),
        ("2026-02-14", 1, "2026-02-24"),
        ("2026-09-30", 3, "2026-10-10"),
    ],
)
def test_working_days_follow_the_notices(day: str, count: int, expected: str) -> None:
    assert CHINA.add(day, count, "工作日") == expected
    assert CHINA.between(day, expected, "工作日") == count


def test_table_holds_2016_to_2026_and_says_when_it_knows_no_more() -> None:
    assert sorted(CHINA.years) == list(range(2016, 2027))
    assert CHINA.verified("2026-12-31") and not CHINA.verified("2027-01-01")
    # Beyond it only weekends are off.
    assert CHINA.is_workday("2027-10-01") and not CHINA.is_workday("2027-10-02")


@pytest.mark.parametrize("year", range(2016, 2027))
def test_each_year_has_the_statutory_days_and_a_likely_number_of_working_days(year: int) -> None:
    days = [date(year, 1, 1) + timedelta(n) for n in range(366 if year % 4 == 0 else 365)]
    worked = sum(CHINA.is_workday(day.isoformat()) for day in days)
    assert 246 <= worked <= 252
    for fixed in ("01-01", "05-01", "10-01", "10-02", "10-03"):
        assert not CHINA.is_workday(f"{year}-{fixed}")


def test_a_moment_is_the_day_it_is_in_beijing() -> None:
    midnight = start_of("2026-03-02")
    assert day_of(midnight) == "2026-03-02" and day_of(midnight - 1) == "2026-03-01"
    assert end_of("2026-03-02") == midnight + DAY_MS - 1
    assert CHINA.add(midnight - 1, 1, "日") == "2026-03-02"


def test_a_period_that_ends_on_a_day_off_ends_on_the_next_day_that_is_none() -> None:
    assert CHINA.due("2026-09-20", 15, "日") == end_of("2026-10-08")
    plain = Calendar([], [], roll=False)
    assert plain.due("2026-09-20", 15, "日") == end_of("2026-10-05")


def test_years_end_on_the_same_date_or_the_last_of_february() -> None:
    assert CHINA.add("2024-02-29", 15, "年") == "2039-02-28"
    assert CHINA.add("2026-03-02", 15, "年") == "2041-03-02"
    assert CHINA.between("2024-02-29", "2025-02-27", "年") == 0
    assert CHINA.between("2024-02-29", "2025-02-28", "年") == 1


def test_a_window_counts_its_first_day() -> None:
    assert CHINA.earliest("2026-03-02", 5, "日", window=True) == start_of("2026-03-06")
    assert CHINA.earliest("2026-03-02", 5, "日") == start_of("2026-03-07")
    # Thursday, Friday, the Saturday that is worked, then after the Spring Festival.
    assert CHINA.earliest("2026-02-12", 5, "工作日", window=True) == start_of("2026-02-25")


def test_hours_go_from_moment_to_moment() -> None:
    at = start_of("2026-03-02") + 123
    assert CHINA.due(at, 12, "小时") == at + 12 * 3_600_000
    assert CHINA.earliest(at, 0, "小时") == at
    assert CHINA.between(at, at + 3_599_999, "小时") == 0


@given(DAYS, st.integers(0, 60), UNITS)
def test_between_undoes_add(day: str, count: int, unit: calendar.Unit) -> None:
    assert CHINA.between(day, CHINA.add(day, count, unit), unit) == count


@given(DAYS, st.integers(1, 40), UNITS)
def test_due_is_the_end_of_a_working_day_and_not_before_the_period(day: str, count: int, unit: calendar.Unit) -> None:
    due = CHINA.due(day, count, unit)
    assert CHINA.is_workday(due) and due == end_of(day_of(due)) and day_of(due) >= CHINA.add(day, count, unit)


@pytest.mark.parametrize(
    "values",
    [{}, {"roll": True}, {"roll": True, "roll_basis": "", "roll_tag": "K", "year": [{"year": 2026}]}],
)
def test_a_wrong_table_is_named(values: object) -> None:
    with pytest.raises(Malformed, match=r"holidays\.toml"):
        calendar.parse(values)


def test_a_day_that_does_not_exist_is_refused() -> None:
    row = {"year": 2026, "legal_basis": "x", "tag": "I", "off": ["2026-02-30"], "work": []}
    with pytest.raises(Malformed):
        calendar.parse({"roll": True, "roll_basis": "", "roll_tag": "K", "year": [row]})
