"""What a centre works with beside the log: bids, drafts, rooms, deposits, charges."""

from __future__ import annotations

import asyncio
from dataclasses import replace as dataclass_replace
from functools import partial

import pytest
from msgspec.structs import replace

from node.domain.fees import parse as parse_tariff
from node.domain.hands import Approval
from node.domain.record import Party
from node.domain.rulebook import parse
from node.errors import (
    ActRefused,
    BadSignature,
    Malformed,
    NotAllowed,
    NotFound,
    Overtaken,
    Refused,
    Rejected,
    TooLarge,
)
from node.tlog.note import Note
from node.trading import bidders, bids, charges, deposits, drafts, register, venues
from node.trading.bidders import Holder
from node.wire.bid_receipt import open_bid_receipt
from tests.publishing.made import signer
from tests.trading.bench import ANNA, DAY, NODE, PACKAGE, Bench, few_rules, open_bench

HOUR = 3_600_000
APPROVAL = Approval(account="boris", role="publication", author="anna", at=3, act="00" * 32)
CUSTODY = signer(f"{NODE}/custody")
AGE = b"age-encryption.org/v1\n-> X25519 abc"
CMS = bytes.fromhex("3082010006092a864886f70d010703a0")


def _with_bidding() -> dict:
    """The small package with an end of bidding and clocks for deposits."""
    acts = [dict(act) for act in PACKAGE["acts"]]
    until = {"name": "bid_deadline", "zh": "截止", "en": "Until", "type": "moment"}
    asked = {"name": "price", "zh": "底价", "en": "Asked", "type": "money"}
    acts[1] = {**acts[1], "fields": [*acts[1]["fields"], until, asked]}
    sums = [{"name": "amount", "zh": "金额", "en": "Amount", "type": "money"}]
    sums += [{"name": "winners", "zh": "中标人", "en": "Winners", "type": "parties"}]
    acts = [{**act, "fields": [*act["fields"], *sums]} if act["id"] == "result" else act for act in acts]
    acts = [{**act, "fields": [*act["fields"], sums[0]]} if act["id"] == "contract" else act for act in acts]
    kinds = {"party": "party", "received_at": "moment", "receipt": "text", "withdrawn_at": "moment"}
    bid = [{"name": name, "zh": name, "en": name, "type": kind} for name, kind in kinds.items()]
    ending = {
        "id": "bids_received",
        "zh": "投标截止",
        "en": "End of bidding",
        "takes": ["noticed"],
        "public": False,
        "fields": [
            {"name": "bidders", "zh": "投标人数", "en": "Bidders", "type": "integer", "required": True},
            {"name": "bids", "zh": "投标", "en": "Bids", "type": "rows", "columns": bid, "disclosed": False},
        ],
    }
    back = {"per": "lot", "takes": ["awarded"], "public": False, "again": True, "en": "Deposits back"}
    counts = [
        {"name": name, "zh": name, "en": name, "type": "integer", "required": True} for name in ("count", "total")
    ]
    acts += [
        ending,
        *({**back, "id": act, "zh": act, "fields": counts} for act in ("deposits_losers", "deposits_winner")),
    ]
    clock = PACKAGE["clocks"][1]
    clocks = [
        *PACKAGE["clocks"][:2],
        {**clock, "id": "losers", "end": {"act": "deposits_losers"}, "value": 5},
        {**clock, "id": "winner", "end": {"act": "deposits_winner"}, "value": 20},
    ]
    return {**PACKAGE, "acts": acts, "clocks": clocks}


ON_BOTH = pytest.mark.parametrize("database", ["sqlite", "postgres"])


@pytest.fixture
def database() -> str:
    """Where a test names none: what differs between the two is looked at in few."""
    return "sqlite"


@pytest.fixture
def bench(database):
    with open_bench(database) as made:
        rules = few_rules(parse(_with_bidding(), "test"))
        made.rules._book, made.rules._stamp = rules.book, ""
        yield made


def do(bench: Bench, work, *args, **more):
    return bench.store.write_now(partial(_call, work, args, more))


def _call(work, args, more, conn):
    return work(conn, *args, **more)


async def noticed(bench: Bench):
    key = await bench.begin(lots=2)
    await bench.notice(key, fields={"bid_deadline": bench.clock() + 21 * DAY})
    return bench.read(register.trade_of, bench.rules.book, key)[0]


