"""The board: what is counted, the same however it was come to, and put right when records or days change it."""

from __future__ import annotations

from typing import Any

import pytest

from node.domain.record import Flag
from node.domain.trades import TradeNotice
from node.quality import board, links, listing
from node.quality.board import Filter
from node.quality.keeper import Keeper
from node.quality.listing import Listing
from node.store import cursors
from tests.projections.world import EAST, HUB, NOW_MS, open_world, result
from tests.trading.bench import ANNA, BORIS, DAY, open_bench

SUMS = "select log_id, division, category, step, measure, judged, bad from quality_sum where judged > 0 order by 1, 2, 3, 4, 5"


class Policy:
    """A district below the hub, below the national node."""

    policy: Any

    def __init__(self) -> None:
        self.policy = self

    def node_of_origin(self, origin: str) -> str:
        return origin.rpartition("/")[0]

    def path_up(self, node: str) -> list[str]:
        return ["hub", "top"]


class Judged:
    """A world with its keeper; a step of the clock is explicit."""

    def __init__(self, world: Any, rules: Any) -> None:
        self.world, self.now_ms = world, NOW_MS + DAY
        self.keeper = Keeper(world.store, rules, Policy(), lambda: self.now_ms)  # type: ignore[arg-type]

    def figure(self, measure: str, **more: str) -> tuple[int, int]:
        found = self.world.store.read_now(lambda conn: board.count(conn, Filter(measure, **more)))
        return found.judged, found.bad

    def rows(self, measure: str, show: str = "bad") -> list[str]:
        wanted = Listing(Filter(measure), show)
        found, _ = self.world.store.read_now(lambda conn: listing.read(conn, wanted, "", 100))
        return [row["title"] for row in found]


@pytest.fixture(params=["sqlite", "postgres"])
def judged(request):
    from tests.trading.bench import few_rules

    with open_world(request.param) as world:
        yield Judged(world, few_rules())


def notice(title: str = "公告", **more: Any) -> TradeNotice:
    values = {"category": "工程建设", "stage": "招标公告", "title": title, "project_code": "E-2025-001"}
    values |= {"division": "500103", "published_on": "2025-11-01", "owner": result().owner}
    return TradeNotice(**(values | more))


async def test_a_result_finds_its_notice_when_that_comes_later(judged):
    judged.world.put(result())
    await judged.keeper.run()
    assert judged.figure("no_notice") == judged.figure("coverage") == (1, 1)
    assert judged.rows("no_notice") == ["道路改造工程"]
    put = judged.world.put(notice(), kind="trade.notice")
    await judged.keeper.run()
    assert judged.figure("no_notice") == (1, 0) and judged.figure("no_result") == (1, 0)
    judged.world.put(notice(), kind="trade.notice", after=put, status="withdrawn")
    await judged.keeper.run()
    assert judged.figure("no_notice") == (1, 1), "a notice that was withdrawn is none"


async def test_a_result_before_its_notice_is_out_of_order(judged):
    judged.world.put(result(published_on="2025-10-31"))
    judged.world.put(notice(), kind="trade.notice")
    await judged.keeper.run()
    assert judged.figure("order") == judged.figure("compliance", step="result") == (1, 1)


async def test_a_notice_waits_for_its_result_to_the_day(judged):
    judged.world.put(notice(published_on="2025-11-25"), kind="trade.notice")
    judged.now_ms = NOW_MS + 120 * DAY  # the last of the 120 days of this category
    await judged.keeper.run()
    assert judged.figure("no_result") == (0, 0)
    judged.now_ms += DAY
    await judged.keeper.run()
    assert judged.figure("no_result") == (1, 1)
    judged.world.put(result())
    await judged.keeper.run()
    assert judged.figure("no_result") == (1, 0)


async def test_what_was_put_right_in_a_newer_version_counts_as_repaired(judged):
    flagged = [Flag("amount", "amount-unreadable")]
    put = judged.world.put(result(), flags=flagged)
    judged.world.put(result("另一项", project_code="E-2"), flags=flagged)
    await judged.keeper.run()
    assert judged.figure("repair") == (2, 2) and judged.figure("value") == (2, 2)
    judged.world.put(result(), after=put)
    await judged.keeper.run()
    assert judged.figure("repair") == (2, 1) and judged.rows("unrepaired") == ["另一项"]


async def test_required_fields_and_codes_of_imported_records(judged):
    judged.world.put(result(amount=None))
    judged.world.put(result("外地", division="999999"))
    await judged.keeper.run()
    assert judged.figure("missing") == (2, 1) and judged.figure("code") == (2, 1)
    assert judged.figure("code", division=board.NONE) == (1, 1)


