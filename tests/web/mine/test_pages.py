"""A party's own pages: what is its own and nothing of others, whatever it types or asks for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from node.domain.credit import CreditBehaviour
from node.domain.experts import ExpertProfile
from node.domain.record import Document, Draft, Party, Source
from node.store import loading
from node.store.logs import all_logs
from node.trading import deposits
from node.wire.bid_receipt import open_bid_receipt
from tests.web.console.test_pages import bid
from tests.web.console.test_walk import RANKED, dated
from tests.web.console.walking import FIRM as WINNER
from tests.web.mine.parties import AGE, FIRM, OTHER, OWNER, PACKAGES, RIVAL, VOLUNTARY, World, numbers
from tests.web.persons import PASSWORD, Browser, Clock, serving

PAGES = ("/mine", "/mine/bids", "/mine/deposits", "/mine/credit")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = Clock()
    async with serving(tmp_path / "n", clock) as (node, client):
        yield World(node, client, clock)


async def test_strangers_log_in_first_and_other_realms_have_nothing_here(world: World) -> None:
    stranger = Browser(world.client)
    clerk = await world.clerk()
    trade = f"/mine/trades/{'0' * 32}"
    for path in (*PAGES, trade, f"/mine/bids/{'0' * 32}"):
        status, _ = await stranger.get(path)
        assert status == 303 and stranger.last is not None
        assert stranger.last.headers["Location"].startswith("/login?next=/mine")
        await clerk.get(path, 403)
    await clerk.send(trade, [("csrf", clerk.browser.token(await clerk.get("/account")))], 403)


async def test_a_party_lands_on_its_trades_and_every_page_stands_in_both_languages(world: World) -> None:
    for login, role in (("anan", "bidder"), ("bobo", "owner"), ("cici", "agency"), ("xiehui", "association")):
        member = await world.party(login, role, FIRM)
        assert member.last is not None and member.last.headers["Location"] == "/mine"
        assert 'href="/mine"' in await member.page("/")
        for path in PAGES:
            for language in ("zh", "en"):
                page = await member.page(f"{path}?lang={language}")
                assert page.count("<h1>") == 1 and " style=" not in page
                assert "no-store" in member.last.headers["Cache-Control"]
        assert "未核验" in await member.page("/mine?lang=zh")
    assert 'href="/mine"' not in (await Browser(world.client).get("/"))[1]


async def test_a_bidder_hands_in_gets_its_receipt_and_nobody_else_learns_of_it(world: World) -> None:
    clerk = await world.clerk()
    trade = await world.noticed(clerk)
    bidder = await world.party("anan", "bidder", FIRM, org_name="甲公司")
    rival = await world.party("bobo", "bidder", RIVAL, org_name="乙公司")
    logged = await world.node.store.read(all_logs)

    page = await bidder.page(f"/mine/trades/{trade}")
    assert "以 甲公司（" + FIRM in page and numbers(page) == []
    assert "未加密" in await bidder.hand_in(trade, b"%PDF-1.7 open", 400)
    assert "请选择已加密" in await bidder.hand_in(trade, b"", 400)
    page = await bidder.hand_in(trade, AGE + b"1")
    (number,) = numbers(page)
    assert numbers(await bidder.hand_in(trade, AGE + b"1")) == [number], "the same file again"
    note = await bidder.page(f"/mine/bids/{number}")
    assert bidder.last is not None and "attachment" in bidder.last.headers["Content-Disposition"]
    receipt, _ = open_bid_receipt(note.encode(), [world.node.keys.custody.verifier])
    assert (receipt.bidder, receipt.uscc, receipt.form, receipt.state) == ("甲公司", FIRM, "age", "held")
    assert receipt.time_s == world.clock() // 1000

    better = next(n for n in numbers(await bidder.hand_in(trade, AGE + b"2", replaces=number)) if n != number)
    assert set(numbers(await bidder.page("/mine/bids"))) == {number, better}
    # The log, its size and the audit trail tell nobody that a bid came; nor do the centre's pages, nor another party's.
    assert await world.node.store.read(all_logs) == logged
    for path in (f"/console/trades/{trade}", f"/console/trades/{trade}/bids"):
        assert not {"甲公司", number, better} & set(re.findall(r"甲公司|[0-9a-f]{32}", await clerk.get(path)))
    for path in (*PAGES, f"/mine/trades/{trade}"):
        page = await rival.page(path)
        assert "甲公司" not in page and number not in page and better not in page

    # The metrics tell that parties have read pages, not which, how they were answered, or how long they took.
    counted = [line for line in (await rival.page("/metrics")).splitlines() if 'route="/mine' in line]
    assert {line.partition("{")[0] for line in counted} == {"ggzy_http_requests_total", "ggzy_http_requests_created"}
    assert {line[line.index("{") : line.index("}")] for line in counted} == {'{route="/mine",status="any"'}

    taken = await bidder.send(f"/mine/trades/{trade}", 200, do="withdraw", number=better)
    assert "已撤回" in taken
    note = await bidder.page(f"/mine/bids/{better}")
    assert "state withdrawn" in note and open_bid_receipt(note.encode(), [world.node.keys.custody.verifier])
    last = numbers(await bidder.hand_in(trade, AGE + b"3"))[0]
    await clerk.forward(22.1)
    bidder = await world.again("anan")
    assert "已过截止时间" in await bidder.hand_in(trade, AGE + b"4", 400)
    assert "已过截止时间" in await bidder.send(f"/mine/trades/{trade}", 400, do="withdraw", number=last)
    assert "anan@500103 自行递交，身份未核验" in await clerk.get(f"/console/trades/{trade}")
    shown = await clerk.get(f"/console/trades/{trade}/bids_received")
    assert last in shown and "甲公司" in shown
    await world.prove("anan")
    assert "身份未核验" not in await clerk.get(f"/console/trades/{trade}")


async def test_anothers_bid_is_not_there_whatever_is_asked_for(world: World) -> None:
    """By number, by stating the same code at registration, by fields and addresses."""
    clerk = await world.clerk()
    trade = await world.noticed(clerk)
    bidder = await world.party("anan", "bidder", FIRM, org_name="甲公司")
    await world.prove("anan")
    (number,) = numbers(await bidder.hand_in(trade, AGE + b"1"))
    held = await bidder.page(f"/mine/bids/{number}")
    for login, org in (("bobo", RIVAL), ("jiamao", FIRM), ("wuming", "")):
        thief = await world.party(login, "bidder", org, org_name="甲公司")
        await thief.page(f"/mine/bids/{number}", 404)
        await thief.page(f"/mine/bids/{number}?account=anan@500103&uscc={FIRM}", 404)
        own = f"account=anan@500103&uscc={FIRM}&code={FIRM}&org={FIRM}&proven=1"
        for path in (*PAGES, f"/mine/trades/{trade}"):
            assert number not in await thief.page(f"{path}?{own}")
        more = {"account": "anan@500103", "uscc": FIRM, "of": FIRM, "proven": "1", "bidder": "甲公司"}
        page = await thief.send(f"/mine/trades/{trade}", 400, do="withdraw", number=number, **more)
        assert "没有该投标" in page
        page = await thief.hand_in(trade, AGE + b"x", 400, replaces=number, **more)
        assert "没有该投标" in page and number not in numbers(page)
        # The very same file gives a receipt of its own, not the one that there is.
        assert numbers(await thief.hand_in(trade, AGE + b"1", **more)) != [number]
        assert (await thief.post(f"/mine/trades/{trade}", {"do": "withdraw", "number": number}, token="0" * 64))[
            0
        ] == 403
    assert await bidder.page(f"/mine/bids/{number}") == held


async def test_what_a_clerk_took_in_is_shown_once_identity_was_seen_and_no_longer_when_that_is_revoked(
    world: World,
) -> None:
    clerk = await world.clerk()
    trade = await world.noticed(clerk)
    bidder, double = [await world.party(login, "bidder", FIRM) for login in ("anan", "jiamao")]
    await _at_the_counter(world, trade)
    await _deposit(world, trade)
    assert "保证金属于本单位的非公开信息" in await bidder.page("/mine/deposits")
    for path in ("/mine/bids", f"/mine/trades/{trade}", "/mine/deposits"):
        page = await bidder.page(path)
        assert numbers(page) == [] and "20,000.00" not in page

    await world.prove("anan")
    assert "已核验" in await bidder.page("/mine") and "营业执照" in await bidder.page("/mine")
    (number,) = numbers(await bidder.page("/mine/bids"))
    assert "20,000.00" in await bidder.page("/mine/deposits") and "20,000.00" in await bidder.page(
        f"/mine/trades/{trade}"
    )
    for path in ("/mine/bids", f"/mine/trades/{trade}", "/mine/deposits"):
        page = await double.page(path)
        assert numbers(page) == [] and "20,000.00" not in page
    await double.page(f"/mine/bids/{number}", 404)

    page = await clerk.get("/console/bindings")
    at = re.search(r'name="at" value="(\d+)"', page)
    assert at and "证件名称" in page
    given = [("csrf", clerk.browser.token(page)), ("account", "anan@500103"), ("at", at[1]), ("do", "revoke")]
    await clerk.send("/console/bindings", [*given, ("reason", "")], 400)
    await clerk.send("/console/bindings", [*given, ("reason", "证件不符")], 200)
    assert "证件不符" in clerk.page
    assert "未核验" in await bidder.page("/mine") and numbers(await bidder.page("/mine/bids")) == []
    await bidder.page(f"/mine/bids/{number}", 404)


async def test_after_a_reset_the_papers_are_to_be_seen_again(world: World) -> None:
    bidder = await world.party("anan", "bidder", FIRM)
    await world.prove("anan")
    assert "已核验" in await bidder.page("/mine")
    await world.node.accounts.reset("anan@500103", PASSWORD)
    member = await world.again("anan")
    again = "seven herons on a wall"
    fields = {"old": PASSWORD, "password": again, "again": again}
    assert (await member.post("/account/password", fields))[0] == 303
    await world.level()
    assert await member.log_in("anan", again) == 303
    assert "未核验" in await member.page("/mine")


async def test_identities_are_seen_by_the_acceptance_post_of_open_accounts_of_parties(world: World) -> None:
    await world.party("anan", "bidder", FIRM)
    await world.clerk("wang.fang", ("publication",))
    venue = await world.clerk("zhou.li", ("venue", "archive"))
    await venue.get("/console/bindings", 403)
    member = await world.again("anan")
    await member.page("/console/bindings", 403)
    clerk = await world.clerk()
    token = ("csrf", clerk.browser.token(await clerk.get("/console/bindings")))
    for account in ("li.na@500103", "nobody@500103", "anan", ""):
        await clerk.send("/console/bindings", [token, ("account", account), ("do", "look")], 400)
    given = [token, ("account", "anan@500103"), ("org_name", "甲公司"), ("do", "note")]
    await clerk.send("/console/bindings", [*given, ("code", RIVAL), ("seen", "licence")], 400)
    await clerk.send("/console/bindings", [*given, ("code", FIRM)], 400)
    assert "请勾选已核对的证件" in clerk.page
    await clerk.send("/console/bindings", [*given[1:], ("code", FIRM), ("seen", "licence")], 403)
    assert "未核验" in await member.page("/mine")


async def test_an_owner_sees_its_trade_before_it_is_disclosed_once_identity_was_seen_and_others_do_not(
    world: World,
) -> None:
    clerk = await world.clerk()
    owner = {"name": "项目单位", "uscc": OWNER}
    trade = await clerk.register(OTHER, project_name="秘密筹备项目", owner=owner, **VOLUNTARY)
    member, double = [await world.party(login, "owner", OWNER) for login in ("xiangmu", "jiamao")]
    other = await world.party("bobo", "owner", RIVAL)
    await world.prove("xiangmu")
    await world.prove("bobo")
    page = await member.page("/mine")
    assert "秘密筹备项目" in page and "尚未公开" in page
    assert "秘密筹备项目" in await member.page(f"/mine/trades/{trade}")
    for each in (double, other):
        assert "秘密筹备项目" not in await each.page("/mine")
        await each.page(f"/mine/trades/{trade}", 404)
        await each.page(f"/mine/trades/{trade}?node={world.node.settings.name}", 404)
        assert "秘密" not in await each.hand_in(trade, AGE, 403)
    await clerk.act(trade, OTHER, "notice", bid_deadline=clerk.moment(22))
    for each in (member, double):
        assert "秘密筹备项目" in await each.page("/mine")
    page = await member.page(f"/mine/trades/{trade}")
    receipt = re.search(r'href="(/api/records/[0-9a-f]{32}/receipt\?origin=[^"]+)"', page)
    assert receipt and (await member.get(receipt[1]))[0] == 200
    await clerk.forward(22.1)
    member = await world.again("xiangmu")
    assert 'id="dues"' in await member.page("/mine")


async def test_a_bidder_learns_of_its_bid_and_of_results_that_name_it_and_of_no_other(world: World) -> None:
    clerk = await world.clerk()
    trade = await world.noticed(clerk)
    winner, loser = [await world.party(login, "bidder", org) for login, org in (("anan", FIRM), ("bobo", RIVAL))]
    for login in ("anan", "bobo"):
        await world.prove(login)
    await clerk.forward(22.1)
    at = clerk.moment(-1)
    bids = [{"party": {"name": name, "uscc": org}, "received_at": at} for name, org in (("甲", FIRM), ("乙", RIVAL))]
    await clerk.act(trade, OTHER, "bids_received", bidders=2, bids=bids)
    winner, loser = await world.again("anan"), await world.again("bobo")
    for each in (winner, loser):
        assert "示例项目" in await each.page("/mine")
    double = await world.party("jiamao", "bidder", FIRM)
    assert "示例项目" not in await double.page("/mine")
    await clerk.act(trade, OTHER, "result", winners=[{"name": "甲", "uscc": FIRM}], amount=900_000_00)
    won = await winner.page(f"/mine/trades/{trade}")
    assert "成交人" in won
    assert "成交人</span>" not in await loser.page(f"/mine/trades/{trade}")
    assert "示例项目" in await double.page("/mine")


async def test_only_a_bidder_hands_in(world: World) -> None:
    trade = await world.noticed(await world.clerk())
    for login, role in (("xiangmu", "owner"), ("daili", "agency"), ("xiehui", "association"), ("E-00001", "expert")):
        member = await world.party(login.lower(), role, FIRM if role != "expert" else "", name=login)
        await member.hand_in(trade, AGE, 403)
        assert 'id="hand-in"' not in await member.page(f"/mine/trades/{trade}")


async def test_an_expert_sees_the_own_record_once_seen_and_trades_once_their_committee_is_disclosed(
    world: World,
) -> None:
    for number in ("E-00001", "E-00002"):
        profile = ExpertProfile(alias=number, classes=["A0201"], division="500103", standing=f"在库{number}")
        await world.node.publisher.publish(
            [Draft("expert.profile", number, {"main": Document(number, profile, Source("库"))}, {"alias": number})]
        )
    member = await world.party("zj", "expert", name="E-00001")
    other = await world.party("zk", "expert", name="E-00001")
    assert "在库" not in await member.page("/mine")
    await world.prove("zj", ("expert",))
    page = await member.page("/mine")
    assert "在库E-00001" in page and "在库E-00002" not in page
    assert "在库" not in await other.page("/mine")


async def test_an_experts_trade_is_listed_once_the_committee_is_disclosed(world: World) -> None:
    procurement = PACKAGES["procurement"]
    clerk = await world.clerk()
    steps = [
        ("notice", 1, {"doc_from": 0, "doc_until": 9, "bid_deadline": 22.0}),
        ("bids_received", 22, {"bidders": 3}),
        ("opening", 0.01, {"opened_at": 0.0, "bidders": 3}),
        ("evaluation", 1, {"candidates": RANKED, "experts": ["E-00001", "E-00002", "E-00003"]}),
        ("decision", 1, {"winners": [WINNER]}),
    ]
    facts = {
        "fund_level": "district",
        "mandatory": True,
        "method": "open",
        "qualification": "post",
        "open_amount": True,
    }
    trade = await clerk.register(procurement, project_name="示例采购", **facts)
    for act, days, given in steps:
        await clerk.forward(days)
        await clerk.act(trade, procurement, act, **dated(clerk, procurement, act, given))
    await world.party("zj", "expert", name="E-00001")
    await world.party("zk", "expert", name="E-00009")
    await world.prove("zj", ("expert",))
    member = await world.again("zj")
    assert "示例采购" not in await member.page("/mine"), "the committee is secret until the result is published"
    await clerk.forward(1)
    given = {"publicity_until": 2, "amount": 900_000_00, "experts": ["E-00001", "E-00002", "E-00003"]}
    await clerk.act(trade, procurement, "result", **dated(clerk, procurement, "result", given))
    member, other = await world.again("zj"), await world.again("zk")
    assert "示例采购" in await member.page("/mine")
    assert "示例采购" not in await other.page("/mine")


async def test_credit_is_that_of_the_own_code(world: World) -> None:
    for org, reason in ((FIRM, "按期完工"), (RIVAL, "拖欠工资")):
        body = CreditBehaviour(party=Party("某公司", org), good=org == FIRM, reason=reason, starts_on="2025-01-01")
        main = Document(reason, body, Source("住建委"))
        await world.node.publisher.publish([Draft("credit.behaviour", reason, {"main": main}, {"reason": reason})])
    member = await world.party("anan", "bidder", FIRM)
    page = await member.page(f"/mine/credit?uscc={RIVAL}&code={RIVAL}")
    assert "按期完工" in page and "拖欠工资" not in page


async def _at_the_counter(world: World, trade: str) -> None:
    await bid(await world.clerk(), f"/console/trades/{trade}/bids", AGE + b"counter", name="甲公司", uscc=FIRM)


async def _deposit(world: World, trade: str) -> None:
    book, now = world.node.rules.book, world.clock()

    def work(conn: Connection) -> str:
        replayed, _ = loading.trade_of(conn, book, trade)
        who = Party("甲公司", FIRM)
        more = {"form": "transfer", "amount_fen": 20_000_00, "paid_ms": now, "account": "li.na@500103", "now_ms": now}
        return deposits.take(conn, replayed, world.node.rules.calendar, lot="1", party=who, **more)

    await world.node.store.write(work)
