"""A proxy of our own says who asks; nobody else does."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node.web import proxies


@pytest.mark.parametrize(
    ("trusted", "header", "seen"),
    [
        (("127.0.0.1",), "203.0.113.9", "203.0.113.9"),
        (("127.0.0.1",), "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (("127.0.0.1", "10.0.0.2"), "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (("127.0.0.1",), "203.0.113.9, <script>", "127.0.0.1"),
        (("127.0.0.1",), "", "127.0.0.1"),
        ((), "203.0.113.9", "127.0.0.1"),
        (("10.0.0.2",), "203.0.113.9", "127.0.0.1"),
    ],
)
async def test_who_is_believed(trusted: tuple[str, ...], header: str, seen: str) -> None:
    async def tell(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.remote} {request.match_info['word']} {await request.text()}")

    app = web.Application(middlewares=[proxies.middleware(trusted)])
    app.add_routes([web.post("/{word}", tell)])
    async with TestClient(TestServer(app, host="127.0.0.1")) as client:
        answer = await client.post("/x", data="body", headers={"X-Forwarded-For": header} if header else {})
        assert await answer.text() == f"{seen} x body"
