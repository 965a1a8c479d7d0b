"""The ways beside the straight one, through the pages: changes, objections, failures, corrections, rounds, deposits.

One trade of each category goes wrong in every way that its rules know and still comes to its end; what one lot, an
auction or a deposit does by itself has a test of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, FormatChecker

from node.domain import engine
from node.opendata import packages
from node.opendata.ocds import KINDS, release
from node.opendata.reading import public_records
from tests.web.console.test_walk import PACKAGES, SECOND, WALKS, dated
from tests.web.console.walking import FIRM, POSTS, Clerk
from tests.web.persons import PASSWORD, Clock, serving

VALID = Draft4Validator(packages.schema(), format_checker=FormatChecker())
GRANTED = ("land", "mining")
BID_FOR = (*GRANTED, "property")


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Clerk]:
    """The city's centre: all categories may be held there."""
    clock = Clock()
    async with serving(tmp_path / "n", clock, role="hub") as (node, client):
        await node.accounts.add("li.na", "李娜", list(POSTS), PASSWORD)
        yield await Clerk(node, client, clock).log_in("li.na")


async def walked(clerk: Clerk, category: str, until: str, **facts: dict[str, Any]) -> str:
    """A trade on the straight way up to and with an act; `facts` are fields of acts that are to be others."""
    package, trade = PACKAGES[category], ""
    for days, act, given in WALKS[category](clerk):
        await clerk.forward(days)
        fields = dated(clerk, package, act, {**given, **facts.get(act, {})})
        if not trade:
            trade = await clerk.register(package, project_name="示例项目", **fields)
        else:
            await clerk.act(trade, package, act, **fields)
        if act == until:
            return trade
    raise AssertionError(f"{category} has no {until}")


async def stages(clerk: Clerk, trade: str) -> dict[str, str]:
    found, _ = await clerk.recorded(trade)
    return {number: lot.stage for number, lot in found.lots.items()}


async def seq_of(clerk: Clerk, trade: str, act: str) -> int:
    """The number of the newest act of a name."""
    found, _ = await clerk.recorded(trade)
    return int([each.seq for each in found.acts if each.act == act][-1])


async def record_of(clerk: Clerk, trade: str, seq: int) -> str:
    _, records = await clerk.recorded(trade)
    return str(next(each.record_id for each in records if each.act.seq == seq).hex())


async def public(clerk: Clerk, trade: str, seq: int) -> str:
    """The page of an act's record as anyone sees it."""
    await clerk.node.projector.run()
    return await clerk.get(f"/records/{await record_of(clerk, trade, seq)}")


DEADLINE = {
    "construction": "bid_deadline",
    "procurement": "bid_deadline",
    "land": "applications_until",
    "mining": "applications_until",
    "property": "until_on",
    "other": "bid_deadline",
}
COUNTED = ("construction", "procurement")
"""Where the law counts days from a change that affects bids."""


@pytest.mark.parametrize("category", WALKS)
async def test_a_trade_with_which_everything_goes_wrong_comes_to_its_end(hub: Clerk, category: str) -> None:
    trade = await walked(hub, category, "notice", notice={"content": "误发的公告"})
    await withdrawn_and_said_anew(hub, category, trade)
    await clarified(hub, category, trade)
    await failed_and_begun_again(hub, category, trade)
    await objected_to(hub, category, trade)
    await corrected(hub, category, trade)
    await performed_otherwise(hub, category, trade)
    await exported(hub, category, trade)


async def on(clerk: Clerk, category: str, trade: str, *acts: str, **facts: Any) -> None:
    """Some acts of the straight way, one after another."""
    package, steps = PACKAGES[category], {act: (days, given) for days, act, given in WALKS[category](clerk)}
    for act in acts:
        days, given = steps[act]
        await clerk.forward(days)
        await clerk.act(trade, package, act, **dated(clerk, package, act, {**given, **facts}))


async def withdrawn_and_said_anew(clerk: Clerk, category: str, trade: str) -> None:
    """A wrong publication: nothing goes from view, and no number is given twice."""
    wrong = await seq_of(clerk, trade, "notice")
    await clerk.withdraw(trade, wrong, "公告内容有误，撤回")
    assert set((await stages(clerk, trade)).values()) == {"registered"}
    page = await public(clerk, trade, wrong)
    assert "公告内容有误，撤回" in page and "已撤回" in page and "误发的公告" in page
    await on(clerk, category, trade, "notice", content="重新发布的公告")
    assert await seq_of(clerk, trade, "notice") == wrong + 1
    assert "已撤回" in await clerk.get(f"/trades/{trade}")


