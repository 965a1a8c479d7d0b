"""Service requests (R24): timed by what happens, against the promise of the day on which they were asked."""

from __future__ import annotations

from functools import partial

import pytest

from node.domain.promises import PUBLICATION, REFUND, REGISTER, VENUE, Promise, promises
from node.domain.record import Party
from node.domain.rulebook import parse
from node.domain.ruletables import parse as parse_table
from node.errors import NotFound, Overtaken, Rejected
from node.rules import load_services
from node.trading import deposits, register, services, venues
from tests.trading.bench import ANNA, DAY, few_rules, open_bench
from tests.trading.test_working import HOUR, ON_BOTH, _with_bidding, do

DAY_PROMISE = Promise("archive", "档案查询", "Look into a file", "档案", 1, "工作日", "list@1", "示例", True)


@pytest.fixture
def database() -> str:
    """Where a test names none."""
    return "sqlite"


@pytest.fixture
def bench(database):
    with open_bench(database) as made:
        package = _with_bidding()
        applied = {"name": "applied_at", "zh": "申请收到时间", "en": "Received", "type": "moment"}
        first = {**package["acts"][0], "fields": [*package["acts"][0]["fields"], applied]}
        amendment = {
            "id": "amendment",
            "zh": "更正",
            "en": "Amendment",
            "takes": ["*"],
            "per": "trade",
            "public": False,
        }
        amendment |= {"again": True, "amends": ["*"]}
        rules = few_rules(parse({**package, "acts": [first, *package["acts"][1:], amendment]}, "test"))
        made.rules._book, made.rules._stamp = rules.book, ""
        yield made


def listed(bench, state="open", service=""):
    return bench.read(services.listed, now_ms=bench.clock(), state=state, service=service)


def kept(bench, service):
    return bench.read(services.kept, now_ms=bench.clock()).get(service, services.Kept())


def ask(bench, **more):
    given = {"subject": "s", "title": "查阅", "asked_ms": bench.clock(), "account": "a"} | more
    return do(bench, services.ask, "archive", DAY_PROMISE, bench.rules.calendar, **given)


def test_the_list_of_the_program_holds_what_the_system_times_and_says_what_is_unverified():
    found = promises([load_services()])
    assert {REGISTER, VENUE, PUBLICATION, REFUND} <= set(found)
    assert not found[REGISTER].verified and not found[PUBLICATION].verified and found[REFUND].verified


def test_a_published_list_takes_the_place_of_the_programs(bench):
    row = {"id": "register", "zh": "登记", "post": "受理", "value": 2, "unit": "工作日"}
    head = {"id": "service-list", "version": "1", "sort": "services", "zh": "清单", "en": "List"}
    more = {"department": "市中心", "effective_from": "2020-01-01", "legal_basis": "文号", "tag": "S", "rows": [row]}
    bench.rules.services = (parse_table(head | more, "test"),)
    assert bench.rules.promises.keys() == {"register"} and bench.rules.promises["register"].verified


@ON_BOTH
def test_in_time_is_up_to_the_last_millisecond_and_late_one_after(bench):
    due = DAY_PROMISE.due_ms(bench.clock(), bench.rules.calendar)
    for number, done_ms in (("1", due), ("2", due + 1)):
        ask(bench, subject=number)
        assert do(bench, services.finish, "archive", number, done_ms) == 1
        assert do(bench, services.finish, "archive", number, done_ms) == 0, "once"
    bench.clock.now_ms = due + 2
    rows = {row["subject"]: row["late"] for row in listed(bench, "done")}
    assert rows == {"1": False, "2": True}
    assert kept(bench, "archive") == services.Kept(done=2, in_time=1)


def test_what_is_open_counts_as_late_from_then_on_and_what_was_dropped_not_at_all(bench):
    ask(bench)
    number = ask(bench, subject="t")
    assert ask(bench, subject="t") == number, "one request for one thing at a time"
    with pytest.raises(Rejected):
        do(bench, services.end, number, now_ms=bench.clock(), account="b", done=False)
    do(bench, services.end, number, now_ms=bench.clock(), account="b", done=False, words="不再需要")
    with pytest.raises(Overtaken):
        do(bench, services.end, number, now_ms=bench.clock(), account="b", done=True)
    with pytest.raises(NotFound):
        do(bench, services.end, "none", now_ms=bench.clock(), account="b", done=True)
    assert listed(bench, "late") == [] and len(listed(bench)) == 1
    bench.clock.forward(days=5)
    assert len(listed(bench, "late")) == 1 and kept(bench, "archive") == services.Kept(open=1, late=1)


