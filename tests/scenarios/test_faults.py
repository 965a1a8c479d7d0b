"""Faults of the net and of clocks: requests that come twice or cut off, bombs, a clock a year off, a line that swallows
everything. After each: nothing lost, nothing twice, nothing forked, and local work went on.

Bodies that drip or stop (slow-loris) are in tests/web/test_sync_api.py, gzip bombs in tests/interop/test_mirror.py.
"""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import msgpack
import pytest
import zstandard
from net import START_MS, HandClock, Net, Running, result
from sqlalchemy import select

from node.app import Node
from node.store import checkpoints, logs
from node.store.tables import TradeView, table
from node.sync.peer import HttpTransport, Reply, Request
from node.tlog.cosignature import cosignature_time
from node.wire import pack, paths

YEAR_S = 365 * 86_400
COUNT = 300


async def sound(below: Running, above: Running, count: int) -> None:
    """The node above holds the lower one's log, whole, once, unforked; and both are as the judge wants them."""
    mine, held = await below.log_of(below), await above.log_of(below)
    assert (held.stored_size, held.head_size, held.payload_next) == (count, count, count)
    assert held.head_root == mine.head_root and not mine.frozen
    assert not await below.fsck() and not await above.fsck()


def numbered(count: int = COUNT) -> list[Any]:
    return [result(f"F-{number}") for number in range(count)]


# --- requests that come twice ---------------------------------------------------------------------------------------


@dataclass
class Twice:
    """A line that delivers every request twice; the sender sees the first answer."""

    below: HttpTransport
    second: list[tuple[str, int]] = field(default_factory=list)

    async def send(self, request: Request) -> Reply:
        first = await self.below.send(request)
        again = await self.below.send(request)
        self.second.append((f"{request.method} {request.target.partition('?')[0]}", again.status))
        return first


