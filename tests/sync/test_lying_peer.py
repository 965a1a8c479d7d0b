"""A peer that lies or answers rubbish: the error is told, nothing of it is stored, the next pass is fine (L10, L18)."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from node.domain.codes import Division
from node.domain.record import Document, Draft, Source
from node.store.logs import LogState
from node.sync import peer
from node.sync.run import PassReport
from tests.interop.client import EMPTY, Key, Log, Section, b64, frame, head_text, header, open_head, pack, tile_path
from tests.interop.upstream import Below, Shown, Upstream, as_json, below, squeezed, told

pytestmark = pytest.mark.asyncio(loop_scope="module")
numbers = itertools.count()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Below]:
    async with below(tmp_path_factory.mktemp("below")) as made:
        yield made


@pytest.fixture
async def east(shared: Below) -> AsyncIterator[Below]:
    """The district, with an upstream that is honest again, and a minute later so that an idle link is looked at."""
    shared.upstream.lie = None
    shared.upstream.shown.clear()
    shared.upstream.seconds[0] += 61
    yield shared
    shared.upstream.lie = None


async def publish(east: Below) -> None:
    n = next(numbers)
    document = Document(f"d/{n}", Division(code=f"{n:06d}", name="区"), Source("t"))
    await east.node.publisher.publish([Draft("code.division", f"d/{n}", {"main": document}, {"n": n})])


def instead(east: Below, part: str, answer: Callable[[web.Request], Any], *, method: str = "") -> None:
    """From now on the upstream answers calls of this address with `answer`."""

    async def lie(request: web.Request) -> Any:
        if part in request.path and method in ("", request.method):
            made = answer(request)
            return await made if asyncio.iscoroutine(made) else made
        return NotImplemented

    east.upstream.lie = lie


def untouched(before: LogState, after: LogState) -> None:
    assert (before.stored_size, before.head_size, before.witnessed_size, before.payload_next, before.frozen) == (
        after.stored_size,
        after.head_size,
        after.witnessed_size,
        after.payload_next,
        after.frozen,
    )


async def recovers(east: Below, *shown: Shown) -> None:
    """The upstream is honest again: one pass brings everything level."""
    east.upstream.lie = None
    east.upstream.seconds[0] += 61
    report = await east.node.sync_once()
    assert report.failures == {}
    own = await east.state(Log(Key(east.origin)))
    assert own.frozen == "" and east.mine.mirror_size == own.head_size
    for each in shown:
        state = await east.state(each.log)
        assert (state.head_size, state.head_root) == (each.size, each.log.tree.root(each.size))
        assert state.payload_next == each.size


RUBBISH: dict[str, Callable[[web.Request], Any]] = {
    "a page": lambda _: told(200, "<!doctype html><title>Log in</title>", "text/html"),
    "a page with an error": lambda _: told(500, "<h1>Internal Server Error</h1>", "text/html"),
    "a gateway": lambda _: told(502, "bad gateway", "text/plain"),
    "a way elsewhere": lambda _: told(302, Location="http://127.0.0.1:9/elsewhere"),
    "a way back here": lambda request: told(307, Location=str(request.url)),
    "nothing": lambda _: told(200),
    "no content": lambda _: told(204),
    "an empty object": lambda _: as_json({}),
    "a list": lambda _: as_json([]),
    "null": lambda _: told(200, "null"),
    "deep": lambda _: told(200, "[" * 100_000),
    "noise": lambda _: told(200, random.Random(3).randbytes(5000), "application/octet-stream"),
    "no text": lambda _: told(200, b"\xff\xfe\x00\xd8" * 50),
    "a teapot": lambda _: told(418),
    "a conflict of rubbish": lambda _: told(409, "<html>"),
    "a conflict without a size": lambda _: as_json({}, 409),
    "a conflict with a text for a size": lambda _: as_json({"size": "many"}, 409),
    "a conflict with a huge size": lambda _: as_json({"size": 10**300}, 409),
    "accepted rubbish": lambda _: told(202, "1\n2\n"),
    "a huge number of lines": lambda _: told(202, "1\n" * 10_000),
    "busy": lambda _: told(503, **{"Retry-After": "Mon, 01 Jan 2035 00:00:00 GMT"}),
    "busy for strange numbers": lambda _: told(429, **{"Retry-After": "²"}),
    "busy for ever": lambda _: told(503, **{"Retry-After": "9" * 5000}),
    "a problem that is none": lambda _: told(422, "[]", "application/problem+json"),
    "a problem of half a letter": lambda _: told(400, '{"detail": "\\ud800", "code": 7}', "application/problem+json"),
    "a problem of control letters": lambda _: told(
        403, json.dumps({"detail": "\x00\x1b[2J\r\n" * 500, "code": ["x"]}), "application/problem+json"
    ),
}


@pytest.mark.parametrize("how", RUBBISH)
async def test_rubbish_from_every_address(east: Below, how: str) -> None:
    await publish(east)
    shown = east.sibling(3)
    before = await east.state(shown.log)
    instead(east, "", RUBBISH[how])
    report = await east.node.sync_once()
    assert report.failures, "it is told"
    untouched(before, await east.state(shown.log))
    await recovers(east, shown)


# Those that an address which expects something else may stumble over.
ODD = (
    *("a page", "a way elsewhere", "nothing", "an empty object", "a list", "deep", "noise", "no text"),
    *("a conflict without a size", "a conflict with a huge size", "accepted rubbish", "busy for strange numbers"),
    "a problem of half a letter",
)
CALLS = [
    ("/api/policy", "GET"),
    ("/tlog/add-checkpoint", "POST"),
    ("/tlog/add-entries", "POST"),
    ("/payloads", "POST"),
    ("/payloads/state", "GET"),
    ("/payloads", "GET"),
    ("/custody", "GET"),
    ("/api/logs", "GET"),
    ("/checkpoint", "GET"),
    ("/tile/0/", "GET"),
    ("/tile/entries/", "GET"),
]


@pytest.mark.parametrize(("part", "method"), CALLS)
async def test_rubbish_from_one_address_alone(east: Below, part: str, method: str) -> None:
    """The rest is as it should be, so that the rubbish is reached wherever it comes."""
    shown = east.sibling(2)
    for how in ODD:
        await publish(east)
        shown.size += 1
        shown.log.grow_to(shown.size)
        instead(east, part, RUBBISH[how], method=method)
        report = await east.node.sync_once()
        assert report.failures, how
        assert not any("internal" in why for why in report.failures.values()), (how, report.failures)
    await recovers(east, shown)


NUMBERS = [-1, 2**63, 1.5, 1e400, "7", None, []]


@pytest.mark.parametrize("value", NUMBERS, ids=str)
async def test_numbers_that_are_none(east: Below, value: Any) -> None:
    """Sizes come from a peer: whatever they are, a pass ends and says so."""
    shown = east.sibling(3)
    row = {"origin": shown.log.origin, "size": 3, "payload_next": 3}
    lists = [{"logs": [row | {name: value}]} for name in ("size", "payload_next", "origin")]
    states = [{"next": value, "missing": []}, {"next": 0, "missing": [[value, "main"]]}, {"next": 0, "missing": value}]
    for path, answers in (("/api/logs", lists), ("/payloads/state", states), ("/api/policy", [{"version": value}])):
        for answer in answers:
            east.upstream.seconds[0] += 61
            await publish(east)
            instead(east, path, lambda request, path=path, answer=answer: _only(request, path, answer))
            report = await east.node.sync_once()
            assert not any("internal" in why for why in report.failures.values()), (answer, report.failures)
    await recovers(east, shown)


def _only(request: web.Request, path: str, value: Any) -> Any:
    return as_json(value) if request.path.endswith(path) else NotImplemented


async def test_names_that_are_none(east: Below) -> None:
    await publish(east)
    for name in ("\ud800", "\x00", "a\nmissing 1 main", "x" * 100_000, 7, None):
        body = json.dumps({"next": 0, "missing": [[0, name], [1, name]]})
        instead(east, "/payloads/state", lambda _, body=body: told(200, body))
        report = await east.node.sync_once()
        assert not any("internal" in why for why in report.failures.values()), (name, report.failures)
    await recovers(east)


async def test_L18_an_answer_without_end_is_cut(east: Below, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "MAX_ANSWER_BYTES", 1 << 20)
    shown = east.sibling(3)
    before = await east.state(shown.log)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        except ConnectionError:
            return response

    instead(east, "/tlog/", endless, method="GET")
    report = await east.node.sync_once()
    assert "larger than" in report.failures[shown.log.origin]
    # Inside gzip it is cut as well, after it is inflated.
    instead(east, "/tlog/", lambda _: squeezed(bytes(50 << 20)), method="GET")
    report = await east.node.sync_once()
    assert "larger than" in report.failures[shown.log.origin]
    untouched(before, await east.state(shown.log))
    await recovers(east, shown)


async def test_L18_an_answer_that_never_comes_ends_the_call(tmp_path: Any) -> None:
    async with below(tmp_path, total_s=2) as east:
        shown, fine = east.sibling(3), east.sibling(3)
        stop = asyncio.Event()

        async def silent(request: web.Request) -> web.StreamResponse:
            await stop.wait()
            return told()

        instead(east, shown.log.hash, silent)
        report = await east.node.sync_once()
        stop.set()
        assert list(report.failures) == [shown.log.origin]
        assert report.failures[shown.log.origin].startswith("unavailable")
        assert (await east.state(fine.log)).head_size == 3, "one slow origin starves no other"
        standing = (await east.standings())[shown.log.origin]
        assert standing.failures == 1 and standing.last_error.startswith("unavailable")


async def test_a_server_that_speaks_no_http(tmp_path: Any) -> None:
    """The address belongs to something else by now."""
    lines = [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"\x15\x03\x01" * 9]
    lines += [b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", b"HTTP/9.9 999 ???\r\n\r\n"]
    lines += [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde"]
    said = iter(lines * 20)

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(said))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with below(tmp_path) as east, server:
        await east.node.sync_once()
        transport = east.node.sync_pass()._peer._transport
        transport._base = url
        for _ in lines:
            report = await east.node.sync_once()
            assert report.failures and all(why.startswith("unavailable") for why in report.failures.values())


# --- a hub that lies about a log ------------------------------------------------------------------------------------


def tile(shown: Shown, other: Log, size: int | None = None) -> Callable[[web.Request], Any]:
    """Tiles and bundles of another log under this one's address."""

    def answer(request: web.Request) -> Any:
        rest = request.path.split("/", 3)[3]
        lying = Shown(other, size or shown.size)
        return Upstream("x", {}).read_log(lying, rest) if rest.startswith("tile/") else NotImplemented

    return answer


