"""Percentiles and figures: what a measurement says of its numbers."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.bench import postgres, report
from node.bench.report import latencies, median, percentile, rounded, show, text

values = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50)


@pytest.mark.parametrize("module", [report, postgres], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module: object) -> None:
    done = doctest.testmod(module)  # type: ignore[arg-type]
    assert done.attempted and not done.failed


@given(values, st.floats(0, 1))
def test_a_percentile_is_one_of_the_values_and_covers_its_share(found: list[float], share: float) -> None:
    value = percentile(found, share)
    assert value in found
    assert sum(each <= value for each in found) >= share * len(found) - 1e-9
    assert sum(each < value for each in found) <= share * len(found)


def test_percentiles_of_known_values() -> None:
    assert percentile(range(1, 101), 0.99) == 99
    assert percentile(range(1, 101), 1) == 100
    assert percentile(range(1, 101), 0) == 1
    assert percentile([7.0], 0.5) == 7.0


@pytest.mark.parametrize(("found", "share"), [([], 0.5), ([1.0], -0.1), ([1.0], 1.1)])
def test_a_percentile_of_nothing_is_refused(found: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(found, share)


def test_a_median_lies_in_the_middle() -> None:
    assert median([5, 1, 3]) == 3
    assert median([4, 1, 3, 2]) == 2.5


def test_latencies_are_in_milliseconds() -> None:
    assert latencies([0.001] * 98 + [0.5, 2.0]) == {"p50_ms": 1.0, "p99_ms": 500.0, "max_ms": 2000.0}


@given(st.floats(1e-6, 1e12))
def test_rounding_keeps_four_digits(value: float) -> None:
    assert rounded(value) == pytest.approx(value, rel=5e-4)
    assert rounded(rounded(value)) == rounded(value)


def test_a_table_shows_each_figure_and_note(capsys: pytest.CaptureFixture[str]) -> None:
    show("标题 title", [("用时 seconds", 1.25), ("是 [bold]yes[/bold]", None)], notes=["说明 note"])
    shown = capsys.readouterr().out
    assert "标题 title" in shown and "1.25" in shown and "说明 note" in shown
    assert text(None) in shown and "是" in shown


def test_figures_as_text() -> None:
    assert text({"a": 1, "b": 12345.6}) == "a 1  b 12,346"
    assert text(True) == "是 yes"
