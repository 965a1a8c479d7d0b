"""Whom a trade names: who is told what, as its acts come, are corrected by none, and are withdrawn."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from node.domain.identifiers import check_character
from node.domain.rulebook import parse
from node.trading import parties
from tests.trading.bench import ANNA, DAY, PACKAGE, Bench, few_rules, open_bench

OWNER, FIRM, RIVAL, MEMBER = (body + check_character(body) for body in (f"91350100M{n:07d}0"[:17] for n in range(1, 5)))
ON_BOTH = pytest.mark.parametrize("database", ["sqlite", "postgres"])


def rules() -> dict[str, Any]:
    """The small package with an end of bidding that names bidders inside, and experts named with the result."""
    package: dict[str, Any] = copy.deepcopy(PACKAGE)
    bids = {"name": "bids", "zh": "投标", "en": "Bids", "type": "rows", "disclosed": False}
    bids["columns"] = [{"name": "party", "zh": "投标人", "en": "Bidder", "type": "party"}]
    bad = {"name": "refused", "zh": "未通过", "en": "Refused", "type": "rows", "disclosed": False}
    bad["columns"] = [{"name": "party", "zh": "申请人", "en": "Applicant", "type": "party"}]
    package["acts"][2]["fields"] = [bids, bad]
    package["acts"][3]["fields"] += [{"name": "experts", "zh": "专家", "en": "Experts", "type": "texts"}]
    return package


@pytest.fixture
def bench(database: str) -> Iterator[Bench]:
    with open_bench(database) as made:
        made.rules._book, made.rules._stamp = few_rules(parse(rules(), "test")).book, ""
        yield made


def of(bench: Bench, code: str, proven: bool = False, **more: Any) -> set[tuple[str, str]]:
    rows = bench.read(parties.of_code, code, proven=proven, **more)
    assert all(row["code"] == code for row in rows)
    return {(row["act"], row["part"]) for row in rows}


@ON_BOTH
async def test_a_party_is_told_of_what_is_public_and_of_its_own_once_that_is_proven(bench: Bench) -> None:
    owner = {"name": "项目单位", "uscc": OWNER}
    fields = {"project_name": "示例道路", "owner": owner}
    trade = (await bench.desk.begin(ANNA, "工程建设", "示例道路", fields, division="500103")).trade
    assert of(bench, OWNER) == set() and of(bench, OWNER, True) == {("register", "owner")}
    await bench.notice(trade)
    assert of(bench, OWNER) == {("register", "owner")}, "the notice says in public whose it is"
    bench.clock.forward(days=21)
    bids = [{"party": {"name": "甲", "uscc": FIRM}}, {"party": {"name": "乙", "uscc": RIVAL}}]
    opening = {"bids": bids, "refused": [{"party": {"name": "丙", "uscc": MEMBER}}]}
    done = await bench.desk.act(ANNA, trade, "opening", fields={**opening})
    assert of(bench, FIRM) == set() and of(bench, FIRM, True) == {("opening", "bids.party")}
    assert of(bench, MEMBER, True) == set(), "why somebody was refused is told to him, and not here"
    winner = {"name": "联合体", "uscc": FIRM, "members": [{"name": "成员", "uscc": MEMBER}]}
    won = {"winner": winner, "award_amount": 1, "experts": ["E-00001", "张三"]}
    result = await bench.desk.act(ANNA, trade, "result", fields=won)
    assert of(bench, FIRM) == {("result", "winner")} and of(bench, MEMBER) == {("result", "winner")}
    assert of(bench, RIVAL) == set()
    assert of(bench, "E-00001") == {("result", "experts")}
    assert bench.rows("select count(*) from trade_party where code = '张三'") == [(0,)], "no name of a person"
    assert of(bench, FIRM, trade=trade, node="elsewhere") == set() and of(bench, "") == set()
    await bench.desk.withdraw(ANNA, trade, result.seq, "更正")
    assert of(bench, FIRM) == set() and of(bench, FIRM, True) == {("opening", "bids.party")}
    assert done.seq < result.seq


@ON_BOTH
async def test_dues_are_those_of_owner_and_agency_and_of_nobody_else(bench: Bench) -> None:
    owner = {"name": "项目单位", "uscc": OWNER}
    fields = {"project_name": "示例道路", "owner": owner}
    trade = (await bench.desk.begin(ANNA, "工程建设", "示例道路", fields, division="500103")).trade
    await bench.notice(trade)
    bench.clock.forward(days=21)
    await bench.desk.act(ANNA, trade, "opening", fields={})
    await bench.desk.act(ANNA, trade, "result", fields={"winner": {"name": "甲", "uscc": FIRM}, "award_amount": 1})
    for proven in (False, True):
        owed = bench.read(parties.dues_of_code, OWNER, proven=proven)
        assert [row["act"] for row in owed] == ["contract"] and owed[0]["title"] == "示例道路"
        assert owed[0]["due_ms"] > bench.clock() + 29 * DAY
        assert bench.read(parties.dues_of_code, FIRM, proven=proven) == []
        assert bench.read(parties.dues_of_code, "", proven=proven) == []