async def test_a_registration_is_timed_from_its_application(bench):
    key = await bench.begin("甲")
    assert listed(bench, "done", REGISTER) == [], "nobody said when it came in: nothing is guessed"
    fields = {"project_name": "乙", "owner": {"name": "示例建设单位"}, "estimate": 1_000_000_00}
    asked = bench.clock() - 5 * DAY
    done = await bench.desk.begin(ANNA, "工程建设", "乙", fields | {"applied_at": asked}, division="500103")
    (row,) = listed(bench, "done", REGISTER)
    assert (row["trade"], row["asked_ms"], row["done_ms"]) == (done.trade, asked, bench.clock()) and row["late"]
    await bench.refresher.rebuild()
    assert len(listed(bench, "done", REGISTER)) == 1 and key != done.trade
    late = {"applied_at": bench.clock() - HOUR}
    amended = await bench.desk.act(ANNA, done.trade, "amendment", fields=late, corrects=1)
    (row,) = listed(bench, "done", REGISTER)
    assert row["asked_ms"] == late["applied_at"] and not row["late"], "an amendment put it right"
    await bench.desk.withdraw(ANNA, done.trade, amended.seq, "误更正")
    await bench.desk.withdraw(ANNA, done.trade, 1, "误登记")
    assert listed(bench, "done", REGISTER) == [] and kept(bench, REGISTER).done == 0


async def test_a_room_that_is_booked_answers_the_request_for_it(bench):
    key = await bench.begin()
    note = partial(services.note, promise=bench.rules.promises[VENUE], calendar=bench.rules.calendar)
    given = {"asker": "示例建设单位", "asked_ms": bench.clock(), "now_ms": bench.clock(), "account": "a"}
    do(bench, note, title="开标室", trade=key, **given)
    with pytest.raises(NotFound):
        do(bench, note, title="开标室", trade="0" * 32, **given)
    with pytest.raises(Rejected, match="asked for"):
        do(bench, note, title=" ", **given)
    with pytest.raises(Rejected, match="later"):
        do(bench, note, title="开标室", **given | {"asked_ms": bench.clock() + 1})
    refund = partial(services.note, promise=bench.rules.promises[REFUND], calendar=bench.rules.calendar)
    with pytest.raises(Rejected, match="list"):
        do(bench, refund, title="退款", **given)
    room = do(bench, venues.add_room, do(bench, venues.add_venue, "一楼"), "开标一室", "opening")
    start = bench.clock() // 60_000 * 60_000
    do(bench, venues.book, room, start, start + HOUR, account="a", now_ms=bench.clock(), trade=key)
    (row,) = listed(bench, "done", VENUE)
    assert row["trade"] == key and not row["late"]


@ON_BOTH
async def test_a_refund_is_timed_from_the_start_of_its_clock_and_due_when_the_law_says(bench):
    key = await bench.begin()
    await bench.notice(key, fields={"bid_deadline": bench.clock() + 21 * DAY})
    trade = bench.read(register.trade_of, bench.rules.book, key)[0]
    money = {"form": "transfer", "amount_fen": 100_00, "paid_ms": bench.clock(), "account": "a"}
    number = do(
        bench, deposits.take, trade, bench.rules.calendar, lot="1", party=Party("丙公司"), now_ms=bench.clock(), **money
    )
    assert listed(bench, service=REFUND) == [], "no clock runs before the result"
    bench.clock.forward(days=22)
    await bench.desk.act(ANNA, key, "opening", fields={"bids": 3})
    won = {"winner": {"name": "甲公司"}, "award_amount": 800_000_00}
    await bench.desk.act(ANNA, key, "result", fields=won)
    (row,) = listed(bench, service=REFUND)
    with pytest.raises(Rejected, match="what happens"):
        do(bench, services.end, row["id"], now_ms=bench.clock(), account="b", done=True)
    deposit = bench.read(deposits.get, number)
    assert row["subject"] == number and row["due_ms"] == deposit["due_ms"] and "丙公司" not in row["title"]
    assert row["asked_ms"] == bench.clock()
    at = deposit["due_ms"] + 1
    do(bench, deposits.give_back, number, deposit["version"], at_ms=at, account="a")
    (row,) = listed(bench, "done", REFUND)
    assert row["late"] and kept(bench, REFUND) == services.Kept(done=1)
