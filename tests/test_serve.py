"""What a serving process writes about itself."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer

from node.serve import configure_logging


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
