"""Approved projects against what is held: found by code and by name, missing with what was tried, voluntary never."""

from __future__ import annotations

from typing import Any

import pytest

from node.domain.catalogue import Approved
from node.domain.record import Document, Draft, Source
from node.domain.trades import TradeNotice
from node.routing import offplatform
from node.rules import load_tables
from tests.trading.bench import open_bench

RULES = load_tables().catalogue("")


@pytest.fixture(params=["sqlite", "postgres"])
def bench(request: pytest.FixtureRequest) -> Any:
    with open_bench(request.param) as made:
        yield made


def works(name: str, **more: Any) -> Approved:
    said = {"day": "2025-10-01", "sort": "施工", "estimate_fen": 900_000_000, "private": False} | more
    return Approved(name, "工程建设", **said)


async def test_what_must_be_held_is_looked_for_and_listed_when_it_is_nowhere(bench: Any) -> None:
    await bench.begin("渝中区解放碑道路改造工程", project_code="A5001032511250001")
    notice = TradeNotice(
        category="工程建设", stage="招标公告", title="江北区观音桥地下通道工程招标公告", published_on="2025-11-01"
    )
    await bench.publisher.publish(
        [Draft("trade.notice", "k/1", {"main": Document("k/1", notice, Source("某网"))}, {"n": "1"})]
    )
    await bench.projector.run()
    await bench.refresher.run()
    items = [
        works("名称不同而编号相同", project_code="A5001032511250001"),
        works("渝中区解放碑道路改造工程"),
        works("江北区观音桥地下通道工程"),
        works("巫山县红叶大道二期建设工程"),
        works("某民营厂房工程", private=True),
        works("某小额修缮", estimate_fen=1_000_000),
        works("资金来源不明的大桥工程", private=None),
    ]
    rows = list(enumerate(items, 2))
    kept = await offplatform.keep(bench.store, bench.clock, RULES, "清单.csv", rows)
    assert (kept.added, kept.known) == (7, 0)
    assert (await offplatform.keep(bench.store, bench.clock, RULES, "清单.csv", rows)).known == 7
    bench.clock.forward(seconds=1)
    assert await offplatform.compare(bench.store, bench.clock, RULES) == 5, "voluntary ones are not even looked for"
    assert {each.name: each.found for each in bench.read(offplatform.matched)} == {
        "名称不同而编号相同": "project-code",
        "渝中区解放碑道路改造工程": "name",
        "江北区观音桥地下通道工程": "name",
    }
    (missing,) = bench.read(offplatform.missing)
    assert (missing.name, missing.found, missing.row) == ("巫山县红叶大道二期建设工程", "none", 5)
    (open_one,) = bench.read(offplatform.missing, verdict="open")
    assert open_one.name == "资金来源不明的大桥工程"
    await bench.begin("巫山县红叶大道二期建设工程")
    bench.clock.forward(seconds=1)
    await offplatform.compare(bench.store, bench.clock, RULES)
    assert bench.read(offplatform.missing) == []
    assert bench.read(offplatform.missing, verdict="voluntary") == []
