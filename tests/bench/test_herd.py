"""`bench herd`: its sums, and once in small with real processes."""

from __future__ import annotations

import pytest

from node.bench import herd
from node.bench.herd import Beside, HerdOptions, backlog, jain
from node.errors import Malformed
from tests.bench.test_measurements import measured


def test_backlogs_are_equal_or_spread_with_the_same_sum() -> None:
    assert backlog(HerdOptions(districts=3, records=80)) == [80, 80, 80]
    spread = backlog(HerdOptions(districts=5, records=80, uneven=True))
    assert spread == [20, 50, 80, 110, 140] and sum(spread) == 5 * 80
    assert backlog(HerdOptions(districts=1, records=80, uneven=True)) == [80]


def test_fairness_is_that_of_work_done_in_the_wait() -> None:
    assert jain([3.0] * 7) == pytest.approx(1)
    assert jain([5.0, 0.0, 0.0, 0.0]) == pytest.approx(1 / 4)
    members = [
        {"origin": name, "seconds": size / 100, "passes": 1, "failures": {}, "refused": {}, "retry_after_s": []}
        for name, size in (("a", 100), ("b", 700))
    ]
    figures = herd._figures(members, {"a": 100, "b": 700}, 7.0, Beside([0.1], [0.2], *_none()))
    assert figures["fairness"] == 1, "who has more to bring waits longer"
    assert (figures["wait_first_s"], figures["wait_worst_s"], figures["records_per_s"]) == (1, 7, 114.3)
    assert figures["retry_after_s"] == {}


def test_refusals_and_their_waits_are_summed() -> None:
    members = [
        {"origin": "a", "seconds": 1.0, "passes": 2, "failures": {"overloaded": 1}, **told}
        for told in (
            {"refused": {"503": 2}, "retry_after_s": [2, 4]},
            {"refused": {"503": 1, "429": 1}, "retry_after_s": [9]},
        )
    ]
    figures = herd._figures(members, {"a": 10}, 1.0, Beside([], [], *_none()))
    assert figures["refused"] == {"503": 3, "429": 1}
    assert figures["retry_after_s"] == {"median": 4, "most": 9}
    assert figures["failures"] == {"overloaded": 2}
    assert figures["page"] == figures["fresh"] == {}


def _none() -> tuple:
    from collections import Counter

    return Counter(), Counter()


@pytest.mark.parametrize("wrong", [{"districts": 0}, {"districts": 91}, {"records": 0}, {"kind": "x"}, {"store": "x"}])
async def test_what_cannot_be_measured_is_told_before_anything_starts(wrong: dict) -> None:
    with pytest.raises(Malformed):
        await herd.run(HerdOptions(**wrong))


def test_a_small_herd_comes_home() -> None:
    figures = measured("herd", "--districts", "3", "--records", "40", "--processes", "2")
    assert (figures["bench"], figures["districts"], figures["records"]) == ("herd", 3, 120)
    assert 0 < figures["wait_first_s"] <= figures["wait_median_s"] <= figures["wait_worst_s"]
    assert figures["wait_worst_s"] <= figures["seconds"] <= figures["portal_seconds"]
    assert 1 / 3 <= figures["fairness"] <= 1
    assert set(figures["pages"]) == {"200"}
    assert figures["fresh_count"] >= 1
    assert figures["failures"] == {} and figures["refused"] == {}
    assert figures["hub_peak_rss_bytes"] > 1 << 24
