"""A node joins by an invitation: what it checks, what the hub checks, and that a code works once (L20)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp.test_utils import TestServer
from net import FEDERATION, Net, Running, result

from node import keyring, provision
from node.app import build
from node.errors import BadSignature, Malformed, NodeError, NotAllowed, Overloaded, Refused
from node.keyring import Keyring
from node.publishing.policy_record import KIND
from node.store import invitations, logs
from node.sync.peer import Reply, Request
from node.tlog.note import Note, parse_note
from node.wire import card as cards
from node.wire import enrol
from node.wire import header as headers
from node.wire.enrol import Invitation
from node.wire.trust import Member, TrustPolicy
from node.wire.trust_edit import following, with_nodes

URL = "http://hub.example"
NORTH = f"{FEDERATION}/500105"


@asynccontextmanager
async def newcomer(net: Net, name: str = "north") -> AsyncIterator[Running]:
    """A node on its own, with the policy that `ggzy init` makes, and a line to the hub."""
    net._made[name] = made = net.make(name)
    node = net.open_node(name)
    server = TestServer(build(node, jobs=False))
    await server.start_server()
    running = net.nodes[name] = Running(name, node, server)
    signer = keyring.policy_signer(made.settings.keys, made.settings.name, create=True)
    await node.trusted.adopt([provision.first_policy(FEDERATION, signer, [made], {})])
    yield running


def card_of(running: Running, keys: Keyring | None = None) -> Note:
    settings, keys = running.node.settings, keys or running.node.keys
    member = Member(settings.name, settings.role, settings.division, "", settings.title)
    return cards.make(member, keys.grants(), keys.card_signers())


async def invite(hub: Running, node: str = NORTH, hours: int = 72) -> Invitation:
    return await hub.node.invitations.invite(node, "江北区", url=URL, hours=hours)


async def confirm(net: Net, hub: Running) -> TrustPolicy:
    """What `ggzy policy enrol --waiting` does: the next version, logged and adopted."""
    (waiting,) = [each for each in await hub.node.invitations.waiting() if each.card is not None]
    assert waiting.card is not None
    member, grants = cards.open_card(waiting.card)
    held = hub.node.trusted.policy
    policy = with_nodes(following(held), [replace(member, upstream=hub.node.settings.name)], grants)
    data = provision.sign_policy(policy, net._signer)
    await hub.node.log_policy(data)
    await hub.node.trusted.adopt([data])
    return policy


async def test_L20_a_node_joins_and_its_first_sync_just_works(net: Net) -> None:
    hub, _ = await net.start("hub", "east")
    async with newcomer(net) as north:
        invitation = await invite(hub)
        fingerprint = await north.node.join(Invitation.parse(invitation.encode()), card_of(north))
        assert fingerprint == cards.fingerprint(card_of(north))
        assert north.node.trusted.policy == hub.node.trusted.policy, (
            "the federation's policy, checked from version 1 on"
        )
        assert [each.fingerprint for each in await hub.node.invitations.waiting()] == [fingerprint]
        await confirm(net, hub)
        await north.publish(result("N-1"))
        await net.settle()
        assert north.node.trusted.policy.version == 2
        assert (await hub.log_of(north)).head_size == 1
        assert await hub.node.invitations.waiting() == []


async def test_L20_a_version_is_in_the_hubs_log_before_it_counts(net: Net) -> None:
    hub, east = await net.start("hub", "east")
    async with newcomer(net) as north:
        await north.node.join(await invite(hub), card_of(north))
        policy = await confirm(net, hub)
        await net.settle()
        state = await east.log_of(hub)
        entries = await east.node.store.read(lambda conn: logs.entries(conn, state.id, 0, state.head_size))
        assert [headers.parse(entry).kind for entry in entries].count(KIND) == 1
        assert policy.hash() in await east.page(f"/records/{headers.parse(entries[-1]).record_id.hex()}")
        await hub.node.log_policy()
        assert (await hub.log_of(hub)).head_size == state.head_size, "a version is logged once"


async def test_L20_before_it_is_confirmed_the_node_waits_and_works_alone(net: Net) -> None:
    hub, _ = await net.start("hub", "east")
    async with newcomer(net) as north:
        await north.node.join(await invite(hub), card_of(north))
        assert [outcome.state for outcome in await north.publish(result("N-1"))] == ["published"]
        with pytest.raises(NodeError, match="no upstream"):
            await north.node.sync_once()
        assert await hub.node.store.read(lambda conn: logs.find(conn, north.origin)) is None


# --- the code -------------------------------------------------------------------------------------------------------


async def test_L20_a_code_that_does_not_hold_opens_nothing(net: Net) -> None:
    """Used by another, expired, for another node, invented: one and the same answer, and nothing is kept."""
    hub, _ = await net.start("hub", "east")
    async with newcomer(net) as north:
        spent, own = await invite(hub), card_of(north)
        await north.node.join(spent, own)
        late = await invite(hub, hours=1)
        foreign = await invite(hub, node=f"{FEDERATION}/500106")
        other = keyring.make(net.directory / "thief", NORTH, 1)
        cases = {
            "used by another card": (spent, card_of(north, other)),
            "for another node": (replace(foreign, node=NORTH), own),
            "expired": (late, own),
            "invented": (replace(spent, code=bytes(20)), own),
        }
        net.clock.forward(hours=2)
        words = set()
        for what, (invitation, card) in cases.items():
            with pytest.raises(NotAllowed) as caught:
                await hub.node.invitations.answer(enrol.answer(card, invitation).encode())
            words.add((caught.value.detail, caught.value.zh))
            assert "ggzy invite" in caught.value.advice_en, what
        assert len(words) == 1, "who guesses learns nothing"
        rows = await hub.node.store.read(invitations.all_rows)
        assert [bool(row.card) for row in rows].count(True) == 1
        assert spent.code not in repr(rows).encode() and all(spent.code != row.public for row in rows)


async def test_L20_the_same_card_again_does_no_harm(net: Net) -> None:
    """The answer was lost on the way: the node asks again and gets it."""
    hub, _ = await net.start("hub", "east")
    async with newcomer(net) as north:
        invitation = await invite(hub)
        assert north.line is None
        first = enrol.answer(card_of(north), invitation).encode()
        assert await hub.node.invitations.answer(first) == await hub.node.invitations.answer(first)
        await north.node.join(invitation, card_of(north))


async def test_L20_of_many_cards_at_once_one_spends_the_code(net: Net) -> None:
    hub, _ = await net.start("hub", "east")
    async with newcomer(net) as north:
        invitation = await invite(hub)
        given = []
        for number in range(8):
            keys = keyring.make(net.directory / f"racer-{number}", NORTH, 1)
            given.append(enrol.answer(card_of(north, keys), invitation).encode())
        done = await asyncio.gather(*(hub.node.invitations.answer(each) for each in given), return_exceptions=True)
        assert sum(isinstance(each, str) for each in done) == 1
        assert all(isinstance(each, str | NotAllowed) for each in done)


async def test_L20_a_card_must_be_signed_by_the_keys_on_it_and_by_the_code(net: Net) -> None:
    hub, _ = await net.start("hub", "east")
    async with newcomer(net) as north:
        invitation, card = await invite(hub), card_of(north)
        own = card.signatures
        signed = enrol.answer(card, invitation)
        for lines in (own, signed.signatures[1:], (*signed.signatures, signed.signatures[-1]), ()):
            data = Note(card.text, tuple(lines)).encode() if lines else card.text.encode()
            with pytest.raises(Malformed):
                await hub.node.invitations.answer(data)
        forged = replace(signed.signatures[-1], signature=bytes(64))
        with pytest.raises(NotAllowed):
            await hub.node.invitations.answer(Note(card.text, (*own, forged)).encode())
        assert all(not row.card for row in await hub.node.store.read(invitations.all_rows))


async def test_L20_answers_over_http_are_few_and_never_a_fault(net: Net) -> None:
    hub, _ = await net.start("hub", "east")
    async with newcomer(net) as north:
        invitation = await invite(hub)
        url = hub.server.make_url("/api/enrol")
        statuses = []
        import aiohttp

        async with aiohttp.ClientSession() as session:
            wrong = enrol.answer(card_of(north), replace(invitation, code=bytes(20))).encode()
            for body in (wrong, b"", b"\xff\n\nx", b"a" * 70_000, *([wrong] * 8)):
                async with session.post(url, data=body) as answer:
                    statuses.append(answer.status)
                    assert invitation.code.hex() not in await answer.text()
        assert statuses[:4] == [403, 400, 400, 413]
        assert statuses[-1] == 429
        with pytest.raises(Overloaded):
            await north.node.join(invitation, card_of(north))


async def test_L20_who_is_in_the_policy_needs_no_invitation(net: Net) -> None:
    hub, east = await net.start("hub", "east")
    with pytest.raises(Refused, match="already"):
        await invite(hub, node=east.node.settings.name)


# --- what the new node checks ---------------------------------------------------------------------------------------


async def test_L20_a_hub_with_another_first_version_is_not_joined(net: Net) -> None:
    hub, _ = await net.start("hub", "east")
    async with newcomer(net) as north:
        before = north.node.trusted.policy
        invitation = replace(await invite(hub), policy_hash="00" * 32)
        with pytest.raises(Refused, match="fingerprint"):
            await north.node.join(invitation, card_of(north))
        assert north.node.trusted.policy == before
        assert all(not row.card for row in await hub.node.store.read(invitations.all_rows)), "no card was sent"


async def test_L20_every_version_is_checked_before_the_card_is_sent(net: Net) -> None:
    hub, _ = await net.start("hub", "east")
    evil = keyring.policy_signer(net.directory / "evil", FEDERATION, create=True)
    held = hub.node.trusted.policy
    grafted = provision.sign_policy(following(held, signers=(evil.verifier,)), evil)
    async with newcomer(net) as north:
        invitation = await invite(hub)

        def lie(request: Request, reply: Reply) -> Reply:
            if request.target == "/api/policy":
                return replace(reply, body=reply.body.replace(b'"version": 1', b'"version": 2'))
            return Reply(200, reply.headers, grafted) if request.target == "/api/policy/2" else reply

        line = net._line("north", north.node._session)  # type: ignore[arg-type]
        line.change_replies(lie)
        north.node._make_transport = lambda _session: line
        with pytest.raises(BadSignature):
            await north.node.join(invitation, card_of(north))
        assert north.node.trusted.policy.version == 1
        assert all(not row.card for row in await hub.node.store.read(invitations.all_rows))


# --- the invitation as text -----------------------------------------------------------------------------------------

GIVEN = Invitation("https://hub.example:8443", "9f2c" * 16, bytes(range(20)), NORTH, 1_763_913_600)


def test_an_invitation_survives_a_mail_and_no_other_change() -> None:
    text = GIVEN.encode()
    assert "\n" not in text and " " not in text and text.startswith("ggzy1.")
    assert Invitation.parse(text) == GIVEN
    assert Invitation.parse(f"  {text[:40]}\r\n {text[40:]}\n") == GIVEN
    for at in range(len(text)):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        with pytest.raises(Malformed) as caught:
            assert Invitation.parse(changed) != GIVEN
            raise Malformed("read as another, yet readable", zh="邀请码")
        assert "邀请码" in caught.value.zh
    for other in ("", "ggzy1.", text[:-3], text.replace("ggzy1.", "ggzy2."), "ggzy1." + "é", text + "AAAA"):
        with pytest.raises(Malformed):
            Invitation.parse(other)


def test_the_code_is_shown_by_nothing_but_the_invitation() -> None:
    assert GIVEN.code.hex() not in repr(GIVEN) and repr(GIVEN.code) not in repr(GIVEN)
    signed = enrol.answer(parse_note(b"a\n\n\xe2\x80\x94 x AAAAAAA=\n"), GIVEN)
    assert enrol.take_line(signed)[1].name == enrol.INVITED
    assert GIVEN.code not in signed.encode()
