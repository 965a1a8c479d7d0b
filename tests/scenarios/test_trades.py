"""A construction trade from registration to archive at a district: the same at the hub and the nation, by replaying."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from node.cli.verify import verify
from node.domain.calendar import day_of
from node.domain.record import Party
from node.store.tables import Policy, table
from node.trading import bids, register
from node.wire import bid_receipt
from tests.scenarios.net import Net, Running
from tests.trading.bench import DAY, Clerk

POLICIES = table(Policy)
POSTS = frozenset({"acceptance", "publication", "venue", "archive"})
ANNA = Clerk("anna@east", POSTS)


@pytest.fixture
async def net(tmp_path):
    made = Net(tmp_path)
    yield made
    await made.stop()


def registration(**more):
    return {
        "project_name": "示例道路工程",
        "owner": {"name": "示例建设单位"},
        "division": "500103",
        "approval_level": "district",
        "fund_level": "district",
        "mandatory": True,
        "estimate": 50_000_000_00,
        "method": "open",
        "qualification": "post",
        "state_funds": True,
        "contact": "王先生 023-1234",
        "lots": [{"number": "1", "name": "道路"}, {"number": "2", "name": "桥梁"}],
        **more,
    }


async def to_archive(net: Net, east: Running) -> str:
    """Both lots through all stages, with the days that the law asks for between them."""
    desk, clock = east.node.desk, net.clock
    begun = await desk.begin(ANNA, "工程建设", "", registration(), project_code="E5001030001")
    trade = begun.trade

    async def act(what, days=0.0, **fields):
        clock.forward(hours=days * 24)
        return await desk.act(ANNA, trade, what, fields=fields)

    today = lambda days=0: day_of(clock() + days * DAY)  # noqa: E731
    await act(
        "notice",
        content="招标公告全文",
        doc_from=today(),
        doc_until=today(6),
        bid_deadline=clock() + 25 * DAY,
        opening_at=clock() + 25 * DAY,
        ceiling=48_000_000_00,
        security_asked=False,
    )
    await act("bids_received", 25, bidders=3)
    await act("opening", 0.01, opened_at=clock(), place="第一开标室", bidders=3)
    ranked = [
        {"rank": rank, "party": {"name": f"示例施工公司{rank}"}, "price": 40_000_000_00 + rank} for rank in (1, 2)
    ]
    await act("evaluation", 1, completed_on=today(1), candidates=ranked)
    await act(
        "candidates", 1, candidates=ranked, publicity_until=today(7), content="公示", objection_channel="向招标人提出"
    )
    await act(
        "result", 8, winners=[{"name": "示例施工公司1"}], amount=40_000_000_01, winner_rank=1, content="中标结果公告"
    )
    winner = [{"name": "示例施工公司1"}]
    await act("award_notice", 1, winners=winner, amount=40_000_000_01)
    signed = {"name": "施工合同", "parties": winner, "amount": 40_000_000_01, "content": "主要条款"}
    await act("contract", 10, signed_on=today(10), **signed)
    await act("completion", 300, finished_on=today(300), content="已完工")
    await act("archive", 5, file_no="2025-001", keep_until=today(20 * 366))
    return trade


async def state_at(running: Running, trade: str):
    node = running.node
    await node.projector.run()
    await node.trades.run()
    found, records = await node.store.read(lambda conn: register.trade_of(conn, node.rules.book, trade))
    row = await node.store.read(lambda conn: register.state_of(conn, trade))
    return found, [each.record_id for each in records], {name: row[name] for name in row if name != "own"}


async def test_the_trade_is_the_same_wherever_it_is_replayed(net):
    east, hub, national = await net.start("east", "hub", "national")
    trade = await to_archive(net, east)
    east_state = await state_at(east, trade)
    await net.settle()
    for other in (hub, national):
        assert await state_at(other, trade) == east_state
    assert east_state[0].ended and east_state[0].odd == ()
    assert await east.fsck() == [] and await hub.fsck() == []
    page = await hub.page("/trades?q=%E7%A4%BA%E4%BE%8B%E9%81%93%E8%B7%AF")
    assert "中标结果公告" in page and "示例施工公司1" in page
    assert "王先生" not in page


async def test_a_bids_receipt_verifies_by_the_trust_policy_alone(net, tmp_path, capsys):
    (east, hub) = await net.start("east", "hub")
    node, clock = east.node, net.clock
    begun = await node.desk.begin(ANNA, "工程建设", "", registration())
    today = day_of(clock())
    notice = {"content": "公告", "doc_from": today, "doc_until": day_of(clock() + 6 * DAY), "security_asked": False}
    await node.desk.act(ANNA, begun.trade, "notice", fields={**notice, "bid_deadline": clock() + 25 * DAY})
    trade, _ = await node.store.read(lambda conn: register.trade_of(conn, node.rules.book, begun.trade))
    head = b"age-encryption.org/v1\n-> X25519 abc"
    given = bids.Incoming(trade.key, "1", Party("甲公司"), head, "ab" * 32, 4096)

    def work(conn):
        custody = node.keys.custody
        return bids.receive(conn, given, trade, node=node.settings.name, custody=custody, now_ms=clock())

    receipt, note = await node.store.write(work)
    assert bid_receipt.verify(note, hub.node.trusted.policy) == receipt
    await net.settle()
    for path in ("/trades", "/api/records", "/status"):
        assert "甲公司" not in await east.page(path)
    file, policy = tmp_path / "bid.txt", tmp_path / "trust.txt"
    file.write_bytes(note)
    policy.write_bytes(await hub.node.store.read(lambda conn: conn.execute(select(POLICIES.c.note)).scalar_one()))
    verify(file, policy, None, as_json=True)
    assert receipt.number in capsys.readouterr().out