async def clarified(clerk: Clerk, category: str, trade: str) -> None:
    """A change moves what the notice said; where it comes too late for the law, it is refused."""
    package, name = PACKAGES[category], DEADLINE[category]
    await clerk.forward(10)
    rule = package.act("clarification")
    field = rule and rule.field(name)
    assert rule is not None and field is not None

    def until(days: int) -> Any:
        return clerk.day(days) if field.type == "day" else clerk.moment(days)

    affects = {"affects": True} if rule.field("affects") else {}
    if category in COUNTED:
        said = await clerk.act(trade, package, "clarification", refused=True, **affects, **{name: until(14)})
        assert any("澄清" in each and "15" in each for each in said), said
        # Nor may the notice's own deadline stay: 12 days are left.
        assert await clerk.act(trade, package, "clarification", refused=True, **affects)
    days = 40 if category == "property" else 16  # equity is listed for twenty working days at least
    await clerk.act(trade, package, "clarification", **affects, **{name: until(days)})
    found, _ = await clerk.recorded(trade)
    assert found.facts_of("1")[f"notice.{name}"] == until(days)
    seq = await seq_of(clerk, trade, "clarification")
    assert "示例项目" in await public(clerk, trade, seq)
    page = await clerk.get(f"/trades/{trade}")
    assert package.act("clarification").zh in page  # type: ignore[union-attr]
    if category == "construction":
        await clerk.forward(12)  # when the notice had said
        said = await clerk.act(trade, package, "bids_received", refused=True, bidders=2)
        assert any("截止前" in each for each in said), said


async def failed_and_begun_again(clerk: Clerk, category: str, trade: str) -> None:
    """Too few bidders; a second round from the beginning, with the first one to be seen."""
    package = PACKAGES[category]
    await clerk.forward(25 if category != "property" else 41)
    await clerk.act(trade, package, "bids_received", bidders=2)
    if category == "construction":
        given = {"bidders": 2, "opened_at": clerk.moment(), "place": "第一开标室"}
        said = await clerk.act(trade, package, "opening", refused=True, **given)
        assert any("少于三个" in each for each in said), said
    await clerk.act(trade, package, "failed", reason="投标人不足三家，依法重新组织", bidders=2)
    assert set((await stages(clerk, trade)).values()) == {"failed"}
    assert "投标人不足三家" in await public(clerk, trade, await seq_of(clerk, trade, "failed"))
    assert "示例项目" in await clerk.get("/console/trades?state=open")
    await clerk.act(trade, package, "retender", reason="重新招标")
    found, _ = await clerk.recorded(trade)
    assert {(lot.stage, lot.round) for lot in found.lots.values()} == {("registered", 2)}
    await on(clerk, category, trade, "notice", "bids_received")
    assert "投标人不足三家" in await clerk.get(f"/trades/{trade}")


async def objected_to(clerk: Clerk, category: str, trade: str) -> None:
    """异议（质疑）: who objects and why stays inside; where the law says so all waits for the answer."""
    package = PACKAGES[category]
    last = "candidates" if category == "construction" else "result"
    names = [act for _, act, _ in WALKS[category](clerk)]
    await on(clerk, category, trade, *names[names.index("bids_received") + 1 : names.index(last) + 1])
    await clerk.forward(1)
    rule, answers = package.act("objection"), package.act("objection_answer")
    assert rule is not None and answers is not None
    given: dict[str, Any] = {"raised_on": clerk.day(), "party": SECOND, "text": "对评审结果有异议"}
    given |= {"kind": "result"} if rule.field("kind") else {}
    given |= {"known_on": clerk.day(-1)} if rule.field("known_on") else {}
    await clerk.act(trade, package, "objection", **given)
    seq = await seq_of(clerk, trade, "objection")
    assert f"/console/trades/{trade}/objection_answer" in await clerk.get(f"/console/trades/{trade}")
    assert "对评审结果有异议" not in await clerk.get(f"/trades/{trade}")
    if rule.suspends:
        await clerk.forward(6)
        assert "result" not in await possible(clerk, trade)
        assert "现在还不能办理" in await clerk.get(f"/console/trades/{trade}/result")
    outcome = answers.field("outcome")
    answer = {"outcome": outcome.choices[-1].value} if outcome else {}
    await clerk.act(trade, package, "objection_answer", about=seq, text="经核查，异议不成立", **answer)
    found, _ = await clerk.recorded(trade)
    assert not any(lot.suspended for lot in found.lots.values())
    if rule.suspends:
        await on(clerk, category, trade, "result")


