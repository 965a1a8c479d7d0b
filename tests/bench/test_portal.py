"""`ggzy bench portal`, tiny: every kind of question is asked and answered."""

from __future__ import annotations

from pathlib import Path

from node.bench.portal_mix import Mix
from node.bench.portal_rows import Filled
from tests.bench.test_measurements import measured


def test_readers_ask_and_are_answered(tmp_path: Path) -> None:
    figures = measured("portal", "--records", "600", "--queries", "40", "--dir", str(tmp_path / "work"))
    for name in ("cold", "warm", "at_once"):
        found = figures[name]
        assert found["faults"] == 0
        assert 0 < found["search"]["p50_ms"] <= found["search"]["p99_ms"] <= found["search"]["max_ms"]
        assert found["worst"][0]["ms"] >= found["worst"][-1]["ms"]
    assert figures["warm"]["queries"] == figures["at_once"]["queries"] == 40
    assert not (tmp_path / "work").exists()


def test_the_mix_is_drawn_from_rows_that_are_there() -> None:
    row = {
        "title": "猇亭大桥改造工程",
        "winner": "甲公司",
        "owner": "",
        "project_code": "E-1",
        "category": "工程建设",
        "kind": "trade.result",
        "division": "420505",
        "division_name": "猇亭区",
        "published_on": "2025-03-04",
    }
    mix = Mix(Filled(rows=[row], record_ids=["ab" * 16]), seed=1)
    asked = list(mix.each())
    assert len({query.kind for query in asked}) == len(asked)
    assert {query.kind for query in asked if not query.search} == {"home", "status", "feed", "record"}
    assert mix.some(5) != mix.some(5)