async def test_L12_every_request_arrives_twice(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    assert east.line is not None
    twice = Twice(east.line._below)
    vars(east.line)["_below"] = twice
    await east.publish(*numbered())
    await net.settle()
    await east.publish(*numbered(COUNT + 20))
    await net.settle()
    await sound(east, hub, COUNT + 20)
    assert len({title for title, _ in await titles(hub)}) == COUNT + 20 == len(await titles(hub))
    seen = Counter(twice.second)
    of_payloads = {status for (what, status) in seen if what == f"POST {paths.payloads(east.origin)}"}
    assert of_payloads == {401}, "a signed request counts once"
    assert {status for (what, status) in seen if what == f"POST {paths.ADD_CHECKPOINT}"} <= {200, 409}
    assert {status for (what, status) in seen if what == f"POST {paths.ADD_ENTRIES}"} <= {200, 202, 409}


async def titles(running: Running) -> list[tuple[str, int]]:
    view = table(TradeView)
    return [tuple(row) for row in await running.node.store.read(lambda c: c.execute(select(view.c.title, view.c.idx)))]


# --- cut off on the way ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0.0, 0.4, 0.99])
async def test_every_kind_of_request_is_cut_once(net: Net, part: float) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(*numbered())
    assert east.line is not None
    cut: set[str] = set()

    def shorten(request: Request) -> Request:
        target = request.target.partition("?")[0]
        if not request.body or target in cut:
            return request
        cut.add(target)
        return replace(request, body=request.body[: int(len(request.body) * part)])

    east.line.change_requests(shorten)
    failures = [await failed(net, "east") for _ in range(4)]
    assert len(cut) >= 3 and sum(failures) >= 2, "a request that was cut is not taken for whole"
    await net.settle()
    await sound(east, hub, COUNT)


@pytest.mark.parametrize("part", [0.0, 0.5])
async def test_every_kind_of_answer_is_cut_once(net: Net, part: float) -> None:
    _, hub, east, west = await net.start("national", "hub", "east", "west")
    await east.publish(*numbered())
    await west.publish(result("W-1"))
    await net.sync("west")
    assert east.line is not None
    cut: set[str] = set()

    def shorten(request: Request, reply: Reply) -> Reply:
        target = request.target.partition("?")[0]
        if reply.status != 200 or not reply.body or target in cut or target == paths.HELLO:
            return reply
        cut.add(target)
        return replace(reply, body=reply.body[: int(len(reply.body) * part)])

    east.line.change_replies(shorten)
    failures = [await failed(net, "east") for _ in range(12)]
    assert len(cut) >= 8 and sum(failures) >= 4, "an answer that was cut is not taken for whole"
    await net.settle()
    await sound(east, hub, COUNT)
    await sound(west, east, 1)


async def failed(net: Net, name: str) -> bool:
    report = await net.sync(name)
    net.clock.forward(seconds=61)
    return bool(report.failures)


# --- bombs ----------------------------------------------------------------------------------------------------------


def huge(origin: str) -> bytes:
    """A pack that is in order but for its size: what refuses it is the size alone."""
    rows = [[0, "main", bytes(16), bytes(pack.MAX_PACK_BYTES + (8 << 20))]]
    return bytes(msgpack.packb([1, origin, 0, 1, "public", rows], use_bin_type=True))


def stated(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1, write_content_size=True).compress(data)


def unstated(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1, write_content_size=False).compress(data)


def understated(data: bytes) -> bytes:
    """A frame that says 1000 bytes and holds them all (RFC 8878 §3.1.1.1: size in 4 bytes, single segment)."""
    whole, small = stated(data), 1000
    head = whole[:4] + bytes([0b10100000]) + small.to_bytes(4, "little")
    made = head + whole[zstandard.frame_header_size(whole) :]
    assert zstandard.frame_content_size(made) == small
    return made


@pytest.mark.parametrize(("make", "code"), [(stated, "too-large"), (unstated, "malformed"), (understated, "malformed")])
async def test_L14_a_pack_that_is_a_bomb_is_refused_up_and_down(
    net: Net, make: Callable[[bytes], bytes], code: str
) -> None:
    _, hub, east, west = await net.start("national", "hub", "east", "west")
    await east.publish(result("B-1"))
    await west.publish(result("B-2"))
    await net.sync("west")
    bombs = {origin: pack.frame([make(huge(origin))]) for origin in (west.origin, east.origin)}
    assert all(len(bomb) < 1 << 20 for bomb in bombs.values()) and east.line is not None
    payloads_of = paths.payloads(west.origin)

    def plant(request: Request, reply: Reply) -> Reply:
        planted = reply.status == 200 and request.target.startswith(f"{payloads_of}?")
        return replace(reply, body=bombs[west.origin]) if planted else reply

    east.line.change_replies(plant)
    report = await net.sync("east")
    assert report.failures[west.origin].startswith(code), report.failures
    assert (await east.log_of(west)).payload_next == 0
    answer = await hub_takes(east, bombs[east.origin])
    assert answer.status == {"too-large": 413, "malformed": 400}[code]
    east.line.change_replies(None)
    await net.settle()
    await sound(west, east, 1)
    await sound(east, hub, 1)


async def hub_takes(east: Running, body: bytes) -> Reply:
    """What the hub answers to a signed upload of this body."""
    got: list[Reply] = []
    line = east.line
    assert line is not None
    line.change_requests(None)
    line.change_replies(lambda request, reply: got.append(reply) or reply)
    peer = east.node.sync_pass()._peer
    with contextlib.suppress(Exception):
        await peer._send("POST", f"{paths.payloads(east.origin)}?start=0&end=1", body, signed=True)
    return got[-1]


# --- clocks ---------------------------------------------------------------------------------------------------------


class Wrong(HandClock):
    """A clock that is off by some seconds against the net's."""

    def __init__(self, right: HandClock, off_s: int) -> None:
        super().__init__()
        self.right, self.off_s = right, off_s

    def __call__(self) -> int:
        return self.right() + self.off_s * 1000


class NetOfClocks(Net):
    """Every node has a clock of its own."""

    def __init__(self, directory: Any) -> None:
        super().__init__(directory)
        self.clocks: dict[str, Wrong] = {}

    def open_node(self, name: str, directory: Any = None) -> Node:
        right = self.clock
        vars(self)["clock"] = self.clocks.setdefault(name, Wrong(right, 0))
        try:
            return super().open_node(name, directory)
        finally:
            vars(self)["clock"] = right


@pytest.fixture
async def clocks(tmp_path: Any) -> Any:
    made = NetOfClocks(tmp_path)
    yield made
    await made.stop()


@pytest.mark.parametrize("who", ["east", "hub"])
@pytest.mark.parametrize("off_s", [YEAR_S, -YEAR_S])
async def test_L4_a_clock_a_year_off_stops_no_local_work_and_loses_nothing(
    clocks: NetOfClocks, who: str, off_s: int
) -> None:
    _, hub, east = await clocks.start("national", "hub", "east")
    await east.publish(*numbered(3))
    await clocks.settle()
    clocks.clocks[who].off_s = off_s
    await east.publish(*numbered(6))
    for _ in range(3):
        report = await clocks.sync("east")
        clocks.clock.forward(seconds=61)
        assert any("clock" in why for why in report.failures.values()), "who signs calls is told of the clock"
    # Witness and mirror calls hang on the log's own signature, not on anybody's clock: fork protection holds on.
    assert (await hub.log_of(east)).witnessed_size == 6
    assert "F-5" in await east.page("/trades?words=F-5")
    clocks.clocks[who].off_s = 0
    await east.publish(*numbered(9))
    await clocks.settle()
    await sound(east, hub, 9)
    assert [index for _, index in sorted(await titles(hub))] == list(range(9)), "order is by index, never by a clock"


async def test_L9_a_clock_that_goes_backwards_takes_nothing_back(clocks: NetOfClocks) -> None:
    _, hub, east = await clocks.start("national", "hub", "east")
    for turn, off_s in enumerate((0, -60, -86_400, -YEAR_S)):
        for clock in clocks.clocks.values():
            clock.off_s = off_s
        await east.publish(*numbered(turn + 1))
        await clocks.settle()
        await sound(east, hub, turn + 1)
    mirror = hub.node.keys.mirror.name

    def newest(conn: Any) -> int:
        state = logs.get(conn, east.origin)
        line = checkpoints.line_of(conn, state.id, state.head_size, mirror)
        return 0 if line is None else cosignature_time(line)

    at = await east.node.store.read(newest)
    assert START_MS // 1000 - YEAR_S <= at < START_MS // 1000, "the newest head is cosigned, though the clock is behind"


# --- a line that swallows everything --------------------------------------------------------------------------------


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """An address at which a connection is neither taken nor refused: a listener whose queue is full."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_L18_a_black_hole_holds_up_nobody(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    assert east.line is not None
    real, session = east.line._below, east.line._below._session
    with black_hole() as url:
        vars(east.line)["_below"] = HttpTransport(session, url, total_s=60, connect_s=0.2)
        report = await net.sync("east")
        assert report.unreachable and report.failures["policy"].startswith("unavailable"), report.failures
        outcomes = await east.publish(*numbered(5))
        assert [outcome.state for outcome in outcomes] == ["published"] * 5, "local work goes on"
        assert "F-4" in await titled(east)
    vars(east.line)["_below"] = real
    await net.settle()
    await sound(east, hub, 5)


async def titled(running: Running) -> str:
    await running.node.projector.run()
    return await running.page("/trades?words=F-4")