async def lied(east: Below, shown: Shown, codes: tuple[str, ...] = ("bad-proof",)) -> PassReport:
    before = await east.state(shown.log)
    report = await east.node.sync_once()
    assert report.failures[shown.log.origin].split(":")[0] in codes, report.failures
    # The head may have been witnessed: it was proven. Entries are stored when they are proven too.
    after = await east.state(shown.log)
    untouched(before, replace(after, witnessed_size=before.witnessed_size))
    assert after.witnessed_root in (before.witnessed_root, shown.log.tree.root(shown.size))
    standing = (await east.standings())[shown.log.origin]
    assert standing.last_error and standing.failures > 0
    return report


async def test_tiles_of_another_log(east: Below) -> None:
    shown = east.sibling(700)
    instead(east, f"/tlog/{shown.log.hash}/", tile(shown, Log(shown.log.key).grow_to(700, "fork")))
    await lied(east, shown)
    await recovers(east, shown)


async def test_entries_that_do_not_hash_to_their_tile(east: Below) -> None:
    shown = east.sibling(300)
    good = shown.log.entries

    def bundle(entries: list[bytes]) -> bytes:
        return b"".join(struct.pack(">H", len(each)) + each for each in entries)

    swapped = [good[1], good[0], *good[2:256]]
    lies = {
        "swapped": (bundle(swapped), "bad-proof"),
        "one changed": (bundle([*good[:255], b"forged"]), "bad-proof"),
        "one missing": (bundle(good[:255]), "malformed"),
        "one more": (bundle([*good[:256], b"more"]), "malformed"),
        "cut": (bundle(good[:256])[:-1], "malformed"),
        "empty": (b"", "malformed"),
        "joined": (bundle([good[0] + good[1], b"", *good[2:256]]), "bad-proof"),
    }
    for body, code in lies.values():
        instead(east, "/tile/entries/000", lambda _, body=body: told(200, body, "application/octet-stream"))
        await lied(east, shown, (code,))
    await recovers(east, shown)


