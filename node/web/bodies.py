"""Large bodies on their way in and out: read within limits of time and size, counted as long as they take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from aiohttp import web

from node.errors import Malformed, TooLarge
from node.web.doors import CALL_BYTES, DOORS
from node.web.keys import PRESSURE, SETTINGS
from node.web.problems import SECURITY_HEADERS

MIN_BYTES_PER_S = 1024
SMALL_BYTES = 32 << 10
"""A body of at most so many is a small upload."""
FEW_BYTES = 256 << 10
PIECE_BYTES = 64 << 10


async def read_body(request: web.Request, limit: int) -> bytes:
    """A whole body of at most `limit` inflated bytes, each part of it within the node's request timeout."""
    body = bytearray()
    async for chunk in chunks(request):
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"a body of more than {limit} bytes")
    return bytes(body)


async def chunks(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises Malformed when it cannot be read, or its sender falls silent or drips."""
    idle_s = request.app[SETTINGS].request_timeout_s
    loop = asyncio.get_running_loop()
    started, received = loop.time(), 0
    while True:
        # Beyond the idle time a body must have come at this rate on average, or it would hold its place for ever.
        if loop.time() - started > idle_s + received / MIN_BYTES_PER_S:
            raise Malformed(f"the body comes more slowly than {MIN_BYTES_PER_S} bytes a second")
        try:
            async with asyncio.timeout(idle_s):
                chunk = await request.content.readany()
        except TimeoutError:
            raise Malformed("the body stopped arriving") from None
        except web.HTTPException:
            raise
        except (ValueError, web.RequestPayloadError) as error:
            # Nothing after this can be read either. Without this aiohttp tries to, to drain the body, and logs a stack
            # trace for each such request: anyone could fill our disk with them.
            request.content.feed_eof()
            if request.protocol is not None:
                request.protocol.close()
            raise Malformed(f"the body cannot be read: {type(error).__name__}") from None
        if not chunk:
            return
        received += len(chunk)
        yield chunk


@asynccontextmanager
async def upload(request: web.Request, log: str) -> AsyncIterator[None]:
    """Back-pressure: so many uploads at once, others wait in turn for a moment, and beyond that are told to come back.

    A sender of little goes through a gate of his own: news of today must not wait behind a month's backlog.
    """
    doors, length = request.app[DOORS], request.content_length
    gate = doors.small if length is not None and length <= SMALL_BYTES else doors.uploads
    async with gate.enter((log, request.remote)):
        with request.app[PRESSURE].upload():
            yield


async def peek(body: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """The origin that an upload of entries begins with, as it stands there, and the whole body again.

    The origin comes first, after its length as uint16 (c2sp.org/tlog-mirror); a body that ends within it gives none.
    """
    begin = b""
    async for chunk in body:
        begin += chunk
        if len(begin) >= 2 and len(begin) >= 2 + int.from_bytes(begin[:2], "big"):
            break

    async def whole() -> AsyncIterator[bytes]:
        if begin:
            yield begin
        async for chunk in body:
            yield chunk

    return begin[2 : 2 + int.from_bytes(begin[:2], "big")], whole()


def desk(request: web.Request, inflated: int) -> AbstractAsyncContextManager[None]:
    """Room for so many bytes of payloads; little needs none."""
    return request.app[DOORS].memory.hold(max(inflated, CALL_BYTES)) if inflated > FEW_BYTES else nullcontext()


async def hand_over(request: web.Request, body: bytes, content_type: str) -> web.StreamResponse:
    """Send a large answer whole before this returns: as long as its reader takes, it counts as work under way.

    Ends the connection of a reader who takes nothing for the node's request timeout.
    """
    answer = web.StreamResponse(headers={"Cache-Control": "private, no-store", **SECURITY_HEADERS})
    answer.content_type, answer.content_length = content_type, len(body)
    await answer.prepare(request)
    for at in range(0, len(body) if request.method == "GET" else 0, PIECE_BYTES):
        async with asyncio.timeout(request.app[SETTINGS].request_timeout_s):
            await answer.write(body[at : at + PIECE_BYTES])
    await answer.write_eof()
    return answer
