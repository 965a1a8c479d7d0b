"""The word index as the rows come and go: nothing stays of what was taken out."""

from __future__ import annotations

import pytest

from node.store import cursors, view_counts, view_find, view_put, views, word_check, word_index
from node.store.tables import EntityView, TradeView, table
from node.store.views import TradeQuery
from tests.projections.world import EAST, HUB, open_world, result

TRADES = table(TradeView)


@pytest.fixture(params=["sqlite", "postgres"])
def world(request):
    with open_world(request.param) as made:
        yield made


@pytest.fixture
def sqlite_world():
    with open_world("sqlite") as made:
        yield made


def total(world, words: str) -> int:
    return world.store.read_now(lambda conn: views.search_trades(conn, TradeQuery(words=words))).total


def differing(world) -> list[str]:
    return world.store.read_now(lambda conn: list(word_check.differing(conn)))


def test_a_new_version_is_found_by_its_own_words_alone(world):
    first = world.put(result("猇亭大桥"))
    world.put(result("龙潭隧道"), after=first)
    assert (total(world, "猇亭"), total(world, "龙潭"), differing(world)) == (0, 1, [])
    world.project(first)
    assert (total(world, "龙潭"), differing(world)) == (1, [])


def test_the_index_of_emptied_tables_is_empty(world):
    world.put(result("猇亭大桥"))
    world.store.write_now(lambda conn: view_put.clear(conn, [TRADES]))
    assert (total(world, "猇亭"), differing(world)) == (0, [])
    assert world.rows("SELECT * FROM view_count WHERE view = 'trade_view'") == []


def blocks_with(world, word: str) -> int:
    # FTS5 keeps of a term what it does not share with the one before: of 龘靐, which comes after 龘, its second half.
    sql = f"SELECT count(*) FROM trade_view_words_data WHERE instr(block, CAST('{word}' AS BLOB)) > 0"
    return int(world.rows(sql)[0][0])


def test_after_a_purge_the_index_holds_nothing_of_what_was_taken_out(sqlite_world):
    world = sqlite_world
    put = world.put(result("䶮龘靐"))
    for number in range(40):
        world.put(result(f"第{number}号"))
    key = (world.ids[EAST], put.record_id)
    world.store.write_now(lambda conn: view_put.replace(conn, TRADES, [], [key]))
    assert total(world, "龘靐") == 0
    assert blocks_with(world, "靐") > 0, "what is taken out stays in the file until the index is merged"
    steps, first = 0, True
    while world.store.write_now(lambda conn, first=first: word_index.purge(conn, first=first)):
        steps, first = steps + 1, False
        assert steps < 100
    assert (blocks_with(world, "靐"), total(world, "号"), differing(world)) == (0, 40, [])


def test_rows_that_share_a_number_do_not_take_each_other_out(world):
    # 64 logs apart, on one day and of one index, two rows have one number.
    first, second = world.put(result("甲乙"), origin=EAST), world.put(result("丙丁"), origin=HUB)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_put, "doc_number", lambda date, log_id, idx: 7)
        world.project(first, second)
        assert {doc for (doc,) in world.rows("SELECT doc FROM trade_view")} == {7}
        world.store.write_now(lambda conn: view_put.replace(conn, TRADES, [], [(world.ids[EAST], first.record_id)]))
    assert (total(world, "甲乙"), total(world, "丙丁"), differing(world)) == (0, 1, [])


def test_without_fts5_searches_look_at_rows(sqlite_world):
    world = sqlite_world
    world.put(result("旧桥"))

    def lose(conn):
        for view in word_index.INDEXED:
            word_index.drop(conn, view)

    world.store.write_now(lose)
    world.put(result("新桥"))
    assert (total(world, "桥"), total(world, "新桥"), differing(world)) == (2, 1, [])
    page = world.store.read_now(lambda conn: views.search_trades(conn, TradeQuery(words="桥", order="amount")))
    assert page.total == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_find, "SOME", 1)
        patch.setattr(view_find, "LOOK", 1)
        page = world.store.read_now(lambda conn: views.search_trades(conn, TradeQuery(words="旧桥")))
    assert page.more and page.cut is not None


def test_an_index_that_fell_behind_is_not_used_until_it_is_made_anew(sqlite_world):
    world = sqlite_world
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_index, "_KNOWN", "0")
        world.put(result("甲乙"))
    assert total(world, "甲乙") == 1
    assert world.store.read_now(lambda conn: cursors.fact(conn, "words_behind")) == "1"
    assert not world.store.read_now(word_index.ready)
    world.store.write_now(lambda conn: view_put.clear(conn, word_index.INDEXED))
    assert world.store.read_now(word_index.ready)


def test_counts_follow_the_rows(world):
    first = world.put(result(category="工程建设", division="500103", division_name="渝中区"))
    world.put(result(category="工程建设", division="", division_name="渝中区"))

    def counts():
        return world.store.read_now(
            lambda conn: (
                view_counts.whole(conn, TRADES),
                view_counts.of_field(conn, TRADES, "category"),
                view_counts.of_field(conn, TRADES, "place"),
                view_counts.whole(conn, table(EntityView)),
            )
        )

    assert counts() == (2, {"工程建设": 2}, {"500103\t渝中区": 1}, 0)
    world.put(result(category="其他"), after=first, status="withdrawn")
    assert counts() == (1, {"工程建设": 1}, {}, 0)


def test_a_count_ends_at_its_cap(world):
    for _ in range(4):
        world.put(result())

    def counted(conn, cap):
        return view_counts.capped(conn, TRADES, TRADES.c.doc > 0, cap)

    assert [world.store.read_now(lambda conn, cap=cap: counted(conn, cap)) for cap in (3, 4, 5)] == [
        (3, True),
        (4, False),
        (4, False),
    ]
