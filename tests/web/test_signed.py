"""Signed requests, by an implementation of our own of RFC 9421 and RFC 9530 as docs/protocol.md profiles them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from multidict import CIMultiDict

from tests.interop.client import COVERED, Answer, Key, Log, Section, digest, frame, header, pack, unframe
from tests.interop.world import World, hub_world

pytestmark = pytest.mark.asyncio(loop_scope="module")
HELLO = "/api/hello"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with hub_world(tmp_path_factory.mktemp("world")) as made:
        yield made


def is_refused(answer: Answer, what: str = "") -> None:
    assert answer.status == 401, (what, answer.status, answer.body[:300])
    assert answer.type.startswith("application/problem+json")
    problem = json.loads(answer.body)
    assert problem["code"] == "unauthenticated" and problem["advice_zh"], what


async def hello(world: World, headers: Any, body: bytes = b"") -> Answer:
    return await world.remote.send("POST", HELLO, body, headers)


async def test_a_signed_request_tells_who_called(world: World) -> None:
    caller = world.district()
    answer = await hello(world, world.sign(caller.request, "POST", HELLO))
    assert answer.status == 200
    assert json.loads(answer.body) == {"node": world.name, "caller": caller.name}


async def test_a_request_works_once(world: World) -> None:
    caller = world.district()
    headers = world.sign(caller.request, "POST", HELLO)
    assert (await hello(world, headers)).status == 200
    for _ in range(3):
        is_refused(await hello(world, headers))
    # Nor later, as long as its time would be taken.
    world.forward(299)
    is_refused(await hello(world, headers))
    world.forward(2)
    is_refused(await hello(world, headers))
    # The nonce belongs to its key: another node's clash is no replay.
    nonce = "the-same-nonce-for-two"
    for each in (caller, world.district()):
        assert (await hello(world, world.sign(each.request, "POST", HELLO, nonce=nonce))).status == 200


async def test_of_two_copies_at_once_one_is_taken(world: World) -> None:
    headers = world.sign(world.district().request, "POST", HELLO)
    answers = await asyncio.gather(*(hello(world, headers) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 7


async def test_a_refused_request_does_not_use_up_its_nonce(world: World) -> None:
    caller, nonce = world.district(), "kept-for-the-good-one"
    spoiled = world.sign(caller.request, "POST", HELLO, nonce=nonce, to="ggzy.example/t/elsewhere")
    is_refused(await hello(world, spoiled))
    assert (await hello(world, world.sign(caller.request, "POST", HELLO, nonce=nonce))).status == 200


async def test_the_clock_may_be_off_by_five_minutes(world: World) -> None:
    caller = world.district()
    for off in (-300, -1, 1, 300):
        headers = world.sign(caller.request, "POST", HELLO, created=world.now + off)
        assert (await hello(world, headers)).status == 200, off
    for off in (-301, 301, -world.now, 10**11):
        answer = await hello(world, world.sign(caller.request, "POST", HELLO, created=world.now + off))
        is_refused(answer, str(off))
        assert "clock" in json.loads(answer.body)["detail"]


async def test_every_covered_part_is_covered(world: World) -> None:
    """What is signed with one value and sent with another is refused."""
    caller = world.district()
    changes: dict[str, Callable[[dict[str, str]], None]] = {
        "another method": lambda values: values.update({"@method": "GET"}),
        "another path": lambda values: values.update({"@path": "/api/other"}),
        "another query": lambda values: values.update({"@query": "?a=1"}),
        "another body": lambda values: values.update({"content-digest": digest(b"x")}),
        "another receiver": lambda values: values.update({"ggzy-to": "ggzy.example/t/d000"}),
    }
    for how, change in changes.items():
        is_refused(await hello(world, world.sign(caller.request, "POST", HELLO, change=change)), how)


async def test_a_request_cannot_be_used_for_another_purpose(world: World) -> None:
    caller, log = world.district(), world.log(3)
    await world.mirrored(log, 3)
    path = f"/api/logs/{log.hash}/payloads"
    body = frame([])
    right = f"{path}?start=0&end=3"
    # Of the node that holds the log: everything but one part is right.
    wrong = [
        world.sign(caller.request, "GET", right, body),
        world.sign(caller.request, "POST", f"{path}?start=0&end=2", body),
        world.sign(caller.request, "POST", f"{path}?end=3&start=0", body),
        world.sign(caller.request, "POST", path, body),
        world.sign(caller.request, "POST", f"{path}/?start=0&end=3", body),
        world.sign(caller.request, "POST", right, b"another body"),
        world.sign(caller.request, "POST", right, body, to="ggzy.example/t/d001"),
        world.sign(caller.request, "POST", right, body, to=world.name + "/"),
        world.sign(caller.request, "POST", right, body, to=""),
    ]
    for number, headers in enumerate(wrong):
        is_refused(await world.remote.send("POST", right, body, headers), str(number))


async def test_the_body_is_the_one_that_was_signed(world: World) -> None:
    caller = world.district()
    headers = world.sign(caller.request, "POST", HELLO, b"one")
    is_refused(await hello(world, headers, b"two"))
    is_refused(await hello(world, headers, b""))
    is_refused(await hello(world, {**headers, "Content-Digest": digest(b"two")}, b"two"))
    for digest_of in (
        "",
        "sha-256=::",
        digest(b"one").replace("sha-256", "sha-512"),
        digest(b"one") + ", " + digest(b""),
        "é",
    ):
        is_refused(await hello(world, {**headers, "Content-Digest": digest_of}, b"one"), digest_of)
    assert (await hello(world, headers, b"one")).status == 200


async def test_only_request_keys_of_the_policy_sign_requests(world: World) -> None:
    caller, other = world.district(), world.district()
    stranger = Key(caller.request.name)
    seed = caller.request.private.private_bytes_raw()
    for how, key in {
        "a stranger's key under a known name": stranger,
        "the log's key": caller.log,
        "a known key under another name": Key(other.request.name, 1, seed),
        "a known key as another type": Key(caller.request.name, 4, seed),
        "a name nobody has": Key("ggzy.example/nobody/request"),
    }.items():
        if key.vkey.kind == 4:
            headers = {**world.sign(caller.request, "POST", HELLO)}
            headers["Signature-Input"] = headers["Signature-Input"].replace(
                caller.request.vkey.id.hex(), key.vkey.id.hex()
            )
        else:
            headers = world.sign(key, "POST", HELLO)
        is_refused(await hello(world, headers), how)
    # The name and id of a good key over the signature of another.
    forged = world.sign(stranger, "POST", HELLO)
    forged["Signature-Input"] = forged["Signature-Input"].replace(stranger.vkey.id.hex(), caller.request.vkey.id.hex())
    is_refused(await hello(world, forged))


async def test_the_one_form_is_required(world: World) -> None:
    """Nothing to negotiate, nothing to leave out: fewer parts, other parameters or another order are refused."""
    key = world.district().request

    def sign(**more: Any) -> dict[str, str]:
        return world.sign(key, "POST", HELLO, **more)

    forms = {
        "no body": sign(covered=[name for name in COVERED if name != "content-digest"]),
        "no receiver": sign(covered=[name for name in COVERED if name != "ggzy-to"]),
        "no query": sign(covered=[name for name in COVERED if name != "@query"]),
        "method alone": sign(covered=["@method"]),
        "nothing": sign(covered=[]),
        "another order": sign(covered=COVERED[::-1]),
        "a part twice": sign(covered=[*COVERED, "@method"]),
        "an expiry": sign(more=";expires=1"),
        "an algorithm": sign(more=';alg="ed25519"'),
        "a tag": sign(more=';tag="x"'),
        "a short nonce": sign(nonce="short"),
        "a nonce of other letters": sign(nonce="nonce nonce nonce nonce"),
        "a long nonce": sign(nonce="n" * 65),
    }
    good = sign()
    inner = good["Signature-Input"]
    for how, (name, value) in {
        "another label": ("Signature-Input", inner.replace("ggzy=", "sig1=", 1)),
        "a space": ("Signature-Input", inner.replace(";created", "; created")),
        "a second member": ("Signature-Input", inner + ", " + inner.replace("ggzy=", "sig1=", 1)),
        "no label": ("Signature-Input", inner.removeprefix("ggzy=")),
        "empty input": ("Signature-Input", ""),
        "a negative time": ("Signature-Input", inner.replace("created=", "created=-")),
        "a time in parts": ("Signature-Input", inner.replace(";nonce", ".5;nonce")),
        "an empty signature": ("Signature", "ggzy=::"),
        "no signature": ("Signature", ""),
        "a signature of another label": ("Signature", good["Signature"].replace("ggzy=", "sig1=", 1)),
        "a signature cut": ("Signature", good["Signature"][:-6] + ":"),
        "loose base64": ("Signature", good["Signature"].replace("==:", "=:")),
        "two signatures": ("Signature", f"{good['Signature']}, {good['Signature']}"),
        "zeros": ("Signature", "ggzy=:" + "A" * 86 + "==:"),
    }.items():
        forms[how] = {**good, name: value}
    for how, headers in forms.items():
        is_refused(await hello(world, headers), how)
    assert (await hello(world, good)).status == 200, "the good one is still good"


async def test_headers_that_stand_twice_are_refused(world: World) -> None:
    """RFC 9421 would join them; whoever looks at one of the two has judged another request."""
    caller, other = world.district(), world.district()
    for name in ("Signature", "Signature-Input", "Ggzy-To", "Content-Digest"):
        good = world.sign(caller.request, "POST", HELLO)
        second = world.sign(other.request, "POST", HELLO)
        for extra in (good[name], second[name]):
            headers: CIMultiDict[str] = CIMultiDict(good)
            headers.add(name, extra)
            is_refused(await hello(world, headers), name)


async def test_half_a_signature_is_not_taken_for_none(world: World) -> None:
    log = world.log(1)
    await world.mirrored(log, 1)
    target = f"/api/logs/{log.hash}/payloads?start=0&end=1"
    good = world.sign(world.district().request, "GET", target)
    for left_out in ("Signature-Input", "Signature", "Ggzy-To", "Content-Digest"):
        headers = {name: value for name, value in good.items() if name != left_out}
        is_refused(await world.remote.send("GET", target, None, headers), left_out)
    assert (await world.remote.send("GET", target, None, {"Content-Digest": digest(b"")})).status == 200, "anonymous"


async def test_calls_that_nobody_may_make_unsigned(world: World) -> None:
    log = world.log(1)
    await world.mirrored(log, 1)
    for target in (HELLO, f"/api/logs/{log.hash}/payloads?start=0&end=1"):
        is_refused(await world.remote.send("POST", target, b""), target)


async def test_a_bad_signature_is_refused_also_where_none_is_needed(world: World) -> None:
    log = world.log(1)
    await world.mirrored(log, 1)
    for target in (f"/api/logs/{log.hash}/payloads?start=0&end=1", f"/api/logs/{log.hash}/payloads/state"):
        assert (await world.remote.get(target)).status == 200
        spoiled = world.sign(world.district().request, "GET", target, to="ggzy.example/t/d000")
        is_refused(await world.remote.send("GET", target, None, spoiled), target)


async def test_a_flood_of_signed_requests_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nonces are remembered up to a number; beyond it callers wait, and old ones make room as time passes."""
    from node.web import signed

    caller = world.district()
    world.forward(3600)
    monkeypatch.setattr(signed, "MAX_NONCES", 5)
    statuses = [(await hello(world, world.sign(caller.request, "POST", HELLO))).status for _ in range(8)]
    assert statuses == [200] * 5 + [503] * 3
    world.forward(3600)
    assert (await hello(world, world.sign(caller.request, "POST", HELLO))).status == 200


