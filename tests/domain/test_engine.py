"""The engine: each category walked from registration to archive, and what is refused on the way."""

from __future__ import annotations

import doctest
from typing import Any

import msgspec
import pytest

from node.domain import engine, limits, rulebook
from node.domain.calendar import DAY_MS, day_of, end_of
from node.errors import Malformed
from tests.domain.walks import CALENDAR, FIRM, RULES, Walk, construction, ms, package, ranked, to_candidates


def to_contract(walk: Walk) -> Walk:
    """From candidates to a contract, every deposit back and every paper in its place, in time."""
    to_candidates(walk)
    walk.to("2026-03-31").do("result", winner_rank=1, amount=9_000_000_00)
    walk.do("award_notice")
    walk.do("report")
    walk.to("2026-04-02").do("deposits_losers")
    walk.to("2026-04-10").do("contract", amount=9_000_000_00, bond=900_000_00)
    walk.to("2026-04-13").do("contract_filed")
    walk.do("deposits_winner")
    return walk


def finish(walk: Walk) -> Walk:
    walk.later().do("performance")
    walk.later(30).do("completion")
    walk.later().do("archive", keep_until="2055-01-01")
    return walk


# --- each category from registration to archive -----------------------------------------------------------------------


def whole(walk: Walk, *kinds: str) -> None:
    """What holds of a trade that went well: ended, nothing odd, nothing late or owed, its disclosures done."""
    trade = walk.trade
    assert trade is not None and trade.ended and trade.odd == () and trade.gaps == ()
    assert walk.stage() == "archived"
    assert set(walk.owed().values()) <= {"done"}, walk.owed()
    strip = walk.strip()
    assert {kind for kind, state in strip.items() if state == "done"} == set(kinds)
    assert set(strip.values()) <= {"done", "none"}


def test_construction() -> None:
    walk = finish(to_contract(construction()))
    whole(walk, "trade_notice", "result", "performance")
    assert len(walk.acts) == 16
    # After the archive something may still be put right, and nothing else.
    left = {rule.id for rule in engine.possible(walk.fold(), now_ms=walk.now, calendar=CALENDAR)}
    assert left == {"correction", "amendment", "deposits_losers", "deposits_winner", "deposit_withdrawn"}


def test_construction_with_prequalification_and_invitation() -> None:
    walk = construction(qualification="pre", method="invited")
    assert walk.refused("notice", doc_from="2026-03-02", doc_until="2026-03-06", bid_deadline=ms("2026-03-23")) == [
        "needs"
    ]
    walk.do("prequal_notice", doc_from="2026-03-02", doc_until="2026-03-06", deadline=ms("2026-03-11"))
    assert walk.strip()["qualification_review"] == "owed"
    walk.to("2026-03-05").do("prequal_clarification", affects=True, deadline=ms("2026-03-12"))
    walk.to("2026-03-13").do("prequal_result")
    walk.do("notice", doc_from="2026-03-13", doc_until="2026-03-17", bid_deadline=ms("2026-04-02"))
    walk.to("2026-04-02").do("bids_received", bidders=4)
    walk.do("opening", bidders=4)
    walk.to("2026-04-03").do("evaluation", candidates=ranked())
    walk.do("candidates", candidates=ranked(), publicity_until="2026-04-07")
    walk.to("2026-04-08").do("result", winner_rank=1)
    walk.do("award_notice")
    walk.do("report")
    walk.do("contract")
    walk.do("contract_filed")
    finish(walk)
    whole(walk, "trade_notice", "qualification_review", "result", "performance", "change")


