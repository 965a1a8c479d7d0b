"""The desk: what is judged, what is published, and what two people who act at once are told."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from node.errors import ActRefused, NotAllowed, NotFound, Overtaken, Rejected
from node.trading import register
from node.wire.payload import encode
from tests.trading.bench import ANNA, BORIS, DAY, NODE, Bench, Clerk, few_rules, open_bench

ON_BOTH = pytest.mark.parametrize("database", ["sqlite", "postgres"])


@pytest.fixture
def database() -> str:
    """Where a test names none: what differs between the two is looked at in few."""
    return "sqlite"


@pytest.fixture
def bench(database):
    with open_bench(database) as made:
        yield made


def trade_of(bench: Bench, key: str):
    return bench.read(register.trade_of, bench.rules.book, key)


@ON_BOTH
async def test_a_trade_goes_from_registration_to_archive(bench):
    key = await bench.begin()
    await bench.to_result(key)
    await bench.approved(key, "contract", fields={"contract_amount": 1})
    done = await bench.desk.act(ANNA, key, "archive")
    trade, records = trade_of(bench, key)
    assert (done.seq, trade.lots["1"].stage, trade.ended, trade.odd) == (6, "archived", True, ())
    assert [each.kind for each in records] == [
        "trade.step", "trade.act", "trade.step", "trade.act", "trade.act", "trade.step"
    ]  # fmt: skip
    (row,) = bench.read(register.register, register.Query(), now_ms=bench.clock()).rows
    assert (row["stage"], row["ended"], row["acts"], row["own"], row["owner"]) == ("archived", 1, 6, 1, "示例建设单位")


async def test_what_is_not_disclosed_lies_in_the_shared_section(bench):
    key = await bench.begin()
    await bench.notice(key)
    _, records = trade_of(bench, key)
    notice = records[1]
    assert "contact" not in notice.document.body.fields and notice.inner == {"contact": "王先生"}
    told = notice.document.body.context
    assert (told["stage_name"], told["owner"]) == ("招标公告", {"name": "示例建设单位"}), "the record alone says whose"
    (row,) = bench.rows("select stage, owner, amount_fen, published_on from trade_view")
    assert row == ("招标公告", "示例建设单位", 900_000_00, "2025-11-25")
    assert notice.act.fields["contact"] == "王先生", "replaying knows it"


async def test_the_hand_signs_the_very_bytes_of_the_record(bench):
    key = await bench.begin()
    _, (record,) = trade_of(bench, key)
    hand = record.hand
    assert hand is not None and hand.account == ANNA.account
    assert record.stated.main == encode(record.document) and hand.version == 2 and hand.signs(record.stated)


async def test_every_fault_is_told_by_field_and_nothing_is_published(bench):
    key = await bench.begin()
    with pytest.raises(ActRefused) as refused:
        await bench.desk.act(ANNA, key, "notice", fields={"ceiling": "viel", "nonsense": 1})
    assert {fault.field for fault in refused.value.faults} == {"opening_at", "ceiling", "nonsense"}
    assert all(fault.zh and fault.en for fault in refused.value.faults)
    with pytest.raises(ActRefused) as refused:
        await bench.notice(key, fields={"opening_at": bench.clock() + 19 * DAY})
    assert refused.value.faults[0].rule == "clock:notice-to-opening"
    with pytest.raises(ActRefused):
        await bench.desk.act(ANNA, key, "archive")
    assert len(trade_of(bench, key)[1]) == 1


async def test_checking_publishes_nothing(bench):
    key = await bench.begin()
    assert [each.field for each in await bench.desk.check(key, "notice")] == ["opening_at"]
    assert await bench.desk.check(key, "notice", fields={"opening_at": bench.clock() + 30 * DAY}) == []
    assert {each.field for each in await bench.desk.check_registration("工程建设", "x", {})} == {
        "project_name",
        "owner",
    }
    assert len(trade_of(bench, key)[1]) == 1


@ON_BOTH
async def test_two_clerks_who_act_at_once_get_one_act_and_one_clear_answer(bench):
    """Through two desks over one database, as two processes have them: the key of the record decides."""
    key = await bench.begin()
    other = bench.restart()
    # Both have judged before either publishes.
    gate = asyncio.Barrier(2)

    def held(desk):
        publish = desk.publication.publisher.publish

        async def later(items):
            await gate.wait()
            return await publish(items)

        return type("Held", (), {"publish": staticmethod(later)})()

    bench.desk.publication.publisher, other.desk.publication.publisher = held(bench.desk), held(other.desk)
    answers = await asyncio.gather(bench.notice(key, ANNA), other.notice(key, BORIS), return_exceptions=True)
    faults = [each for each in answers if isinstance(each, Exception)]
    assert len(faults) == 1 and isinstance(faults[0], Overtaken) and "他人" in faults[0].zh
    assert [each.act.seq for each in trade_of(bench, key)[1]] == [1, 2]


async def test_in_one_process_the_second_is_judged_by_what_the_first_did(bench):
    key = await bench.begin()
    answers = await asyncio.gather(bench.notice(key, ANNA), bench.notice(key, BORIS), return_exceptions=True)
    assert sorted(type(each).__name__ for each in answers) == ["ActRefused", "Done"]


async def test_a_form_that_is_sent_twice_makes_one_act(bench):
    trade = bench.desk.new_key()
    first, again = await bench.begin(trade=trade), await bench.begin(trade=trade)
    assert first == again == trade
    done = await bench.notice(trade, expect=2)
    repeat = await bench.notice(trade, expect=2)
    assert (done.repeated, repeat.repeated, repeat.record_id) == (False, True, done.record_id)
    with pytest.raises(Overtaken):
        await bench.notice(trade, BORIS, expect=2)
    with pytest.raises(Overtaken):
        await bench.notice(trade, expect=2, fields={"ceiling": 5})
    with pytest.raises(Overtaken):
        await bench.begin("另一工程", trade=trade)


async def test_posts_permissions_and_second_eyes(bench):
    key = await bench.begin()
    with pytest.raises(NotAllowed):
        await bench.notice(key, Clerk("v@east", roles=frozenset({"venue"})))
    with pytest.raises(NotAllowed):
        await bench.begin(person=Clerk("v@east", permissions=frozenset()))
    await bench.to_result(key)
    with pytest.raises(NotAllowed):
        await bench.desk.act(ANNA, key, "contract")
    with pytest.raises(NotAllowed):
        await bench.approved(key, "contract", second=ANNA)
    done = await bench.approved(key, "contract")
    assert trade_of(bench, key)[1][done.seq - 1].hand.second == BORIS.account


async def test_a_centre_may_ask_for_a_second_person_under_all_that_is_public(bench):
    strict = Bench(bench.store, bench.clock, seed="strict", four_eyes="public")
    key = await strict.begin()  # a step inside needs nobody else
    with pytest.raises(NotAllowed, match="second person"):
        await strict.notice(key)
    with pytest.raises(NotAllowed, match="second person"):
        await strict.approved(key, "notice", second=ANNA, fields=strict.noticed)
    done = await strict.approved(key, "notice", fields=strict.noticed)
    assert trade_of(strict, key)[1][done.seq - 1].hand.second == BORIS.account
    bench.clock.forward(days=21)
    await strict.desk.act(ANNA, key, "opening", fields={"bids": 3})


@ON_BOTH
async def test_a_withdrawn_act_stays_in_sight(bench):
    key = await bench.begin()
    await bench.notice(key)
    with pytest.raises(Rejected):
        await bench.desk.withdraw(ANNA, key, 2, "  ")
    done = await bench.desk.withdraw(ANNA, key, 2, "发错了")
    assert done.version == 2
    trade, records = trade_of(bench, key)
    assert trade.lots["1"].stage == "registered" and records[1].withdrawn and records[1].reason == "发错了"
    assert records[1].act.fields["contact"] == "王先生"
    rows = bench.read(register.acts_of, key, NODE)
    assert [(row["seq"], row["withdrawn"], row["reason"]) for row in rows] == [(1, 0, ""), (2, 1, "发错了")]
    listed = "select state from record_view join trade_view using (log_id, idx)"
    assert bench.rows(listed) == [("withdrawn",)], "lists of notices tell of it too"
    again = await bench.notice(key)
    assert again.seq == 3, "a number is never given twice"
    assert (await bench.desk.withdraw(ANNA, key, 2, "再来")).repeated
    assert (bench.read(register.state_of, key)["acts"], bench.read(register.state_of, key)["withdrawn"]) == (2, 1)


async def test_what_others_rest_on_is_not_withdrawn_before_them(bench):
    key = await bench.begin()
    await bench.to_result(key)
    with pytest.raises(ActRefused) as refused:
        await bench.desk.withdraw(ANNA, key, 2, "发错了")
    assert "第 3 号" in refused.value.zh
    for seq in (4, 3, 2, 1):
        await bench.desk.withdraw(ANNA, key, seq, "全部撤回")
    state = bench.read(register.state_of, key)
    assert (state["void"], state["ended"], state["withdrawn"], state["owed"]) == (1, 0, 4, 0)
    with pytest.raises(ActRefused):
        await bench.notice(key)


async def test_another_nodes_trade_is_not_acted_upon(bench):
    key = await bench.begin()
    elsewhere = bench.restart()
    elsewhere.desk.own.node = "ggzy.example/cq/500102"
    with pytest.raises(NotAllowed) as refused:
        await elsewhere.notice(key)
    assert NODE in refused.value.detail
    with pytest.raises(NotFound):
        await bench.notice("0" * 32)


async def test_a_crash_between_publishing_and_what_follows_loses_nothing(bench):
    """As after kill -9: the record is durable, nothing was made of it, and another process goes on."""
    key = await bench.begin()

    async def dies():
        raise asyncio.CancelledError

    bench.desk.publication.after = dies
    with pytest.raises(asyncio.CancelledError):
        await bench.notice(key)
    assert bench.read(register.state_of, key)["last_act"] == "register", "the crash came before that"
    later = bench.restart()
    await later.projector.run()
    await later.refresher.run()
    assert later.read(register.state_of, key)["last_act"] == "notice"
    assert (await later.desk.act(ANNA, key, "fail", fields={"why": "不足三家"})).seq == 3


async def test_warnings_let_pass_are_told(bench):
    key = await bench.begin()
    bench.desk.judging.rules = few_rules(*(unread(package) for package in bench.rules.book.packages))
    done = await bench.notice(key, fields={"opening_at": bench.clock() + 10 * DAY})
    assert [each.rule for each in done.warnings] == ["clock:notice-to-opening"]


def unread(package):
    """The same rules as nobody has read them: what they refuse becomes a warning."""
    clocks = [msgspec.structs.replace(clock, tag="U") for clock in package.clocks]
    return msgspec.structs.replace(package, clocks=clocks)
