"""Variants take turns, the median of each counts, and the ratio is taken with the fastest of those that are named."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.compare import turns
from tests.compare.rows import Row
from tests.compare.turns import Given, Run, Timed, measure, show

SECONDS = {"slow": [4.0, 2.0, 8.0], "fast": [1.0, 0.5, 2.0], "cheat": [0.1, 0.1, 0.1]}


@pytest.fixture
def given(tmp_path: Path) -> Given:
    return Given(100, 3, "result", 1, "sqlite", tmp_path, argparse.Namespace())


async def test_figures_are_medians_of_turns_and_the_ratio_is_to_the_best_named(
    given: Given, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order: list[str] = []

    async def bench(asked: Given) -> dict[str, float]:
        assert asked.with_bench == "sqlite"
        order.append("ours")
        return {"records_per_s": 300.0 - len(order), "cpu_seconds": 0.25}

    async def prepare(
        asked: Given, rows: Sequence[Row], stack: AsyncExitStack
    ) -> tuple[dict[str, Run], dict[str, str]]:
        assert len(rows) == asked.records
        left = {name: iter(each) for name, each in SECONDS.items()}

        def run(name: str) -> Run:
            async def once() -> Timed:
                order.append(name)
                return Timed(next(left[name]), {"both": 1.5}, 5000 if name == "fast" else None)

            return once

        return {name: run(name) for name in SECONDS}, {"thing": "1.2"}

    monkeypatch.setattr(turns, "bench_sync", bench)
    figures = await measure(given, prepare, best_of=("slow", "fast"))
    assert order == ["slow", "fast", "cheat", "ours"] * 3
    assert figures["variants"]["slow"]["records_per_s"] == 25
    assert figures["variants"]["slow"]["wire_bytes_per_record"] is None
    assert figures["variants"]["fast"]["wire_bytes_per_record"] == 50
    assert figures["variants"]["fast"]["cpu_seconds"] == {"both": 1.5}
    assert (figures["best"], figures["records_per_s"]) == ("fast", 100)
    assert (figures["bench_records_per_s"], figures["ratio"]) == (292, 2.92)
    assert figures["used"] == {"thing": "1.2"} and figures["machine"]["cores"] >= 1
    show("comparison", figures)
    said = capsys.readouterr()
    assert "2.92" in said.out and "3/3 cheat" in said.err