@pytest.mark.parametrize("method", ["open", "negotiation", "single"])
def test_procurement(method: str) -> None:
    walk = Walk("procurement", "2026-03-02", method=method, open_amount=True, estimate=10_000_000_00)
    if method == "single":
        assert walk.refused("notice") == ["needs"]
        walk.do("single_source", publicity_from="2026-03-02", publicity_until="2026-03-06")
        assert walk.refused("notice") == ["clock:single-source-ended"]
        walk.to("2026-03-09")
    day = day_of(walk.now)
    walk.do("notice", doc_from=day, doc_until="2026-03-13", bid_deadline=ms("2026-03-30"), security_asked=True)
    walk.to("2026-03-30").do("bids_received", bidders=3)
    walk.do("opening", bidders=3)
    walk.do("evaluation")
    walk.to("2026-03-31").do("report")
    walk.to("2026-04-02").do("decision")
    walk.to("2026-04-03").do("result", publicity_until="2026-04-07", amount=1)
    assert walk.refused("contract") == ["needs"], "no contract without the award notice"
    walk.do("award_notice")
    walk.to("2026-04-08").do("contract")
    walk.do("contract_notice")
    walk.do("contract_filed")
    walk.do("deposits_losers")
    walk.do("deposits_winner")
    whole(finish(walk), "trade_notice", "result", "performance")


@pytest.mark.parametrize("method", ["listing", "auction", "tender"])
@pytest.mark.parametrize("name", ["land", "mining"])
def test_land_and_mining(name: str, method: str) -> None:
    walk = Walk(name, "2026-03-02", method=method)
    walk.do(
        "notice",
        applications_until=ms("2026-03-30"),
        bidding_from=ms("2026-03-31"),
        bidding_until=ms("2026-04-30"),
        start_price=1_000_000_00,
        security_asked=True,
    )
    walk.to("2026-03-30").do("bids_received", bidders=3)
    walk.to("2026-03-31", 10)
    if method == "tender":
        assert "bidding_opened" not in {rule.id for rule in engine.possible(walk.fold(), now_ms=0, calendar=CALENDAR)}
        walk.do("opening", bidders=3)
        walk.do("evaluation")
    else:
        walk.do("bidding_opened", bidders=3)
        for number, price in enumerate((1_000_000_00, 1_100_000_00, 1_200_000_00), 1):
            walk.do("round", number=number, price=price)
        walk.do("bidding_closed", rounds=3, price=1_200_000_00)
    assert walk.warned("confirmation", price=999_999_99) == ["limit:start-price"]
    walk.do("confirmation", price=1_200_000_00)
    assert walk.strip()["qualification_review"] == "owed", "who bid is told after the deal, and then must be"
    walk.do("qualification_notice")
    walk.do("deposits_losers")
    walk.to("2026-04-02").do("result", amount=1_200_000_00, publicity_until="2026-04-17")
    walk.to("2026-04-20" if name == "mining" else "2026-04-10").do("contract", amount=1_200_000_00)
    walk.do("payment")
    whole(finish(walk), "trade_notice", "qualification_review", "result", "performance")


@pytest.mark.parametrize("control", [True, False])
def test_property(control: bool) -> None:
    walk = Walk("property", "2026-03-02", control_change=control, appraisal=10_000_000_00, approved_on="2026-02-27")
    if control:
        assert walk.refused("notice", price=10_000_000_00) == ["needs"]
        assert walk.strip()["trade_notice"] == "owed"
        walk.do("predisclosure", from_on="2026-03-02", until_on="2026-03-27")
        walk.to("2026-03-30")
    day = day_of(walk.now)
    assert "limit:below-appraisal" in walk.refused(
        "notice", price=8_999_999_99, from_on=day, until_on="2026-04-30", below_approved=False
    )
    walk.do("notice", price=9_000_000_00, from_on=day, until_on="2026-04-30")
    walk.to("2026-05-06").do("bids_received", bidders=2)
    walk.do("bidding_opened", bidders=2)
    walk.do("round", number=1, price=9_500_000_00)
    walk.do("bidding_closed", rounds=1, price=9_500_000_00)
    walk.do("confirmation", price=9_500_000_00)
    walk.do("qualification_notice")
    walk.do("result", amount=9_500_000_00, publicity_until="2026-05-13")
    terms = {"instalments": True, "effective_on": "2026-05-14", "amount": 9_500_000_00, "first_payment": 2_850_000_00}
    walk.to("2026-05-14")
    assert walk.refused("contract", **terms | {"first_payment": 2_849_999_99, "last_payment_on": "2027-05-14"}) == [
        "limit:first-instalment"
    ]
    assert walk.refused("contract", **terms, last_payment_on="2027-05-15") == ["clock:instalments"]
    assert walk.refused("contract", instalments=True) == []
    walk.do("contract", **terms, last_payment_on="2027-05-14")
    assert walk.refused("completion") == ["needs"], "no transfer before payment"
    walk.do("payment")
    whole(finish(walk), "trade_notice", "qualification_review", "result", "performance")