@pytest.mark.parametrize("level", [0, 1])
async def test_a_tile_and_what_lies_below_it_forged_alike(east: Below, level: int) -> None:
    """The tiles above are honest and give the root; what was forged below them agrees with itself."""
    shown = east.sibling(65_536 + 300 if level else 600)
    forged = [f"forged{n}".encode() for n in range(256)]
    lie = Log(shown.log.key, [*forged, *shown.log.entries[256:]])
    paths = [tile_path("entries", 0), *(tile_path(each, 0) for each in range(level + 1))]

    def answer(request: web.Request) -> Any:
        rest = request.path.split("/", 3)[3]
        return Upstream("x", {}).read_log(Shown(lie, shown.size), rest) if rest in paths else NotImplemented

    instead(east, f"/tlog/{shown.log.hash}/tile/", answer)
    await lied(east, shown)
    if not level:
        await recovers(east, shown)


async def test_tiles_that_are_cut_or_too_long(east: Below) -> None:
    shown = east.sibling(300)
    row = b"".join(shown.log.tree.leaves[256:])
    for body in (b"", row[:-1], row[:-32], row[::-1], bytes(44 * 32)):
        instead(east, "/tile/0/001.p/44", lambda _, body=body: told(200, body, "application/octet-stream"))
        await lied(east, shown)
    instead(east, "/tile/", lambda _: told(404))
    await lied(east, shown, ("not-found",))
    await recovers(east, shown)


