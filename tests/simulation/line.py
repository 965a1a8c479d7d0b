"""A line between two nodes of one process: requests go straight into the other's application, or suffer on the way.

No socket and no HTTP parser: those are tested elsewhere. What is real here is every handler, every transaction and
every signature.
"""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from unittest import mock

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from node.errors import Unavailable
from node.sync.peer import Reply, Request

TIMEOUT_S = 30.0


@dataclass
class Weather:
    """How likely each fault of a line is, from 0 to 1, and how long a request takes at most, in seconds."""

    lose_request: float = 0.0
    lose_answer: float = 0.0
    duplicate: float = 0.0
    cut_body: float = 0.0
    spoil_answer: float = 0.0
    black_hole: float = 0.0
    latency_s: float = 0.0


FINE = Weather()


class Line:
    """Transport of node.sync.peer. `serve` hands a request to the other node; `weather` is asked for each request."""

    def __init__(
        self, chance: random.Random, serve: Callable[[Request], Awaitable[Reply]], weather: Callable[[], Weather]
    ) -> None:
        self._chance = chance
        self._serve = serve
        self._weather = weather

    async def send(self, request: Request) -> Reply:
        weather, draw = self._weather(), self._chance.random
        if draw() < weather.black_hole:
            await asyncio.sleep(TIMEOUT_S)
            raise Unavailable("no answer in time")
        if weather.latency_s:
            await asyncio.sleep(draw() * weather.latency_s)
        if draw() < weather.lose_request:
            raise Unavailable("the request was lost")
        if draw() < weather.cut_body and request.body:
            request = replace(request, body=request.body[: int(draw() * len(request.body))])
            await self._serve(request)
            raise Unavailable("the line broke while sending")
        if draw() < weather.duplicate:
            await self._serve(request)
        reply = await self._serve(request)
        if draw() < weather.lose_answer:
            raise Unavailable("the answer was lost")
        if draw() < weather.spoil_answer and reply.body:
            place = int(draw() * len(reply.body))
            spoilt = bytes((reply.body[place] ^ (1 << int(draw() * 8)),))
            return replace(reply, body=reply.body[:place] + spoilt + reply.body[place + 1 :])
        return reply


async def handle(app: web.Application, request: Request) -> Reply:
    """One request through an application's middlewares and handler; gives the answer whole."""
    loop = asyncio.get_running_loop()
    headers = CIMultiDict(request.headers)
    body = request.body
    if headers.get("Content-Encoding") == "gzip":
        try:
            body = gzip.decompress(body)
        except (EOFError, OSError):
            body = b""  # what a cut body gives the parser is an error or nothing; either way nothing usable
    # aiohttp's own server inflates a body before a handler sees it.
    payload = StreamReader(BaseProtocol(loop), 1 << 26, loop=loop)
    if body:
        payload.feed_data(body)
    payload.feed_eof()
    writer = Written()
    made = make_mocked_request(
        request.method, request.target, headers=headers, app=app, payload=payload, transport=mock.Mock(), writer=writer
    )
    try:
        answer = await app._handle(made)
    except web.HTTPException as error:
        answer = error
    assert isinstance(answer, web.StreamResponse)
    if not isinstance(answer, web.Response):
        return Reply(answer.status, answer.headers, bytes(writer.body))  # it was written before the handler returned
    given = answer.body
    return Reply(answer.status, answer.headers, bytes(given) if isinstance(given, bytes | bytearray) else b"")


class Written(AbstractStreamWriter):
    """Takes an answer that its handler writes piece by piece."""

    def __init__(self) -> None:
        self.body = bytearray()

    async def write(self, chunk: bytes | bytearray | memoryview) -> None:
        self.body += chunk

    async def write_eof(self, chunk: bytes = b"") -> None:
        self.body += chunk

    async def drain(self) -> None:
        pass

    def enable_compression(self, *_args: object, **_options: object) -> None:
        pass

    def enable_chunking(self) -> None:
        pass

    async def write_headers(self, status_line: str, headers: object) -> None:
        pass