def test_other() -> None:
    walk = Walk("other", "2026-03-02", mandatory=True)
    walk.do("notice", bid_deadline=ms("2026-03-10"))
    walk.to("2026-03-10").do("bids_received")
    walk.do("result", winners=[FIRM], amount=5)
    walk.do("contract")
    whole(finish(walk), "trade_notice", "result", "performance")


# --- failed, tendered again, terminated -------------------------------------------------------------------------------


def test_too_few_bidders_no_opening_then_a_second_round_goes_on_with_a_warning() -> None:
    walk = construction()
    terms = {"doc_from": "2026-03-02", "doc_until": "2026-03-06", "bid_deadline": ms("2026-03-23")}
    walk.do("notice", **terms)
    walk.to("2026-03-23").do("bids_received", bidders=2)
    assert walk.refused("opening", bidders=2) == ["limit:three-bidders"]
    walk.do("failed")
    assert (walk.stage(), walk.strip()["result"]) == ("failed", "done")
    assert "notice" not in {rule.id for rule in engine.possible(walk.fold(), now_ms=walk.now, calendar=CALENDAR)}
    walk.to("2026-03-24").do("retender")
    assert walk.fold().lots["1"].round == 2 and walk.stage() == "registered"
    assert walk.strip()["trade_notice"] == "owed", "a new round owes a new notice"
    again = {"doc_from": "2026-03-24", "doc_until": "2026-03-30", "bid_deadline": ms("2026-04-13")}
    walk.do("notice", **again)
    walk.to("2026-04-13").do("bids_received", bidders=2)
    assert walk.warned("opening", bidders=2) == ["limit:three-bidders-again"]


def test_a_failed_trade_may_be_archived_or_terminated_and_owes_no_result_of_its_own() -> None:
    walk = to_candidates(construction())
    walk.do("failed")
    assert not [state for state in walk.owed().values() if state in ("owed", "late")], "its clocks have lapsed"
    assert walk.strip()["result"] == "done"
    walk.do("terminated")
    walk.do("archive", keep_until="2055-01-01")
    assert walk.fold().ended


@pytest.mark.parametrize("name", [each.id for each in RULES.packages])
def test_every_category_can_fail_begin_again_and_be_terminated(name: str) -> None:
    facts = {"control_change": False, "qualification": "post", "mandatory": True}
    known = package(name).acts[0]
    walk = Walk(name, "2026-03-02", **{key: value for key, value in facts.items() if known.field(key)})
    far = {"bid_deadline": ms("2026-05-30"), "applications_until": ms("2026-05-30"), "bidding_from": ms("2026-05-30")}
    days = {"doc_from": "2026-03-02", "doc_until": "2026-05-29", "from_on": "2026-03-02", "until_on": "2026-05-29"}
    rule = walk.rule("notice")
    terms = {key: value for key, value in (far | days).items() if rule.field(key)}
    walk.do("notice", **terms)
    walk.do("failed")
    walk.do("retender")
    walk.do("notice", **terms)
    assert walk.fold().lots["1"].round == 2
    walk.do("terminated")
    assert walk.strip()["change"] == "done"
    walk.do("archive", keep_until="2055-01-01")
    assert walk.fold().ended and walk.fold().odd == ()


