"""Our node as a sender, judged by an upstream of the second implementation: what it submits is right to the letter."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.domain.codes import Division
from node.domain.experts import ExpertEmployment, ExpertProfile
from node.domain.record import Document, Draft, Source
from tests.interop.client import COVERED, VKey, audit, commitment, digest
from tests.interop.upstream import Below, below

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def east(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Below]:
    async with below(tmp_path_factory.mktemp("below")) as made:
        yield made


def divisions(start: int, end: int) -> list[Draft]:
    def draft(n: int) -> Draft:
        document = Document(f"d/{n}", Division(code=f"{n:06d}", name=f"区{n}"), Source("t"))
        return Draft("code.division", f"d/{n}", {"main": document}, {"n": n})

    return [draft(n) for n in range(start, end)]


def expert(key: str) -> Draft:
    profile = Document(key, ExpertProfile(alias=key, classes=["A08"]), Source("t"), made_up=True)
    return Draft("expert.profile", key, {"main": profile, "employment": ExpertEmployment(employer="x")}, {"k": key})


async def test_L12_a_log_is_pushed_head_entries_and_payloads(east: Below) -> None:
    await east.node.publisher.publish(divisions(0, 3))
    report = await east.node.sync_once()
    assert report.failures == {}
    assert (report.entries_up, report.payloads_up) == (3, 3)
    held = east.mine
    assert (held.witnessed.size, held.mirror_size, held.payload_next) == (3, 3, 3)
    paths = [path for _, path, status in east.upstream.calls if status == 200]
    order = [paths.index(path) for path in ("/tlog/add-checkpoint", "/tlog/add-entries")]
    assert order == sorted(order), "the head first"
    found = await audit(east.remote, f"/tlog/{_hash(east)}", [held.key])
    assert found.entries == held.entries, "the same bytes on both sides"


async def test_an_idle_pass_asks_for_nothing_and_writes_nothing(east: Below) -> None:
    await east.node.sync_once()
    east.upstream.calls.clear()
    report = await east.node.sync_once()
    assert report.failures == {} and report.moved == 0
    assert {method for method, _, _ in east.upstream.calls} == {"GET"}


async def test_many_growths_in_odd_pieces(east: Below) -> None:
    number = len(east.mine.entries)
    for count in (250, 3, 1, 256, 255, 2, 513):
        await east.node.publisher.publish(divisions(number + 1000, number + 1000 + count))
        number += count
        assert (await east.node.sync_once()).failures == {}
        assert (len(east.mine.entries), east.mine.mirror_size) == (number, number)


async def test_a_mirror_that_takes_one_package_at_a_time_and_gives_tickets(east: Below) -> None:
    """The sender goes on from each answer and hands the ticket back."""
    number = len(east.mine.entries)
    east.upstream.packages, east.upstream.tickets = 1, True
    try:
        await east.node.publisher.publish(divisions(10_000, 11_000))
        assert (await east.node.sync_once()).failures == {}
        assert east.mine.mirror_size == len(east.mine.entries) == number + 1000
        partial = [status for _, path, status in east.upstream.calls if path == "/tlog/add-entries" and status == 202]
        assert len(partial) >= 3
    finally:
        east.upstream.packages, east.upstream.tickets = None, False


async def test_L12_a_sender_puts_at_most_32_packages_in_a_request(east: Below) -> None:
    number = len(east.mine.entries)
    for start in range(20_000, 29_000, 1000):
        await east.node.publisher.publish(divisions(start, start + 1000))
    east.upstream.calls.clear()
    assert (await east.node.sync_once()).failures == {}
    assert len(east.mine.entries) == number + 9000
    uploads = [status for _, path, status in east.upstream.calls if path == "/tlog/add-entries"]
    assert uploads == [202, 200]


async def test_an_upstream_that_forgot_is_brought_up_again(east: Below) -> None:
    """409 tells where it stands; the sender believes no memory of its own."""
    held = east.mine
    await east.node.publisher.publish(divisions(40_000, 40_002))
    at = max(size for size in held.pending if size < held.mirror_size)
    held.witnessed, held.mirror_size = held.pending[at], at
    del held.entries[at - at % 256 :]
    assert (await east.node.sync_once()).failures == {}
    state = await east.state(_log(east))
    assert held.mirror_size == len(held.entries) == state.head_size


async def test_payloads_go_up_with_the_salts_that_open_them_and_local_stays(east: Below) -> None:
    """L14: the hub gets public, shared and restricted; each opens its commitment."""
    await east.node.publisher.publish([expert("e/1")])
    assert (await east.node.sync_once()).failures == {}
    held = east.mine
    index = len(held.entries) - 1
    rows = {section: value for (at, section), value in held.rows.items() if at == index}
    assert {section: value[0] for section, value in rows.items()} == {"main": "shared", "employment": "restricted"}
    for _, salt, payload in rows.values():
        assert len(salt) == 16 and commitment(salt, payload) in held.entries[index]
    assert len(held.rows) == len(held.entries) + 1


async def test_the_upstreams_cosignatures_come_onto_our_checkpoint(east: Below) -> None:
    cosigners = [east.upstream.keys[use].vkey for use in ("witness", "mirror")]
    found = await audit(east.remote, f"/tlog/{_hash(east)}", [east.mine.key], cosigners)
    assert found.signers == {east.origin, *(key.name for key in cosigners)}


async def test_signed_calls_verify_by_rfc_9421(east: Below) -> None:
    """Whoever signs for us can be checked without our code."""
    key = next(grant.key for grant in east.node.keys.grants() if grant.use == "request")
    seen: list[tuple[str, str]] = []

    async def check(request: web.Request) -> Any:
        given = request.headers.get("Signature-Input", "")
        if given:
            body = await request.read()
            match = re.fullmatch(r'ggzy=(\((.*)\);created=(\d+);nonce="([\w-]{16,64})";keyid="(.*)")', given)
            assert match is not None and match[2] == " ".join(f'"{name}"' for name in COVERED)
            assert match[5] == f"{key.name}+{VKey.parse(key.vkey()).id.hex()}"
            path, _, query = request.raw_path.partition("?")
            values = (request.method, path, "?" + query, digest(body), east.upstream.name)
            base = "".join(f'"{name}": {value}\n' for name, value in zip(COVERED, values, strict=True))
            signature = base64.b64decode(request.headers["Signature"].removeprefix("ggzy=:").removesuffix(":"))
            message = (base + f'"@signature-params": {match[1]}').encode()
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
            seen.append((match[4], request.path))
        return NotImplemented

    east.upstream.lie = check
    try:
        await east.node.publisher.publish(divisions(50_000, 50_001))
        await east.node.sync_pass()._peer.hello()
        assert (await east.node.sync_once()).failures == {}
    finally:
        east.upstream.lie = None
    assert len({nonce for nonce, _ in seen}) == len(seen) >= 3
    assert any(path.endswith("/payloads") for _, path in seen)


async def test_what_was_pushed_passes_fsck(east: Below) -> None:
    assert await east.fsck() == []


def _log(east: Below) -> Any:
    from tests.interop.client import Key, Log

    return Log(Key(east.origin))


def _hash(east: Below) -> str:
    return str(_log(east).hash)