async def corrected(clerk: Clerk, category: str, trade: str) -> None:
    """更正: names what it changes, shows it, and what was said before stays as it was."""
    about = await seq_of(clerk, trade, "notice")
    await clerk.act(trade, PACKAGES[category], "correction", about=about, why="笔误", content="更正后的公告全文。")
    found, _ = await clerk.recorded(trade)
    assert found.acts[-1].corrects == about
    page = await public(clerk, trade, found.acts[-1].seq)
    assert "笔误" in page and "更正后的公告全文" in page
    assert "第二段。" in await public(clerk, trade, about)


async def performed_otherwise(clerk: Clerk, category: str, trade: str) -> None:
    """A contract that is changed while it is performed."""
    package = PACKAGES[category]
    names = [act for _, act, _ in WALKS[category](clerk)]
    await on(clerk, category, trade, *names[names.index("result") + 1 : names.index("contract") + 1])
    await clerk.forward(30)
    rule, changing = package.act("performance"), package.act("contract_change")
    assert rule is not None and changing is not None
    await clerk.act(trade, package, "performance", content="已完成四成。")
    change: dict[str, Any] = {"content": "工期顺延三十日。", "changed_on": clerk.day()}
    change |= {"amount": 910_000_00} if changing.field("amount") else {}
    await clerk.act(trade, package, "contract_change", **change)
    assert "工期顺延三十日" in await public(clerk, trade, await seq_of(clerk, trade, "contract_change"))
    if category == "property":
        await clerk.act(trade, package, "payment", paid_on=clerk.day(), amount=800_000_00)
    if category == "procurement":
        await clerk.act(trade, package, "contract_notice", amount=900_000_00)
    await clerk.act(trade, package, "completion", finished_on=clerk.day())
    assert set((await stages(clerk, trade)).values()) == {"performed"}
    found, _ = await clerk.recorded(trade)
    strip = engine.strip(found, now_ms=clerk.clock(), calendar=clerk.node.rules.calendar)
    shown = {one.disclosure: one.state for one in strip}
    assert shown["change"] == "done" and shown["performance"] in ("done", "done-late"), shown
    assert not found.odd and not found.gaps


async def exported(clerk: Clerk, category: str, trade: str) -> None:
    """As OCDS: each release valid by the schema; what they come to says who buys what of whom, and what changed."""
    releases, compiled = await ocds(clerk, trade)
    tags = [each["tag"][0] for each in releases]
    assert {"tender", "tenderAmendment", "award", "contract", "contractAmendment", "implementation"} <= set(tags), tags
    assert tags.count("tenderCancellation") == 1, "the round that failed; a withdrawn notice cancels nothing"
    tender = compiled["tender"]
    assert compiled["buyer"]["name"] == tender["procuringEntity"]["name"] == FIRM["name"]
    assert tender["title"] == "示例项目" and tender["status"] == "complete" and tender["procurementMethodDetails"]
    assert [each["id"] for each in tender["items"]] == (["1", "2"] if category == "construction" else ["1"])
    assert all(each["description"] for each in tender["items"])
    assert tender["tenderPeriod"]["endDate"] > "2025-12"
    if category != "other":
        # A notice that states a sum: a ceiling where something is bought, a floor where it is sold.
        sums = {"construction": "value", "procurement": ""}.get(category, "minValue")
        assert not sums or tender[sums]["amount"] > 0
    rationales = {each.get("rationale", "") for each in tender["amendments"]}
    assert {"公告内容有误，撤回", "投标人不足三家，依法重新组织", "笔误"} <= rationales
    (award,) = compiled["awards"]
    assert award["status"] == "active" and award["value"]["amount"] > 0
    assert award["suppliers"][0]["id"] == f"CN-USCC-{FIRM['uscc']}"
    (contract,) = compiled["contracts"]
    assert contract["awardID"] == award["id"] and contract["status"] == "terminated" and contract["value"]["amount"]
    assert contract["amendments"][0]["description"] == "工期顺延三十日。"
    assert [each["status"] for each in contract["implementation"]["milestones"]] == ["partiallyMet", "met"]
    roles = {role for party in compiled["parties"] for role in party["roles"]}
    assert {"buyer", "procuringEntity", "supplier"} <= roles
    assert all("url" in each for each in tender["documents"]) and len(tender["documents"]) >= 2 * len(releases)


