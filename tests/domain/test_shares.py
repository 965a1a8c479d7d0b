"""Wilson's interval against known values, and what a ranking relies on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.shares import percent, wilson


# Newcombe (1998), Statistics in Medicine 17, table I, method 3: score without continuity correction.
@pytest.mark.parametrize(
    ("good", "judged", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_values(good: int, judged: int, low: float, high: float) -> None:
    assert [round(bound, 4) for bound in wilson(good, judged)] == [low, high]


counts = st.integers(0, 10**7).flatmap(lambda judged: st.tuples(st.integers(0, judged), st.just(judged)))


@given(counts)
def test_the_share_lies_between_its_bounds_and_mirrors_its_complement(pair: tuple[int, int]) -> None:
    good, judged = pair
    low, high = wilson(good, judged)
    assert 0 <= low <= high <= 1
    if judged:
        assert low - 1e-12 <= good / judged <= high + 1e-12
    other = wilson(judged - good, judged)
    assert abs(other[0] - (1 - high)) < 1e-9 and abs(other[1] - (1 - low)) < 1e-9


@given(st.integers(1, 10**6))
def test_more_of_the_same_share_stands_higher(judged: int) -> None:
    assert wilson(judged, judged)[0] < wilson(judged + 1, judged + 1)[0] < 1


@given(counts)
def test_only_all_is_a_hundred_percent(pair: tuple[int, int]) -> None:
    good, judged = pair
    assert (percent(good, judged) == "100%") == (judged > 0 and good == judged)
    assert (percent(good, judged) == "0.0%") == (judged > 0 and good == 0)


@pytest.mark.parametrize(("good", "judged"), [(-1, 3), (4, 3)])
def test_no_share_of_what_was_not_there(good: int, judged: int) -> None:
    with pytest.raises(ValueError):
        wilson(good, judged)
