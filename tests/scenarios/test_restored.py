"""L9, L10: an old copy of a database put back freezes the node before it signs; a lying peer freezes nothing."""

from __future__ import annotations

import shutil

import pytest
from net import Net, result

from node.errors import Frozen
from node.sync.peer import Reply, Request
from node.wire import paths


async def test_L9_a_node_restored_from_a_backup_freezes_before_it_signs(net: Net) -> None:
    _, _hub, east = await net.start("national", "hub", "east")
    await east.publish(result("K-1"))
    await net.settle()
    # A backup is taken, the node goes on, then the disk is lost and the backup put back.
    database = east.node.settings.directory / "node.db"
    await east.server.close()
    backup = net.directory / "backup.db"
    shutil.copy(database, backup)
    east = await net._run("east")
    await east.publish(result("K-2"))
    await net.settle()
    await east.server.close()
    shutil.copy(backup, database)
    for leftover in ("node.db-wal", "node.db-shm"):
        database.with_name(leftover).unlink(missing_ok=True)
    # The keys came back from the same backup, so the mark beside them tells nothing: only the hub knows.
    (database.parent / "keys" / "log-1.signed").unlink()
    east = await net._run("east")
    # The very first publish of the restored node asks the hub first, and signs nothing.
    with pytest.raises(Frozen):
        await east.publish(result("K-3"))
    assert (await east.log_of(east)).frozen.startswith("restored-from-backup")
    assert (await net.sync("east")).failures
    status, body = await east.get("/readyz")
    assert status == 503 and b"frozen" in body
    assert "冻结" in await east.page("/status")


async def test_L9_an_old_database_is_found_without_asking_anybody(net: Net) -> None:
    """The mark beside the key remembers how much it signed, so a node whose line is down freezes too."""
    _, _, east = await net.start("national", "hub", "east")
    await east.publish(result("M-1"))
    database = east.node.settings.directory / "node.db"
    await east.server.close()
    backup = net.directory / "backup.db"
    shutil.copy(database, backup)
    east = await net._run("east")
    await east.publish(result("M-2"))
    await east.server.close()
    shutil.copy(backup, database)
    for leftover in ("node.db-wal", "node.db-shm"):
        database.with_name(leftover).unlink(missing_ok=True)
    east = await net._run("east")
    assert (await east.log_of(east)).frozen.startswith("restored-from-backup")
    with pytest.raises(Frozen):
        await east.publish(result("M-3"))


async def test_L10_a_lying_peer_freezes_nothing(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("Q-1"))

    def lie(request: Request, reply: Reply) -> Reply:
        if request.target == paths.ADD_CHECKPOINT:
            return Reply(409, {"Content-Type": "text/x.tlog.size"}, b"999999\n")
        return reply

    assert east.line is not None
    east.line.change_replies(lie)
    assert (await net.sync("east")).failures
    assert (await east.log_of(east)).frozen == ""
    await east.publish(result("Q-2"))
    east.line.change_replies(None)
    await net.settle()
    assert (await hub.log_of(east)).head_size == 2