def bid(trade, name="甲公司", uscc="91350100M000100Y43", lot="1", **more):
    values = {"head": AGE, "digest": "ab" * 32, "size": 1000, **more}
    return bids.Incoming(trade.key, lot, Party(name, uscc), **values)


def receive(bench: Bench, given, trade):
    return do(bench, bids.receive, given, trade, node=NODE, custody=CUSTODY, now_ms=bench.clock())


# --- bids -------------------------------------------------------------------------------------------------------------


async def test_a_bids_receipt_verifies_offline_and_a_changed_one_does_not(bench):
    trade = await noticed(bench)
    receipt, note = receive(bench, bid(trade, head=CMS), trade)
    read, key = open_bid_receipt(note, [CUSTODY.verifier])
    assert read == receipt and key.name == f"{NODE}/custody" and read.form == "cms"
    with pytest.raises(BadSignature):
        open_bid_receipt(note.replace("甲".encode(), "乙".encode()), [CUSTODY.verifier])
    with pytest.raises(BadSignature):
        open_bid_receipt(note, [signer("ggzy.example/other/custody").verifier])
    with pytest.raises(Malformed):
        open_bid_receipt(_signed(note.decode().replace("sort bid", "sort joke")), [CUSTODY.verifier])


def _signed(text: str) -> bytes:
    body = text.partition("\n\n")[0] + "\n"
    return Note(body, (CUSTODY.sign_note(body),)).encode()


@ON_BOTH
async def test_nothing_is_told_of_bids_before_their_deadline_and_all_after_it(bench):
    trade = await noticed(bench)
    first, _ = receive(bench, bid(trade), trade)
    bench.clock.forward(days=1)
    other, _ = receive(bench, bid(trade, "乙公司", ""), trade)
    bench.clock.forward(seconds=1)
    better, _ = receive(bench, bid(trade, replaces=first.number, digest="cd" * 32), trade)
    bench.clock.forward(days=1)
    do(bench, bids.withdraw, other.number, "", trade, node=NODE, custody=CUSTODY, now_ms=bench.clock())
    for work, given in ((bids.counted, (["1"],)), (bids.opened, ("1",))):
        with pytest.raises(NotAllowed):
            bench.read(work, trade, *given, now_ms=bench.clock())
    assert [row["id"] for row in bench.read(bidders.of_holder, Holder("", "91350100M000100Y43"))] == [
        better.number,
        first.number,
    ]
    bench.clock.forward(days=19)
    told = bench.read(bids.counted, trade, ["1"], now_ms=bench.clock())
    assert (told["bidders"], told["withdrawn"]) == (1, 1)
    assert [each["receipt"] for each in told["bids"]] == [other.number, better.number]
    assert [row["digest"] for row in bench.read(bids.opened, trade, "1", now_ms=bench.clock())] == ["cd" * 32]
    rule = trade.package.act("bids_received")
    fields = bids.fields_for(rule, told)
    assert set(fields) == {"bidders", "bids"}
    done = await bench.desk.act(ANNA, trade.key, "bids_received", lots=["1"], fields=fields)
    _, records = bench.read(register.trade_of, bench.rules.book, trade.key)
    assert records[done.seq - 1].act.fields["bids"] == fields["bids"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"head": b"%PDF-1.7 open"}, Rejected),
        ({"head": b"PK\x03\x04"}, Rejected),
        ({"digest": "AB" * 32}, Rejected),
        ({"size": 0}, Rejected),
        ({"name": " "}, Rejected),
        ({"name": "甲\n公司"}, Rejected),
        ({"lot": "9"}, NotFound),
        ({"replaces": "0" * 32}, NotFound),
    ],
)
async def test_a_bid_that_is_not_right_is_not_taken(bench, change, error):
    trade = await noticed(bench)
    with pytest.raises(error):
        receive(bench, bid(trade, **change), trade)
    assert bench.rows("select count(*) from bid_receipt") == [(0,)]


async def test_the_same_file_handed_in_again_has_the_receipt_that_it_has(bench):
    trade = await noticed(bench)
    first = receive(bench, bid(trade), trade)
    bench.clock.forward(seconds=5)
    assert receive(bench, bid(trade), trade) == first
    assert receive(bench, bid(trade, "乙公司"), trade)[0].number != first[0].number
    assert bench.rows("select count(*) from bid_receipt") == [(2,)]