async def test_a_checkpoint_of_another_log(east: Below) -> None:
    shown, other = east.sibling(5), east.sibling(9)
    instead(east, f"/tlog/{shown.log.hash}/checkpoint", lambda _: told(200, other.log.note(9), "text/plain"))
    await lied(east, shown)
    assert (await east.state(other.log)).head_size == 9, "under its own address it is fine"
    await recovers(east, shown, other)


async def test_a_checkpoint_that_its_log_did_not_sign(east: Below) -> None:
    shown = east.sibling(5)
    text = shown.log.text(5)
    lines = {
        "by the hub": east.upstream.keys["log"].line(text),
        "by the hub's mirror alone": east.upstream.keys["mirror"].line(text, time=1),
        "by a stranger under its name": Key(shown.log.origin).line(text),
        "spoiled": shown.log.key.line(text, spoil=True),
    }
    for line in lines.values():
        note = (text + "\n" + line).encode()
        instead(east, f"/tlog/{shown.log.hash}/checkpoint", lambda _, note=note: told(200, note, "text/plain"))
        await lied(east, shown, ("bad-signature",))
    await recovers(east, shown)


async def test_a_log_nobody_enrolled_is_not_even_asked_for(east: Below) -> None:
    stranger = east.show(Log(Key("ggzy.example/elsewhere/1")).grow_to(5), 5)
    report = await east.node.sync_once()
    assert report.failures == {}
    assert not any(stranger.log.hash in path for _, path, _ in east.upstream.calls)


async def test_a_stale_checkpoint_takes_nothing_back(east: Below) -> None:
    shown = east.sibling(300)
    await recovers(east, shown)
    before = await east.state(shown.log)
    for size in (0, 1, 256, 299):
        shown.size = size
        east.upstream.seconds[0] += 61
        report = await east.node.sync_once()
        assert report.failures == {}
        untouched(before, await east.state(shown.log))
    # It claims more than its checkpoint shows.
    instead(east, "/api/logs", lambda request: _only(request, "/api/logs", {"logs": [row(shown, 500)]}))
    await east.node.sync_once()
    untouched(before, await east.state(shown.log))
    shown.size = 300
    await recovers(east, shown)


def row(shown: Shown, size: int) -> dict[str, Any]:
    return {"origin": shown.log.origin, "size": size, "payload_next": size}


