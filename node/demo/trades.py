"""Trades that run on the demonstration's first district, and the account with which a visitor goes on with them.

Everything is made up and marked so. The acts are dated back, with the days that the law asks for between them, so that
the to-do list has something that is due soon and something that is late.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from node.app import Node
from node.domain.calendar import DAY_MS, day_of
from node.errors import Conflict

ACCOUNT = "clerk"
ROLES = ("acceptance", "publication", "venue")


@dataclass(frozen=True, slots=True)
class Visitor:
    """The demonstration's clerk; the password is new with each fresh directory, and known to nobody else."""

    account: str
    password: str


async def begin(node: Node) -> Visitor | None:
    """Make the clerk's account and the trades, unless an earlier run did: then nothing, for the password is gone."""
    password = f"{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    try:
        account = await node.accounts.add(ACCOUNT, "演示经办人", ROLES, password)
    except Conflict:
        return None
    person = (await node.accounts.log_in(ACCOUNT, password)).person
    await _road(node, person)
    await _school(node, person)
    return Visitor(account, password)


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
    firms = [{"name": f"示例施工公司{n}", "uscc": ""} for n in "甲乙丙"]
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
