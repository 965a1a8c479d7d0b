"""Searches over the read tables, one record with its versions, and the state of the federation."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from node.domain.acts import Act
from node.domain.calendar import DAY_MS, start_of
from node.domain.codes import Division
from node.domain.entities import Company
from node.domain.record import Amount, Party
from node.domain.trades import TradeNotice
from node.errors import NotFound
from node.store import peers, view_record, view_status, views
from node.store.tables import LogEvidence, table
from node.store.views import CreditQuery, TradeQuery
from tests.projections.world import EAST, HUB, NOW_MS, behaviour, blacklisted, open_world, result, score


@pytest.fixture(params=["sqlite", "postgres"])
def world(request):
    with open_world(request.param) as made:
        yield made


def titles(world, **query):
    page = world.store.read_now(lambda conn: views.search_trades(conn, TradeQuery(**query)))
    assert page.total == len(page.rows) or page.total > views.PAGE_SIZE
    return [row["title"] for row in page.rows]


def test_all_words_must_match_in_any_case_and_width(world):
    world.put(result("ＡＢＣ（一标段）道路", published_on="2025-11-02"))
    world.put(result("abd桥梁", published_on="2025-11-01", winners=[Party("甲公司", "91350100M000100Y43")]))
    assert titles(world, words="abc(一标段)") == ["ＡＢＣ（一标段）道路"]
    assert titles(world, words="ａｂ") == ["ＡＢＣ（一标段）道路", "abd桥梁"]
    assert titles(world, words="桥梁 甲公司") == ["abd桥梁"]
    assert titles(world, words="道路 甲公司") == []
    assert titles(world, words="91350100m000100y43") == ["ＡＢＣ（一标段）道路", "abd桥梁"]


@pytest.mark.parametrize("word", ["%", "_", "\\", "%%", "'", '"', "--", "\x00", "\ud800", "[a]", "*", "?", "\\%"])
def test_wildcards_are_only_themselves(world, word):
    world.put(result("普通工程"))
    plain = word.strip("\x00\ud800")
    assert titles(world, words=word) == ([] if plain else ["普通工程"])
    if plain:
        world.put(result(f"甲{plain}乙"))
        assert titles(world, words=word) == [f"甲{plain}乙"]


def test_filters_and_their_bounds(world):
    world.put(result("一", published_on="2025-11-01", amount=Amount("1", 100), division="500103"))
    world.put(
        result("二", published_on="2025-11-02", amount=Amount("2", 200), division="500105", division_name="江北区")
    )
    world.put(result("三", published_on="", amount=Amount("按50%计取"), division="", category="其他"))
    world.put(
        TradeNotice(category="政府采购", stage="公告", title="四", published_on="2025-11-03"), kind="trade.notice"
    )
    assert titles(world) == ["四", "二", "一", "三"]
    assert titles(world, from_date="2025-11-02") == ["四", "二"]
    assert titles(world, to_date="2025-11-02") == ["二", "一"]
    assert titles(world, min_fen=100, max_fen=199) == ["一"]
    assert titles(world, min_fen=101) == ["二"]
    assert titles(world, division="5001") == ["二", "一"]
    assert titles(world, division="江北") == ["二"]
    assert titles(world, division="%") == []
    assert titles(world, category="其他") == ["三"]
    assert titles(world, kind="trade.notice") == ["四"]
    assert titles(world, order="amount") == ["二", "一", "四", "三"]


def test_places_are_suggested_once_each(world):
    for code, name in (("500105", "江北区"), ("500103", "渝中区"), ("500103", ""), ("", "某地"), ("500101", "")):
        world.put(result(division=code, division_name=name))
    assert world.store.read_now(views.places) == [("500103", "渝中区"), ("500105", "江北区")]


def test_one_origin_only(world):
    world.put(result("东"), origin=EAST)
    world.put(result("市"), origin=HUB)
    assert titles(world, origin=HUB) == ["市"]
    assert titles(world, origin="ggzy.example/none/1") == []


def test_pages_and_exports_hold_the_same_rows(world):
    # Many rows share a date, so that the order rests on log and index too.
    puts = [
        world.put(result(f"第{n}", published_on=f"2025-11-{n % 3 + 1:02d}"), origin=(EAST, HUB)[n % 2], project=False)
        for n in range(53)
    ]
    world.project(*puts)
    query = TradeQuery()
    paged = []
    for number in (1, 2, 3, 4):
        page = world.store.read_now(lambda conn, n=number: views.search_trades(conn, TradeQuery(page=n)))
        assert (page.total, page.last) == (53, 3)
        paged += [row["title"] for row in page.rows]
    exported, place = [], None
    while True:
        rows, place = world.store.read_now(lambda conn, at=place: views.trades_after(conn, query, at, 7))
        exported += [row["title"] for row in rows]
        if place is None:
            break
    assert len(set(paged)) == 53
    assert exported == paged


def test_a_page_beyond_the_last_one_is_empty(world):
    world.put(result())
    page = world.store.read_now(lambda conn: views.search_trades(conn, TradeQuery(page=10**17)))
    assert (page.rows, page.total) == ([], 1)


def test_rows_say_when_a_newer_version_is_known(world):
    first = world.put(result("一"))
    world.put(result("二"), after=first, held=False)
    (row,) = world.store.read_now(lambda conn: views.search_trades(conn, TradeQuery())).rows
    assert (row["state"], row["version"], row["origin"]) == ("superseded", 1, EAST)


def test_the_latest_are_not_dated_in_the_future(world):
    world.put(result("将来", published_on="2999-01-01"))
    world.put(result("今日", published_on="2025-11-25"))
    world.put(result("无日期", published_on=""))
    rows = world.store.read_now(lambda conn: views.latest_trades(conn, ["trade.result"], "2025-11-25", 2))
    assert [row["title"] for row in rows] == ["今日", "无日期"]


def test_the_latest_hold_acts_by_what_they_disclose(world):
    world.put(result("导入的结果", published_on="2025-11-20"))
    about = {"trade": "0" * 32, "category": "工程建设", "act": "notice", "rules": "construction@1"}
    for seq, title, disclosure in ((2, "公告", "trade_notice"), (3, "候选人", "result"), (4, "结果", "result")):
        moment = start_of("2025-11-20") + seq * DAY_MS
        world.put(Act(**about, seq=seq, title=title, disclosure=disclosure, at=moment), kind="trade.act")

    def latest(conn):
        return views.latest_trades(conn, ["trade.result"], "2025-11-25", 9, acts=["result"])

    assert [row["title"] for row in world.store.read_now(latest)] == ["结果", "候选人", "导入的结果"]


def test_credit_by_sort_grade_and_words(world):
    world.put(score(), kind="credit.score")
    world.put(behaviour(good=False), kind="credit.behaviour")
    world.put(behaviour(good=True), kind="credit.behaviour")
    world.put(blacklisted(), kind="credit.blacklist")

    def found(**query):
        return world.store.read_now(lambda conn: views.search_credit(conn, CreditQuery(**query))).total

    assert found() == 4
    assert found(sort="behaviour") == 2
    assert found(sort="behaviour", grade="不良") == 1
    assert found(words="财政局 虚假") == 1
    assert world.store.read_now(views.grades) == ["A级", "不良", "良好"]


def test_entities_and_codes(world):
    world.put(Company(name="甲%公司", uscc="91350100M000100Y43"), kind="entity.company")
    world.put(Company(name="乙公司", uscc="91500000733974312X"), kind="entity.company")
    world.put(Division(code="500103", name="渝中区"), kind="code.division")

    def names(words):
        page = world.store.read_now(lambda conn: views.search_entities(conn, words, 1))
        return [row["name"] for row in page.rows]

    assert names("%") == ["甲%公司"]
    assert names("91500000733974312x") == ["乙公司"]
    assert world.store.read_now(lambda conn: views.search_codes(conn, "code.division", "渝中", 1)).total == 1
    assert world.store.read_now(lambda conn: views.search_codes(conn, "expert.class", "渝中", 1)).total == 0


def test_a_record_with_its_versions_and_signers(world):
    first = world.put(result("一"))
    world.cosign(EAST, "ggzy.example/cq/500000/witness", seconds=1000)
    second = world.put(result("二"), after=first)
    world.cosign(EAST, "ggzy.example/cq/500000/mirror", seconds=2000)
    history = world.store.read_now(lambda conn: view_record.record(conn, first.record_id))
    assert [(v.version, v.state, v.title) for v in history.versions] == [(2, "current", "二"), (1, "superseded", "一")]
    assert [s.state for s in history.versions[0].sections] == ["held"]
    assert history.versions[0].leaf == second.leaf
    assert [(c.name, c.size, c.signed_s) for c in history.cosigners] == [
        ("ggzy.example/cq/500000/mirror", 2, 2000),
        (EAST, 2, None),
    ]
    older = world.store.read_now(lambda conn: view_record.record(conn, first.record_id, version=1))
    assert [(c.name, c.size) for c in older.cosigners] == [
        ("ggzy.example/cq/500000/mirror", 2),
        ("ggzy.example/cq/500000/witness", 1),
        (EAST, 1),
    ]
    with pytest.raises(NotFound):
        history.version(9)


def test_an_old_version_of_a_long_history_is_found(world):
    put = world.put(result("1"), project=False)
    puts = [put]
    for number in range(2, 61):
        put = world.put(result(str(number)), after=put, project=False)
        puts.append(put)
    world.project(*puts)
    history = world.store.read_now(lambda conn: view_record.record(conn, put.record_id, version=3))
    assert (history.total, len(history.versions), history.version(3).title) == (60, view_record.MAX_VERSIONS + 1, "3")


def test_an_id_that_two_origins_use_belongs_to_each(world):
    first = world.put(result("市"), origin=HUB)
    world.put(result("东"), origin=EAST, header={"record_id": first.record_id})
    mine = world.store.read_now(lambda conn: view_record.record(conn, first.record_id))
    assert (mine.log.origin, mine.versions[0].title, mine.elsewhere) == (HUB, "市", (EAST,))
    theirs = world.store.read_now(lambda conn: view_record.record(conn, first.record_id, EAST))
    assert (theirs.versions[0].title, theirs.elsewhere) == ("东", (HUB,))
    with pytest.raises(NotFound):
        world.store.read_now(lambda conn: view_record.record(conn, first.record_id, "ggzy.example/none/1"))


def test_missing_and_withheld_sections_are_told_apart(world):
    lost = world.put(result(), held=False)
    closed = world.put(result(), audience="restricted", held=False, may_have=False)

    def state(put):
        history = world.store.read_now(lambda conn: view_record.record(conn, put.record_id))
        return history.versions[0].sections[0].state

    assert (state(lost), state(closed)) == ("missing", "withheld")


def test_counts_for_the_home_page(world):
    world.put(result(published_on="2025-11-25"))
    world.put(result(published_on="2025-11-24", category="其他"))
    world.put(score(), kind="credit.score")
    found = world.store.read_now(lambda conn: view_status.counts(conn, "2025-11-25", NOW_MS))
    assert found.categories == {"工程建设": 1, "其他": 1}
    assert found.sorts == {"score": 1}
    assert (found.today, found.arrived, found.entities, found.experts) == (1, 3, 0, 0)


def test_the_state_of_the_federation(world):
    world.put(result())
    world.put(result(), held=False)
    world.cosign(EAST, "ggzy.example/cq/500000/witness", seconds=1234)
    world.put(result())

    def note(conn):
        peers.put(
            conn, peers.Standing("ggzy.example/cn", world.ids[EAST], "push", 2, 1, 1, last_error="unavailable: x")
        )
        row = {"log_id": world.ids[EAST], "seen_ms": 1, "reason": "fork", "held": "a", "shown": "b"}
        conn.execute(insert(table(LogEvidence)), [row])

    world.store.write_now(note)
    hub, east = world.store.read_now(view_status.federation)
    assert (hub.log.origin, hub.log.own, hub.covers, hub.newest_ms) == (HUB, True, (), None)
    assert (east.missing, east.quarantined, east.evidence, east.newest_ms) == (1, 1, 1, NOW_MS + 3)
    assert [(c.signer, c.size, c.signed_s) for c in east.covers] == [
        ("ggzy.example/cq/500000/witness", 2, 1234),
        (EAST, 2, None),
    ]
    assert [(p.peer, p.mirrored_size, p.last_error) for p in east.peers] == [("ggzy.example/cn", 1, "unavailable: x")]
    (held,) = world.store.read_now(lambda conn: view_status.quarantine(conn))
    assert (held.origin, held.index, held.code) == (EAST, 1, "payload-missing")
    assert world.store.read_now(view_status.policy_version) is None
