"""L12: submission is limited by origin and address, with 429 and a time to come back."""

from __future__ import annotations

import pytest

from node.errors import RateLimited
from node.web import limits
from node.web.limits import BURST_S, Limits


class _Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def _used_up(made: Limits, origin: str, address: str) -> int:
    count = 0
    while True:
        try:
            made.admit(origin, address)
        except RateLimited:
            return count
        count += 1


def test_l12_a_burst_passes_and_then_the_rate_holds() -> None:
    time = _Time()
    made = Limits(2, time)
    assert _used_up(made, "a/1", "x") == 2 * BURST_S
    with pytest.raises(RateLimited) as refused:
        made.admit("a/1", "x")
    assert refused.value.retry_after_s == 1
    time.now += 3
    assert _used_up(made, "a/1", "x") == 6


def test_l12_one_log_or_one_address_never_uses_up_anothers_share() -> None:
    made = Limits(1, _Time())
    _used_up(made, "a/1", "x")
    made.admit("b/1", "x")
    made.admit("a/1", "y")


def test_time_that_stands_still_or_a_slow_rate_still_names_a_wait() -> None:
    made = Limits(0.05, _Time())
    with pytest.raises(RateLimited) as refused:
        _ = [made.admit("a/1", "x") for _ in range(2)]
    assert refused.value.retry_after_s == 10


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BUCKETS", 3)
    made = Limits(1, _Time())
    for number in range(10):
        made.admit("a/1", str(number))
    assert len(made._buckets) == 3
