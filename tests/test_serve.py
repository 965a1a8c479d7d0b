"""What a serving process writes about itself."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import text

from node import keyring, provision
from node.app import Node
from node.serve import configure_logging, start
from tests.interop.world import FEDERATION, make
from tests.publishing.made import divisions


@pytest.fixture
def logging_restored() -> Iterator[None]:
    before, server = structlog.get_config(), logging.getLogger("aiohttp.server")
    filters = list(server.filters)
    yield
    structlog.configure(**before)
    server.filters[:] = filters


def test_lines_go_to_standard_error_as_it_is_now(monkeypatch: pytest.MonkeyPatch, logging_restored: None) -> None:
    """Whoever set up logging may have had another standard error, closed since."""
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    configure_logging("warning")
    log = structlog.get_logger("test")
    log.error("one", place=1)
    monkeypatch.setattr(sys, "stderr", second)
    first.close()
    log.error("two", place=2)
    log.info("not at this level")
    (line,) = second.getvalue().splitlines()
    assert json.loads(line) | {"timestamp": ""} == {"event": "two", "place": 2, "level": "error", "timestamp": ""}


async def test_an_unreadable_request_writes_nothing_into_the_log(
    logging_restored: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the stranger's address nor his bytes, nor a stack trace for each: anyone could fill the disk."""
    configure_logging("warning")
    server = TestServer(web.Application())
    await server.start_server()
    try:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Canary: canary\x00\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    finally:
        await server.close()
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert caplog.records == []


# --- connections ------------------------------------------------------------------------------------------------------

HALF = b"GET /healthz HTTP/1.1\r\nHost: node\r\nX-Slow: "
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n"


class Connection:
    """A connection to a node on loopback, spoken byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, runner: web.AppRunner) -> Connection:
        return cls(*await asyncio.open_connection(*runner.addresses[0][:2]))

    async def answer(self, request: bytes) -> bytes:
        """The status line and body of what comes for a request."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        assert length is not None
        return head.partition(b"\r\n")[0] + b" " + await self.reader.readexactly(int(length[1]))

    async def rest(self) -> bytes:
        """What comes until the node closes the connection; a byte more is sent from time to time."""
        reading = asyncio.create_task(self.reader.read())
        while not (await asyncio.wait({reading}, timeout=0.02))[0]:
            self.writer.write(b"x")
        return await reading

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def serving(directory: Path, **changes: object) -> AsyncIterator[tuple[Node, web.AppRunner]]:
    made = make(directory / "hub", "hub", "500000")
    signer = keyring.policy_signer(made.settings.keys, made.settings.name, create=True)
    policy = provision.first_policy(FEDERATION, signer, [made], {})
    await asyncio.to_thread(provision.adopt, made.settings, [policy])
    settings = made.settings.model_copy(update={"port": 0, **changes})
    node = Node(settings)
    runner = await start(node, jobs=False)
    try:
        async with asyncio.timeout(60):
            yield node, runner
    finally:
        await runner.cleanup()


async def test_headers_that_never_end_are_not_waited_for(tmp_path: Path) -> None:
    """On a new connection, and on one that was kept open after a request that was answered."""
    async with serving(tmp_path, request_timeout_s=1) as (_, runner):
        silent, slow = [await Connection.open(runner) for _ in range(2)]
        slow.writer.write(HALF)
        assert await slow.rest() == b""
        assert await silent.reader.read() == b""
        kept = await Connection.open(runner)
        assert (await kept.answer(WHOLE)).startswith(b"HTTP/1.1 200")
        assert (await kept.answer(WHOLE)).startswith(b"HTTP/1.1 200"), "it is kept open meanwhile"
        kept.writer.write(HALF)
        assert await kept.rest() == b""
        for each in (silent, slow, kept):
            await each.close()


async def test_a_request_that_takes_long_is_let_finish(tmp_path: Path) -> None:
    async with serving(tmp_path, request_timeout_s=1) as (node, runner):
        go_on = asyncio.Event()
        read = node.store.read

        async def slowly(work: Any) -> Any:
            await go_on.wait()
            return await read(work)

        vars(node.store)["read"] = slowly
        long, silent = await Connection.open(runner), await Connection.open(runner)
        answer = asyncio.create_task(long.answer(WHOLE.replace(b"/healthz", b"/metrics")))
        assert await silent.reader.read() == b""
        silent, other = await Connection.open(runner), silent
        assert await silent.reader.read() == b"", "more than the limit has gone by"
        go_on.set()
        assert (await answer).startswith(b"HTTP/1.1 200")
        for each in (long, silent, other):
            await each.close()


async def test_a_connection_too_many_is_told_so(tmp_path: Path) -> None:
    async with serving(tmp_path, max_connections=2) as (_, runner):
        first, second = [await Connection.open(runner) for _ in range(2)]
        for each in (first, second):
            assert (await each.answer(WHOLE)).startswith(b"HTTP/1.1 200")
        third = await Connection.open(runner)
        told = await third.reader.read()
        head, _, body = told.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ") and b"Retry-After: " in head and b"Connection: close" in head
        problem = json.loads(body)
        assert problem["code"] == "overloaded" and problem["advice_zh"] and problem["advice_en"]
        assert f"Content-Length: {len(body)}".encode() in head
        assert (await first.answer(WHOLE)).startswith(b"HTTP/1.1 200"), "those that are in stay in"
        await second.close()
        await first.close()
        await third.close()
        answer = b""
        while not answer.startswith(b"HTTP/1.1 200"):  # there is room again, as soon as the node has seen them go
            later = await Connection.open(runner)
            with suppress(ConnectionError, EOFError):  # it may be closed while we speak
                answer = await later.answer(WHOLE)
            await later.close()


async def test_a_damaged_text_is_an_error_with_advice_and_not_a_fault_of_ours(tmp_path: Path) -> None:
    async with serving(tmp_path) as (node, runner):
        await node.publisher.publish(divisions(range(3)))
        await node.projector.run()
        await node.store.write(
            lambda conn: conn.execute(text("UPDATE code_view SET name = CAST(x'e5bc80ff' AS TEXT) WHERE idx = 1"))
        )
        seen = await Connection.open(runner)
        answer = await seen.answer(WHOLE.replace(b"/healthz", b"/codes?table=code.division"))
        assert answer.startswith(b"HTTP/1.1 503") and b"ggzy rebuild" in answer
        await node.projector.rebuild()
        answer = await seen.answer(WHOLE.replace(b"/healthz", b"/codes?table=code.division"))
        assert answer.startswith(b"HTTP/1.1 200")
        await seen.close()