async def ocds(clerk: Clerk, trade: str) -> tuple[list[Any], Any]:
    """(releases of a trade in their order, the compiled one), each held against the schema."""
    await clerk.node.projector.run()
    said = await clerk.node.store.read(lambda conn: list(public_records(conn, KINDS, history=True)))
    prefix, url = "ocds-abc123", "https://hub.example"
    found = [release(each, prefix=prefix, url=url) for each in said]
    record = packages.record([each for each in found if each["ocid"] == f"{prefix}-{trade}"])
    for each in (*record["releases"], record["compiledRelease"]):
        plain = json.loads(json.dumps(each))
        assert [error.message for error in VALID.iter_errors(plain)] == [], each["tag"]
    return record["releases"], record["compiledRelease"]


async def possible(clerk: Clerk, trade: str) -> set[str]:
    found, _ = await clerk.recorded(trade)
    acts = engine.possible(found, now_ms=clerk.clock(), calendar=clerk.node.rules.calendar)
    return {each.id for each in acts}


async def test_a_terminated_trade_ends_with_its_reason_and_goes_to_the_archive(hub: Clerk) -> None:
    for category in WALKS:
        package = PACKAGES[category]
        trade = await walked(hub, category, "notice")
        await hub.forward(3)
        await hub.act(trade, package, "terminated", reason="项目规划调整，终止交易")
        assert "项目规划调整" in await public(hub, trade, await seq_of(hub, trade, "terminated"))
        assert "archive" in await possible(hub, trade) and "notice" not in await possible(hub, trade)
        found, _ = await hub.recorded(trade)
        clocks = engine.owed(found, now_ms=hub.clock(), calendar=hub.node.rules.calendar)
        assert [one.clock.id for one in clocks if one.state in ("owed", "late")] == [], "all clocks have lapsed"
        await hub.act(trade, package, "archive", file_no="2025-9", keep_until=hub.day(16 * 366))
        assert "已结束" in await hub.get(f"/console/trades/{trade}")
        releases, compiled = await ocds(hub, trade)
        assert compiled["tender"]["status"] == "cancelled" and releases[-1]["tag"] == ["tenderCancellation"]
        assert compiled["tender"]["amendments"][-1]["rationale"] == "项目规划调整，终止交易"


@pytest.mark.parametrize("category", BID_FOR)
async def test_several_rounds_of_an_auction_come_to_the_highest_bid(hub: Clerk, category: str) -> None:
    package = PACKAGES[category]
    auction: dict[str, dict[str, Any]] = {}
    if category in GRANTED:
        auction = {"register": {"method": "auction"}, "notice": {"applications_until": 30.0}}
    trade = await walked(hub, category, "bids_received", **auction)
    await hub.forward(1)
    if category in GRANTED:
        await hub.forward(1)
    await hub.act(trade, package, "bidding_opened", bidders=4)
    price = 800_000_00
    for number in range(1, 5):
        await hub.forward(0.01)
        offered = {"number": number, "price": price + number * 10_000_00, "plate": f"{number % 3 + 1} 号"}
        await hub.act(trade, package, "round", offered_at=hub.moment(), **offered)
    # Rounds are steps inside: who bid what is no public notice.
    assert "2 号" not in await hub.get(f"/trades/{trade}")
    top = price + 4 * 10_000_00
    await hub.forward(0.01)
    await hub.act(trade, package, "bidding_closed", closed_at=hub.moment(), rounds=4, price=top)
    await hub.forward(1)
    await hub.act(trade, package, "confirmation", winner=FIRM, price=top)
    await hub.forward(1)
    until = hub.day(20)
    await hub.act(trade, package, "result", winners=[FIRM], amount=top, publicity_until=until)
    page = await public(hub, trade, await seq_of(hub, trade, "result"))
    assert "840,000" in page


async def test_land_that_was_listed_is_sold_below_its_start_with_a_warning_alone(hub: Clerk) -> None:
    """挂牌: the starting price is a condition of the notice whose clause was not read, so the clerk is only told."""
    package = PACKAGES["land"]
    trade = await walked(hub, "land", "bidding_closed")
    await hub.forward(1)
    rule = package.act("confirmation")
    assert rule is not None
    values = hub.values(rule, {}, {"winner": FIRM, "price": 400_000_00})
    draft = await hub.fill(f"/console/trades/{trade}/confirmation", rule.fields, values)
    page = await hub.get(draft)
    assert "成交价不低于起始价" in page and "规则未经核实" in page and 'value="publish"' in page


async def test_state_property_is_not_sold_below_its_floor(hub: Clerk) -> None:
    package = PACKAGES["property"]
    trade = await walked(hub, "property", "bidding_closed")
    await hub.forward(1)
    said = await hub.act(trade, package, "confirmation", refused=True, winner=FIRM, price=740_000_00)
    assert any("成交价不低于底价" in each and "第五十五条" in each for each in said), said
    await hub.act(trade, package, "confirmation", winner=FIRM, price=750_000_00)


