"""The line to PostgreSQL is cut while a node serves, and comes back: nothing has to be started again."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from sqlalchemy import make_url

from node import keyring, provision
from node.app import Node
from node.serve import start
from node.settings import build
from node.store import migrate
from tests.interop.world import FEDERATION
from tests.publishing.made import divisions
from tests.store.postgres import needs_postgres, postgres_url

LIMIT_S = 120


class Line:
    """Carries bytes between the node and its database, until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()
        self._port = 0

    async def mend(self) -> int:
        """Carry from now on; gives the port to connect to, which stays the same."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self._port)
        self._port = int(self._server.sockets[0].getsockname()[1])
        return self._port

    async def cut(self) -> None:
        """Break what is connected, and take nobody in."""
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()
        await asyncio.sleep(0)  # whoever was taken in just now is known by then
        while carrying := list(self._carrying):
            for task in carrying:
                task.cancel()
            await asyncio.gather(*carrying, return_exceptions=True)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # also when it was cut before it began

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        ways: list[asyncio.Task[None]] = []
        try:
            there, back = await asyncio.open_connection(*self._to)
            ends.append(back)
            ways += [asyncio.create_task(_pump(reader, back)), asyncio.create_task(_pump(there, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in ends:
                end.transport.abort()
                with suppress(OSError):
                    await end.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LIMIT_S):
        for _ in itertools.count():
            if await check():
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(directory: Path, url: str) -> AsyncIterator[tuple[Node, str]]:
    """A node at the top, with its jobs, on the database at `url`; gives it and its address."""
    plain = {"name": f"{FEDERATION}/500000", "title": "枢纽", "role": "hub", "division": "500000", "port": 0}
    settings = build(directory, {**plain, "database_url": url, "project_interval_s": 0.1, "observe_interval_s": 0})

    def make() -> None:
        migrate.upgrade(url)
        keys = keyring.make(settings.keys, settings.name, settings.epoch)
        member = provision.Member(settings.name, "hub", "500000", "", settings.title)
        signer = keyring.policy_signer(settings.keys, settings.name, create=True)
        made = provision.Made(settings, keys, member)
        provision.adopt(settings, [provision.first_policy(FEDERATION, signer, [made], {})])

    await asyncio.to_thread(make)
    node = Node(settings)
    runner = await start(node)
    try:
        yield node, "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


@needs_postgres
async def test_pages_say_so_and_jobs_go_on_when_it_is_back(tmp_path: Path) -> None:
    with postgres_url() as direct:
        address = make_url(direct)
        line = Line(address.host or "127.0.0.1", address.port or 5432)
        through = address.set(host="127.0.0.1", port=await line.mend())
        try:
            async with (
                serving(tmp_path, through.render_as_string(hide_password=False)) as (node, url),
                aiohttp.ClientSession(url) as session,
            ):

                async def jobs_are(where: str) -> bool:
                    async with session.get("/readyz") as answer:
                        return answer.status == 200 and (await answer.json())["jobs"] == where

                async def shows(code: str) -> bool:
                    async with session.get(f"/codes?table=code.division&q={code}") as answer:
                        return answer.status == 200 and (await answer.text()).count("<tr") > 1

                await until(lambda: jobs_are("here"))
                await node.publisher.publish(divisions(range(3)))
                await until(lambda: shows("000002"))

                await line.cut()
                for path in ("/codes?table=code.division", "/readyz", "/metrics", "/api/records"):
                    async with session.get(path, headers={"Accept": "application/json"}) as answer:
                        body = await answer.text()
                        assert answer.status == 503, (path, answer.status, body)
                        if "application/problem+json" in answer.headers["Content-Type"]:
                            problem = json.loads(body)
                            assert problem["code"] == "unavailable"
                            assert problem["advice_zh"] and problem["advice_en"]
                        else:
                            assert "数据库" in body and "database" in body
                async with session.get("/healthz") as answer:
                    assert answer.status == 200

                await line.mend()
                await until(lambda: jobs_are("here"))
                await node.publisher.publish(divisions(range(3, 6)))
                await until(lambda: shows("000005"))
        finally:
            await line.cut()