# --- lots -------------------------------------------------------------------------------------------------------------

THREE = [{"number": number, "name": f"标段{number}", "estimate": 1_000_000_00} for number in ("1", "2", "3")]


def test_lots_go_their_own_ways() -> None:
    walk = construction(lots=THREE)
    walk.do("notice", doc_from="2026-03-02", doc_until="2026-03-06", bid_deadline=ms("2026-03-23"))
    walk.to("2026-03-23").do("bids_received", lots=["1", "2"], bidders=3)
    walk.do("failed", lots=["3"])
    walk.do("opening", lots=["1"], bidders=3)
    assert {number: lot.stage for number, lot in walk.fold().lots.items()} == {
        "1": "opened",
        "2": "closed",
        "3": "failed",
    }
    faults = walk.judge("opening", bidders=3)
    assert [(fault.rule, fault.field) for fault in faults] == [("order", "lots"), ("order", "lots")]
    assert "标段 1" in faults[0].zh and "标段 3" in faults[1].zh
    assert engine.lots_for(walk.fold(), walk.rule("opening")) == ["2"]
    assert walk.refused("opening", lots=["4"], bidders=3) == ["lots"]
    facts = walk.fold().facts_of("2")
    assert facts["lot.estimate"] == 1_000_000_00 and "opening.bidders" not in facts
    assert walk.fold().facts_of("1")["opening.bidders"] == 3


def test_lots_may_be_laid_out_anew_until_the_notice() -> None:
    walk = construction(lots=THREE)
    walk.do("lots", lots=THREE[:1])
    assert list(walk.fold().lots) == ["1"]
    walk.do("lots", lots=[*THREE, {"number": "4", "name": "增"}])
    assert list(walk.fold().lots) == ["1", "2", "3", "4"]
    assert walk.refused("lots", lots=[*THREE, {"number": "3", "name": "重"}]) == ["repeated"]
    walk.do("notice", lots=["1"], doc_from="2026-03-02", doc_until="2026-03-06", bid_deadline=ms("2026-03-23"))
    assert walk.refused("lots", lots=THREE) == ["order"]


def test_limits_count_the_estimates_of_the_lots_an_act_is_about() -> None:
    walk = construction(lots=THREE)
    terms = {"doc_from": "2026-03-02", "doc_until": "2026-03-06", "bid_deadline": ms("2026-03-23")}
    terms |= {"security_asked": True}
    assert walk.refused("notice", lots=["1"], bid_security=20_000_01, **terms) == ["limit:bid-security"]
    assert walk.refused("notice", lots=["1"], bid_security=20_000_00, **terms) == []
    assert walk.refused("notice", lots=["1", "2"], bid_security=40_000_00, **terms) == []


# --- changes, suspension, withdrawal ----------------------------------------------------------------------------------


def noticed(**more: Any) -> Walk:
    walk = construction()
    terms = {"doc_from": "2026-03-02", "doc_until": "2026-03-06", "bid_deadline": ms("2026-03-23"), "content": "原文"}
    walk.do("notice", **terms | more)
    return walk


def test_a_clarification_that_affects_bids_must_come_in_time_or_postpone() -> None:
    walk = noticed().to("2026-03-08")
    walk.do("clarification", affects=True)
    walk.to("2026-03-09")
    assert walk.refused("clarification", affects=True) == ["clock:clarification"]
    assert walk.refused("clarification", affects=False) == []
    walk.do("clarification", affects=True, bid_deadline=ms("2026-03-24"))
    assert walk.fold().facts["notice.bid_deadline"] == ms("2026-03-24")
    walk.to("2026-03-23", 10)
    assert walk.refused("bids_received", bidders=3) == ["clock:end-of-bidding"], "the new deadline counts"
    walk.to("2026-03-24").do("bids_received", bidders=3)


