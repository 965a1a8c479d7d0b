"""A crash before or after the commit of each single write: after a retry nothing is lost, nothing is there twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from node.domain.codes import Division
from node.domain.record import Document, Draft, Outcome, Source
from node.errors import NodeError, Unavailable
from node.store.db import Store
from tests.interop.client import Key, Log, Section, audit, frame, header, pack
from tests.interop.upstream import below
from tests.interop.world import World, hub_world

WHEN = ["before the commit", "after the commit"]


@contextmanager
def crash(store: Store, at: int, when: str) -> Iterator[list[int]]:
    """The `at`-th write of the store fails, before it is committed or after. Yields how many writes there were."""
    real, writes = store.write, [0]

    async def write(work: Callable[[Any], Any], lane: str = "", *, snapshot: bool = False) -> Any:
        writes[0] += 1
        if writes[0] - 1 != at:
            return await real(work, lane, snapshot=snapshot)
        if when == WHEN[0]:

            def cut(conn: Any) -> Any:
                work(conn)
                raise Unavailable("the power failed")

            return await real(cut)
        await real(work)
        raise Unavailable("the power failed")

    store.write = write  # type: ignore[method-assign]
    try:
        yield writes
    finally:
        del store.write  # type: ignore[method-assign]


async def at_each_write(store: Store, when: str, work: Callable[[int], Awaitable[None]]) -> int:
    """Runs `work(n)` with a crash at write n, for every n that is reached; gives how many there were."""
    for at in range(100):
        with crash(store, at, when) as writes:
            try:
                await work(at)
            except NodeError:
                pass
        if writes[0] <= at:
            return at
    raise AssertionError("there is no end of writes")


def draft(n: int) -> Draft:
    document = Document(f"d/{n}", Division(code=f"{n:06d}", name="区"), Source("t"))
    return Draft("code.division", f"d/{n}", {"main": document}, {"n": n})


@pytest.fixture
async def world(tmp_path: Path) -> Any:
    async with hub_world(tmp_path) as made:
        yield made


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("count", [1, 300])
async def test_L7_publishing(world: World, when: str, count: int) -> None:
    drafts = [draft(n) for n in range(count)]
    publish = world.hub.publisher.publish

    async def work(_: int) -> None:
        await publish(drafts)

    assert await at_each_write(world.hub.store, when, work) >= 1
    # Whoever saw an error asks again, and is told what is already there.
    outcomes: list[Outcome] = await publish(drafts)
    assert [(each.state, each.version, each.index) for each in outcomes] == [("unchanged", 1, n) for n in range(count)]
    state = await world.state(world.hub.settings.origin)
    assert state is not None and (state.stored_size, state.head_size, state.payload_next) == (count, count, count)
    log_key = next(key for use, key in world.vkeys.items() if use == "log")
    assert len((await audit(world.remote, f"/tlog/{state.origin_hash}", [log_key])).entries) == count
    assert await world.fsck() == []


@pytest.mark.parametrize("when", WHEN)
async def test_L12_witnessing_and_mirroring(world: World, when: str) -> None:
    log = world.log(2600)
    sizes = [0]

    async def work(at: int) -> None:
        """One step of an upload; the client goes on from whatever the node says."""
        state = await world.state(log.origin)
        if state is None or state.witnessed_size < 2600:
            old = 0 if state is None else state.witnessed_size
            await world.remote.add_checkpoint(log.checkpoint_body(old, 2600))
        state = await world.state(log.origin)
        start = 0 if state is None else state.stored_size
        sizes.append(start)
        await world.remote.add_entries(log.entries_body(start, 2600))

    assert await at_each_write(world.hub.store, when, work) >= 1
    assert sizes == sorted(sizes), "what was stored stays stored"
    answer = await world.remote.add_entries(log.entries_body(2600, 2600))
    answer.cosignature(world.mirror, log.text(2600))
    found = await audit(world.remote, f"/tlog/{log.hash}", [log.key.vkey], [world.mirror])
    assert found.entries == log.entries and world.mirror.name in found.signers
    assert await world.fsck() == []


@pytest.mark.parametrize("when", WHEN)
async def test_no_signature_leaves_before_what_it_states_is_stored(world: World, when: str) -> None:
    log = world.log(9)
    with crash(world.hub.store, 0, when):
        answer = await world.remote.add_checkpoint(log.checkpoint_body(0, 9))
    assert answer.status == 503 and world.witness.name not in answer.body.decode()
    held = 9 if when == WHEN[1] else 0
    if held:
        assert (await world.remote.add_checkpoint(log.checkpoint_body(0, 9))).size() == 9
    (await world.remote.add_checkpoint(log.checkpoint_body(held, 9))).cosignature(world.witness, log.text(9))
    for at, start in ((0, 0), (1, 9)):
        with crash(world.hub.store, at, when):
            answer = await world.remote.add_entries(log.entries_body(0, 9))
        assert answer.status == 503 and world.mirror.name not in answer.body.decode()
        state = await world.state(log.origin)
        assert state is not None and state.stored_size == (9 if when == WHEN[1] or at else start)
    (await world.remote.add_entries(log.entries_body(9, 9))).cosignature(world.mirror, log.text(9))
    assert await world.fsck() == []


@pytest.mark.parametrize("when", WHEN)
async def test_L14_taking_payloads(world: World, when: str) -> None:
    district = world.district()
    sections = [Section("main", "public", b"\x81\xa1n" + bytes([n % 100]), n.to_bytes(16, "big")) for n in range(300)]
    log = Log(district.log, [header([each], record=n) for n, each in enumerate(sections)])
    await world.mirrored(log, 300)
    bundles = ((0, 256), (256, 300))
    rows = [sections[n].row(n) for n in range(300)]
    body = frame(pack(log.origin, a, b, "public", rows[a:b]) for a, b in bundles)
    target = f"/api/logs/{log.hash}/payloads?start=0&end=300"

    async def put() -> int:
        headers = world.sign(district.request, "POST", target, body)
        return (await world.remote.send("POST", target, body, headers)).status

    statuses = []

    async def work(_: int) -> None:
        statuses.append(await put())

    assert await at_each_write(world.hub.store, when, work) == 1
    assert statuses == [503, 200]
    assert await put() == 200, "again, all of it: no harm"
    state = await world.state(log.origin)
    assert state is not None and state.payload_next == 300
    assert (await world.hub.custodian.payload_state(log.origin)).missing == ()
    assert await world.fsck() == []


@pytest.mark.parametrize("when", WHEN)
async def test_L12_a_pass_up_and_down(tmp_path: Path, when: str) -> None:
    """Every write of a district's pass: pushing its own log, pulling another's with payloads."""
    async with below(tmp_path) as east:
        shown = east.sibling()
        size = 0

        async def work(at: int) -> None:
            nonlocal size
            await east.node.publisher.publish([draft(at)])
            for _ in range(130):
                section = Section("main", "public", b"\xa1x", size.to_bytes(16, "big"))
                shown.sections[size] = [section]
                shown.log.grow([header([section], record=size + 1)])
                size += 1
            shown.size = size
            east.upstream.seconds[0] += 61
            await east.node.sync_once()

        assert await at_each_write(east.node.store, when, work) >= 6
        east.upstream.seconds[0] += 61
        await east.node.publisher.publish([draft(n) for n in range(30)])
        report = await east.node.sync_once()
        assert report.failures == {}
        own, other = await east.state(Log(Key(east.origin))), await east.state(shown.log)
        assert east.mine.mirror_size == len(east.mine.entries) == own.head_size == 30
        assert len(east.mine.rows) == 30
        assert (other.head_size, other.payload_next) == (size, size)
        assert (await east.node.custodian.payload_state(shown.log.origin)).missing == ()
        assert await east.fsck() == []
