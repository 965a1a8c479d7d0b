"""Chains of versions, quarantine, late payloads, repetition: what the read tables say after each."""

from __future__ import annotations

import itertools
import random

import pytest

from node.domain import KINDS
from node.domain.codes import Division, ExpertClass
from node.domain.entities import Company
from node.domain.experts import ExpertProfile
from node.domain.record import Amount, Document, Source
from node.domain.trades import TradeListing
from node.projections import PROJECTIONS, run
from node.projections.reasons import REASONS
from node.wire import payload as payload_bytes
from node.wire.header import SectionRef
from tests.projections.world import EAST, HUB, behaviour, blacklisted, open_world, result, score

# All but `seq`, which rightly moves on when an entry is projected again.
RECORDS = (
    "select log_id, idx, record_id, version, kind, leaf, claimed_ms, state, content, title, made_up "
    "from record_view order by log_id, idx"
)
SHOWN = "select idx, title from trade_view"
STATES = "select version, state, content from record_view order by idx"
HELD_BACK = "select idx, code from quarantine order by idx"


@pytest.fixture(params=["sqlite", "postgres"])
def world(request):
    with open_world(request.param) as made:
        yield made


def test_every_kind_has_a_projection():
    """But for those that are read as what they are: orders to erase, dumps, and what is said of logs."""
    without = {name for name in KINDS if name.startswith(("record.erasure", "dump.", "log.", "trust."))}
    assert set(PROJECTIONS) == set(KINDS) - without


def test_a_version_supersedes_the_one_before(world):
    first = world.put(result("一"))
    second = world.put(result("二"), after=first)
    assert world.rows(SHOWN) == [(second.index, "二")]
    assert world.rows(STATES) == [(1, "superseded", "held"), (2, "current", "held")]


def test_versions_of_one_record_may_come_in_one_batch(world):
    first = world.put(result("一"), project=False)
    second = world.put(result("二"), after=first, project=False)
    third = world.put(result("三"), after=second, project=False)
    world.project(first, second, third)
    assert world.rows(SHOWN) == [(third.index, "三")]
    assert [state for _, state, _ in world.rows(STATES)] == ["superseded", "superseded", "current"]


def test_a_withdrawal_leaves_the_lists_and_a_later_version_brings_it_back(world):
    first = world.put(result("一"))
    gone = world.put(result("一"), after=first, status="withdrawn", reason="有误")
    assert world.rows(SHOWN) == []
    assert world.rows(STATES)[-1] == (2, "withdrawn", "held")
    again = world.put(result("三"), after=gone)
    assert world.rows(SHOWN) == [(again.index, "三")]
    assert [state for _, state, _ in world.rows(STATES)] == ["superseded", "superseded", "current"]


def test_an_old_index_given_again_does_not_go_back(world):
    first = world.put(result("一"))
    second = world.put(result("二"), after=first)
    gone = world.put(result("二"), after=second, status="withdrawn")
    before = [world.rows(RECORDS), world.rows("select * from trade_view")]
    for put in (first, second, gone, first):
        world.project(put)
        assert [world.rows(RECORDS), world.rows("select * from trade_view")] == before


def test_any_split_into_batches_and_any_repetition_gives_the_same(world):
    first = world.put(result("一"), project=False)
    second = world.put(result("二"), after=first, project=False)
    rival = world.put(result("争"), after=first, project=False)
    other = world.put(score(), kind="credit.score", project=False)
    lost = world.put(result("失"), held=False, project=False)
    gone = world.put(result("二"), after=second, status="withdrawn", project=False)
    again = world.put(result("四"), after=gone, project=False)
    puts = [first, second, rival, other, lost, gone, again]

    def tables():
        names = ("trade_view", "credit_view", "quarantine")
        return [world.rows(RECORDS), *(world.rows(f"select * from {name} order by log_id, idx") for name in names)]

    world.project(*puts)
    expected = tables()
    chance = random.Random(7)
    for _ in range(20):
        world.store.write_now(run.clear)
        cuts = sorted(chance.sample(range(len(puts) + 1), 3))
        for start, end in itertools.pairwise([0, *cuts, len(puts)]):
            world.project(*puts[max(0, start - chance.randrange(3)) : end])
        assert tables() == expected


def test_the_lowest_index_has_a_version(world):
    first = world.put(result("一"))
    second = world.put(result("二"), after=first)
    rival = world.put(result("冒"), after=first)
    copy = world.put(result("再"), header={"record_id": first.record_id})
    assert world.rows(SHOWN) == [(second.index, "二")]
    assert world.rows(HELD_BACK) == [(rival.index, "version-taken"), (copy.index, "version-taken")]


