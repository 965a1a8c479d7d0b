"""Holds a node's keys for its database, in the keys' directory and on the whole machine (DESIGN L7)."""

from __future__ import annotations

import hashlib
import os

import structlog

from node.errors import Unavailable
from node.keyring import Fence, MachineFence
from node.settings import Settings
from node.tlog.note import VerifierKey

_log = structlog.get_logger(__name__)


def hold_fences(settings: Settings, key: VerifierKey, *, machine: bool = True) -> list[Fence]:
    """Hold the fences until they are released. Processes of one node share them, as they share its database.

    Raises Frozen when another database holds the keys, or with `machine` this log key anywhere on the machine.
    """
    identity = _identity(settings.database)
    held = [Fence(settings.keys, identity)]
    held[0].hold()
    if machine:
        try:
            held += _hold_machine(key, identity)
        except BaseException:
            held[0].release()
            raise
    return held


def _hold_machine(key: VerifierKey, identity: str) -> list[Fence]:
    fence = MachineFence(key, identity)
    try:
        fence.hold()
    except Unavailable as error:
        # The other safeguards stand; a machine that gives us no place for a lock must not keep a node from serving.
        _log.warning("no_machine_lock", detail=error.detail)
        return []
    return [fence]


def _identity(database: str) -> str:
    if database.startswith("sqlite:///"):
        found = os.stat(database.removeprefix("sqlite:///"))
        return f"{found.st_dev}:{found.st_ino}"
    # Hashed: a database's address may hold a password.
    return hashlib.sha256(database.encode()).hexdigest()
