"""The whole federation, watched from outside by the second implementation: monitors, verifiers and strangers.

One net for all of them: a district's log is read at four nodes, its receipts are judged by plain c2sp policies.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest
import pytest_asyncio
from aiohttp import ClientSession
from net import Net, Running, expert, result

from node.errors import NodeError
from node.store import logs, payloads
from node.store.checkpoints import put as put_checkpoint
from node.tlog.proof import TlogProof
from node.wire import paths
from node.wire import receipt as receipts
from node.wire.pack import PayloadRow
from node.wire.trust_plain import plain_policy
from tests.interop import client
from tests.interop.client import (
    Key,
    Log,
    Policy,
    Remote,
    Section,
    VKey,
    Wrong,
    audit,
    check_consistency,
    commitment,
    frame,
    head_text,
    header,
    leaf,
    open_custody,
    open_head,
    open_receipt,
    unframe,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAMES = ("national", "hub", "east", "west")
nonces = itertools.count()


class World:
    """A running net of four nodes, and a client to each of them."""

    def __init__(self, net: Net, session: ClientSession) -> None:
        self.net = net
        self.remotes = {name: Remote(session, str(net.nodes[name].server.make_url(""))) for name in NAMES}

    def __getitem__(self, name: str) -> Running:
        return self.net.nodes[name]

    def keys(self, name: str) -> dict[str, VKey]:
        return {grant.use: VKey.parse(grant.key.vkey()) for grant in self[name].node.keys.grants()}

    def request_key(self, name: str) -> Key:
        """The node's own request key, held by the second implementation."""
        signer = self[name].node.keys.request
        return Key(signer.name, 1, signer._private.private_bytes_raw())

    def prefix(self, name: str) -> str:
        return f"/tlog/{paths.origin_hash(self[name].origin)}"

    def policy(self, origin: str, *, quorum: str = "") -> Policy:
        """What `ggzy policy export --origin` writes, with another quorum where one is given."""
        data = plain_policy(self["east"].node.trusted.policy, origin).format()
        lines = [line for line in data.decode().split("\n") if not quorum or not line.startswith("quorum ")]
        return Policy.parse("\n".join([*lines, *([f"{quorum}\n"] if quorum else [])]).encode())

    async def signed(self, name: str, to: str, method: str, target: str, body: bytes = b"") -> client.Answer:
        headers = client.signed(
            self.request_key(name),
            method,
            target,
            body,
            to=self[to].node.settings.name,
            created=self.net.clock.now_ms // 1000,
            nonce=f"scenario-{next(nonces):012d}",
        )
        return await self.remotes[to].send(method, target, body or None, headers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    net = Net(tmp_path_factory.mktemp("net"))
    try:
        await net.start(*NAMES)
        async with ClientSession() as session:
            made = World(net, session)
            await made["east"].publish(*(result(f"E-{n}") for n in range(300)))
            await made["west"].publish(result("W-1"), expert("W-x"))
            await net.settle()
            yield made
    finally:
        await net.stop()


async def test_a_districts_log_is_the_same_everywhere(world: World) -> None:
    """L16: the origin's bytes and the origin's key; at each node its own mirror's line beside the origin's."""
    found = {}
    for name in NAMES:
        cosigners = [key for each in NAMES for use, key in world.keys(each).items() if use in ("witness", "mirror")]
        found[name] = await audit(world.remotes[name], world.prefix("east"), [world.keys("east")["log"]], cosigners)
        if name != "east":
            assert world.keys(name)["mirror"].name in found[name].signers
    assert len({tuple(each.entries) for each in found.values()}) == 1
    above = {world.keys(name)[use].name for name in ("hub", "national") for use in ("witness", "mirror")}
    assert above <= found["east"].signers, "national's cosignature comes back through the hub"


async def test_a_monitor_follows_a_growing_log(world: World) -> None:
    remote, prefix, key = world.remotes["hub"], world.prefix("east"), world.keys("east")["log"]
    before = await audit(remote, prefix, [key])
    await world["east"].publish(*(result(f"G-{n}") for n in range(40)))
    await world.net.settle()
    after = await audit(remote, prefix, [key])
    assert after.head.size == before.head.size + 40
    proof = after.tree.consistency(before.head.size, after.head.size)
    check_consistency(before.head.size, after.head.size, before.head.root, after.head.root, proof)
    assert after.entries[: before.head.size] == before.entries


async def _receipt(world: World, at: str, number: str, origin: str) -> tuple[bytes, dict[str, Any]]:
    rows = json.loads((await world.remotes[at].get(f"/api/records?limit=500&origin={origin}")).body)["records"]
    row = next(row for row in rows if number in row["title"])
    answer = await world.remotes[at].get(f"/api/records/{row['record_id']}/receipt")
    assert answer.status == 200
    return answer.body, row


async def test_a_receipt_is_accepted_by_a_stranger(world: World) -> None:
    """Nothing but a c2sp policy and the file: header, inclusion, cosigners, payload and custody."""
    origin = world["east"].origin
    for at in NAMES:
        data, row = await _receipt(world, at, "E-7", origin)
        for quorum in (
            "",
            f"group all-of-hub all {world['hub'].node.settings.name}/mirror {world['hub'].node.settings.name}/witness\n"
            "quorum all-of-hub",
        ):
            if at in ("hub", "east"):
                receipt = open_receipt(data, world.policy(origin, quorum=quorum))
                assert (receipt.index, receipt.head.origin) == (row["index"], origin)
        receipt = open_receipt(data, world.policy(origin, quorum="quorum none"))
        assert leaf(receipt.entry).hex() == row["leaf"]
        payload = (await world.remotes[at].get(f"/api/records/{row['record_id']}/payload/main")).body
        section = msgpack.unpackb(receipt.entry)[8][0]
        assert section[0] == "main" and section[2] == commitment(receipt.salts["main"], payload)


async def test_a_districts_receipt_satisfies_a_quorum_of_both_tiers(world: World) -> None:
    origin = world["east"].origin
    data, _ = await _receipt(world, "east", "E-7", origin)
    names = [world[name].node.settings.name for name in ("hub", "national")]
    both = "\n".join(
        [
            f"group tier-hub all {names[0]}/mirror {names[0]}/witness",
            f"group tier-national 2 {names[1]}/mirror {names[1]}/witness",
            "group tiers all tier-hub tier-national",
            "quorum tiers",
        ]
    )
    receipt = open_receipt(data, world.policy(origin, quorum=both))
    custody = open_custody(receipt.custody, world.keys("hub")["custody"])
    assert custody.start <= receipt.index < custody.end and custody.missing == []
    verdict = receipts.verify(TlogProof.parse(data), world["west"].node.trusted.policy)
    assert verdict.index == receipt.index and verdict.custody is not None


async def test_a_receipt_of_a_record_that_is_not_stored_above_is_no_receipt(world: World) -> None:
    """L9, L13: until the hub's mirror has cosigned, neither verifier is content."""
    east = world["east"]
    await east.publish(result("Z-1"))
    await east.node.projector.run()
    data, row = await _receipt(world, "east", "Z-1", east.origin)
    with pytest.raises(Wrong):
        open_receipt(data, world.policy(east.origin))
    policy = east.node.trusted.policy
    for each in (policy, plain_policy(policy, east.origin)):
        with pytest.raises(NodeError):
            receipts.verify(TlogProof.parse(data), each)
    open_receipt(data, world.policy(east.origin, quorum="quorum none"))
    await world.net.settle()
    data, _ = await _receipt(world, "east", "Z-1", east.origin)
    assert open_receipt(data, world.policy(east.origin)).index == row["index"]


async def test_a_receipt_of_one_log_is_none_for_another(world: World) -> None:
    data, _ = await _receipt(world, "hub", "E-7", world["east"].origin)
    with pytest.raises(Wrong):
        open_receipt(data, world.policy(world["west"].origin))
    with pytest.raises(NodeError):
        receipts.verify(TlogProof.parse(data), plain_policy(world["hub"].node.trusted.policy, world["west"].origin))


async def test_L14_what_is_handed_to_whom(world: World) -> None:
    """Anonymous: public. A sibling, national: shared too. The hub: restricted. Local: nobody, at no node."""
    east = world["east"]
    sections = [
        Section(name, name, f"{name} of east".encode() * 2) for name in ("public", "shared", "restricted", "local")
    ]
    index = await east.node.store.write(lambda conn: _append(conn, east, sections))
    await world.net.settle()
    origin_hash = paths.origin_hash(east.origin)
    target = f"/api/logs/{origin_hash}/payloads?start={index}&end={index + 1}"

    async def seen(at: str, name: str = "") -> set[str]:
        answer = await (world.signed(name, at, "GET", target) if name else world.remotes[at].get(target))
        assert answer.status == 200, answer.body[:300]
        assert b"local of east" not in answer.body
        return {audience for _, _, _, audience, _ in unframe(answer.body)}

    assert await seen("hub") == {"public"}
    assert await seen("hub", "west") == {"public", "shared"}
    assert await seen("hub", "national") == {"public", "shared"}
    assert await seen("hub", "east") == {"public", "shared", "restricted"}
    assert await seen("national", "hub") == {"public", "shared"}, "it holds no more"
    assert await seen("west", "hub") == {"public", "shared"}
    assert await seen("east") == {"public"} and await seen("east", "west") == {"public", "shared"}
    assert await seen("east", "hub") == {"public", "shared", "restricted"}
    for name, secrets in (("hub", ["local"]), ("national", ["local", "restricted"]), ("west", ["local", "restricted"])):
        directory = world[name].node.settings.directory
        stored = b"".join(file.read_bytes() for file in directory.glob("node.db*"))
        for secret in secrets:
            assert f"{secret} of east".encode() not in stored, (name, secret)
        custody = await world.remotes[name].get(f"/api/logs/{origin_hash}/custody")
        note = open_custody(custody.body, world.keys(name)["custody"])
        assert note.end > index and note.missing == [], "nobody misses what he may not have"


def _append(conn: Any, running: Running, sections: list[Section]) -> int:
    """Put an entry with these sections into a node's own log, as its sequencer would."""
    state = logs.get(conn, running.origin)
    index = state.stored_size
    logs.append(conn, state.id, index, [header(sections, record=1234, kind="trade.future")])
    for section in sections:
        payloads.put_rows(
            conn, state.id, section.audience, [PayloadRow(index, section.name, section.salt, section.payload)]
        )
    logs.move_payload_next(conn, state.id, index + 1)
    root = logs.stored_root(conn, state.id, index + 1)
    text = head_text(state.origin, index + 1, root)
    put_checkpoint(conn, state.id, index + 1, text, [running.node.keys.log.sign_note(text)])
    logs.move_head(conn, logs.get(conn, state.origin), index + 1, root)
    return index


async def test_L14_a_sibling_cannot_settle_anothers_payloads(world: World) -> None:
    origin_hash = paths.origin_hash(world["east"].origin)
    target = f"/api/logs/{origin_hash}/payloads?start=0&end=1"
    for body in (b"", frame([b"x"])):
        answer = await world.signed("west", "hub", "POST", target, body)
        assert answer.status == 403
    state = await world.remotes["hub"].get(f"/api/logs/{origin_hash}/payloads/state")
    assert json.loads(state.body)["missing"] == []


async def test_L13_every_cosigner_has_its_newest_note(world: World) -> None:
    origin_hash = paths.origin_hash(world["east"].origin)
    log_key = world.keys("east")["log"]
    for name in ("hub", "national"):
        for use in ("witness", "mirror"):
            key = world.keys(name)[use]
            answer = await world.remotes["hub"].get(f"/api/logs/{origin_hash}/cosigned/{key.name}")
            head, signers = open_head(answer.body, [log_key], [key])
            assert key in signers and head.size > 300


async def test_L12_anyone_may_carry_a_head_and_its_entries(world: World) -> None:
    """The two calls are open: what was read at the hub is brought to a node that has it not, by a stranger."""
    east = world["east"]
    origin = east.origin
    found = await audit(world.remotes["hub"], world.prefix("east"), [world.keys("east")["log"]])
    carried = Log(Key(origin), found.entries)
    note = (await world.remotes["hub"].get(f"{world.prefix('east')}/checkpoint")).body
    size = found.head.size
    answer = await world.remotes["west"].add_checkpoint(client.checkpoint_body(size, [], note))
    answer.cosignature(world.keys("west")["witness"], carried.text(size))
    start = size - 10
    answer = await world.remotes["west"].add_entries(carried.entries_body(start, size))
    answer.cosignature(world.keys("west")["mirror"], carried.text(size))


async def test_everything_passes_fsck(world: World) -> None:
    await world.net.settle()
    for name in NAMES:
        assert await world[name].fsck() == [], name