@pytest.mark.parametrize("header", [{"prev_leaf": b"\x07" * 32}, {"version": 5}])
def test_a_version_must_follow_the_one_before(world, header):
    first = world.put(result("一"))
    broken = world.put(result("二"), after=first, header=header)
    assert world.rows(SHOWN) == [(first.index, "一")]
    assert world.rows(HELD_BACK) == [(broken.index, "chain-broken")]


def test_a_chain_does_not_reach_into_another_log(world):
    first = world.put(result("一"), origin=HUB)
    world.put(result("二"), origin=EAST, after=first)
    assert [code for _, code in world.rows(HELD_BACK)] == ["chain-broken"]
    assert world.rows(SHOWN) == [(first.index, "一")]


def test_two_origins_may_use_the_same_id(world):
    first = world.put(result("一"), origin=HUB)
    world.put(result("他"), origin=EAST, header={"record_id": first.record_id})
    assert sorted(title for _, title in world.rows(SHOWN)) == ["一", "他"]


def test_a_record_keeps_its_kind(world):
    first = world.put(result("一"))
    world.put(score(), kind="credit.score", after=first)
    assert [code for _, code in world.rows(HELD_BACK)] == ["kind-changed"]
    assert world.rows("select count(*) from credit_view") == [(0,)]


def test_what_cannot_be_read_is_quarantined_with_a_reason(world):
    first = world.put(result("一"))
    fmt = bytearray(first.item[1])
    fmt[1] = 2
    puts = [
        world.entry(EAST, b"\xff not a header", b""),
        world.entry(EAST, bytes(fmt), b""),
        world.put(result(), kind="future.kind", project=False),
        world.put(result(), header={"schema": 9}, project=False),
        world.put(result(), header={"sections": ()}, project=False),
        world.put(score(), kind="trade.result", project=False),
        world.put(result(), held=False, project=False),
    ]
    world.project(*puts)
    assert [code for _, code in world.rows(HELD_BACK)] == [
        "header-unreadable",
        "format-newer",
        "kind-unknown",
        "schema-newer",
        "section-missing",
        "payload-unreadable",
        "payload-missing",
    ]
    assert all(code in REASONS for _, code in world.rows(HELD_BACK))
    assert world.rows(SHOWN) == [(first.index, "一")]


def test_quarantined_entries_hold_up_nothing(world):
    newer = world.put(result("一"), header={"schema": 9})
    last = world.put(result("二"), after=newer)
    assert world.rows(SHOWN) == [(last.index, "二")]


def _payload(**document):
    return payload_bytes.encode(Document(**({"key": "k", "body": result(), "source": Source("来源")} | document)))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\x91" * 3000,
        b"\x81\x01\x02",
        b"\x82\xa1a\x01\xa1a\x02",
        _payload()[:-1],
        _payload() + b"\x00",
        b"\xdf\xff\xff\xff\xff",
        b"\xa3\xed\xa0\x80",
    ],
)
def test_no_payload_breaks_the_projection(world, payload):
    good = world.put(result("好"), project=False)
    bad = world.put(result("坏"), project=False)
    index, entry, _, may_have = bad.item
    world.store.write_now(
        lambda conn: run.project_batch(conn, world.ids[EAST], [good.item, (index, entry, payload, may_have)])
    )
    assert world.rows(HELD_BACK) == [(bad.index, "payload-unreadable")]
    assert world.rows(SHOWN) == [(good.index, "好")]


def test_repeated_keys_are_not_read_as_either(world):
    data = payload_bytes.encode(Document("k", result("甲"), Source("来源")))
    twice = bytes([data[0] + 1]) + data[1:] + b"\xa6source\x81\xa4name\xa6\xe4\xb9\x99"
    put = world.put(result(), project=False)
    index, entry, _, may_have = put.item
    world.store.write_now(lambda conn: run.project(conn, world.ids[EAST], index, entry, twice, may_have=may_have))
    assert world.rows(HELD_BACK) == [(put.index, "payload-unreadable")]


def test_a_late_payload_clears_its_quarantine(world):
    late = world.put(result("迟"), held=False)
    assert world.rows(STATES) == [(1, "current", "missing")]
    world.project(world.payload_of(result("迟"), late))
    assert world.rows(HELD_BACK) == []
    assert world.rows(SHOWN) == [(late.index, "迟")]


def test_while_a_newer_version_is_missing_the_older_stays_on_show(world):
    first = world.put(result("一"))
    late = world.put(result("二"), after=first, held=False)
    assert world.rows(SHOWN) == [(first.index, "一")]
    assert world.rows(STATES) == [(1, "superseded", "held"), (2, "current", "missing")]
    world.project(world.payload_of(result("二"), late))
    assert world.rows(SHOWN) == [(late.index, "二")]