def test_a_correction_merges_and_the_original_stays() -> None:
    walk = noticed()
    walk.to("2026-03-03").do("correction", corrects=2, why="笔误", content="改后", place="三楼")
    trade = walk.fold()
    assert (trade.facts["notice.content"], trade.facts["notice.place"]) == ("改后", "三楼")
    assert trade.act(2).fields["content"] == "原文"  # type: ignore[union-attr]
    assert trade.covers[3] == trade.covers[2] and walk.strip()["change"] == "done"
    assert walk.refused("correction", why="笔误", content="x") == ["amends"], "which act must be said"
    assert walk.refused("correction", corrects=1, why="笔误") == ["amends"], "a step is not corrected in public"
    assert walk.refused("correction", corrects=2, why="笔误", winner_rank=1) == ["unknown-field"]
    walk.do("amendment", corrects=1, why="笔误", estimate=5_00)
    assert walk.fold().facts["estimate"] == 5_00


def test_a_correction_cannot_break_a_clock() -> None:
    walk = noticed()
    assert walk.refused("correction", corrects=2, why="笔误", bid_deadline=ms("2026-03-21")) == [
        "clock:bid-preparation"
    ]
    assert walk.refused("correction", corrects=2, why="笔误", bid_deadline=ms("2026-03-22")) == []


def test_an_objection_stops_its_lots_until_it_is_answered() -> None:
    walk = to_candidates(construction())
    walk.to("2026-03-30")
    seq = walk.do("objection", kind="result", raised_on="2026-03-30")
    assert walk.owed()["objection-answer"] == "owed" and walk.fold().lots["1"].stopped == (seq,)
    walk.to("2026-03-31")
    assert walk.refused("result", winner_rank=1) == ["suspended"]
    award = {one.clock.id: one for one in engine.owed(walk.fold(), now_ms=walk.now, calendar=CALENDAR)}
    assert award["award-notice"].due_ms is None, "it stands still"
    assert walk.refused("objection_answer") == ["answers"] == walk.refused("objection_answer", corrects=2)
    walk.to("2026-04-07").do("objection_answer", corrects=seq)
    assert walk.owed()["objection-answer"] == "done-late" and not walk.fold().lots["1"].suspended
    assert walk.refused("objection_answer", corrects=seq) == ["answers"], "it is answered"
    award = {one.clock.id: one for one in engine.owed(walk.fold(), now_ms=walk.now, calendar=CALENDAR)}
    # Five working days from 30 March would end on 7 April (the 6th is off); none had passed when it was stopped.
    assert award["award-notice"].due_ms == end_of("2026-04-14")
    walk.do("result", winner_rank=1)


def test_an_objection_that_comes_late_is_taken_with_a_warning() -> None:
    walk = to_candidates(construction()).to("2026-03-31")
    assert walk.warned("objection", kind="result", raised_on="2026-03-31") == ["clock:objection-result"]
    assert walk.warned("objection", kind="result", raised_on="2026-03-30") == []


def test_two_objections_are_two() -> None:
    walk = noticed().to("2026-03-05")
    first = walk.do("objection", kind="document", raised_on="2026-03-05")
    second = walk.do("objection", kind="document", raised_on="2026-03-05")
    walk.do("objection_answer", corrects=second)
    assert walk.fold().lots["1"].stopped == (first,)
    states = [one.state for one in engine.owed(walk.fold(), now_ms=walk.now, calendar=CALENDAR)]
    assert sorted(states) == ["done", "owed"]


def test_a_pause_is_lifted_by_a_resumption_and_by_nothing_else() -> None:
    walk = noticed()
    pause = walk.do("pause", cause="order")
    walk.to("2026-03-23")
    assert walk.refused("bids_received", bidders=3) == ["suspended"]
    walk.do("resume", corrects=pause)
    walk.do("bids_received", bidders=3)