async def test_L10_a_fork_that_the_log_signed_itself_is_refused(east: Below) -> None:
    """L21: both notes are kept, and anyone can check that the log signed them."""
    shown = east.sibling(300)
    await recovers(east, shown)
    held_root = shown.log.tree.root(300)
    fork = Log(shown.log.key).grow_to(600, "fork")
    east.show(fork, 600)
    await lied(east, shown)
    east.upstream.seconds[0] += 61
    await lied(east, shown)

    def look(conn: Any) -> Any:
        found = conn.exec_driver_sql("SELECT reason, held, shown FROM log_evidence").all()
        return [row for row in found if fork.origin in row.held]

    ((reason, held, other),) = await east.node.store.read(look)
    heads = [open_head(note.encode(), [fork.key.vkey])[0] for note in (held, other)]
    assert reason == "fork" and [(head.size, head.root) for head in heads] == [
        (300, held_root),
        (600, fork.tree.root(600)),
    ]
    shown.log.grow_to(600)
    await recovers(east, east.show(shown.log, 600))


async def test_a_fork_below_what_was_witnessed_is_not_stored(east: Below) -> None:
    """Someone has shown us a later head; a smaller one cannot be held against it, so nothing of it is taken."""
    shown = east.sibling(300)
    await recovers(east, shown)
    shown.log.grow_to(900)
    answer = await east.remote.add_checkpoint(shown.log.checkpoint_body(300, 900))
    assert answer.status == 200
    fork = Log(shown.log.key, shown.log.entries[:300]).grow_to(600, "fork")
    east.show(fork, 600)
    before = await east.state(shown.log)
    report = await east.node.sync_once()
    assert shown.log.origin in report.failures
    untouched(before, await east.state(shown.log))
    # The honest head catches up, first smaller than the witnessed one, then as large.
    east.show(shown.log, 600)
    await east.node.sync_once()
    await recovers(east, east.show(shown.log, 900))


async def test_a_head_that_is_witnessed_while_another_is_pulled(east: Below) -> None:
    """The growth was checked against what was witnessed before: what came in between is not built over."""
    shown = east.sibling(300)
    fork = Log(shown.log.key).grow_to(700, "fork")

    async def answer(request: web.Request) -> Any:
        if request.path.endswith("/tile/0/001.p/44"):
            taken = await east.remote.add_checkpoint(fork.checkpoint_body(0, 700))
            assert taken.status == 200
        return NotImplemented

    instead(east, f"/tlog/{shown.log.hash}/tile/", answer)
    report = await east.node.sync_once()
    assert report.failures[shown.log.origin].startswith("conflict")
    state = await east.state(shown.log)
    assert (state.stored_size, state.head_size, state.witnessed_size) == (0, 0, 700)
    # Which branch is the log's is for people to say; here the first that was witnessed stays the only one.
    again = await east.node.sync_once()
    assert shown.log.origin in again.failures
    assert (await east.state(shown.log)).stored_size == 0
    await recovers(east, east.show(fork, 700))


async def test_what_a_district_pulled_it_has_witnessed(east: Below) -> None:
    """The witness's address serves what carries its own line, also for heads that came from above."""
    shown = east.sibling(20)
    await recovers(east, shown)
    policy = east.node.trusted.policy
    from tests.interop.client import VKey

    uses = {
        use: VKey.parse(policy.grants(node=east.node.settings.name, use=use)[0].key.vkey())
        for use in ("witness", "mirror")
    }
    answer = await east.remote.get(f"/witness/{shown.log.hash}/checkpoint")
    head, signers = open_head(answer.body, [shown.log.key.vkey], uses.values())
    assert head.size == 20 and uses["witness"] in signers
    answer = await east.remote.get(f"/tlog/{shown.log.hash}/checkpoint")
    head, signers = open_head(answer.body, [shown.log.key.vkey], uses.values())
    assert uses["mirror"] in signers
    # Whoever goes on from there gets a cosignature.
    shown.log.grow_to(25)
    answer = await east.remote.add_checkpoint(shown.log.checkpoint_body(20, 25))
    answer.cosignature(uses["witness"], shown.log.text(25))
    shown.size = 25
    await recovers(east, shown)