async def test_the_end_of_bidding_begins_with_the_lots_whose_deadline_is_over(bench):
    trade = await noticed(bench)
    rule = trade.package.act("bids_received")
    kept, _ = receive(bench, bid(trade), trade)
    gone, _ = receive(bench, bid(trade, "乙公司", ""), trade)
    do(bench, bids.withdraw, gone.number, "", trade, node=NODE, custody=CUSTODY, now_ms=bench.clock())

    def begun(rule):
        return bench.read(bids.ending_fields, trade, rule, ["1", "2"], now_ms=bench.clock())

    assert begun(rule) == ({}, [])
    bench.clock.forward(days=21)
    fields, lots = begun(rule)
    assert (fields["bidders"], len(fields["bids"]), lots) == (1, 2, ["1", "2"])
    # An act without a column for withdrawals does not list a bid that was taken back as if it stood.
    columns = [column for column in rule.field("bids").columns if column.name != "withdrawn_at"]
    narrow = replace(rule, fields=[replace(each, columns=columns) if each.columns else each for each in rule.fields])
    assert [row["receipt"] for row in begun(narrow)[0]["bids"]] == [kept.number]
    assert bench.read(bids.ending_fields, trade, rule, [], now_ms=bench.clock()) == ({}, [])


async def test_a_bid_at_the_deadline_is_too_late_and_the_moment_before_is_not(bench):
    trade = await noticed(bench)
    bench.clock.now_ms = bids.deadline_ms(trade, "1") - 1
    receipt, _ = receive(bench, bid(trade), trade)
    bench.clock.now_ms += 1
    with pytest.raises(Refused):
        receive(bench, bid(trade, "乙公司"), trade)
    with pytest.raises(Refused):
        do(bench, bids.withdraw, receipt.number, "91350100M000100Y43", trade, node=NODE, custody=CUSTODY,
           now_ms=bench.clock())  # fmt: skip


async def test_before_the_notice_nothing_is_handed_in(bench):
    key = await bench.begin()
    trade, _ = bench.read(register.trade_of, bench.rules.book, key)
    with pytest.raises(Refused):
        receive(bench, bid(trade), trade)


# --- drafts -----------------------------------------------------------------------------------------------------------


@ON_BOTH
def test_a_draft_is_saved_over_the_version_it_was_made_from(bench):
    made = do(bench, drafts.save, "anna", "construction/notice", {"a": "1"}, trade="t", now_ms=1)
    again = do(bench, drafts.save, "anna", "construction/notice", {"a": "2"}, draft=made.id, version=1, now_ms=2)
    assert (again.version, again.content, again.made_ms) == (2, {"a": "2"}, 1)
    with pytest.raises(Overtaken):
        do(bench, drafts.save, "anna", "construction/notice", {"a": "3"}, draft=made.id, version=1, now_ms=3)
    assert bench.read(drafts.find, "anna", "construction/notice", "t").content == {"a": "2"}
    for work in (drafts.load, drafts.view, drafts.discard):
        with pytest.raises(NotFound):
            do(bench, work, made.id, "boris")
    do(bench, drafts.discard, made.id, "anna")
    assert bench.read(drafts.mine, "anna") == []


def test_four_eyes_are_two_persons_and_see_what_is_published(bench):
    made = do(bench, drafts.save, "anna", "f", {"a": "1"}, now_ms=1)
    do(bench, drafts.submit, made.id, "anna", 1, now_ms=2)
    with pytest.raises(NotAllowed):
        do(bench, drafts.decide, made.id, "anna", 2, approval=APPROVAL, now_ms=3)
    with pytest.raises(NotAllowed):
        bench.read(drafts.approved, made.id, "anna", 2)
    assert [each.id for each in bench.read(drafts.waiting, "boris")] == [made.id]
    assert bench.read(drafts.waiting, "anna") == []
    with pytest.raises(Refused):
        do(bench, drafts.decide, made.id, "boris", 2, approval=None, now_ms=3)
    seen = do(bench, drafts.decide, made.id, "boris", 2, approval=APPROVAL, now_ms=3)
    kept = bench.read(drafts.approved, made.id, "anna", seen.version)
    assert (kept.second, kept.approval) == ("boris", APPROVAL)
    changed = do(bench, drafts.save, "anna", "f", {"a": "2"}, draft=made.id, version=seen.version, now_ms=4)
    assert (changed.state, changed.second, changed.approval) == ("open", "", None)
    with pytest.raises(NotAllowed):
        bench.read(drafts.approved, made.id, "anna", changed.version)
    do(bench, drafts.finish, made.id, "anna", now_ms=5)
    assert bench.read(drafts.mine, "anna") == []


