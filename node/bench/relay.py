"""A relay on loopback that counts bytes: what a line between two nodes would carry, HTTP and all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_CHUNK = 1 << 16


@dataclass
class Counted:
    """Bytes of all TCP streams through the relay: `up` from those who connect to it, `down` back to them."""

    url: str
    up: int = 0
    down: int = 0
    connections: int = 0


@asynccontextmanager
async def counting(port: int) -> AsyncIterator[Counted]:
    """Relay to 127.0.0.1:`port` from a port of its own, which is in `url`."""
    counted = Counted("")
    tasks: set[asyncio.Task[None]] = set()

    async def up(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        async for data in _carried(source, sink):
            counted.up += len(data)

    async def down(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        async for data in _carried(source, sink):
            counted.down += len(data)

    async def pair(near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        counted.connections += 1
        far_in, far_out = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(up(near_in, far_out), down(far_in, near_out))
        finally:
            for writer in (near_out, far_out):
                writer.close()

    def accept(near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(pair(near_in, near_out))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    counted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield counted
    finally:
        server.close()
        left = list(tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _carried(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    """What is read from one stream, once it was written to the other; its end is handed on too."""
    with suppress(ConnectionError):
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
            yield data
        sink.write_eof()