def test_a_withdrawn_act_is_left_out_and_its_number_is_not_given_again() -> None:
    walk = noticed()
    walk.withdrawn.add(2)
    trade = walk.fold()
    assert walk.stage() == "registered" and [act.seq for act in trade.acts] == [1] and trade.next_seq == 3
    walk.do("notice", doc_from="2026-03-02", doc_until="2026-03-06", bid_deadline=ms("2026-03-24"))
    assert walk.stage() == "noticed" and walk.fold().facts["notice.bid_deadline"] == ms("2026-03-24")


def test_what_others_rest_on_is_not_withdrawn_first() -> None:
    walk = noticed().to("2026-03-23")
    last = walk.do("bids_received", bidders=3)
    (fault,) = engine.judge_withdrawal(walk.fold(), 2)
    assert fault.rule == "order" and f"第 {last} 号" in fault.zh
    assert engine.judge_withdrawal(walk.fold(), last) == []
    assert engine.judge_withdrawal(walk.fold(), 1) and engine.judge_withdrawal(walk.fold(), 99)
    # Should it happen elsewhere all the same, replaying goes on and says so.
    walk.withdrawn.add(2)
    assert walk.fold().odd == ((last, "lot 1 is at 'registered'"),) and walk.stage() == "closed"


def test_a_withdrawn_registration_leaves_nothing_to_do() -> None:
    walk = construction()
    walk.withdrawn.add(1)
    trade = walk.fold()
    assert trade.ended and trade.lots == {} and engine.possible(trade, now_ms=walk.now, calendar=CALENDAR) == []


# --- judging ----------------------------------------------------------------------------------------------------------


def test_a_fault_names_field_rule_and_clause_in_both_languages() -> None:
    walk = construction()
    (fault,) = walk.judge("notice", doc_from="2026-03-02", doc_until="2026-03-06", bid_deadline=ms("2026-03-21"))
    assert (fault.field, fault.rule, fault.severity) == ("bid_deadline", "clock:bid-preparation", "refuse")
    assert fault.basis == "《招标投标法》第二十四条"
    assert "至少 20 日" in fault.zh and "最早 2026-03-22" in fault.zh and "现为 2026-03-21" in fault.zh
    assert "at least 20 days" in fault.en and "not before 2026-03-22" in fault.en


def test_a_voluntary_trade_is_not_bound_by_what_binds_mandatory_ones() -> None:
    walk = construction(mandatory=False)
    assert walk.refused("notice", doc_from="2026-03-02", doc_until="2026-03-06", bid_deadline=ms("2026-03-09")) == []
    walk = construction()
    act = construction().acts[0]
    bare = msgspec.structs.replace(act, fields=act.fields | {"mandatory": False})
    faults = engine.judge(None, bare, RULES, now_ms=walk.now, calendar=CALENDAR)
    assert ("owner_decision", "required") in [(fault.field, fault.rule) for fault in faults], "R15: the owner decides"


@pytest.mark.parametrize(
    ("field", "value", "where", "rule"),
    [
        ("content", None, "content", "required"),
        ("content", "  ", "content", "type"),
        ("bid_deadline", "2026-03-23", "bid_deadline", "type"),
        ("bid_deadline", 10**14, "bid_deadline", "range"),
        ("bid_deadline", True, "bid_deadline", "type"),
        ("doc_from", "2026-02-30", "doc_from", "type"),
        ("doc_from", 20260302, "doc_from", "type"),
        ("ceiling", 1.5, "ceiling", "type"),
        ("ceiling", -1, "ceiling", "range"),
        ("security_asked", 1, "security_asked", "type"),
        ("place", "一\n二", "place", "type"),
        ("place", "某" * 201, "place", "length"),
        ("media", "某报", "media", "type"),
        ("media", ["某"] * 21, "media", "length"),
        ("nobody", "x", "nobody", "unknown-field"),
    ],
)
def test_fields_are_checked_by_type_and_bound(field: str, value: Any, where: str, rule: str) -> None:
    terms: dict[str, Any] = {"doc_from": "2026-03-02", "doc_until": "2026-03-06", "bid_deadline": ms("2026-03-23")}
    terms |= {"content": "某", field: value}
    act = construction().act("notice", **terms)
    walk = construction()
    faults = engine.judge(walk.trade, act, RULES, now_ms=walk.now, calendar=CALENDAR)
    assert [(fault.field, fault.rule) for fault in faults] == [(where, rule)]
    assert faults[0].zh and faults[0].en and faults[0].severity == "refuse"


