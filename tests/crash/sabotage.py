"""Ways to break a node on purpose, so that tests can see the sweep notice. Each changes one process only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from node.errors import StorageFailed
from node.publishing import batch
from node.store import db
from tests.crash.places import Place


def _no_sync(place: Place) -> None:
    """Commits are not forced to the disk."""
    real = db._engine

    def engine(url: str) -> Any:
        made = real(url)
        event.listen(made, "connect", lambda connection, record: connection.execute("PRAGMA synchronous=OFF"))
        return made

    vars(db)["_engine"] = engine


def _forget(place: Place) -> None:
    """After the restart, what was published before is not recognised."""
    if place.attempt:
        real = batch.said_hash
        vars(batch)["said_hash"] = lambda item: bytes(reversed(real(item)))


def _swallow(place: Place) -> None:
    """Nobody hears when the WAL could not be brought into the database file, as if that were left to SQLite."""
    real = db.Store._checkpoint

    def checkpoint(store: db.Store, mode: str) -> bool:
        try:
            return real(store, mode)
        except StorageFailed:
            store.failed = None
            return False

    setattr(db.Store, "_checkpoint", checkpoint)  # noqa: B010 - mypy knows no methods that change


WAYS: dict[str, Callable[[Place], None]] = {"no-sync": _no_sync, "forget": _forget, "swallow": _swallow}


def apply(name: str, place: Place) -> None:
    if name:
        WAYS[name](place)
