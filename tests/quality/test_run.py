"""The stage: what is judged of records as they come, are changed, find each other, and as days pass."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.domain.record import Amount, Flag, Party
from node.domain.trades import TradeCandidates, TradeNotice
from node.quality import board
from node.quality.board import Wanted
from tests.projections.world import EAST, HUB, NOW_MS
from tests.quality.bench import ITEMS, SUMS, open_bench, whole


@pytest.fixture(params=["sqlite", "postgres"])
def bench(request):
    with open_bench(request.param) as made:
        yield made


def notice(title: str = "示例工程", **more):
    values = {
        "category": "工程建设",
        "stage": "招标公告",
        "title": f"{title}招标公告",
        "project_code": "E-2025-001",
        "project_name": title,
        "division": "500103",
        "owner": Party("渝中区建设局"),
        "published_on": "2025-11-01",
    }
    return TradeNotice(**(values | more))


async def test_a_record_is_held_against_what_its_kind_must_state(bench):
    bench.world.put(whole("一"))
    bench.world.put(whole("二", project_code="E-2", amount=None))
    bench.world.put(
        whole("三", project_code="E-3"), flags=[Flag("winners", "uscc-invalid"), Flag("amount", "amount-zero")]
    )
    found = await bench.judge()
    assert found["missing"] == (3, 1) and found["completeness"] == (3, 1)
    assert found["code"] == (3, 1) and found["value"] == (3, 1)
    assert found["compliance"] == (3, 1) and found["accuracy"] == (3, 1)
    # The third has two faults of its own and is one record.
    assert found["any"] == (3, 3), "none of the three has a notice"
    assert found["no_notice"] == (3, 3) and "timeliness" not in found


async def test_what_was_put_right_in_a_newer_version_counts_as_repaired(bench):
    wrong = bench.world.put(whole("一", amount=None))
    bench.world.put(whole("二", project_code="E-2", amount=None))
    assert (await bench.judge())["repair"] == (2, 2)
    bench.world.put(whole("一"), after=wrong)
    found = await bench.judge()
    assert found["repair"] == (2, 1) and found["missing"] == (2, 1)
    assert found["any"][0] == 2, "a record counts once, however many versions it has"


async def test_a_withdrawn_record_is_not_judged(bench):
    put = bench.world.put(whole())
    await bench.judge()
    bench.world.put(whole(), after=put, status="withdrawn")
    assert await bench.judge() == {}


async def test_a_result_is_joined_to_its_notice_by_code_and_candidates_by_name(bench):
    bench.world.put(whole())
    bench.world.put(
        TradeCandidates(category="工程建设", stage="中标候选人公示", title="示例工程候选人", project_name=" 示例工程"),
        kind="trade.candidates",
    )
    assert (await bench.judge())["no_notice"] == (2, 2)
    bench.world.put(notice(), kind="trade.notice", origin=HUB)
    found = await bench.judge()
    assert found["no_notice"] == (2, 0), "one by its code, one by the project's name"
    assert found["no_result"] == (1, 0)


async def test_a_notice_waits_for_its_result_until_its_day_has_passed(bench):
    bench.world.put(notice(published_on="2025-11-20"), kind="trade.notice")
    assert "no_result" not in await bench.judge(), "its time is not over"
    bench.clock.forward(120 - 5)
    assert "no_result" not in await bench.judge(), "the last day is still in time"
    bench.clock.forward(1)
    assert (await bench.judge())["no_result"] == (1, 1)
    bench.world.put(whole())
    assert (await bench.judge())["no_result"] == (1, 0), "a late result is a result"


async def test_a_notice_that_expects_none_is_not_judged(bench):
    bench.world.put(notice(stage="采购需求公示", published_on="2020-01-01"), kind="trade.notice")
    bench.world.put(notice(project_code="", project_name="", published_on="2020-01-01"), kind="trade.notice")
    assert "coverage" not in await bench.judge()


async def test_of_records_that_say_the_same_all_but_the_first_are_repeats(bench):
    first = bench.world.put(whole())
    for _ in range(2):
        bench.world.put(whole())
    assert (await bench.judge())["duplicate"] == (3, 2)
    bench.world.put(whole(), after=first, status="withdrawn")
    assert (await bench.judge())["duplicate"] == (2, 1)


async def test_when_a_record_was_above_is_told_by_the_mirror_that_signed_first(bench):
    bench.world.put(whole())
    bench.projected()
    found = await bench.judge()
    assert not [name for name in found if name.startswith("hub_lag")]
    bench.world.cosign(EAST, f"{HUB.rpartition('/')[0]}/mirror", NOW_MS // 1000 + 3000)
    assert (await bench.judge())["hub_lag.2"] == (1, 0), "within the hour"
    bench.world.cosign(EAST, f"{HUB.rpartition('/')[0]}/mirror", NOW_MS // 1000 + 90_000)
    assert (await bench.judge())["hub_lag.2"] == (1, 0), "a later signature says nothing new"


async def test_with_nothing_new_nothing_is_written(bench, monkeypatch):
    bench.world.put(whole())
    await bench.judge()
    written, write = [], bench.world.store.write

    async def counted(work, lane=""):
        written.append(work)
        return await write(work, lane)

    monkeypatch.setattr(bench.world.store, "write", counted)
    assert await bench.quality.run() == 0 and not written
    bench.world.put(whole("又一个工程"))
    assert await bench.quality.run() == 1 and written


async def test_each_figure_leads_to_its_records(bench):
    bench.world.put(whole("一", amount=None), origin=HUB)
    bench.world.put(whole("二", project_code="E-2", division="500102", amount=None))
    bench.world.put(whole("三", project_code="E-3"))
    await bench.judge()
    read = bench.world.store.read_now
    east = bench.world.ids[EAST]
    for wanted, bad, judged in (
        (Wanted(), 2, 3),
        (Wanted(division="500102"), 1, 1),
        (Wanted(node="east", logs=(east,)), 1, 2),
        (Wanted(node="east", logs=(east,), step="notice"), 0, 0),
    ):
        for whole_list, number in ((False, bad), (True, judged)):
            listed = read(lambda conn, w=wanted, a=whole_list: board.records(conn, w, "missing", all_of_them=a, page=1))
            assert (listed.total, len(listed.rows)) == (number, number)
    made = read(lambda conn: board.board(conn, Wanted(), by="place", sort="completeness"))
    assert [line.name for line in made.by] == ["500103", "500102"], "one of two is surer than none of one"
    assert made.whole.share("completeness").text == "33.3%"
    assert board.faults_of(
        read(lambda conn: board.records(conn, Wanted(), "missing", all_of_them=False, page=1)).rows[0]
    )


steps = st.lists(
    st.tuples(
        st.sampled_from(["result", "notice", "again", "withdraw"]), st.integers(0, 3), st.booleans(), st.booleans()
    ),
    max_size=14,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
async def test_judged_as_it_comes_or_all_at_once_is_the_same(story):
    with open_bench() as bench:
        puts = []
        for what, number, good, look in story:
            more = {"project_code": f"E-{number}", "amount": Amount("1元", 100) if good else None}
            if what == "notice":
                puts.append((bench.world.put(notice(f"工程{number}", **more), kind="trade.notice"), "trade.notice"))
            elif what == "result" or not puts:
                puts.append((bench.world.put(whole(f"工程{number}", **more)), "trade.result"))
            else:
                put, kind = puts.pop(number % len(puts))
                body = notice(f"工程{number}", **more) if kind == "trade.notice" else whole(f"工程{number}", **more)
                status = "withdrawn" if what == "withdraw" else "valid"
                puts.append((bench.world.put(body, kind=kind, after=put, status=status), kind))
            if look:
                await bench.judge()
        await bench.judge()
        as_it_came = bench.world.rows(SUMS), bench.world.rows(ITEMS)
        await bench.quality.rebuild()
        assert (bench.world.rows(SUMS), bench.world.rows(ITEMS)) == as_it_came
