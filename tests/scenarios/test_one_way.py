"""The main story: a record travels from district to hub to national, and its receipt comes back."""

from __future__ import annotations

import json

from net import Net, division, expert, result

from node.tlog.proof import TlogProof
from node.wire import receipt as receipts


async def test_a_result_reaches_national_through_the_hub_only(net: Net) -> None:
    national, hub, east, west = await net.start("national", "hub", "east", "west")
    (outcome,) = await east.publish(result("E-2024-001"))
    await net.settle()
    for node in (hub, national, west):
        held = await node.log_of(east)
        assert (held.head_size, held.payload_next) == (1, 1), node.name
        assert "E-2024-001" in await node.page("/trades?words=E-2024-001"), node.name
    # The district opened every connection, and only to the hub.
    assert east.line is not None and hub.line is not None
    assert hub.line.log and east.line.log
    assert not await east.fsck() and not await hub.fsck() and not await national.fsck()
    # Its receipt carries the cosignatures of hub and national and the hub's custody of the payload.
    assert outcome.record_id is not None
    status, data = await east.get(f"/api/records/{outcome.record_id.hex()}/receipt")
    assert status == 200, data
    verdict = receipts.verify(TlogProof.parse(data), east.node.trusted.policy)
    names = {name for name, _ in verdict.cosigners}
    for above in (hub, national):
        assert {f"{above.node.settings.name}/witness", f"{above.node.settings.name}/mirror"} <= names
    assert verdict.custody is not None and verdict.custody[0] == f"{hub.node.settings.name}/custody"


async def test_the_payload_is_what_the_receipt_commits_to(net: Net) -> None:
    _, _, east = await net.start("national", "hub", "east")
    (outcome,) = await east.publish(result("E-1"))
    await net.settle()
    assert outcome.record_id is not None
    path = f"/api/records/{outcome.record_id.hex()}"
    _, proof = await east.get(f"{path}/receipt")
    _, payload = await east.get(f"{path}/payload/main")
    policy = east.node.trusted.policy
    assert receipts.verify(TlogProof.parse(proof), policy, payload).section == "main"


async def test_down_is_the_same_as_up(net: Net) -> None:
    """L16: a district holds the hub's and its neighbours' logs, header for header."""
    _, hub, east, west = await net.start("national", "hub", "east", "west")
    await hub.publish(*(division(f"5001{number:02d}") for number in range(1, 20)))
    await west.publish(*(result(f"W-{number}") for number in range(300)))
    await net.settle()
    for origin in (hub, west):
        here, there = await east.log_of(origin), await origin.log_of(origin)
        assert (here.head_size, here.head_root) == (there.head_size, there.head_root)
    assert not await east.fsck()


async def test_many_records_in_uneven_pieces_arrive_whole(net: Net) -> None:
    national, hub, east = await net.start("national", "hub", "east")
    number = 0
    for count in (1, 254, 2, 511, 3, 1, 700):
        await east.publish(*(result(f"N-{number + place}") for place in range(count)))
        number += count
        await net.sync("east")
    await net.settle()
    for node in (hub, national):
        held = await node.log_of(east)
        assert (held.head_size, held.payload_next) == (number, number)
        assert not await node.fsck()


async def test_a_new_version_supersedes_and_a_repeat_is_unchanged(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    (first,) = await east.publish(result("V-1", fen=100))
    (repeat,) = await east.publish(result("V-1", fen=100))
    (second,) = await east.publish(result("V-1", fen=250))
    assert (first.state, repeat.state, second.state) == ("published", "unchanged", "published")
    assert second.version == 2 and second.record_id == first.record_id
    await net.settle()
    assert first.record_id is not None
    _, data = await hub.get(f"/api/records/{first.record_id.hex()}")
    versions = json.loads(data)["versions"]
    assert [(row["version"], row["state"]) for row in versions] == [(2, "current"), (1, "superseded")]


async def test_a_payload_is_withheld_from_who_may_not_have_it(net: Net) -> None:
    national, hub, east, west = await net.start("national", "hub", "east", "west")
    (outcome,) = await east.publish(expert("X-7"))
    await net.settle()
    assert outcome.record_id is not None
    secret = "保密单位-X-7".encode()
    for node, may_have in ((east, True), (hub, True), (national, False), (west, False)):
        assert (await node.log_of(east)).head_size == 1, node.name
        database = node.node.settings.directory / "node.db"
        stored = database.read_bytes() + database.with_name("node.db-wal").read_bytes()
        assert (secret in stored) == may_have, node.name
        # Nobody misses what he may not have, and nobody reads it without proving who he is.
        assert (await node.node.custodian.payload_state(east.origin)).missing == ()
        for path in ("", "/payload/employment", "/payload/main", "/receipt"):
            _, body = await node.get(f"/api/records/{outcome.record_id.hex()}{path}")
            assert secret not in body
        assert "保密单位" not in await node.page(f"/records/{outcome.record_id.hex()}")
        assert "X-7" not in await node.page(f"/records/{outcome.record_id.hex()}"), "the shared profile is not public"
        assert not await node.fsck(), node.name
