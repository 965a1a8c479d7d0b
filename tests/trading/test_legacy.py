"""Trades taken over from old systems: once, at their stage, under their old rules; dual run, the switch, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.domain import legacy
from node.domain.legacy import ELSEWHERE, HERE, Old
from node.domain.record import Party
from node.errors import ActRefused, Rejected
from node.importing.legacy import read_legacy
from node.rules import Rules
from node.store import loading
from node.trading import register
from node.trading.desk import Desk
from node.trading.legacy import Migration, Tally
from node.trading.refresh import Refresher
from tests.trading.bench import NODE, Bench, Clerk, open_bench

TABLE = Rules.packaged().by_day.legacy("")
RULES = Rules.packaged()
CENTRE = TABLE.source("construction")
ADMIN = Clerk("admin@east", frozenset({"administrator", "acceptance", "publication"}))
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "trades"


@pytest.fixture(params=["sqlite", "postgres"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with open_bench(request.param) as made:
        made.rules = RULES
        made.refresher = Refresher(made.store, RULES, made.clock, NODE)
        made.desk = Desk(
            made.store, made.publisher, RULES, made.clock, made.projector.run, node=NODE, source="示例中心"
        )
        yield made


def migration(bench: Bench, publisher: Any = None) -> Migration:
    return Migration(bench.store, publisher or bench.publisher, RULES, bench.clock, bench.projector.run, node=NODE)


def old(number: str = "CQ-2015-001", stage: str = "招标公告", **more: Any) -> Old:
    said = {
        "title": f"旧系统道路工程 {number}",
        "section": "01",
        "owner": Party("示例建设单位"),
        "day": "2025-11-01",
    } | more
    return Old(number, "工程建设", stage=stage, **said)


async def take(bench: Bench, *rows: Old, held: str = HERE, rejected: list[Rejected] | None = None) -> Tally:
    back: list[Rejected] = [] if rejected is None else rejected

    def reject(_row: int, error: Rejected) -> None:
        back.append(error)

    tally = await migration(bench).take_over(CENTRE, enumerate(rows), held=held, on_reject=reject)
    assert rejected is not None or not back, back
    await bench.refresher.run()
    return tally


def trade(bench: Bench, number: str = "CQ-2015-001", section: str = "01") -> Any:
    key = legacy.trade_key(NODE, CENTRE.id, number, section)
    return bench.read(loading.trade_of, RULES.book, key)[0]


async def test_a_running_trade_is_taken_over_at_its_stage_under_its_old_rules(bench: Bench) -> None:
    tally = await take(bench, old(stage="中标候选人公示"))
    assert (tally.begun, tally.doubtful) == (1, 0)
    found = trade(bench)
    assert found.package.name == "construction@legacy" and found.lots["1"].stage == "candidates" and not found.odd
    assert found.facts["legacy_number"] == "CQ-2015-001" and found.acts[0].project_code == "CQ-2015-001"
    (row,) = bench.read(register.register, register.Query(words="CQ-2015-001"), now_ms=bench.clock()).rows
    assert row["trade"] == found.key, "the old number finds the new id"
    assert row["owed"] == 0, "no clock of the new rules runs for what began under others"


async def test_the_portal_finds_a_trade_by_both_numbers(bench: Bench) -> None:
    from node.store import views
    from node.store.views import TradeQuery

    await take(bench, old())
    key = trade(bench).key
    for words in ("CQ-2015-001", key):
        rows = bench.read(views.search_trades, TradeQuery(words=words)).rows
        assert {row["project_code"] for row in rows} == {"CQ-2015-001"}, words


async def test_it_goes_on_at_the_desk_from_there(bench: Bench) -> None:
    await take(bench, old(stage="中标候选人公示"))
    won = {"winners": [{"name": "示例施工公司"}], "amount": 100_00, "winner_rank": 1, "content": "结果"}
    await bench.desk.act(ADMIN, trade(bench).key, "result", fields=won)
    assert trade(bench).lots["1"].stage == "awarded"


async def test_the_same_file_again_changes_nothing_and_a_newer_one_moves_it_on_while_both_run(bench: Bench) -> None:
    await take(bench, old(), held=ELSEWHERE)
    assert (await take(bench, old(), held=ELSEWHERE)).unchanged == 1
    moved = await take(bench, old(stage="开标记录"), old(stage="招标公告"), held=ELSEWHERE)
    assert (moved.moved, moved.unchanged) == (1, 1), "an older notice takes nothing back"
    assert trade(bench).lots["1"].stage == "opened" and len(trade(bench).acts) == 3


async def test_what_is_held_elsewhere_takes_no_act_of_ours_until_the_switch(bench: Bench) -> None:
    await take(bench, old(stage="中标候选人公示"), held=ELSEWHERE)
    won = {"winners": [{"name": "示例施工公司"}], "amount": 100_00, "winner_rank": 1, "content": "结果"}
    with pytest.raises(ActRefused):
        await bench.desk.act(ADMIN, trade(bench).key, "result", fields=won)
    assert await migration(bench).switch(CENTRE) == 1
    assert await migration(bench).switch(CENTRE) == 0, "running it again does no harm"
    await bench.desk.act(ADMIN, trade(bench).key, "result", fields=won)


async def test_after_the_switch_the_old_systems_files_move_nothing_more(bench: Bench) -> None:
    await take(bench, old())
    rejected: list[Rejected] = []
    tally = await take(bench, old(), old(stage="中标结果公告"), rejected=rejected)
    assert (tally.unchanged, tally.rejected) == (1, 1) and "ggzy legacy back" in rejected[0].advice_en
    assert trade(bench).lots["1"].stage == "noticed"


async def test_the_way_back_writes_what_went_on_in_the_form_that_is_read(bench: Bench, tmp_path: Path) -> None:
    from node.cli.legacy_work import _write

    await take(bench, old(stage="中标候选人公示"), old("CQ-2015-002", division="500103", estimate_fen=1_234_50))
    bench.clock.forward(days=1)
    since = bench.clock()
    won = {"winners": [{"name": "示例施工公司"}], "amount": 100_00, "winner_rank": 1, "content": "结果"}
    await bench.desk.act(ADMIN, trade(bench).key, "result", fields=won)
    (row,) = await migration(bench).way_back(CENTRE, since_ms=since)
    assert (row["原项目编号"], row["阶段"], row["本平台交易号"]) == ("CQ-2015-001", "已定标", trade(bench).key)
    rows = await migration(bench).way_back(CENTRE)
    assert len(rows) == 2
    file = tmp_path / "back.csv"
    _write(file, rows)
    assert await migration(bench).switch(CENTRE, ELSEWHERE) == 2
    with read_legacy(file) as read:
        again = [each for _, each in read.rows()]
    assert [(each.number, each.section, each.estimate_fen) for each in again] == [
        ("CQ-2015-001", "01", None),
        ("CQ-2015-002", "01", 1_234_50),
    ]
    assert (await take(bench, *again, held=ELSEWHERE)).unchanged == 2


async def test_a_wrong_centre_and_a_row_without_number_go_back(bench: Bench) -> None:
    rejected: list[Rejected] = []
    rows = [Old("N-1", "矿业权", "某矿", "公告"), Old("", "工程建设", "某工程", "公告")]
    tally = await take(bench, *rows, rejected=rejected)
    assert tally.rejected == 2 and [error.field for error in rejected] == ["category", "legacy_number"]


async def test_what_our_rules_do_not_take_stays_in_the_old_systems_words(bench: Bench) -> None:
    wrong = Party("示例单位", "12330424MB1B55418Y")
    await take(bench, old(owner=wrong, stage="无人知晓的阶段", estimate_fen=-5))
    found = trade(bench)
    told = {row["name"]: row["value"] for row in found.facts["legacy_facts"]}
    assert "12330424MB1B55418Y" in told.values() and told["estimate"] == "-5"
    assert found.facts["owner"] == {"name": "示例单位"} and found.lots["1"].stage == "registered"


def test_the_old_words_lead_to_stages_that_their_packages_have() -> None:
    for each in TABLE.stages:
        package = RULES.book.get(f"{each.package}@1")
        assert package is not None
        assert all(package.stage(stage) is not None for _, stage in each.words)
    assert {each.package for each in TABLE.stages} == {package.id for package in RULES.book.packages}


def test_a_new_trade_never_begins_under_the_legacy_version() -> None:
    for package in RULES.book.packages:
        found = RULES.book.of(package.category, "2026-11-02")
        assert found is not None and not legacy.is_legacy(found.name)


def test_five_former_centres_are_known_by_id_and_by_name() -> None:
    assert len(TABLE.sources) == 6 and TABLE.source("市机电设备招投标交易中心").sector == "机电设备"


FILES = [
    ("yichang_results.jsonl", "construction", 871, 1),
    ("yichang_candidates.jsonl", "construction", 1043, 0),
    ("procurement_notices.jsonl", "procurement", 968, 0),
    ("ggzy_national.jsonl", "other", 36, 14),
    ("land_supply_results.csv", "land-mining", 105, 0),
    ("chongqing_mining_notices.csv", "land-mining", 3, 0),
    ("state_property_listings.jsonl", "property", 529, 0),
]


@pytest.mark.parametrize(("name", "source", "begun", "noted"), FILES, ids=[each[0] for each in FILES])
async def test_a_real_file_is_taken_over_whole(name: str, source: str, begun: int, noted: int) -> None:
    """Every row: a trade of its own, more of one that is there, or a repeat; none is lost, and each title is found."""
    file = SHARED / name
    if not file.is_file():
        pytest.skip(f"no {file.name}")
    with open_bench() as bench:
        olds: list[Old] = []
        made: dict[str, list[str]] = defaultdict(list)

        def seen(rows: Any) -> Iterator[Any]:
            for row, each in rows:
                olds.append(each)
                yield row, each

        class Publisher:
            """That of the node, with what it is given written down: fields of acts by their trade."""

            async def publish(self, items: Any) -> Any:
                for each in items:
                    made[each.key.partition("/")[0]] += map(str, _leaves(each.said))
                return await bench.publisher.publish(items)

        moving = migration(bench, Publisher())
        with read_legacy(file) as rows:
            taken = await moving.take_over(TABLE.source(source), seen(rows.rows()), on_reject=rows.reject)
        assert (taken.begun, taken.noted, rows.rejected) == (begun, noted, 0)
        assert taken.read == taken.begun + taken.moved + taken.noted + taken.unchanged == len(olds)
        # What is unchanged is a repeat of a row word for word.
        assert len(set(olds)) == taken.begun + taken.moved + taken.noted
        assert bench.rows("select count(distinct trade) from act_view") == [(begun,)]
        told = {key: "\n".join(said) for key, said in made.items()}
        for each in olds:
            said = told[legacy.trade_key(NODE, TABLE.source(source).id, each.number, each.section)]
            assert all(value in said for value in (each.title, each.number, each.url)), each
            assert all(value in said for _, value in each.details if value), each
        few = olds[:60]
        again = await moving.take_over(TABLE.source(source), enumerate(few), on_reject=_never)
        assert again == Tally(read=len(few), unchanged=len(few))


def _never(_row: Any, error: Rejected) -> None:
    raise error


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


async def test_a_second_row_about_a_trade_adds_what_it_says_and_once(bench: Bench) -> None:
    """Two bidders won one section: both stand, though the stage is the same; the switch does not silence the second."""
    first = old(stage="中标结果公告", details=(("中标（成交）人", "甲公司"),), url="https://old.example/1")
    second = old(stage="中标结果公告", details=(("中标（成交）人", "乙公司"),), url="https://old.example/2")
    tally = await take(bench, first, second, second, first)
    assert (tally.begun, tally.noted, tally.unchanged) == (1, 1, 2)
    found = trade(bench)
    assert found.lots["1"].stage == "awarded" and not found.odd
    note = found.acts[-1]
    assert note.act == legacy.NOTE and note.fields["legacy_url"] == "https://old.example/2"
    assert note.fields["legacy_facts"] == [{"name": "中标（成交）人", "value": "乙公司"}]


async def test_the_row_that_moves_a_trade_on_keeps_what_it_says(bench: Bench) -> None:
    won = old(stage="中标结果公告", details=(("中标价", "100 元"),), owner=Party("另一单位"))
    await take(bench, old(), won, held=ELSEWHERE)
    act = trade(bench).acts[-1]
    assert act.act == legacy.takeover("awarded")
    facts = {row["name"]: row["value"] for row in act.fields["legacy_facts"]}
    assert facts == {"中标价": "100 元", "项目单位": "另一单位"}