def test_drafts_are_bounded_in_size_and_number(bench, monkeypatch):
    with pytest.raises(TooLarge):
        do(bench, drafts.save, "anna", "f", {"a": "长" * 200_000}, now_ms=1)
    monkeypatch.setattr(drafts, "MAX_DRAFTS", 2)
    for _ in range(2):
        do(bench, drafts.save, "anna", "f", {}, now_ms=1)
    with pytest.raises(TooLarge):
        do(bench, drafts.save, "anna", "f", {}, now_ms=1)
    do(bench, drafts.save, "boris", "f", {}, now_ms=1)


# --- rooms ------------------------------------------------------------------------------------------------------------


def room_of(bench: Bench) -> int:
    venue = do(bench, venues.add_venue, "主场地", "示例路 1 号")
    return do(bench, venues.add_room, venue, "第一开标室", "opening", 40)


def book(bench: Bench, room: int, start: int, end: int, **more):
    times = {"account": "v", "now_ms": 1, "title": "示例工程"} | more
    return do(bench, venues.book, room, start * HOUR, end * HOUR, **times)


@pytest.mark.parametrize(
    ("start", "end", "free"),
    [(8, 9, True), (11, 12, True), (9, 11, False), (10, 12, False), (8, 10, False), (8, 12, False), (9, 10, False)],
)
def test_a_room_is_nobodys_twice_and_the_end_is_the_next_ones_start(bench, start, end, free):
    room = room_of(bench)
    book(bench, room, 9, 11)
    if free:
        assert book(bench, room, start, end)
    else:
        with pytest.raises(Overtaken) as refused:
            book(bench, room, start, end)
        assert "示例工程" in refused.value.zh