async def test_a_tree_of_absurd_size_is_not_planned_for(east: Below, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that signs 2^62 entries costs us the first missing tile, not our memory."""
    shown = east.sibling(3)
    text = head_text(shown.log.origin, 2**62, bytes(32))
    note = (text + "\n" + shown.log.key.line(text)).encode()

    def answer(request: web.Request) -> Any:
        if request.path == "/api/logs":
            return as_json({"logs": [row(shown, 2**62)]})
        if request.path == f"/tlog/{shown.log.hash}/checkpoint":
            return told(200, note, "text/plain")
        return NotImplemented

    instead(east, "", answer)
    await lied(east, shown, ("not-found",))
    await recovers(east, shown)


# --- payloads that are pulled ---------------------------------------------------------------------------------------


def with_payloads(east: Below, count: int) -> Shown:
    sections = {n: [Section("main", "public", b"\x81\xa1n" + bytes([n % 100]), bytes(16))] for n in range(count)}
    log = Log(east.siblings.pop().log, (header(sections[n], record=n + 1) for n in range(count)))
    shown = east.show(log, count)
    shown.sections = sections
    return shown


async def test_payloads_of_a_lying_hub(east: Below) -> None:
    shown = with_payloads(east, 4)
    origin, rows = shown.log.origin, [shown.sections[n][0].row(n) for n in range(4)]
    forged = [[0, "main", bytes(16), b"forged"], *rows[1:]]
    lies: dict[str, tuple[bytes, str]] = {
        "forged": (frame([pack(origin, 0, 4, "public", forged)]), "bad-proof"),
        "of another log": (frame([pack("x", 0, 4, "public", rows)]), "malformed"),
        "for an audience not ours": (frame([pack(origin, 0, 4, "restricted", rows)]), "not-allowed"),
        "cut": (frame([pack(origin, 0, 4, "public", rows)])[:-1], "malformed"),
        "noise": (random.Random(4).randbytes(999), "too-large"),
        "beyond": (frame([pack(origin, 0, 5, "public", rows)]), "malformed"),
    }
    for how, (body, code) in lies.items():
        instead(east, f"/api/logs/{shown.log.hash}/payloads", lambda request, body=body: _payloads(request, body))
        report = await east.node.sync_once()
        assert report.failures[origin].startswith(code), (how, report.failures)
        state = await east.state(shown.log)
        assert (state.head_size, state.payload_next) == (4, 0), "the headers are here, nothing else is believed"
    await recovers(east, shown)


def _payloads(request: web.Request, body: bytes) -> Any:
    return NotImplemented if request.path.endswith("/state") else told(200, body, "application/x.ggzy.packs")


async def test_L13_payloads_that_a_hub_withholds_are_missing_until_it_hands_them_out(east: Below) -> None:
    shown = with_payloads(east, 3)
    instead(east, f"/api/logs/{shown.log.hash}/payloads", lambda request: _payloads(request, b""))
    report = await east.node.sync_once()
    assert report.failures == {}
    now = await east.node.custodian.payload_state(shown.log.origin)
    assert (now.next, now.missing) == (3, tuple((n, "main") for n in range(3)))
    await recovers(east, shown)
    assert (await east.node.custodian.payload_state(shown.log.origin)).missing == ()


async def test_it_claims_payloads_beyond_the_log(east: Below) -> None:
    shown = with_payloads(east, 3)
    instead(east, f"/api/logs/{shown.log.hash}/payloads/state", lambda _: as_json({"next": 10**9, "missing": []}))
    assert (await east.node.sync_once()).failures == {}
    assert (await east.state(shown.log)).payload_next == 3
    await recovers(east, shown)


# --- an upstream that lies about what was pushed --------------------------------------------------------------------


async def test_cosignatures_that_are_none(east: Below) -> None:
    """Lines of unknown keys are ignored, a bad line of a known one is told; either way nothing counts as mirrored."""
    witness, mirror = (east.upstream.keys[use] for use in ("witness", "mirror"))
    own = Log(Key(east.origin)).hash
    lines = {
        "a stranger's": Key("w.example/1", 4).line("x\n", time=1),
        "the mirror's of another text": mirror.line("another\n", time=1),
        "of the mirror's name and another type": Key(mirror.name, 1).line("x\n"),
        "the witness's, which is no statement of a mirror": "",
    }
    for how, line in lines.items():
        await publish(east)
        size = (await east.state(Log(Key(east.origin)))).head_size
        text = (await east.remote.get(f"/tlog/{own}/checkpoint")).body.decode().partition("\n\n")[0] + "\n"
        said = line or witness.line(text, time=east.upstream.seconds[0])
        instead(east, "/tlog/add-entries", lambda _, said=said: told(200, said, "text/plain"))
        report = await east.node.sync_once()
        assert report.failures[east.origin].startswith("bad-signature"), (how, report.failures)
        assert (await east.standings())[east.origin].mirrored_size < size
        answer = await east.remote.get(f"/api/logs/{own}/cosigned/{mirror.name}")
        assert answer.status == 404 or open_head(answer.body, [east.mine.key], [mirror.vkey])[0].size < size
    await recovers(east)


async def test_L10_numbers_alone_freeze_nothing(east: Below) -> None:
    await publish(east)
    big = 2**40
    for path, answer in (
        ("/tlog/add-checkpoint", told(409, f"{big}\n", "text/x.tlog.size")),
        ("/tlog/add-checkpoint", told(422, "{}", "application/problem+json")),
        ("/tlog/add-entries", told(409, f"{big}\n{big}\n\n", "text/x.tlog.mirror-info")),
        ("/tlog/add-entries", told(202, f"{big}\n0\n\n", "text/x.tlog.mirror-info")),
        ("/tlog/add-entries", told(422, "{}", "application/problem+json")),
    ):
        instead(east, path, lambda _, a=answer: told(a.status, a.body, a.content_type))
        report = await east.node.sync_once()
        assert east.origin in report.failures
        assert (await east.state(Log(Key(east.origin)))).frozen == ""
    await recovers(east)


async def test_a_mirror_that_never_gets_on(east: Below, monkeypatch: pytest.MonkeyPatch) -> None:
    from node.sync import push

    monkeypatch.setattr(push, "MAX_TURNS", 20)
    await publish(east)
    size = (await east.state(Log(Key(east.origin)))).head_size
    instead(east, "/tlog/add-entries", lambda _: told(202, f"{size}\n0\n\n", "text/x.tlog.mirror-info"))
    report = await east.node.sync_once()
    assert report.failures[east.origin].startswith("conflict")
    await recovers(east)


async def test_a_witness_that_keeps_changing_its_mind(east: Below) -> None:
    await publish(east)
    sizes = itertools.cycle([0, 1, 0])
    instead(east, "/tlog/add-checkpoint", lambda _: told(409, f"{next(sizes)}\n", "text/x.tlog.size"))
    report = await east.node.sync_once()
    assert report.failures[east.origin].startswith("conflict")
    await recovers(east)


async def test_custody_notes_that_are_none(east: Below) -> None:
    await publish(east)
    custody = east.upstream.keys["custody"]
    lines = ["ggzy-node/custody/v1", "another.example/1", "1", b64(EMPTY), "time 1", "range 0 1"]
    of_another = "".join(f"{line}\n" for line in lines)
    of_ours = of_another.replace("another.example/1", east.origin)
    notes = {
        "of another log": f"{of_another}\n{custody.line(of_another)}",
        "by another key": f"{of_ours}\n{east.upstream.keys['request'].line(of_ours)}",
        "without signature": f"{of_ours}\n",
        "not canonical": (text := of_ours.replace("range 0 1", "range 00 1")) + "\n" + custody.line(text),
        "backwards": (text := of_ours.replace("range 0 1", "range 1 0")) + "\n" + custody.line(text),
    }
    for note in notes.values():
        instead(east, "/custody", lambda _, note=note: told(200, note, "text/plain"))
        report = await east.node.sync_once()
        assert east.origin in report.failures
    await recovers(east)


async def test_tile_paths_asked_for_are_canonical(east: Below) -> None:
    shown = east.sibling(1300)
    east.upstream.calls.clear()
    await recovers(east, shown)
    asked = {path.split("/", 3)[3] for _, path, _ in east.upstream.calls if shown.log.hash in path and "/tile/" in path}
    expected = {tile_path("entries", n, 256 if n < 5 else 20) for n in range(6)}
    assert expected <= asked


async def test_nothing_of_all_this_left_a_trace_but_evidence(east: Below) -> None:
    assert {finding.code for finding in await east.fsck()} == {"log-evidence"}
