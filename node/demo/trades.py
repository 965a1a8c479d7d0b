"""Trades that run on the demonstration's first district, for a visitor to go on with.

Everything is made up and marked so. The acts are dated back, with the days that the law asks for between them, so that
the to-do list has something that is due soon and something that is late.
"""

from __future__ import annotations

from typing import Any

from node.app import Node
from node.domain.calendar import DAY_MS, day_of

BIDDER = {"name": "示例施工公司甲", "uscc": "91350100M000100Y43"}
"""The demonstration's bidder; the code is the example of the standard GB 32100."""


async def begin(node: Node, person: Any) -> None:
    """Make the trades of the district, as this clerk."""
    await _road(node, person)
    await _kindergarten(node, person)
    await _school(node, person)


async def _road(node: Node, person: Any) -> None:
    """A construction tender with two lots, shown up to its candidates: the award is what comes next."""
    desk, now = node.desk, node.clock()
    start = now - 34 * DAY_MS
    place = node.settings.division
    begun = await desk.begin(
        person,
        "工程建设",
        "",
        {
            "project_name": "滨江路改造工程（演示）",
            "owner": {"name": "示例城市建设投资有限公司", "uscc": ""},
            "division": place,
            "approval_level": "district",
            "fund_level": "district",
            "mandatory": True,
            "estimate": 50_000_000_00,
            "method": "open",
            "qualification": "post",
            "state_funds": True,
            "lots": [{"number": "1", "name": "道路工程"}, {"number": "2", "name": "桥梁工程"}],
        },
        at=start - DAY_MS,
        made_up=True,
    )

    async def act(what: str, days: float, **fields: Any) -> None:
        await desk.act(person, begun.trade, what, fields=fields, at=int(start + days * DAY_MS))

    def on(days: float) -> str:
        return day_of(int(start + days * DAY_MS))

    await act(
        "notice",
        0,
        content="滨江路改造工程招标公告（演示，内容虚构）",
        doc_from=on(0),
        doc_until=on(7),
        bid_deadline=int(start + 26 * DAY_MS),
        opening_at=int(start + 26 * DAY_MS),
        place="第一开标室",
        ceiling=48_000_000_00,
        security_asked=False,
    )
    await act("clarification", 3, content="补充路灯图纸（演示）", affects=False)
    await act("bids_received", 26, bidders=3)
    firms = [BIDDER, *({"name": f"示例施工公司{n}", "uscc": ""} for n in "乙丙")]
    await act("opening", 26.01, opened_at=int(start + 26 * DAY_MS), place="第一开标室", bidders=len(firms))
    ranked = [
        {"rank": rank, "party": firm, "price": 40_000_000_00 + rank * 100_000_00} for rank, firm in enumerate(firms, 1)
    ]
    await act("evaluation", 28, completed_on=on(28), candidates=ranked)
    await act(
        "candidates",
        29,
        candidates=ranked,
        publicity_until=on(35),
        content="中标候选人公示（演示）",
        objection_channel="向招标人书面提出",
    )


async def _kindergarten(node: Node, person: Any) -> None:
    """A construction tender that takes bids for three weeks more, with bid security."""
    desk, start = node.desk, node.clock() - 6 * DAY_MS
    begun = await desk.begin(
        person,
        "工程建设",
        "",
        {
            "project_name": "新区幼儿园建设工程（演示）",
            "owner": {"name": "示例区教育委员会", "uscc": ""},
            "division": node.settings.division,
            "approval_level": "district",
            "fund_level": "district",
            "mandatory": True,
            "estimate": 12_000_000_00,
            "method": "open",
            "qualification": "post",
            "state_funds": True,
            "lots": [{"number": "1", "name": "施工"}],
        },
        at=start - DAY_MS,
        made_up=True,
    )
    deadline = int(start + 27 * DAY_MS)
    notice = {
        "content": "新区幼儿园建设工程招标公告（演示，内容虚构）",
        "doc_from": day_of(start),
        "doc_until": day_of(start + 7 * DAY_MS),
        "bid_deadline": deadline,
        "opening_at": deadline,
        "place": "第一开标室",
        "ceiling": 11_500_000_00,
        "security_asked": True,
        "bid_security": 200_000_00,
    }
    await desk.act(person, begun.trade, "notice", fields=notice, at=start)


async def _school(node: Node, person: Any) -> None:
    """A procurement that is only registered: its notice is for the visitor to publish."""
    await node.desk.begin(
        person,
        "政府采购",
        "",
        {
            "project_name": "区实验小学课桌椅采购（演示）",
            "owner": {"name": "示例区教育委员会", "uscc": ""},
            "division": node.settings.division,
            "fund_level": "district",
            "mandatory": True,
            "estimate": 3_600_000_00,
            "method": "open",
            "object": "goods",
            "qualification": "post",
            "open_amount": True,
            "lots": [{"number": "1", "name": "课桌椅"}],
        },
        made_up=True,
    )