@ON_BOTH
async def test_of_many_who_book_at_once_one_gets_the_room(bench):
    room = room_of(bench)
    work = partial(_call, venues.book, (room, 9 * HOUR, 11 * HOUR), {"account": "v", "now_ms": 1})
    answers = await asyncio.gather(*(bench.store.write(work) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(each, int) for each in answers) == 1
    assert all(isinstance(each, int | Overtaken) for each in answers)


@ON_BOTH
def test_bookings_are_changed_and_cancelled_with_a_reason(bench):
    room = room_of(bench)
    one, other = book(bench, room, 9, 11, trade="t", lots=["1", "2"]), book(bench, room, 11, 12)
    move = {"account": "w", "now_ms": 2}
    with pytest.raises(Rejected):
        do(bench, venues.change, one, 1, reason=" ", starts_ms=8 * HOUR, **move)
    with pytest.raises(Overtaken):
        do(bench, venues.change, one, 1, reason="延时", ends_ms=12 * HOUR, **move)
    moved = do(bench, venues.change, one, 1, reason="提前", starts_ms=8 * HOUR, **move)
    assert (moved["starts_ms"], moved["version"], moved["reason"], moved["lots"]) == (8 * HOUR, 2, "提前", ["1", "2"])
    with pytest.raises(Overtaken):
        do(bench, venues.cancel, one, 1, reason="取消", **move)
    do(bench, venues.cancel, other, 1, reason="流标", **move)
    assert [row["id"] for row in bench.read(venues.week, 0)] == [one]
    assert book(bench, room, 11, 12)
    assert [row["state"] for row in bench.read(venues.of_trade, "t")] == ["booked"]
    assert [row["id"] for row in bench.read(venues.free_rooms, 12 * HOUR, 13 * HOUR)] == [room]
    assert bench.read(venues.free_rooms, 10 * HOUR, 13 * HOUR) == []
    do(bench, venues.close_room, room)
    with pytest.raises(Refused):
        book(bench, room, 20, 21)


def test_a_week_holds_what_touches_it(bench):
    room = room_of(bench)
    week = venues.WEEK_MS // HOUR
    before, first = book(bench, room, week - 2, week), book(bench, room, week, week + 1)
    last, after = book(bench, room, 2 * week - 1, 2 * week + 1), book(bench, room, 2 * week + 1, 2 * week + 2)
    found = [row["id"] for row in bench.read(venues.week, week * HOUR)]
    assert found == [first, last] and before not in found and after not in found


@pytest.mark.parametrize(("start", "end"), [(9, 9), (10, 9), (0, 24 * 15)])
def test_a_booking_ends_after_it_begins_and_within_bounds(bench, start, end):
    with pytest.raises(Rejected):
        book(bench, room_of(bench), start, end)


# --- deposits ---------------------------------------------------------------------------------------------------------


def deposit(bench: Bench, trade, name: str, **more):
    given = {"lot": "1", "form": "transfer", "amount_fen": 50_000_00, "paid_ms": bench.clock(), "account": "a"} | more
    return do(bench, deposits.take, trade, bench.rules.calendar, party=Party(name), now_ms=bench.clock(), **given)


@ON_BOTH
async def test_losers_and_winner_have_their_own_clocks_and_what_is_late_is_told(bench):
    trade = await noticed(bench)
    won, lost = deposit(bench, trade, "示例施工公司"), deposit(bench, trade, "落选公司")
    assert bench.read(deposits.todo, now_ms=bench.clock()) == [], "nothing runs yet"
    bench.clock.forward(days=21)
    await bench.desk.act(ANNA, trade.key, "opening", lots=["1"], fields={"bids": 2})
    result = {"winner": {"name": "示例施工公司"}, "award_amount": 1}
    await bench.desk.act(ANNA, trade.key, "result", lots=["1"], fields=result)
    owed = bench.read(deposits.todo, now_ms=bench.clock())
    assert [(row["id"], row["clock"], row["late"], row["title"]) for row in owed] == [
        (lost, "losers", False, "示例道路工程"),
        (won, "winner", False, "示例道路工程"),
    ]
    later = bench.clock() + 6 * DAY
    assert [row["late"] for row in bench.read(deposits.todo, now_ms=later)] == [True, False]
    back = do(bench, deposits.give_back, lost, 1, at_ms=later, account="a", interest_fen=12)
    assert (back["state"], back["version"]) == ("returned", 2)
    with pytest.raises(Overtaken):
        do(bench, deposits.give_back, lost, 1, at_ms=later, account="a")
    trade, _ = bench.read(register.trade_of, bench.rules.book, trade.key)
    assert bench.read(deposits.fields_for, trade, "deposits_losers", ["1"]) == {"count": 1, "total": 50_000_12}
    assert bench.read(deposits.fields_for, trade, "deposits_winner", ["1"]) == {"count": 0, "total": 0}
    with pytest.raises(Rejected):
        do(bench, deposits.keep, won, 1, at_ms=later, account="a", reason="")
    do(bench, deposits.keep, won, 1, at_ms=later, account="a", reason="拒签合同，条例第七十四条")
    assert bench.read(deposits.totals, trade.key, now_ms=later) == {"returned": (1, 50_000_00), "kept": (1, 50_000_00)}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"form": "cash"}, "form"),
        ({"amount_fen": 0}, "amount"),
        ({"form": "guarantee"}, "document_no"),
        ({"form": "guarantee", "document_no": "BH1", "issuer": "某银行", "expires_on": "明年"}, "expires_on"),
        ({"expires_on": "2026-01-01"}, "expires_on"),
        ({"document_no": "6222 0210 0111 6245 702"}, "document_no"),
    ],
)
async def test_a_deposit_that_is_not_right_is_refused_by_field(bench, change, field):
    trade = await noticed(bench)
    with pytest.raises(Rejected) as refused:
        deposit(bench, trade, "甲公司", **change)
    assert refused.value.field == field


def told(bench: Bench, trade) -> str:
    """All that lists and sums say."""
    now, until = bench.clock(), "2099-01-01"
    lists = [
        bench.read(deposits.todo, now_ms=now),
        bench.read(deposits.expiring, now_ms=now, until=until),
        bench.read(deposits.of_trade, trade, now_ms=now),
        bench.read(deposits.ledger, trade, now_ms=now),
        bench.read(deposits.ledger, now_ms=now),
    ]
    return f"{[each for each in lists if each]}{bench.read(deposits.totals, now_ms=now) or ''}"


PAPER = {"form": "guarantee", "document_no": "BH1", "issuer": "某银行", "expires_on": "2025-12-31"}


