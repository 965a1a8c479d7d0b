"""Old copies and second copies of a node, as operators make them: by copying files."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from net import FaultyTransport, Net, Running

from node.app import Node
from node.publishing import fsck
from node.recovery import again
from node.recovery.again import Outcome
from node.store import logs
from node.store.logs import LogState
from node.sync.run import PassReport


def database(running: Running) -> Path:
    return running.node.settings.directory / "node.db"


async def stop(running: Running) -> None:
    await running.server.close()


async def backup(net: Net, running: Running, name: str = "backup") -> tuple[Running, Path]:
    """Copy the database of a node that is stopped for it; gives the node running again, and the copy."""
    await stop(running)
    copy = net.directory / f"{name}.db"
    shutil.copy(database(running), copy)
    return await net._run(running.name), copy


async def put_back(net: Net, running: Running, copy: Path, *, mark: bool = True) -> Running:
    """The old copy takes the place of the database; without `mark` the mark beside the key is of no help either."""
    await stop(running)
    shutil.copy(copy, database(running))
    for leftover in ("node.db-wal", "node.db-shm"):
        database(running).with_name(leftover).unlink(missing_ok=True)
    if not mark:
        (running.node.settings.keys / "log-1.signed").unlink(missing_ok=True)
    return await net._run(running.name)


async def recover(running: Running) -> Outcome:
    return await again.recover(running.node)


def keys_and_all(net: Net, running: Running, name: str) -> Path:
    """A copy of a node's whole directory; the node must not be in the middle of writing."""
    target = net.directory / name
    shutil.copytree(running.node.settings.directory, target)
    return target


class Clone:
    """A second process with the same keys, on another machine."""

    def __init__(self, net: Net, running: Running, directory: Path) -> None:
        self.net = net
        self.name = running.name
        self.node: Node = net.open_node(running.name, directory)
        self.line: FaultyTransport | None = None

    async def open(self) -> None:
        """Open the node, with a line of its own to the hub."""
        await self.node.open()
        original = self.net.nodes[self.name]
        kept = original.line
        self.node.peer_above()
        self.line, original.line = original.line, kept

    async def state(self) -> LogState:
        return await self.node.store.read(lambda conn: logs.get(conn, self.node.settings.origin))

    async def sync(self) -> PassReport:
        return await self.node.sync_once()


@asynccontextmanager
async def clone_of(net: Net, running: Running, name: str = "clone") -> AsyncIterator[Clone]:
    """The node is stopped for the copy and goes on afterwards, as `net.nodes[...]`."""
    await stop(running)
    directory = keys_and_all(net, running, name)
    await net._run(running.name)
    clone = Clone(net, running, directory)
    await clone.open()
    try:
        yield clone
    finally:
        await clone.node.close()


def faults(findings: list[fsck.Finding]) -> list[fsck.Finding]:
    return [finding for finding in findings if finding.severity == "fault"]
