"""A node with accounts, and browsers that keep cookies, for tests of pages that people log in to."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp.test_utils import TestClient, TestServer

from node import provision
from node.accounts.passwords import Cost
from node.app import Node, build
from node.provision import Made

CHEAP = Cost(64, 1, 1)
PASSWORD = "four sparrows drink tea"
START_MS = 1_764_000_000_000


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


class Browser:
    """One browser: keeps its cookies, fills in forms with their CSRF token."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client
        self.cookies: dict[str, str] = {}
        self.headers = {"Accept": "text/html,application/xhtml+xml"}
        self.last: aiohttp.ClientResponse | None = None

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        return await self._send("GET", path, None, headers)

    async def post(self, path: str, fields: Any, *, token: str | None = None, **headers: str) -> tuple[int, str]:
        """POST a form; `token` None means that of the page that is shown for it."""
        if token is None:
            token = self.token((await self.get(self._page_of(path)))[1])
        given = list(fields.items()) if isinstance(fields, dict) else list(fields)
        return await self._send("POST", path, [("csrf", token), *given], headers)

    async def log_in(self, account: str, password: str = PASSWORD, code: str = "", **headers: str) -> int:
        status, _ = await self.post("/login", {"account": account, "password": password, "code": code}, **headers)
        return status

    @staticmethod
    def token(page: str) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]*)"', page)
        return found[1] if found else ""

    @staticmethod
    def _page_of(path: str) -> str:
        return {"/logout": "/account"}.get(path, "/" + path.split("/")[1])

    async def _send(self, method: str, path: str, fields: Any, headers: dict[str, str]) -> tuple[int, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        data = None if fields is None else io.BytesIO(urlencode(fields).encode())
        if fields is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            url = self.client.make_url(path)
            async with session.request(
                method, url, data=data, headers={"Cookie": cookie, **sent}, allow_redirects=False
            ) as answer:
                self.last = answer
                for name, morsel in answer.cookies.items():
                    self.cookies[name] = morsel.value
                    if morsel["max-age"] == "0":
                        del self.cookies[name]
                return answer.status, await answer.text()


def made_node(directory: Path, *, role: str = "district", division: str = "500103", **more: Any) -> Made:
    return provision.make_node(directory, role=role, division=division, title="渝中区公共资源交易中心", **more)


@asynccontextmanager
async def serving(
    directory: Path,
    clock: Callable[[], int],
    *,
    role: str = "district",
    settings: dict[str, Any] | None = None,
    department: str = "",
) -> AsyncIterator[tuple[Node, TestClient[Any, Any]]]:
    """A node alone, with a policy of its own and the server in front of it."""
    made = made_node(directory, role=role, **({"department": department} if department else {}))
    node = Node(made.settings.model_copy(update=settings or {}), clock=clock, password_cost=CHEAP)
    signer = provision.keyring.policy_signer(made.settings.keys, made.settings.name, create=True)
    async with TestClient(TestServer(build(node, jobs=False))) as client:
        await node.trusted.adopt([provision.first_policy("ggzy.example/cq", signer, [made], {})])
        yield node, client