@ON_BOTH
async def test_who_paid_for_a_bid_is_told_from_the_deadline_on_by_one_rule(bench):
    trade = await noticed(bench)
    number = deposit(bench, trade, "甲公司", **PAPER)
    deposit(bench, trade, "乙公司", lot="2")
    assert told(bench, trade) == "[]"
    assert bench.read(deposits.by_number, trade, number)["bidder"] == "甲公司"
    with pytest.raises(NotFound):
        bench.read(deposits.by_number, trade, "0" * 32)
    bench.clock.forward(days=21)
    trade, _ = bench.read(register.trade_of, bench.rules.book, trade.key)
    assert "甲公司" in told(bench, trade) and "乙公司" in told(bench, trade)


async def test_of_a_lot_that_ended_deposits_are_told_for_they_must_go_back(bench):
    trade = await noticed(bench)
    deposit(bench, trade, "甲公司", lot="1")
    deposit(bench, trade, "乙公司", lot="2")
    await bench.desk.act(ANNA, trade.key, "fail", lots=["1"], fields={"why": "资金未落实"})
    trade, _ = bench.read(register.trade_of, bench.rules.book, trade.key)
    assert "甲公司" in told(bench, trade) and "乙公司" not in told(bench, trade)


async def test_a_form_sent_again_notes_one_deposit(bench):
    trade = await noticed(bench)
    paid = bench.clock()
    numbers = {deposit(bench, trade, "甲公司", number="ab" * 16, paid_ms=paid) for _ in range(2)}
    assert numbers == {"ab" * 16} and bench.rows("SELECT count(*) FROM deposit") == [(1,)]
    with pytest.raises(Overtaken):
        deposit(bench, trade, "乙公司", number="ab" * 16, paid_ms=paid)


async def test_before_the_end_of_bidding_no_bond_of_a_winner_comes_and_no_act_counts_bidders(bench):
    trade = await noticed(bench)
    with pytest.raises(Refused, match="nobody has won"):
        deposit(bench, trade, "甲公司", purpose="performance")
    with pytest.raises(ActRefused) as refused:
        await bench.desk.act(ANNA, trade.key, "bids_received", lots=["1"], fields={"bidders": 3})
    assert [fault.rule for fault in refused.value.faults] == ["sealed"]
    bench.clock.forward(days=21)
    await bench.desk.act(ANNA, trade.key, "bids_received", lots=["1"], fields={"bidders": 3})


async def test_letters_run_out_and_earn_nothing(bench):
    trade = await noticed(bench)
    paper = {"form": "guarantee", "document_no": "BH2025001", "issuer": "示例银行", "expires_on": "2025-12-31"}
    number = deposit(bench, trade, "甲公司", **paper)
    bench.clock.forward(days=60)
    (row,) = bench.read(deposits.expiring, now_ms=bench.clock(), until="2026-12-01")
    assert row["id"] == number and row["gone"]
    with pytest.raises(Rejected):
        do(bench, deposits.give_back, number, 1, at_ms=bench.clock(), account="a", interest_fen=1)


# --- charges ----------------------------------------------------------------------------------------------------------

TARIFF = parse_tariff(
    {
        "fee": [
            {
                "id": "winner",
                "zh": "交易服务费",
                "en": "Fee",
                "category": "工程建设",
                "payer": "winner",
                "sort": "per_deal",
                "document": "示例价〔2020〕1号",
                "bands": [{"over": 0, "upto": 100_000_00, "fee": 500_00}, {"over": 100_000_00, "fee": 1000_00}],
                "legal_basis": "示例",
                "effective_from": "2020-01-01",
                "tag": "S",
            }
        ]
    }
)


async def closed(bench: Bench, lots=("1",), result=None, **notice):
    """A trade of two lots, some with a result."""
    key = await bench.begin(lots=2)
    await bench.notice(key, fields={"bid_deadline": bench.clock() + 21 * DAY, **notice})
    bench.clock.forward(days=22)
    told = {"winner": {"name": "甲公司"}, "award_amount": 1, "amount": 200_000_00} if result is None else result
    for lot in lots:
        numbers = ["1", "2"] if lot == "both" else [lot]
        await bench.desk.act(ANNA, key, "opening", lots=numbers, fields={"bids": 3})
        await bench.desk.act(ANNA, key, "result", lots=numbers, fields=told)
    return bench.read(register.trade_of, bench.rules.book, key)[0]


DEAL = {"day": "2025-11-25", "account": "a", "now_ms": 1}


