"""Where trades stand: the same however it was come to, bounded by the clock alone, made anew at any time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.domain import engine
from node.domain.acts import Act
from node.domain.rulebook import parse
from node.errors import ActRefused
from node.store import loading
from node.trading import register
from tests.projections.world import HUB
from tests.trading.bench import ANNA, DAY, NODE, PACKAGE, Bench, open_bench

STATE = "select trade, node, stage, stages, acts, withdrawn, owed, done, done_late, next_due_ms from trade_state"
DUES = "select trade, node, n, clock, act, lots, state, due_ms, done_seq from trade_due order by trade, node, n"

ON_BOTH = pytest.mark.parametrize("database", ["sqlite", "postgres"])


@pytest.fixture
def database() -> str:
    """Where a test names none: what differs between the two is looked at in few."""
    return "sqlite"


@pytest.fixture
def bench(database):
    with open_bench(database) as made:
        yield made


@ON_BOTH
async def test_what_is_owed_is_late_when_its_day_has_passed_without_any_act(bench):
    key = await bench.begin()
    await bench.to_result(key)
    (due,) = bench.read(register.todo, now_ms=bench.clock())
    assert (due["act"], due["late"], due["title"], due["lots"]) == ("contract", False, "示例道路工程", ["1"])
    assert due["left_ms"] == 31 * DAY - 1, "thirty days after today, up to the end of the last"
    (late,) = bench.read(register.todo, now_ms=bench.clock() + 31 * DAY)
    assert late["late"] and late["left_ms"] == -1
    query = register.Query(state="late")
    assert bench.read(register.register, query, now_ms=bench.clock()).total == 0
    (row,) = bench.read(register.register, query, now_ms=bench.clock() + 31 * DAY).rows
    assert row["late"] == 1
    board = bench.read(register.board, now_ms=bench.clock() + 31 * DAY)
    assert (board.owed, board.late, board.stages) == (1, 1, {("工程建设", "awarded"): (1, 1)})
    assert board.disclosures["performance"] == (1, 1, 0, 0)


async def test_what_is_done_in_time_and_late_is_told_apart(bench):
    one, other = await bench.begin("一"), await bench.begin("二")
    for key in (one, other):
        await bench.to_result(key)
    await bench.approved(one, "contract")
    bench.clock.forward(days=31)
    await bench.approved(other, "contract")
    assert [bench.read(register.state_of, key)["done_late"] for key in (one, other)] == [0, 1]
    board = bench.read(register.board, now_ms=bench.clock())
    assert board.disclosures["performance"] == (0, 0, 1, 1)


async def test_lots_go_their_own_ways(bench):
    key = await bench.begin(lots=3)
    await bench.notice(key)
    bench.clock.forward(days=21)
    await bench.desk.act(ANNA, key, "opening", lots=["1", "2"], fields={"bids": 3})
    await bench.desk.act(ANNA, key, "fail", lots=["3"], fields={"why": "不足三家"})
    state = bench.read(register.state_of, key)
    assert state["stages"] == {"1": "opened", "2": "opened", "3": "failed"} and state["stage"] == "opened"


@ON_BOTH
async def test_the_register_finds_by_words_place_and_state(bench):
    for title in ("滨江道路工程", "学校食堂设备", "滨江公园"):
        await bench.begin(title, project_code=f"P-{title}")
    find = lambda **asked: [  # noqa: E731
        row["title"] for row in bench.read(register.register, register.Query(**asked), now_ms=bench.clock()).rows
    ]
    assert set(find(words="滨江")) == {"滨江道路工程", "滨江公园"}
    assert find(words="滨江 道路") == ["滨江道路工程"]
    assert find(words="100%") == [] and find(division="5002") == [] and len(find(division="5001")) == 3
    assert len(find(state="open", own=True, category="工程建设", stage="registered")) == 3
    assert find(state="ended") == find(state="void") == find(state="fault") == []
    assert [row["title"] for row in bench.read(register.find_by_code, "P-滨江公园")] == ["滨江公园"]
    page = bench.read(register.register, register.Query(page=10**9), now_ms=bench.clock())
    assert page.rows == [] and page.total == 3


async def test_another_node_takes_no_trade_over_by_its_key(bench):
    """Both are shown, each under its own node; the first is the trade."""
    key = await bench.begin()
    act = Act(trade=key, seq=1, category="工程建设", act="register", rules="construction@2025.1", at=1, title="冒名")
    bench_world_put(bench, act)
    await bench.refresher.run()
    assert sorted(bench.rows("select node, own, title from trade_state")) == [
        (HUB.rpartition("/")[0], 0, "冒名"),
        (NODE, 1, "示例道路工程"),
    ]
    trade, _ = bench.read(register.trade_of, bench.rules.book, key)
    assert trade.title == "示例道路工程"
    assert (await bench.notice(key)).seq == 2, "and goes on as if nothing were"


async def test_a_second_record_under_one_number_changes_nothing(bench):
    """What only a broken or hostile node writes: readers keep to the act that came first."""
    key = "0" * 31 + "1"
    for seq, title in ((1, "先"), (1, "后")):
        act = Act(
            trade=key, seq=seq, category="工程建设", act="register", rules="construction@2025.1", at=1, title=title
        )
        bench_world_put(bench, act)
    await bench.refresher.run()
    assert bench.rows("select title, acts from trade_state") == [("先", 1)]


async def test_a_trade_of_unknown_rules_is_listed_with_the_reason(bench):
    act = Act(trade="f" * 32, seq=1, category="其他", act="register", rules="other@9", at=5, title="外地项目")
    bench_world_put(bench, act)
    await bench.refresher.run()
    (row,) = bench.read(register.register, register.Query(state="fault"), now_ms=bench.clock()).rows
    assert row["title"] == "外地项目" and "other@9" in row["fault"]


@ON_BOTH
async def test_new_rules_and_read_tables_made_anew_are_heeded(bench):
    key = await bench.begin()
    await bench.to_result(key)
    before = bench.rows(STATE), bench.rows(DUES)
    await bench.projector.rebuild()
    await bench.refresher.run()
    assert (bench.rows(STATE), bench.rows(DUES)) == before
    bench.store.write_now(lambda conn: conn.exec_driver_sql("UPDATE trade_state SET stage = 'x'"))
    assert await bench.refresher.run() == 0
    bench.rules.add([parse({**PACKAGE, "version": "2099"}, "test")])
    assert await bench.refresher.run() == 1
    assert (bench.rows(STATE), bench.rows(DUES)) == before


@ON_BOTH
async def test_two_that_refresh_at_once_agree(bench):
    other = bench.restart()
    for title in "一二三":
        bench.desk.publication.after = None
        await bench.begin(title)
    await asyncio.gather(bench.refresher.run(), other.refresher.run())
    assert len(bench.rows(STATE)) == 3
    assert await bench.refresher.run() == await other.refresher.run() == 0


MOVES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from("notice opening result contract archive fail withdraw".split())),
    max_size=14,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
async def test_any_possible_acts_in_any_order_are_replayed_alike(moves):
    """What the desk lets pass never makes a trade odd, and whoever reads the log comes to the same rows."""
    with open_bench() as bench:
        key = await bench.begin(lots=2)
        for lot, name in moves:
            await _try(bench, key, ["1"] if lot == 1 else ["2"] if lot == 2 else [], name)
            bench.clock.forward(days=7)
        trade, records = bench.read(register.trade_of, bench.rules.book, key)
        assert trade.odd == () and trade.gaps == ()
        before = bench.rows(STATE), bench.rows(DUES)
        shuffled = engine.replay(
            [each.act for each in reversed(records)], bench.rules.book, withdrawn=loading.withdrawn_of(records)
        )
        assert shuffled == trade
        await bench.projector.rebuild()
        await bench.refresher.rebuild()
        assert (bench.rows(STATE), bench.rows(DUES)) == before


async def _try(bench: Bench, key: str, lots: list[str], name: str) -> None:
    fields = {
        "notice": {"opening_at": bench.clock() + 30 * DAY},
        "opening": {"bids": 2},
        "result": {"winner": {"name": "甲公司"}, "award_amount": 5},
        "fail": {"why": "无"},
    }
    try:
        if name == "withdraw":
            records = bench.read(register.trade_of, bench.rules.book, key)[1]
            await bench.desk.withdraw(ANNA, key, records[-1].act.seq, "试")
        else:
            await bench.approved(key, name, lots=lots, fields=fields.get(name))
    except ActRefused:
        pass


def bench_world_put(bench: Bench, act: Act) -> None:
    """An act of the hub's log, as mirrored and projected here."""
    from tests.projections.world import World

    world = World.__new__(World)
    world.store, world._made = bench.store, 1000 + len(bench.rows("select 1 from record_view"))
    world.ids = dict(bench.rows("select origin, id from log"))
    world.put(act, kind="trade.step", origin=HUB, key=act.key)