def test_fields_inside_rows_are_named_by_their_place() -> None:
    rows = [{"number": "1", "name": "甲"}, {"number": "2"}, {"number": "1", "name": 3, "colour": "red"}]
    faults = construction().judge("lots", lots=rows)
    assert {(fault.field, fault.rule) for fault in faults} == {
        ("lots[2].name", "required"),
        ("lots[3].name", "type"),
        ("lots[3].colour", "unknown-field"),
        ("lots[3].number", "repeated"),
    }


def test_a_credit_code_that_does_not_check_is_refused() -> None:
    wrong = {"name": "某", "uscc": "91350100M000100Y4A"}
    walk = to_candidates(construction()).to("2026-03-31")
    members = [{"name": "联合体", "members": [FIRM, wrong]}]
    assert [fault.field for fault in walk.judge("result", winner_rank=1, winners=members)] == [
        "winners[1].members[2].uscc"
    ]


def test_a_code_must_be_in_its_table_where_the_table_is_held() -> None:
    walk = construction()
    act = msgspec.structs.replace(
        walk.acts[0], fields=walk.acts[0].fields | {"division": "999999", "method": "lottery"}
    )

    def judged(tables: dict[str, set[str]]) -> list[str]:
        return [
            fault.field
            for fault in engine.judge(None, act, RULES, now_ms=walk.now, calendar=CALENDAR, tables=tables)
            if fault.rule == "choice"
        ]

    assert judged({}) == ["method"] and judged({"GB/T 2260": {"500103"}}) == ["division", "method"]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"seq": 3}, "seq"),
        ({"trade": "0" * 32}, "seq"),
        ({"rules": "construction@0"}, "package"),
        ({"category": "其他"}, "package"),
        ({"act": "lottery"}, "act"),
        ({"act": "register"}, "act"),
        ({"title": " "}, "required"),
        ({"disclosure": "result"}, "disclosure"),
        ({"at": ms("2026-03-03")}, "time"),
        ({"corrects": 1}, "amends"),
        ({"lots": ["9"]}, "lots"),
    ],
)
def test_the_head_of_an_act_is_checked(change: dict[str, Any], rule: str) -> None:
    walk = construction()
    act = walk.act("notice", doc_from="2026-03-02", doc_until="2026-03-06", bid_deadline=ms("2026-03-23"))
    act = msgspec.structs.replace(act, **change)
    faults = engine.judge(walk.trade, act, RULES, now_ms=walk.now, calendar=CALENDAR)
    assert [fault.rule for fault in faults] == [rule]


def test_an_act_cannot_have_happened_before_what_it_follows() -> None:
    walk = noticed(doc_until="2026-03-07", bid_deadline=ms("2026-03-23")).to("2026-03-23")
    walk.do("bids_received", bidders=3)
    act = walk.act("opening", bidders=3, opened_at=walk.now)
    early = msgspec.structs.replace(act, at=act.at - DAY_MS)
    faults = engine.judge(walk.trade, early, RULES, now_ms=walk.now, calendar=CALENDAR)
    assert [fault.rule for fault in faults] == ["time"]


