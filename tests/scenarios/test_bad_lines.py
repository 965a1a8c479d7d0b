"""Lines that fail: the hub is off, answers are lost, bits flip, and nothing is lost or doubled."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from net import Net, result

from node.sync.peer import Reply, Request
from node.wire import pack, paths


async def test_the_hub_is_off_for_a_day_and_comes_back(net: Net) -> None:
    national, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("D-0"))
    await net.settle()
    assert east.line is not None
    east.line.down = True
    for hour in range(24):
        await east.publish(result(f"D-{hour + 1}"))
        net.clock.forward(hours=1)
        report = await net.sync("east")
        assert all(why.startswith("unavailable") for why in report.failures.values()) and report.failures
    assert "D-24" in await east.page("/trades?words=D-24"), "local work goes on"
    east.line.down = False
    await net.settle()
    for node in (hub, national):
        assert (await node.log_of(east)).head_size == 25
        assert not await node.fsck()


@pytest.mark.parametrize("where", [paths.ADD_CHECKPOINT, paths.ADD_ENTRIES, "/payloads?", "/custody"])
async def test_an_answer_is_lost_after_it_was_stored(net: Net, where: str) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(*(result(f"L-{number}") for number in range(300)))
    assert east.line is not None
    east.line.lose_answers(1, where)
    report = await net.sync("east")
    assert report.failures, "the sender knows that it does not know"
    await net.settle()
    held = await hub.log_of(east)
    assert (held.stored_size, held.head_size, held.payload_next) == (300, 300, 300)
    assert not await hub.fsck() and not await east.fsck()


@pytest.mark.parametrize("where", [paths.ADD_CHECKPOINT, paths.ADD_ENTRIES, "/payloads?"])
async def test_a_request_is_lost_on_its_way(net: Net, where: str) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(*(result(f"R-{number}") for number in range(10)))
    assert east.line is not None
    east.line.lose_requests(1, where)
    assert (await net.sync("east")).failures
    await net.settle()
    assert (await hub.log_of(east)).payload_next == 10
    assert not await hub.fsck()


def _flip(body: bytes, at: int) -> bytes:
    at %= len(body)
    return body[:at] + bytes([body[at] ^ 0x10]) + body[at + 1 :]


@pytest.mark.parametrize("at", [60, 200, 333, -40])
async def test_a_bit_flips_in_an_upload_of_entries(net: Net, at: int) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(*(result(f"B-{number}") for number in range(3)))

    def change(request: Request) -> Request:
        # Below the size from which bodies are compressed, so that the flip hits the entries themselves.
        return replace(request, body=_flip(request.body, at)) if request.target == paths.ADD_ENTRIES else request

    assert east.line is not None
    east.line.change_requests(change)
    assert (await net.sync("east")).failures
    assert (await hub.log_of(east)).stored_size == 0, "nothing unproven is stored"
    east.line.change_requests(None)
    await net.settle()
    assert (await hub.log_of(east)).head_size == 3
    assert not await hub.fsck()


async def test_a_bit_flips_in_a_payload(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("P-1"))

    def change(request: Request) -> Request:
        if "/payloads?" not in request.target or request.method != "POST":
            return request
        (packed,) = pack.unframe(request.body)
        opened = pack.parse(packed)
        row = msgspec.structs.replace(opened.rows[0], payload=_flip(opened.rows[0].payload, 20))
        return replace(request, body=pack.frame([pack.encode(replace(opened, rows=(row,)))]))

    assert east.line is not None
    east.line.change_requests(change)
    report = await net.sync("east")
    # The request's signature covers its body, so the change is caught before the commitment is looked at.
    assert any("unauthenticated" in why for why in report.failures.values()), report.failures
    assert (await hub.log_of(east)).payload_next == 0
    east.line.change_requests(None)
    await net.settle()
    assert "P-1" in await hub.page("/trades?words=P-1")


async def test_a_bit_flips_in_what_is_pulled(net: Net) -> None:
    _, _hub, east, west = await net.start("national", "hub", "east", "west")
    await west.publish(*(result(f"T-{number}") for number in range(300)))
    await net.sync("west")

    def change(request: Request, reply: Reply) -> Reply:
        return replace(reply, body=_flip(reply.body, 100)) if "/tile/" in request.target else reply

    assert east.line is not None
    east.line.change_replies(change)
    report = await net.sync("east")
    assert any("bad-proof" in why or "malformed" in why for why in report.failures.values()), report.failures
    assert (await east.log_of(west)).stored_size == 0
    east.line.change_replies(None)
    await net.settle()
    assert (await east.log_of(west)).head_size == 300
    assert not await east.fsck()


async def test_a_lost_payload_is_listed_and_found_again(net: Net) -> None:
    """L13, L14: one lost payload never stops later receipts."""
    national, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("M-0"), result("M-1"), result("M-2"))
    state = await east.log_of(east)
    from sqlalchemy import text

    def hide(conn, back=None):  # type: ignore[no-untyped-def]
        rows = conn.execute(text("SELECT * FROM payload_row WHERE idx = 1")).mappings().all()
        conn.execute(text("DELETE FROM payload_row WHERE idx = 1"))
        return rows

    hidden = await east.node.store.write(hide)
    assert len(hidden) == 1 and state.head_size == 3
    await net.settle()
    assert (await hub.node.custodian.payload_state(east.origin)).missing == ((1, "main"),)
    assert "M-2" in await hub.page("/trades?words=M-2"), "one lost payload holds up nothing"
    assert "missing 1 main" in (await hub.node.custodian.custody(east.origin)).text
    assert "缺" in await hub.page("/status")

    def show(conn):  # type: ignore[no-untyped-def]
        conn.execute(
            text("INSERT INTO payload_row VALUES (:log_id, :idx, :section, :audience, :salt, :payload)"),
            dict(hidden[0]),
        )

    await east.node.store.write(show)
    net.clock.forward(hours=2)  # the checkpoint's refresh brings the missing list up again
    await net.settle()
    for node in (hub, national):
        assert (await node.node.custodian.payload_state(east.origin)).missing == ()
        assert "M-1" in await node.page("/trades?words=M-1")
        assert not await node.fsck()