def test_a_late_older_version_is_shown_only_while_nothing_newer_is_decided(world):
    first = world.put(result("一"))
    late = world.put(result("二"), after=first, held=False)
    later = world.put(result("三"), after=late, held=False)
    world.project(world.payload_of(result("二"), late))
    assert world.rows(SHOWN) == [(late.index, "二")]
    world.project(world.payload_of(result("三"), later, status="withdrawn"))
    world.project(world.payload_of(result("二"), late))
    assert world.rows(SHOWN) == []


def test_content_not_for_this_node_is_no_fault_and_leaves_the_lists(world):
    first = world.put(result("一"))
    closed = world.put(result("二"), after=first, audience="restricted", held=False, may_have=False)
    assert world.rows(HELD_BACK) == []
    assert world.rows(SHOWN) == []
    assert world.rows(f"select content, title from record_view where idx = {closed.index}") == [
        ("withheld", "（内容不对本节点公开）")
    ]


def test_sealed_content_is_not_read(world):
    put = world.put(result("密"), project=False)
    sealed = world.put(
        result("密"),
        header={"sections": (SectionRef("main", "public", b"\1" * 32, 16),)},
    )
    world.project(put)
    assert world.rows(f"select content, state from record_view where idx = {sealed.index}") == [("sealed", "current")]
    assert world.rows(SHOWN) == [(put.index, "密")]


def test_content_that_went_away_is_no_longer_shown(world):
    put = world.put(result("一"))
    index, entry, _, _ = put.item
    world.store.write_now(lambda conn: run.project(conn, world.ids[EAST], index, entry, None))
    assert world.rows(SHOWN) == []
    assert world.rows("select title from record_view") == [("（内容尚未送达）",)]


def test_titles_of_what_is_not_public_stay_with_the_content(world):
    world.put(ExpertProfile(alias="专家甲-0417"), kind="expert.profile")
    world.put(ExpertProfile(alias="专家乙-0418"), kind="expert.profile", audience="public")
    world.put(result("限定工程"), audience="shared")
    assert world.rows("select title from record_view order by idx") == [("评标专家",), ("评标专家",), ("成交结果",)]


def test_each_domain_has_its_rows(world):
    world.put(score(), kind="credit.score", as_of="2025-11-01")
    world.put(behaviour(good=False), kind="credit.behaviour")
    world.put(behaviour(good=True), kind="credit.behaviour")
    world.put(blacklisted(), kind="credit.blacklist")
    world.put(Company(name="甲公司", uscc="91350100M000100Y43", registered_on="1995-09-09"), kind="entity.company")
    world.put(ExpertProfile(alias="E1", classes=["A01", "B02"]), kind="expert.profile")
    world.put(ExpertClass(code="A01", name="规划"), kind="expert.class")
    world.put(Division(code="500103", name="渝中区", parent="5001"), kind="code.division")
    assert world.rows("select sort, grade, points, starts_on, authority from credit_view order by idx") == [
        ("score", "A级", 103_250, "2025-11-01", "来源"),
        ("behaviour", "不良", -500, "", "来源"),
        ("behaviour", "良好", 500, "", "来源"),
        ("blacklist", "", None, "2025-01-08", "财政局"),
    ]
    assert world.rows("select name, registered_on from entity_view") == [("甲公司", "1995-09-09")]
    assert world.rows("select alias, classes from expert_view") == [("E1", "A01 B02")]
    assert world.rows("select table_name, code, name, parent from code_view order by code desc") == [
        ("expert.class", "A01", "规划", ""),
        ("code.division", "500103", "渝中区", "5001"),
    ]


def test_values_no_table_could_hold_are_left_out(world):
    listing = TradeListing(
        category="国有产权",
        stage="挂牌",
        title="甲\x00乙\n\u202e丙" + "长" * 5000,
        amount=Amount("很多", 2**63),
        published_on="近日",
    )
    world.put(listing, kind="trade.listing", source=Source("来源", "javascript:alert(1)"))
    ((title, fen, words, day, url),) = world.rows(
        "select title, amount_fen, amount_text, published_on, source_url from trade_view"
    )
    assert title.startswith("甲\ufffd乙 丙长") and len(title) == 400
    assert (fen, words, day, url) == (None, "", "", "")


def test_clear_empties_all_read_tables(world):
    world.put(result())
    world.put(result(), held=False)
    world.store.write_now(run.clear)
    for name in ("record_view", "trade_view", "quarantine"):
        assert world.rows(f"select count(*) from {name}") == [(0,)]


def test_a_record_of_very_many_versions_costs_no_more_than_others(world):
    put = world.put(result("0"), project=False)
    puts = [put]
    for number in range(1, 600):
        put = world.put(result(str(number)), after=put, project=False)
        puts.append(put)
    for start in range(0, 600, 100):
        world.project(*puts[start : start + 100])
    assert world.rows(SHOWN) == [(put.index, "599")]
    assert world.rows("select state, count(*) from record_view group by state order by state") == [
        ("current", 1),
        ("superseded", 599),
    ]