def test_a_registration_needs_a_package_that_is_held_and_in_force() -> None:
    act = construction().acts[0]

    def rules(**change: Any) -> list[str]:
        new = msgspec.structs.replace(act, **change)
        return [fault.rule for fault in engine.judge(None, new, RULES, now_ms=ms("2030-01-01"), calendar=CALENDAR)]

    assert rules() == []
    assert rules(rules="construction@9") == ["package"] == rules(at=ms("2015-12-31")) == rules(category="其他")
    assert rules(act="notice") == ["act"]


def test_working_days_of_a_year_without_a_notice_are_said_to_be_unverified() -> None:
    walk = Walk("procurement", "2027-09-20", method="open", qualification="pre")
    (fault,) = walk.judge("prequal_notice", deadline=ms("2027-09-24"))
    assert fault.rule == "clock:prequal-application" and "按周末推算" in fault.zh and "weekends" in fault.en


# --- replaying --------------------------------------------------------------------------------------------------------


def test_order_of_the_acts_given_plays_no_part() -> None:
    walk = to_contract(construction(lots=THREE))
    assert engine.replay(reversed(walk.acts), RULES) == walk.trade


def test_acts_that_are_not_at_hand_show_as_gaps() -> None:
    walk = noticed().to("2026-03-23")
    walk.do("bids_received", bidders=3)
    trade = engine.replay([walk.acts[0], walk.acts[2]], RULES)
    assert trade.gaps == (2,) and trade.odd and trade.lots["1"].stage == "closed"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rules": "construction@9"}, "construction@9"),
        ({"act": "notice"}, "register"),
        ({"category": "其他"}, "category"),
        ({"trade": "0" * 32}, "trade"),
        ({"seq": 2}, "seq"),
    ],
)
def test_what_is_no_trade_is_malformed_and_the_act_named(change: dict[str, Any], said: str) -> None:
    first, second = noticed().acts
    with pytest.raises(Malformed, match=said):
        engine.replay([msgspec.structs.replace(first, **change), second], RULES)


def test_no_acts_make_no_trade() -> None:
    with pytest.raises(Malformed):
        engine.replay([], RULES)


def test_possible_acts_come_in_the_order_of_the_package() -> None:
    walk = construction()
    ids = [rule.id for rule in engine.possible(walk.fold(), now_ms=walk.now, calendar=CALENDAR)]
    assert ids == ["lots", "plan", "notice", "amendment", "pause", "terminated"]
    order = [rule.id for rule in package("construction").acts]
    assert ids == sorted(ids, key=order.index)


def test_owed_comes_by_time_left() -> None:
    walk = to_contract(construction())
    walk.later(60)
    running = [one for one in engine.owed(walk.fold(), now_ms=walk.now, calendar=CALENDAR) if not one.done_seq]
    assert running == []
    fresh = to_candidates(construction()).to("2026-03-31")
    fresh.do("result", winner_rank=1)
    fresh.do("award_notice")
    running = [one for one in engine.owed(fresh.fold(), now_ms=fresh.now, calendar=CALENDAR) if not one.done_seq]
    assert [one.clock.id for one in running] == ["deposits-losers", "report", "contract"]
    assert [one.act for one in running] == ["deposits_losers", "report", "contract"]


def test_doctests() -> None:
    assert doctest.testmod(limits).failed == 0 == doctest.testmod(rulebook).failed


def test_the_text_of_a_clarification_replaces_no_notices_text() -> None:
    walk = Walk("construction", "2026-03-02")
    notice = walk.do("notice", content="公告全文", bid_deadline=ms("2026-04-10"), doc_until="2026-03-20")
    walk.to("2026-03-05").do("clarification", content="补充图纸", affects=True, bid_deadline=ms("2026-04-20"))
    assert walk.trade is not None
    values = walk.trade.values[notice]
    assert (values["content"], values["bid_deadline"]) == ("公告全文", ms("2026-04-20"))
