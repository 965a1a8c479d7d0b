"""L12, L18: hundreds at once, of good and bad will. Nothing breaks, whoever is turned away is told when to come back,
and afterwards all is as before."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from node.web import doors
from node.web.doors import DOORS, Doors
from node.wire import paths
from tests.interop.client import until
from tests.web.api_node import Served, served

CLIENTS = 200
EACH = 4
FEW = 8
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doors, "PAGES_WAITING", FEW)
        few = {"max_concurrent_uploads": 2, "upload_wait_s": 0.05, "max_log_requests_per_s": 5}
        async with served(tmp_path_factory.mktemp("storm"), **few) as made:
            yield made


Request = tuple[str, str, dict[str, str], bytes]


def requests(hub: Served, chance: random.Random) -> list[Request]:
    """What may come, good and bad."""
    origin = hub.east.settings.origin
    log = f"/tlog/{paths.origin_hash(origin)}"
    named = len(origin).to_bytes(2, "big") + origin.encode()
    noise = chance.randbytes(chance.randrange(1, 60_000))
    page = [("GET", target, {}, b"") for target in ("/", "/trades", "/trades?q=道路", "/credit", "/status", "/nowhere")]
    reads = [
        ("GET", target, {}, b"")
        for target in (
            f"{log}/checkpoint",
            f"{log}/tile/entries/000.p/3",
            f"{log}/tile/0/000.p/3",
            f"{paths.payloads(origin)}?start=0&end=3",
            "/api/logs",
            "/api/records?limit=5",
            "/trades.csv",
            "/metrics",
            "/readyz",
        )
    ]
    bad = [
        ("POST", paths.ADD_ENTRIES, {}, named + noise),
        ("POST", paths.ADD_ENTRIES, {}, noise),
        ("POST", paths.ADD_ENTRIES, {"Content-Encoding": "gzip"}, gzip.compress(named + bytes(1 << 20))),
        ("POST", paths.ADD_ENTRIES, {"Content-Encoding": "gzip"}, noise),
        ("POST", paths.ADD_CHECKPOINT, {}, noise),
        ("POST", paths.payloads(origin) + "?start=0&end=3", {}, noise),
        ("POST", paths.HELLO, {}, noise[:500]),
        ("PUT", "/trades", {}, b""),
        ("GET", paths.payloads(origin) + "?start=5&end=1", {}, b""),
        ("GET", "/api/news?wait=60", {}, b""),
    ]
    return [chance.choice(kind) for kind in (page, reads, bad) for _ in range(2)]


async def storm(hub: Served, clients: int, each: int) -> tuple[Counter[int], list[str]]:
    """Statuses of all answers, and what was wrong with some."""
    statuses: Counter[int] = Counter()
    wrong: list[str] = []

    async def client(number: int) -> None:
        chance = random.Random(number)
        for _ in range(each):
            method, target, headers, body = chance.choice(requests(hub, chance))
            if number % 20 == 0:
                await broken(hub, body)
                continue
            url = hub.client.make_url(target)
            try:
                async with session.request(method, url, headers=headers, data=body or None) as answer:
                    await answer.read()
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                statuses[0] += 1  # after a body that cannot be read the connection ends
                continue
            statuses[answer.status] += 1
            if answer.status in (429, 503) and not answer.headers.get("Retry-After", "").isdigit():
                wrong.append(f"{method} {target}: {answer.status} names no time to come back")

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(client(number) for number in range(clients)))
    return statuses, wrong


async def broken(hub: Served, body: bytes) -> None:
    """One that goes away in the middle of what it sends."""
    url = hub.client.make_url("")
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"POST /tlog/add-entries HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + body[:500])
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def gates(hub: Served) -> Doors:
    assert hub.client.app is not None
    return hub.client.app[DOORS]


async def quiet(hub: Served) -> None:
    """Until nobody is inside or waits; what was cut off is noticed a moment later."""
    held = gates(hub)

    async def is_quiet() -> bool:
        return not held.memory.held and not any(gate.inside + gate.waiting for gate in held.gates().values())

    await until(is_quiet, "empty gates")


async def test_L18_a_storm_breaks_nothing_and_is_over_when_it_is_over(
    hub: Served, caplog: pytest.LogCaptureFixture
) -> None:
    statuses, wrong = await storm(hub, CLIENTS, EACH)
    assert not wrong
    assert not [status for status in statuses if status >= 500 and status != 503], statuses
    assert statuses[200] and statuses[400], statuses
    await quiet(hub)
    assert not [each.getMessage() for each in caplog.records if each.exc_info], "nobody fills our disk with traces"
    for target in ("/", "/trades", "/api/logs", "/readyz"):
        answer = await hub.client.get(target)
        assert answer.status == 200, target


async def test_L12_more_visitors_than_may_wait_are_told_to_come_back_and_nodes_are_not(hub: Served) -> None:
    async def status(target: str) -> int:
        async with hub.client.get(target) as answer:
            assert answer.status == 200 or answer.headers["Retry-After"].isdigit()
            return answer.status

    pages = [asyncio.create_task(status("/trades")) for _ in range(100)]
    nodes = [asyncio.create_task(status("/api/logs")) for _ in range(20)]
    seen = Counter(await asyncio.gather(*pages))
    assert set(seen) == {200, 503} and seen[200] >= FEW
    assert set(await asyncio.gather(*nodes)) == {200}
    await quiet(hub)
    refused = gates(hub).pages.refused
    assert refused >= seen[503]
    text = await (await hub.client.get("/metrics")).text()
    assert f'ggzy_gate_refused{{gate="pages"}} {float(refused)}' in text


async def test_a_slow_reader_of_payloads_counts_as_long_as_he_reads(hub: Served) -> None:
    origin = hub.east.settings.origin
    target = f"{paths.payloads(origin)}?start=0&end=3"
    whole = await (await hub.client.get(target)).read()
    head = await hub.client.head(target)
    assert head.status == 200 and int(head.headers["Content-Length"]) == len(whole)
    assert head.headers["X-Content-Type-Options"] == "nosniff"
    signed = await (await hub.client.get(target, headers=hub.signed("GET", target))).read()
    assert len(signed) >= len(whole)
    await quiet(hub)