@ON_BOTH
async def test_a_deal_is_charged_once_by_the_tariff_and_nothing_else_can_be(bench):
    trade = await closed(bench, ("1", "2"))
    row = do(bench, charges.charge, TARIFF, trade, "1", "winner", Party("甲公司"), **DEAL)
    assert (row["number"], row["total_fen"], row["tariff"]) == (1, 1000_00, "示例价〔2020〕1号")
    assert row["base_fen"] == 200_000_00
    for name in ("甲公司", "甲公司（分公司）"):
        with pytest.raises(Overtaken):
            do(bench, charges.charge, TARIFF, trade, "1", "winner", Party(name, "91350100M000100Y43"), **DEAL)
    with pytest.raises(Refused):
        do(bench, charges.charge, TARIFF, trade, "1", "owner", Party("业主"), **DEAL)
    with pytest.raises(Refused):
        do(bench, charges.charge, TARIFF, trade, "2", "winner", Party("甲公司"), **{**DEAL, "day": "2019-12-31"})
    assert do(bench, charges.charge, TARIFF, trade, "2", "winner", Party("甲公司"), **DEAL)["number"] == 2
    assert [each["number"] for each in bench.read(charges.unpaid)] == [1, 2]
    do(bench, charges.paid, row["id"], 9)
    with pytest.raises(Overtaken):
        do(bench, charges.paid, row["id"], 9)
    assert [each["number"] for each in bench.read(charges.unpaid)] == [2]


async def test_lots_that_one_act_closed_are_one_deal_with_one_charge(bench):
    trade = await closed(bench, ("both",))
    do(bench, charges.charge, TARIFF, trade, "1", "winner", Party("甲公司"), **DEAL)
    with pytest.raises(Overtaken):
        do(bench, charges.charge, TARIFF, trade, "2", "winner", Party("甲公司"), **DEAL)


async def test_without_a_result_or_its_sum_nothing_is_charged_and_the_next_step_is_told(bench):
    trade = await closed(bench)
    with pytest.raises(Refused) as refused:
        do(bench, charges.charge, TARIFF, trade, "2", "winner", Party("甲公司"), **DEAL)
    assert "结果" in refused.value.advice_zh and "result" in refused.value.advice_en
    with pytest.raises(NotFound):
        charges.compute(TARIFF, trade, "9", "winner", day=DEAL["day"])
    rate = await closed(bench, result={"winner": {"name": "甲公司"}, "award_amount": 1})
    with pytest.raises(Refused, match="says a sum"):
        charges.compute(TARIFF, rate, "1", "winner", day=DEAL["day"])
    assert bench.rows("select count(*) from charge_receipt") == [(0,)]


async def test_a_result_before_the_lot_failed_is_no_deal(bench):
    trade = await closed(bench)
    voided = replace(
        trade.package, acts=[replace(act, voids=True) if act.id == "archive" else act for act in trade.package.acts]
    )
    await bench.desk.act(ANNA, trade.key, "archive", lots=["1"], fields={})
    trade = dataclass_replace(bench.read(register.trade_of, bench.rules.book, trade.key)[0], package=voided)
    with pytest.raises(Refused, match="no result yet"):
        charges.deal_of(trade, "1")


async def test_added_value_counts_from_what_the_notice_asked_of_all_its_lots(bench):
    one = charges.deal_of(await closed(bench, price=150_000_00), "1")
    assert (one.amount_fen, one.base_fen, one.lots, one.rule) == (200_000_00, 150_000_00, ("1",), "result")
    both = charges.deal_of(await closed(bench, ("both",), price=150_000_00), "2")
    assert (both.base_fen, both.lots) == (150_000_00, ("1", "2"))
    assert charges.deal_of(await closed(bench), "1").base_fen is None


async def test_the_trade_says_who_pays(bench):
    winners = [{"name": "甲公司", "uscc": "91350100M000100Y43"}, {"name": "乙公司"}]
    told = {"winner": winners[0], "award_amount": 1, "amount": 5, "winners": winners}
    trade = await closed(bench, result=told)
    assert charges.payer_of(trade, "1", "winner") == Party("甲公司、乙公司", "91350100M000100Y43")
    assert charges.payer_of(trade, "1", "owner").name == trade.facts["owner"]["name"]
    assert charges.payer_of(trade, "2", "winner") is None and charges.payer_of(trade, "1", "agency") is None
