"""Shares and how sure one may be of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.shares import Z, percent, wilson

counts = st.integers(1, 10**7).flatmap(lambda judged: st.tuples(st.integers(0, judged), st.just(judged)))


@given(counts)
def test_the_bounds_are_the_shares_from_which_the_sample_is_as_far_as_is_believed(count):
    good, judged = count
    for bound in wilson(good, judged):
        # Wilson's definition: (share - bound)^2 = z^2 bound (1 - bound) / judged.
        far, believed = (good / judged - bound) ** 2, Z * Z * bound * (1 - bound) / judged
        assert far == pytest.approx(believed, abs=1e-9)


@given(counts)
def test_the_share_lies_between_the_bounds_and_more_of_the_same_brings_them_nearer(count):
    good, judged = count
    low, high = wilson(good, judged)
    assert 0 <= low <= good / judged <= high <= 1
    surer_low, surer_high = wilson(10 * good, 10 * judged)
    assert surer_high - surer_low < high - low


@given(counts)
def test_one_more_that_is_right_never_lowers_the_bound(count):
    good, judged = count
    assert wilson(good + 1, judged + 1)[0] > wilson(good, judged)[0] or good == judged == 0
    assert wilson(good, judged + 1)[0] <= wilson(good, judged)[0]


@given(counts)
def test_nothing_is_rounded_to_all_or_to_none(count):
    good, judged = count
    assert (percent(good, judged) == "100%") == (good == judged)
    assert (percent(good, judged) == "0.0%") == (good == 0)


def test_what_was_not_judged_has_no_share():
    assert wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 of 2"):
        wilson(3, 2)