async def test_records_that_say_the_same_are_all_duplicates(judged):
    judged.world.put(result())
    second = judged.world.put(result(), origin=HUB)
    judged.world.put(result("不同"))
    await judged.keeper.run()
    assert judged.figure("duplicate") == (3, 2)
    judged.world.put(result("改名"), after=second, origin=HUB)
    await judged.keeper.run()
    assert judged.figure("duplicate") == (3, 0)


async def test_a_code_that_too_many_records_carry_names_no_project(judged, monkeypatch):
    monkeypatch.setattr(links, "MANY", 2)
    for number in range(3):
        judged.world.put(result(str(number), project_code="无"))
        await judged.keeper.run()
        assert judged.figure("no_notice") == ((number + 1, number + 1) if number < 2 else (0, 0))


async def test_lags_upwards_come_from_the_first_cosignature_that_covers(judged):
    judged.world.put(result())
    await judged.keeper.run()
    read = lambda: judged.world.store.read_now(lambda conn: board.read(conn, Filter())).lags  # noqa: E731
    assert sum(read()["hub_lag"]) == 0
    judged.world.cosign(EAST, "hub", NOW_MS // 1000 + 7200)
    await judged.keeper.run()
    assert read()["hub_lag"].index(1) == 3 and sum(read()["top_lag"]) == 0
    judged.world.put(result("后来"))
    judged.world.cosign(EAST, "hub", NOW_MS // 1000 + 30)
    await judged.keeper.run()
    assert read()["hub_lag"][:4] == [1, 0, 0, 1]
    (funnel,) = judged.world.store.read_now(lambda conn: board.funnels(conn, lambda node: ["hub", "top"]))
    assert funnel == board.Funnel("mirror", (2, 2, 0))


async def test_made_anew_the_sums_are_the_same(judged):
    put = judged.world.put(result(), flags=[Flag("amount", "amount-zero")])
    for step in (
        lambda: judged.world.put(notice(), kind="trade.notice"),
        lambda: judged.world.put(result(), after=put),
        lambda: judged.world.put(result("二", project_code="E-2", division=""), origin=HUB),
        lambda: judged.world.put(result("二", project_code="E-2", division=""), origin=HUB),
    ):
        step()
        await judged.keeper.run()
    grown = judged.world.rows(SUMS)
    assert await judged.keeper.run() == 0
    assert await judged.keeper.rebuild() == 5
    assert judged.world.rows(SUMS) == grown and len(grown) > 10


async def test_a_read_table_made_anew_starts_the_board_over(judged):
    judged.world.put(result())
    await judged.keeper.run()
    judged.world.store.write_now(lambda conn: cursors.set_fact(conn, "view_generation", "other"))
    assert await judged.keeper.run() == 1 and judged.figure("any") == (1, 1)


async def test_a_list_goes_on_from_a_place_and_loses_none(judged):
    for number in range(7):
        judged.world.put(result(f"第{number}", project_code=f"E-{number}"))
    await judged.keeper.run()
    read = judged.world.store.read_now
    found, after = [], ""
    while True:
        rows, after = read(lambda conn: listing.read(conn, Listing(Filter("no_notice")), after, 3))  # noqa: B023
        found += [row["title"] for row in rows]
        if not after:
            break
        assert listing.is_place(after)
    assert sorted(found) == [f"第{number}" for number in range(7)]
    assert judged.rows("no_notice", "good") == [] and len(judged.rows("no_notice", "all")) == 7


async def test_ranked_by_the_lower_bound():
    line = lambda name, judged, bad: board.Line(name, {"any": board.Figure(judged, bad)})  # noqa: E731
    lines = [line("三", 3, 0), line("万", 10_000, 10), line("无", 0, 0), line("差", 50, 50)]
    assert [each.name for each in board.ranked(lines, "any")] == ["万", "三", "差", "无"]


async def test_a_trade_is_judged_by_its_legal_clocks_once_it_is_public():
    with open_bench() as bench:
        judged = Judged(bench, bench.rules)
        judged.keeper = Keeper(bench.store, bench.rules, Policy(), bench.clock)  # type: ignore[arg-type]
        key = await bench.begin()
        await judged.keeper.run()
        assert judged.figure("any") == (0, 0), "a registration is not public"
        await bench.to_result(key)
        await judged.keeper.run()
        assert judged.figure("any", step="trade") == (1, 0) and judged.figure("owed") == (0, 0)
        assert judged.figure("no_notice") == (1, 0) and judged.figure("late_published") == (2, 0)
        bench.clock.forward(days=32)
        await judged.keeper.run()
        assert judged.figure("owed") == judged.figure("late_act") == (1, 1)
        await bench.desk.act(ANNA, key, "contract", second=BORIS.account)
        await judged.keeper.run()
        assert judged.figure("owed") == (1, 0) and judged.figure("late_act") == (1, 1)
