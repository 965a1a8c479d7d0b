"""`bench append` and `bench latency` once, tiny: their figures must fit together. How large they are is not asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.bench import append, latency
from node.errors import Malformed
from tests.bench.test_measurements import measured
from tests.store.postgres import SERVER, needs_postgres

SMALL = ("--clerks", "5", "--turns", "4")


def check_append(figures: dict[str, Any]) -> None:
    assert figures["clerks"] == 5
    for name, count in (("one", 16), ("many", 20), ("many_beside_import", 20), ("many_serving", 20)):
        each = figures[name]
        assert each["publishes"] == count
        assert each["publishes_per_s"] == pytest.approx(count / each["seconds"], rel=1e-2)
        assert 0 < each["p50_ms"] <= each["p99_ms"] <= each["max_ms"]
    assert (figures["publishes_per_s"], figures["p99_ms"]) == tuple(
        figures["many"][name] for name in ("publishes_per_s", "p99_ms")
    )
    assert figures["many_beside_import"]["longest_import_call_ms"] >= 0
    # Every record that was published is signed for: the timed ones, two warm-ups, and what the import brought.
    assert figures["log_size"] >= 16 + 3 * 20 + 2 * 5 * append.WARM_TURNS


def test_append_on_sqlite(tmp_path: Path) -> None:
    figures = measured("append", *SMALL, "--dir", str(tmp_path / "work"))
    check_append(figures)
    assert figures["store"] == "sqlite" and not (tmp_path / "work").exists()


@needs_postgres
def test_append_on_postgresql(tmp_path: Path) -> None:
    arguments = ("--store", "postgres", "--postgres-url", SERVER, "--dir", str(tmp_path / "work"))
    figures = measured("append", *SMALL, *arguments)
    check_append(figures)
    assert figures["postgres"]


@pytest.mark.parametrize("wrong", [{"clerks": 0}, {"turns": 0}, {"kind": "novel"}, {"store": "paper"}])
async def test_append_says_what_it_cannot_measure(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as told:
        await append.run(append.AppendOptions(**wrong))
    assert told.value.advice_zh and told.value.advice_en


@pytest.mark.parametrize("more", [(), ("--inside",)])
def test_latency_over_three_tiers(tmp_path: Path, more: tuple[str, ...]) -> None:
    figures = measured("latency", "--publishes", "3", "--gap", "0.05", "--dir", str(tmp_path / "work"), *more)
    assert (figures["publishes"], figures["inside"]) == (3, bool(more))
    parts = [figures[name] for name in ("publish", "to_hub", "to_national")]
    assert all(0 <= part["p50_ms"] <= part["p99_ms"] <= part["max_ms"] for part in [figures, *parts])
    assert figures["max_ms"] <= sum(part["max_ms"] for part in parts) * 1.01
    assert set(figures["cpu_ms_per_publish"]) == {"national", "hub"} | (set() if more else {"district"})
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("wrong", [{"publishes": 0}, {"gap_s": 0.0}, {"kind": "novel"}])
async def test_latency_says_what_it_cannot_measure(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as told:
        await latency.run(latency.LatencyOptions(**wrong))
    assert told.value.advice_zh and told.value.advice_en
