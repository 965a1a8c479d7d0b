"""The judge on what recovery deals with: closed logs, kept evidence, content of the own log that is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from node import provision
from node.app import Node
from node.domain.codes import Division
from node.domain.record import Document, Draft, Source
from node.publishing import fsck
from node.settings import Settings
from node.store import checkpoints, logs

DRAFTS = [
    Draft(
        "code.division",
        f"t/{code}",
        {"main": Document(f"t/{code}", Division(code=code, name=f"区{code}"), Source("t"))},
        {"c": code},
    )
    for code in ("500101", "500102", "500103")
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = provision.make_node(tmp_path / "node", role="district", division="500103", title="渝中区公共资源交易中心")
    signer = provision.keyring.policy_signer(made.settings.keys, made.settings.name, create=True)
    provision.adopt(made.settings, [provision.first_policy("ggzy.example/cq", signer, [made], {})])
    return made.settings


@pytest.fixture
async def node(settings: Settings) -> AsyncIterator[Node]:
    opened = Node(settings)
    await opened.open()
    await opened.publisher.publish(DRAFTS)
    yield opened
    await opened.close()


async def judged(node: Node, closed: dict[str, tuple[int, bytes]] | None = None) -> list[tuple[str, str, str]]:
    def work(conn: Connection) -> list[fsck.Finding]:
        return fsck.check(conn, keys=node.trusted.policy.log_keys, closures=(closed or {}).get)

    return [(each.code, each.place, each.severity) for each in await node.store.read(work)]


async def root(node: Node, size: int) -> bytes:
    def work(conn: Connection) -> bytes:
        return logs.stored_root(conn, logs.get(conn, node.settings.origin).id, size)

    return await node.store.read(work)


async def test_a_log_that_ends_where_it_was_closed_is_sound(node: Node) -> None:
    assert await judged(node, {node.settings.origin: (3, await root(node, 3))}) == []


async def test_entries_beyond_the_closed_head_are_told(node: Node) -> None:
    closed = {node.settings.origin: (2, await root(node, 2))}
    assert await judged(node, closed) == [("closed-beyond", "entry 2", "warning")]


async def test_another_head_than_the_closed_one_is_a_fault(node: Node) -> None:
    assert await judged(node, {node.settings.origin: (3, b"x" * 32)}) == [("closed-root-wrong", "head 3", "fault")]


async def test_evidence_of_a_fork_is_told_and_a_restored_head_is_not(node: Node) -> None:
    def keep(conn: Connection) -> None:
        log_id = logs.get(conn, node.settings.origin).id
        checkpoints.keep_evidence(conn, log_id, 1, "fork", b"a\n\n", b"b\n\n")
        checkpoints.keep_evidence(conn, log_id, 1, "restored-from-backup", b"a\n\n", b"c\n\n")

    await node.store.write(keep)
    assert await judged(node) == [("log-evidence", "fork", "warning")]


async def test_missing_content_of_the_own_log_is_told(node: Node) -> None:
    def lose(conn: Connection) -> Any:
        conn.execute(text("DELETE FROM payload_row WHERE idx = 1"))
        conn.execute(text("INSERT INTO payload_missing (log_id, idx, section) SELECT id, 1, 'main' FROM log"))

    await node.store.write(lose)
    assert await judged(node) == [("payload-missing", "entry 1 main", "warning")]
