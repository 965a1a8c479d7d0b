"""A bidder's own bids: found by the account that handed them in, or by a code that is proven, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from node.domain.engine import Trade
from node.domain.record import Party
from node.domain.rulebook import parse
from node.errors import NotFound, Refused
from node.trading import bidders, bids, register
from node.trading.bidders import Holder
from node.wire.bid_receipt import open_bid_receipt
from tests.trading.bench import DAY, NODE, Bench, few_rules, open_bench
from tests.trading.test_working import AGE, CUSTODY, _with_bidding, do

FIRM, ON_BOTH = "91350100M000100Y43", pytest.mark.parametrize("database", ["sqlite", "postgres"])


@pytest.fixture
def bench(database: str) -> Iterator[Bench]:
    with open_bench(database) as made:
        made.rules._book, made.rules._stamp = few_rules(parse(_with_bidding(), "test")).book, ""
        yield made


async def noticed(bench: Bench) -> Trade:
    key = await bench.begin(lots=2)
    await bench.notice(key, fields={"bid_deadline": bench.clock() + 21 * DAY})
    found: Trade = bench.read(register.trade_of, bench.rules.book, key)[0]
    return found


def take(bench: Bench, trade: Trade, account: str, n: int = 0, **more: Any) -> str:
    name = more.pop("name", "甲公司")
    bid = bids.Incoming(
        trade.key, "1", Party(name, more.pop("uscc", FIRM)), AGE, f"{n:064x}", 1000, account=account, **more
    )
    number: str = do(bench, bids.receive, bid, trade, node=NODE, custody=CUSTODY, now_ms=bench.clock())[0].number
    return number


def held(bench: Bench, by: Holder, **more: Any) -> set[str]:
    return {row["id"] for row in bench.read(bidders.of_holder, by, **more)}


@ON_BOTH
async def test_a_bid_is_its_accounts_and_its_codes_once_that_is_proven(bench: Bench) -> None:
    trade = await noticed(bench)
    counter, own, false = take(bench, trade, ""), take(bench, trade, "anan@1"), take(bench, trade, "jiamao@1")
    nameless = take(bench, trade, "wuming@1", uscc="")
    assert len({counter, own, false, nameless}) == 4, "the same file of two accounts is two bids"
    assert held(bench, Holder("anan@1")) == {own} and held(bench, Holder("jiamao@1")) == {false}
    assert held(bench, Holder("anan@1", FIRM)) == {counter, own, false}
    assert held(bench, Holder("")) == set() and held(bench, Holder("nobody@1")) == set()
    assert held(bench, Holder("anan@1", FIRM), trade="0" * 32) == set()
    note = partial(bench.read, bidders.note_of, node=NODE, custody=CUSTODY)
    assert open_bid_receipt(note(own, Holder("anan@1")), [CUSTODY.verifier])[0].number == own
    for number in (counter, false, nameless, "0" * 32):
        with pytest.raises(NotFound):
            note(number, Holder("anan@1"))
    back = partial(do, bench, bids.withdraw, trade=trade, node=NODE, custody=CUSTODY, now_ms=bench.clock())
    for number, by in ((own, Holder("jiamao@1")), (counter, Holder("jiamao@1")), (nameless, Holder("anan@1", FIRM))):
        with pytest.raises(NotFound):
            back(number, by)
    # Whoever is proven to be the bidder takes back what was handed in under its code by somebody else.
    told = back(false, Holder("anan@1", FIRM))
    assert open_bid_receipt(told, [CUSTODY.verifier])[0].state == "withdrawn"
    assert note(false, Holder("jiamao@1")) == told, "the same note, whenever it is asked for"


@ON_BOTH
async def test_only_ones_own_bid_is_replaced(bench: Bench) -> None:
    trade = await noticed(bench)
    counter, own = take(bench, trade, ""), take(bench, trade, "anan@1", 1)
    for number in (counter, "0" * 32):
        with pytest.raises(NotFound):
            take(bench, trade, "anan@1", 2, replaces=number)
    with pytest.raises(NotFound):
        take(bench, trade, "jiamao@1", 2, replaces=own)
    better = take(bench, trade, "anan@1", 2, replaces=own)
    # Its own code proven, also what a clerk took in under another spelling of the name.
    best = take(bench, trade, "anan@1", 3, replaces=counter, proven=True, name="甲公司（全称）")
    bench.clock.forward(days=22)
    told = bench.read(bids.counted, trade, ["1"], now_ms=bench.clock())
    assert {each["receipt"] for each in told["bids"]} == {better, best}


@ON_BOTH
async def test_one_account_hands_in_so_often_and_no_more(bench: Bench) -> None:
    trade = await noticed(bench)
    for n in range(bids.MAX_OF_ACCOUNT):
        take(bench, trade, "anan@1", n)
    with pytest.raises(Refused) as refused:
        take(bench, trade, "anan@1", bids.MAX_OF_ACCOUNT)
    assert refused.value.zh and refused.value.advice_zh
    assert take(bench, trade, "anan@1", 0), "what is there already is answered"
    assert take(bench, trade, "other@1", 0) and take(bench, trade, "", bids.MAX_OF_ACCOUNT)


@ON_BOTH
async def test_lots_are_open_until_their_deadline(bench: Bench) -> None:
    trade = await noticed(bench)
    until = bids.deadline_ms(trade, "1")
    assert bids.open_lots(trade, until - 1) == {"1": until, "2": until}
    assert bids.open_lots(trade, until) == {}
