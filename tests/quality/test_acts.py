"""Trades of this system on the board: their acts, and the trade as a whole with its clocks."""

from __future__ import annotations

from types import SimpleNamespace

from node.domain.calendar import day_of
from node.quality import yardstick
from node.quality.measures import MASKS, ON_PAPER
from node.quality.run import Quality
from tests.trading.bench import ANNA, DAY, open_bench


def stage_of(bench) -> Quality:
    trusted = SimpleNamespace(policy=SimpleNamespace(path_up=lambda node: []))
    return Quality(bench.store, bench.rules, trusted, yardstick.load(), bench.clock)


def sums(bench) -> dict[str, tuple[int, int]]:
    rows = bench.rows("select measure, sum(judged), sum(bad) from quality_sum group by measure")
    return {measure: (int(judged), int(bad)) for measure, judged, bad in rows}


async def test_a_trade_is_late_from_the_day_after_its_term():
    with open_bench() as bench:
        quality, key = stage_of(bench), await bench.begin()
        await bench.to_result(key)
        await quality.run()
        found = sums(bench)
        assert found["late_published"] == (2, 0) and found["missing"] == (2, 0), "the notice and the result"
        assert found["owed"] == (1, 0) and "late_act" not in found and found["order"] == (1, 0)
        (due,) = bench.rows("select due_day from quality_item where sort = 'trade'")
        bench.clock.forward(days=31)
        assert due[0] < day_of(bench.clock())
        assert await quality.run() == 0, "no record is new, but a day has passed"
        found = sums(bench)
        assert found["owed"] == (1, 1) and found["late_act"] == (1, 1)
        assert (found["due_owed"], found["due_late"]) == ((1, 0), (1, 0)) and "due_done" not in found
        await bench.approved(key, "contract")
        await quality.run()
        found = sums(bench)
        assert found["owed"] == (1, 0) and found["late_act"] == (1, 1), "done, and done too late"


async def test_a_trade_that_has_disclosed_nothing_is_nobodys_business():
    with open_bench() as bench:
        quality = stage_of(bench)
        key = await bench.begin()
        await quality.run()
        assert bench.rows("select * from quality_item") == []
        done = await bench.notice(key)
        await quality.run()
        assert len(bench.rows("select * from quality_item")) == 2
        await bench.desk.withdraw(ANNA, key, done.seq, "误发")
        await quality.run()
        assert sums(bench) == {}, "what was withdrawn is not judged"


async def test_what_happened_long_before_it_was_published_is_late():
    with open_bench() as bench:
        quality, key = stage_of(bench), await bench.begin()
        bench.clock.forward(days=3)
        await bench.notice(key, at=bench.clock() - 2 * DAY)
        await quality.run()
        assert sums(bench)["late_published"] == (1, 1)


async def test_a_trade_counts_as_electronic_or_on_paper_only_where_its_acts_say_so():
    with open_bench() as bench:
        quality = stage_of(bench)
        await bench.to_result(await bench.begin("未载明"))
        await quality.run()
        assert "electronic" not in sums(bench), "what nobody stated is not guessed"
        await bench.to_result(await bench.begin("电子"), medium="electronic")
        await bench.to_result(await bench.begin("纸质"), medium="paper")
        await quality.run()
        found = sums(bench)
        assert found["electronic"] == found["on_paper"] == (2, 1)
        (row,) = bench.rows("select bad from quality_item where sort = 'trade' and title = '纸质'")
        assert row[0] & ON_PAPER and not row[0] & MASKS["any"], "paper is no fault"
