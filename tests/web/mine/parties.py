"""Parties in browsers at one centre, and a clerk who makes trades for them."""

from __future__ import annotations

import re
from typing import Any

import aiohttp

from node.accounts import register
from node.app import Node
from node.domain.identifiers import check_character
from node.rules import load_packaged
from tests.web.console.walking import POSTS, Clerk
from tests.web.persons import PASSWORD, Browser, Clock

PACKAGES = {each.id: each for each in load_packaged().packages}
OTHER, CONSTRUCTION = PACKAGES["other"], PACKAGES["construction"]
VOLUNTARY = {"mandatory": False, "owner_decision": "业主决定"}
AGE = b"age-encryption.org/v1\n-> X25519 abc"


def code(n: int) -> str:
    """A valid unified social credit code."""
    body = f"91350100M{n:08d}"
    return body + check_character(body)


OWNER, FIRM, RIVAL = code(1), code(2), code(3)


class Member(Browser):
    """A party in a browser."""

    async def page(self, path: str, status: int = 200) -> str:
        found, page = await self.get(path)
        assert found == status, (path, found, page[:2000])
        return page

    async def hand_in(self, trade: str, content: bytes, status: int = 200, **fields: str) -> str:
        """The page that answers a bid, as a browser sends it."""
        path = f"/mine/trades/{trade}"
        form = aiohttp.FormData()
        token = self.token((await self.get("/account"))[1])
        for name, text in {"csrf": token, "lot": "1", "do": "receive", **fields}.items():
            form.add_field(name, text)
        form.add_field("file", content, filename="bid.age", content_type="application/octet-stream")
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookie, "Accept": "text/html"}
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            url = self.client.make_url(path)
            async with session.post(url, data=form, headers=headers, allow_redirects=False) as answer:
                page = await answer.text()
                assert answer.status == status, (answer.status, page[:3000])
        return page

    async def send(self, path: str, status: int, **fields: str) -> str:
        token = self.token((await self.get("/account"))[1])
        found, page = await self.post(path, fields, token=token)
        assert found == status, (path, found, page[:2000])
        return page


def numbers(page: str) -> list[str]:
    """The receipts that a page links to, each once."""
    return list(dict.fromkeys(re.findall(r"/mine/bids/([0-9a-f]{32})", page)))


class World:
    """A centre with a clerk of all posts, and parties that register as anybody may."""

    def __init__(self, node: Node, client: Any, clock: Clock) -> None:
        self.node, self.client, self.clock = node, client, clock

    async def clerk(self, account: str = "li.na", posts: tuple[str, ...] = POSTS) -> Clerk:
        known = await self.node.store.read(register.own)
        if not any(row.account == f"{account}@500103" for row in known):
            await self.node.accounts.add(account, account, list(posts), PASSWORD)
        return await Clerk(self.node, self.client, self.clock).log_in(account)

    async def party(self, login: str, role: str, org: str = "", name: str = "", org_name: str = "") -> Member:
        await self.node.accounts.add(
            login, name or login, [role], PASSWORD, org=org, org_name=org_name or f"{login}公司", own=True
        )
        return await self.again(login)

    async def again(self, login: str) -> Member:
        await self.level()
        member = Member(self.client)
        assert await member.log_in(login) == 303
        return member

    async def level(self) -> None:
        await self.node.projector.run()
        await self.node.keep_trades()

    async def prove(self, login: str, papers: tuple[str, ...] = ("licence",)) -> None:
        """The acceptance post sees the papers, through its page."""
        await self.level()
        clerk = await self.clerk()
        account = f"{login}@500103"
        token = ("csrf", clerk.browser.token(await clerk.get("/console/bindings")))
        page = await clerk.send("/console/bindings", [token, ("account", account), ("do", "look")], 200) or clerk.page
        stated = re.search(r'name="code" value="([^"]*)"', clerk.page)
        assert stated, page
        given = [token, ("account", account), ("code", stated[1]), ("org_name", "证件名称"), ("do", "note")]
        await clerk.send("/console/bindings", [*given, *(("seen", paper) for paper in papers)], 200)
        assert "已记录，随日志送达各中心" in clerk.page, clerk.page

    async def noticed(self, clerk: Clerk, **facts: Any) -> str:
        """A trade for which bids are taken, of the owner OWNER."""
        owner = {"name": "项目单位", "uscc": OWNER}
        trade = await clerk.register(OTHER, **{"project_name": "示例项目", "owner": owner, **VOLUNTARY, **facts})
        await clerk.act(trade, OTHER, "notice", bid_deadline=clerk.moment(22))
        return trade
