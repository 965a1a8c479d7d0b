"""What the forge appends is what the publisher would have: the judge finds nothing, and publishing goes on after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from node.app import Node
from node.bench.corpus import records
from node.bench.forge import STEP, forge
from node.bench.processes import make
from node.publishing import fsck
from node.store import checkpoints, logs, payloads
from node.store.logs import LogState
from node.tlog.checkpoint import parse_checkpoint_text
from node.trusted import audiences_for


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    federation = await asyncio.to_thread(make, tmp_path)
    opened = Node(federation.districts[0])
    await opened.open()
    yield opened
    await opened.close()


async def state_of(node: Node) -> LogState:
    return await node.store.read(partial(logs.get, origin=node.settings.origin))


async def findings(node: Node) -> list[fsck.Finding]:
    policy = node.trusted.policy
    check = partial(
        fsck.check,
        keys=policy.log_line_keys,
        cosigners=policy.cosigner_keys(),
        audiences=lambda origin: audiences_for(node.trusted, node.settings.name, origin),
    )
    return await node.store.read(check)


async def test_forged_records_are_whole_and_signed(node: Node) -> None:
    made = await forge(node, "mixed", 700, 1)
    assert (made.start, made.end) == (0, 700)
    state = await state_of(node)
    assert state.stored_size == state.head_size == state.payload_next == 700
    text = await node.store.read(lambda conn: checkpoints.text(conn, state.id, 700))
    assert text is not None and parse_checkpoint_text(text).root == state.head_root
    held = await node.store.read(lambda conn: payloads.read_range(conn, state.id, 0, 700))
    assert sum(len(row.payload) for row in held.values()) == made.payload_bytes
    entries = await node.store.read(lambda conn: logs.entries(conn, state.id, 0, 700))
    assert sum(map(len, entries)) == made.header_bytes
    assert node.mark.read() == 700
    assert await findings(node) == []


async def test_steps_of_any_length_leave_no_gap(node: Node) -> None:
    """A stretch that begins or ends inside a bundle, one of several transactions, and one without the index."""
    for count, index in ((100, True), (200, True), (STEP + 300, False), (1, True)):
        before = (await state_of(node)).stored_size
        made = await forge(node, "credit", count, 2, index=index)
        assert (made.start, made.end) == (before, before + count)
    assert (await state_of(node)).head_size == STEP + 601
    assert await findings(node) == []


async def test_the_publisher_goes_on_after_the_forge(node: Node) -> None:
    await forge(node, "result", 30, 3)
    (again,) = await node.publisher.publish(list(records("result", 1, 3)))
    (fresh,) = await node.publisher.publish(list(records("result", 1, 4, start=900)))
    assert (again.state, again.index) == ("unchanged", 0)
    assert (fresh.state, fresh.index) == ("published", 30)
    assert await findings(node) == []