async def test_deposits_come_in_and_must_go_back_in_time(hub: Clerk) -> None:
    """Construction: losers within 5 days of the award notice, winner and candidates within 5 of the contract."""
    loser = {"name": "重庆某某落标有限公司", "uscc": ""}
    package = PACKAGES["construction"]
    asked = {"notice": {"security_asked": True, "bid_security": 2_000_00}}
    trade = await walked(hub, "construction", "bids_received", **asked)
    path = f"/console/deposits?trade={trade}"
    for name, uscc in ((FIRM["name"], FIRM["uscc"]), (SECOND["name"], ""), (loser["name"], "")):
        token = ("csrf", hub.browser.token(await hub.get(path)))
        taken = [token, ("trade", trade), ("lot", "1"), ("purpose", "bid"), ("name", name), ("uscc", uscc)]
        taken += [("form", "transfer"), ("amount", "2000"), ("amount.unit", "元"), ("do", "take")]
        await hub.send("/console/deposits", [*taken, ("paid_at", f"{hub.day(-1)} 10:00")])
    assert (await hub.get(path)).count("期限未起算") == 3
    for days, act, given in WALKS["construction"](hub)[3:8]:
        await hub.forward(days)
        await hub.act(trade, package, act, **dated(hub, package, act, given))
    # The award notice has begun the losers' clock alone.
    rows = _rows(await hub.get(path))
    assert "还剩" in rows[loser["name"]] and all("期限未起算" in rows[each["name"]] for each in (FIRM, SECOND))
    assert loser["name"] in await hub.get("/console/deposits")
    await hub.forward(9)  # a period that ends on a day off ends on the next working day
    assert "逾期" in _rows(await hub.get(path))[loser["name"]]
    found = re.search(r'name="deposit" value="([0-9a-f]+)"', _rows(hub.page)[loser["name"]])
    assert found
    token = ("csrf", hub.browser.token(hub.page))
    back = [token, ("trade", trade), ("deposit", found[1]), ("version", "1"), ("do", "return"), ("interest", "1.50")]
    await hub.send("/console/deposits", back)
    assert "已退还" in _rows(await hub.get(path))[loser["name"]]
    await hub.act(trade, package, "contract", name="施工合同", parties=[FIRM], signed_on=hub.day())
    rows = _rows(await hub.get(path))
    assert all("还剩" in rows[each["name"]] for each in (FIRM, SECOND))
    await hub.act(trade, package, "deposits_losers", count=1, total=2_000_00)
    found_trade, _ = await hub.recorded(trade)
    states = {
        one.clock.id: one.state
        for one in engine.owed(found_trade, now_ms=hub.clock(), calendar=hub.node.rules.calendar)
    }
    assert states["deposits-losers"] == "done-late" and states["deposits-winner"] == "owed"


def _rows(page: str) -> dict[str, str]:
    """The table's rows by the name that heads them."""
    rows = re.findall(r'<tr><th scope="row">(.*?)<small>(.*?)</tr>', page, re.DOTALL)
    return {name.strip(): text for name, text in rows}


async def test_of_two_lots_one_fails_and_the_other_goes_on(hub: Clerk) -> None:
    package = PACKAGES["construction"]
    trade = await walked(hub, "construction", "bids_received")
    await hub.forward(0.01)
    await hub.act(trade, package, "failed", lots=["2"], reason="二标段投标人不足三家", bidders=2)
    assert await stages(hub, trade) == {"1": "closed", "2": "failed"}
    # What comes next is about the lot that goes on, without anything to choose.
    for days, act, given in WALKS["construction"](hub)[3:7]:
        await hub.forward(days)
        await hub.act(trade, package, act, **dated(hub, package, act, given))
    assert await stages(hub, trade) == {"1": "awarded", "2": "failed"}
    await hub.act(trade, package, "retender", lots=["2"], reason="重新招标")
    given = dated(hub, package, "notice", WALKS["construction"](hub)[1][2])
    await hub.act(trade, package, "notice", lots=["2"], **{**given, "ceiling": 500_000_00})
    assert await stages(hub, trade) == {"1": "awarded", "2": "noticed"}
    # A result for the lot that is not there yet is refused; the page says which lot and why.
    said = await hub.act(trade, package, "award_notice", lots=["2"], refused=True, winners=[FIRM])
    assert any("标段 2" in each for each in said), said
    await hub.act(trade, package, "award_notice", lots=["1"], winners=[FIRM])
    assert await stages(hub, trade) == {"1": "notified", "2": "noticed"}
    page = await hub.get(f"/trades/{trade}")
    assert "二标段投标人不足三家" in page
