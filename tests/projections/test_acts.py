"""Acts in the read tables: withdrawn ones stay and are marked; hostile fields do no harm."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.acts import Act
from node.domain.record import Document, Source
from node.projections import acts, run
from node.projections.shape import Place
from tests.projections.world import open_world

KEY = "0" * 32
SHOWN = "select seq, withdrawn, reason, title from act_view"


def notice(seq: int = 2, **more):
    values = {"category": "工程建设", "act": "notice", "rules": "construction@1", "at": 1_764_000_000_000}
    return Act(trade=KEY, seq=seq, title="公告", disclosure="trade_notice", **(values | more))


@pytest.fixture(params=["sqlite", "postgres"])
def world(request):
    with open_world(request.param) as made:
        yield made


def test_a_public_act_stands_in_both_tables_and_a_withdrawn_one_in_its_own(world):
    fields = {"winners": [{"name": "甲公司"}, {"name": "乙公司"}], "amount": 5, "ceiling": 9}
    context = {"stage_name": "中标结果公告", "owner": {"name": "业主", "uscc": "91350100M000100Y43"}}
    first = world.put(notice(fields=fields, context=context, lots=["1", "2"]), kind="trade.act")
    row = ("中标结果公告", "业主", "甲公司、乙公司", 5, "1、2", "2025-11-25")
    assert world.rows("select stage, owner, winner, amount_fen, section_code, published_on from trade_view") == [row]
    assert world.rows("select lots from act_view") == [("1\n2",)]
    gone = world.put(notice(fields=fields), kind="trade.act", after=first, status="withdrawn", reason="有误")
    listed = "select state from record_view join trade_view using (log_id, idx)"
    assert world.rows(listed) == [("withdrawn",)]
    assert world.rows(SHOWN) == [(2, 1, "有误", "公告")]
    for put in (first, gone, first):
        world.project(put)
        assert world.rows(SHOWN) == [(2, 1, "有误", "公告")]
    world.store.write_now(run.clear)
    world.project(first, gone)
    assert world.rows(SHOWN) == [(2, 1, "有误", "公告")]


def test_candidates_are_shown_by_who_stands_first(world):
    rows = [{"rank": 2, "party": {"name": "乙"}, "price": 7}, {"rank": 1, "party": {"name": "甲"}, "price": 8}]
    world.put(notice(fields={"candidates": rows, "ceiling": 9}), kind="trade.act")
    assert world.rows("select winner, amount_fen from trade_view") == [("甲", 8)]


PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**80), 2**80), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
NAMES = st.sampled_from("owner agency winners candidates amount ceiling stage_name project_name division_name".split())


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES, PLAIN), st.dictionaries(NAMES, PLAIN), st.integers(-(2**70), 2**70))
def test_any_fields_make_a_row_that_a_table_can_hold(fields, context, number):
    act = notice(seq=number, fields=fields, context=context, at=number, corrects=number)
    document, place = Document("k", act, Source("x")), Place(1, 2, b"r", "trade.act")
    for row in (acts.row(place, document), acts.notice(place, document)):
        for name, value in row.items():
            assert not isinstance(value, str) or len(value) <= 4000, name
            assert not isinstance(value, int) or abs(value) < 2**63, name
            assert isinstance(value, str | int | bytes | None), name
