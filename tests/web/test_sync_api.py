"""Limits of the node-to-node interface: bodies that come slowly or never end, too many at once; what is told of it."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from node.web.bodies import SMALL_BYTES
from node.web.doors import DOORS
from node.web.gate import Gate
from tests.interop.client import Answer, entries_header, until
from tests.interop.world import World, hub_world

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def narrow(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A hub that takes two uploads at once, lets others wait for a moment only, and takes bodies of 1 MB."""
    few = {"max_concurrent_uploads": 2, "upload_wait_s": 0.01, "max_body_bytes": 1 << 20}
    async with hub_world(tmp_path_factory.mktemp("narrow"), **few) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A hub that waits half a second for the next part of a body."""
    async with hub_world(tmp_path_factory.mktemp("hasty"), request_timeout_s=0.5) as made:
        yield made


def is_problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    assert answer.status == status, (answer.status, answer.body[:300])
    assert answer.type.startswith("application/problem+json")
    problem: dict[str, Any] = json.loads(answer.body)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["advice_zh"] and problem["advice_en"]
    return problem


async def paused(go_on: asyncio.Event, *parts: bytes) -> AsyncIterator[bytes]:
    yield parts[0]
    await go_on.wait()
    for part in parts[1:]:
        yield part


def done() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def test_L12_more_uploads_than_the_node_takes_are_told_to_come_back(narrow: World) -> None:
    log = narrow.log(600)
    await narrow.pending(log, 600)
    body = log.entries_body(0, 600)
    go_on = asyncio.Event()
    slow = [asyncio.create_task(narrow.remote.add_entries(paused(go_on, body[:5000], body[5000:]))) for _ in range(2)]

    async def is_full() -> bool:
        return _gate(narrow).inside == 2

    await until(is_full, "both uploads under way")
    # A body of a length that nobody has said counts as a large one.
    refused = await narrow.remote.add_entries(paused(done(), body))
    is_problem(refused, 503, "overloaded")
    assert 1 <= int(refused.headers["Retry-After"]) <= 300
    district = narrow.district()
    target = f"/api/logs/{log.hash}/payloads?start=0&end=1"
    large = bytes(SMALL_BYTES + 1)
    refused = await narrow.remote.send("POST", target, large, narrow.sign(district.request, "POST", target, large))
    is_problem(refused, 503, "overloaded")
    # Who brings little goes in beside them: here until his signature is looked at.
    unsigned = narrow.sign(district.request, "POST", target, b"other")
    is_problem(await narrow.remote.send("POST", target, b"little", unsigned), 401, "unauthenticated")
    # Everything else goes on: heads are small, reads take no place.
    grown = log.grow_to(700)
    (await narrow.remote.add_checkpoint(grown.checkpoint_body(600, 700))).cosignature(narrow.witness, grown.text(700))
    assert (await narrow.remote.get("/api/logs")).status == 200
    go_on.set()
    for task in slow:
        (await task).cosignature(narrow.mirror, log.text(600))
    (await narrow.remote.add_entries(log.entries_body(600, 700))).cosignature(narrow.mirror, log.text(700))


def _gate(world: World) -> Gate:
    return world.server.app[DOORS].uploads


async def test_an_upload_that_breaks_gives_its_place_back(narrow: World) -> None:
    log = narrow.log(600)
    await narrow.pending(log, 600)
    head = b"POST /tlog/add-entries HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    for _ in range(5):
        _, writer = await asyncio.open_connection(narrow.server.host, narrow.server.port)
        writer.write(head + log.entries_body(0, 600)[:3000])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def is_free() -> bool:
        return (await narrow.remote.add_entries(log.entries_body(0, 600))).status == 200

    await until(is_free, "a free place")


async def test_L18_a_body_that_stops_is_given_up_and_holds_up_nobody(hasty: World) -> None:
    log, other = hasty.log(600), hasty.log(600)
    await hasty.pending(log, 600)
    await hasty.pending(other, 600)
    body = log.entries_body(0, 600)
    never = asyncio.Event()
    # One stops within the header, one after two packages, one in a head.
    stopped = [
        asyncio.create_task(hasty.remote.add_entries(paused(never, body[:10]))),
        asyncio.create_task(hasty.remote.add_entries(paused(never, body[:-100]))),
        asyncio.create_task(hasty.remote.send("POST", "/tlog/add-checkpoint", paused(never, b"old 0\n"))),
    ]
    (await hasty.remote.add_entries(other.entries_body(0, 600))).cosignature(hasty.mirror, other.text(600))
    none, two, head = await asyncio.gather(*stopped)
    never.set()
    is_problem(none, 400, "malformed")
    assert two.info(202)[:2] == (600, 512), "what was proven is kept"
    is_problem(head, 400, "malformed")


async def test_L18_a_body_that_drips_is_given_up(hasty: World) -> None:
    """A byte now and then keeps a line awake; it does not keep a place for ever."""
    log = hasty.log(600)
    await hasty.pending(log, 600)
    given = 0

    async def drip() -> AsyncIterator[bytes]:
        nonlocal given
        yield entries_header(log.origin, 0, 600)
        for _ in range(400):
            given += 1
            yield b"\x00"
            await asyncio.sleep(0.05)

    answer = await hasty.remote.add_entries(drip())
    assert answer.status == 400 and given < 400


async def test_bodies_have_a_size(narrow: World) -> None:
    district, log = narrow.district(), narrow.log(3)
    await narrow.mirrored(log, 3)
    target = f"/api/logs/{log.hash}/payloads?start=0&end=3"
    large = bytes((1 << 20) + 1)
    answer = await narrow.remote.send("POST", target, large, narrow.sign(district.request, "POST", target, large))
    is_problem(answer, 413, "too-large")
    squeezed = gzip.compress(bytes(50 << 20))
    headers = narrow.sign(district.request, "POST", target, squeezed) | {"Content-Encoding": "gzip"}
    is_problem(await narrow.remote.send("POST", target, squeezed, headers), 413, "too-large")
    for path, size in (("/api/hello", 2000), ("/tlog/add-checkpoint", 1_100_000), ("/api/policy", 1_100_000)):
        body = bytes(size)
        headers = narrow.sign(district.request, "POST", path, body)
        is_problem(await narrow.remote.send("POST", path, body, headers), 413, "too-large")


async def test_ranges_of_payloads_are_bounded(narrow: World) -> None:
    log = narrow.log(3)
    await narrow.mirrored(log, 3)
    base = f"/api/logs/{log.hash}/payloads"
    for query in ("", "?start=0", "?end=3", "?start=0&end=0", "?start=2&end=1", "?start=-1&end=3", "?start=0&end=8193"):
        is_problem(await narrow.remote.get(base + query), 400, "malformed")
    for query in (f"?start=0&end={10**20}", "?start=a&end=b", "?start=0&end=%EF%BC%93", "?start=0x0&end=3"):
        is_problem(await narrow.remote.get(base + query), 400, "malformed")
    is_problem(await narrow.remote.get(f"{base}?start=0&end=4"), 404, "not-found")
    assert (await narrow.remote.get(f"{base}?start=0&end=3")).status == 200


async def test_the_list_of_logs_says_what_is_here(narrow: World) -> None:
    log = narrow.log(5)
    await narrow.mirrored(log, 3)
    await narrow.pending(log, 5, old=3)
    answer = await narrow.remote.get("/api/logs")
    rows = {row["origin"]: row for row in json.loads(answer.body)["logs"]}
    assert rows[log.origin] == {
        "origin": log.origin,
        "origin_hash": log.hash,
        "own": False,
        "size": 3,
        "witnessed": 5,
        "stored": 3,
        "payload_next": 0,
        "wraps": 0,
        "frozen": False,
    }
    assert rows[narrow.hub.settings.origin]["own"] is True
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_everything_has_the_security_headers(narrow: World) -> None:
    log = narrow.log(3)
    await narrow.mirrored(log, 3)
    for path in (
        "/api/logs",
        f"/tlog/{log.hash}/checkpoint",
        f"/tlog/{log.hash}/tile/0/000.p/3",
        "/tlog/x",
        "/api/none",
    ):
        answer = await narrow.remote.get(path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_policies_are_told_and_taken_by_their_signatures(narrow: World) -> None:
    held = json.loads((await narrow.remote.get("/api/policy")).body)
    assert held["version"] == 1
    note = await narrow.remote.get("/api/policy/1")
    assert (note.status, note.type) == (200, "text/plain; charset=utf-8")
    for number in ("2", "0"):
        is_problem(await narrow.remote.get(f"/api/policy/{number}"), 404, "not-found")
    for number in ("-1", "x", "9" * 30, "1.0"):
        is_problem(await narrow.remote.get(f"/api/policy/{number}"), 400, "malformed")
    again = await narrow.remote.send("POST", "/api/policy", note.body)
    assert (again.status, json.loads(again.body)) == (200, {"version": 1, "taken": 0})
    forged = note.body.replace(b"version 1\nprevious none", f"version 2\nprevious {held['hash']}".encode())
    assert forged != note.body
    is_problem(await narrow.remote.send("POST", "/api/policy", forged), 403, "bad-signature")
    for body in (b"", b"\xff", b"ggzy-node/trust-policy/v1\n", note.body[:-5]):
        is_problem(await narrow.remote.send("POST", "/api/policy", body), 400, "malformed")
    assert json.loads((await narrow.remote.get("/api/policy")).body) == held


async def test_a_node_without_a_policy_takes_none_from_the_net(tmp_path: Path) -> None:
    """L20: the first policy comes by hand; a stranger could send any."""
    async with hub_world(tmp_path / "known") as world:
        note = (await world.remote.get("/api/policy/1")).body
        world.hub.trusted._policy = None
        is_problem(await world.remote.send("POST", "/api/policy", note), 404, "not-found")
        is_problem(await world.remote.get("/api/policy"), 404, "not-found")


async def test_L12_too_many_submissions_of_one_log_are_told_to_come_back(tmp_path: Path) -> None:
    """429 with Retry-After; another log's share, and logs that nobody knows, are another matter."""
    async with hub_world(tmp_path, max_log_requests_per_s=0.2) as slow:
        log, other = slow.log(3), slow.log(3)
        await slow.pending(log, 3)
        again = log.checkpoint_body(3, 3)
        assert (await slow.remote.add_checkpoint(again)).status == 200
        refused = await slow.remote.add_checkpoint(again)
        is_problem(refused, 429, "rate-limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 300
        is_problem(await slow.remote.add_entries(log.entries_body(0, 3)), 429, "rate-limited")
        await slow.pending(other, 3)
        (await slow.remote.add_entries(other.entries_body(0, 3))).cosignature(slow.mirror, other.text(3))