# --- what a caller may do -------------------------------------------------------------------------------------------


async def make(world: World) -> tuple[Any, Log, list[Section]]:
    district = world.district()
    sections = [Section(name, name, name.encode() * 3) for name in ("public", "shared", "restricted", "local")]
    log = Log(district.log, [header(sections)])
    await world.mirrored(log, 1)
    return district, log, sections


def packs(log: Log, sections: list[Section], *audiences: str) -> bytes:
    return frame(pack(log.origin, 0, 1, s.audience, [s.row(0)]) for s in sections if s.audience in audiences)


async def test_L14_payloads_are_taken_from_the_origin_and_the_nodes_above_it_only(world: World) -> None:
    district, log, sections = await make(world)
    sibling = world.district()
    target, body = f"/api/logs/{log.hash}/payloads?start=0&end=1", packs(log, sections, "public")
    answer = await world.remote.send("POST", target, body, world.sign(sibling.request, "POST", target, body))
    assert (answer.status, json.loads(answer.body)["code"]) == (403, "not-allowed")
    empty = await world.remote.send("POST", target, b"", world.sign(sibling.request, "POST", target, b""))
    assert empty.status == 403, "who could mark another's payloads as missing could hide them"
    assert json.loads((await world.remote.get(f"/api/logs/{log.hash}/payloads/state")).body)["next"] == 0
    above = await world.remote.send("POST", target, body, world.sign(world.national.request, "POST", target, body))
    assert above.status == 200
    origin = await world.remote.send("POST", target, body, world.sign(district.request, "POST", target, body))
    assert origin.status == 200
    own = f"/api/logs/{Log(Key(world.hub.settings.origin)).hash}/payloads?start=0&end=1"
    answer = await world.remote.send("POST", own, body, world.sign(district.request, "POST", own, body))
    assert answer.status == 403, "nobody brings a node its own payloads"


async def test_L14_each_caller_gets_what_its_audience_may_have(world: World) -> None:
    district, log, sections = await make(world)
    target = f"/api/logs/{log.hash}/payloads?start=0&end=1"
    body = packs(log, sections, "public", "shared", "restricted")
    answer = await world.remote.send("POST", target, body, world.sign(district.request, "POST", target, body))
    assert answer.status == 200

    async def seen(key: Key | None) -> set[str]:
        headers = None if key is None else world.sign(key, "GET", target)
        answer = await world.remote.send("GET", target, None, headers)
        assert answer.status == 200
        assert "no-store" in answer.headers["Cache-Control"] and "private" in answer.headers["Cache-Control"]
        found = {audience: rows for _, _, _, audience, rows in unframe(answer.body)}
        for audience, rows in found.items():
            assert rows == [[0, audience, bytes(16), audience.encode() * 3]]
        return set(found)

    assert await seen(None) == {"public"}
    assert await seen(world.district().request) == {"public", "shared"}, "a sibling"
    assert await seen(world.national.request) == {"public", "shared"}, "national, though it stands above"
    assert await seen(district.request) == {"public", "shared", "restricted"}, "the origin itself; local never left it"
