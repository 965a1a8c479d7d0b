"""Those who log in to the demonstration: a clerk, a bidder, the hub's administrator and a department's supervisor.

Passwords are new with each fresh directory and known to nobody else. Of an earlier run they are gone: then nobody is
made, and nothing is printed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from node import samples
from node.app import Node
from node.demo import trades
from node.demo.federation import DEPARTMENT, Federation
from node.errors import Conflict

CLERK: Final = ("acceptance", "venue", "publication", "archive")


@dataclass(frozen=True, slots=True)
class Visitor:
    """One log-in: what it shows, where, by which name."""

    what: str
    url: str
    account: str
    password: str


async def begin(federation: Federation) -> list[Visitor]:
    """Make the accounts, and the trades that the clerk goes on with; empty when an earlier run did."""
    district = federation.nodes[samples.DISTRICTS[0]]
    try:
        clerk = await _add(district, "clerk", "演示经办人", CLERK, "交易中心 console", "/console")
    except Conflict:
        return []
    await trades.begin(district, (await district.accounts.log_in(clerk.account, clerk.password)).person)
    found = [clerk]
    found.append(
        await _add(
            district,
            "bidder",
            "演示投标人",
            ("bidder",),
            "投标人 bidder",
            "/mine",
            org=trades.BIDDER["uscc"],
            org_name=trades.BIDDER["name"],
        )
    )
    hub = ("administrator", "publication")
    found.append(await _add(federation.hub, "admin", "演示管理员", hub, "市级枢纽 hub", "/uplink"))
    department = federation.nodes.get(DEPARTMENT)
    if department is not None:
        found.append(
            await _add(department, "supervisor", "演示监管员", ("supervisor",), "监管部门 department", "/supervision")
        )
    await district.audit.flush()  # the clerk's log-in is a record now, not after the count of what was published
    return found


async def _add(
    node: Node,
    login: str,
    name: str,
    roles: tuple[str, ...],
    what: str,
    page: str,
    *,
    org: str = "",
    org_name: str = "",
) -> Visitor:
    password = f"{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    account = await node.accounts.add(login, name, roles, password, org=org, org_name=org_name)
    return Visitor(what, f"{node.settings.url}{page}", account, password)


def shown(visitors: list[Visitor]) -> str:
    """The log-ins as lines that can be copied."""
    lines = [
        f"  {each.what}: {each.url}\n    账号 account: {each.account}  密码 password: {each.password}"
        for each in visitors
    ]
    return "\n".join(["\n登录 log in（密码只显示一次 · passwords are shown only now）", *lines])
