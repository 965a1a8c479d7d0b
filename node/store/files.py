"""The file of a SQLite database: set aside as it is, and a new one put in its place. Nothing is ever deleted."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from node.store.turns import SUFFIXES

_BESIDE = ("-wal", "-shm")


def set_aside(file: Path, label: str = "aside") -> Path | None:
    """Rename a database, with what belongs to it; gives its new name, None when there was nothing. Never deletes."""
    if not file.is_file() or file.stat().st_size == 0:
        return None
    _fold_wal(file)
    number = 1
    while (target := file.with_name(f"{file.name}.{label}-{number}")).exists():
        number += 1
    # The log beside it first: left behind, it would be read into the new database of the old name.
    for suffix in _BESIDE:
        beside = file.with_name(file.name + suffix)
        if beside.exists():
            beside.replace(target.with_name(target.name + suffix))
    file.replace(target)
    return target


def _fold_wal(file: Path) -> None:
    try:
        conn = sqlite3.connect(file)
        try:
            conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            conn.close()
    except sqlite3.Error:
        return  # damaged: it is kept as it lies


def newest_aside(file: Path) -> Path | None:
    """The database that was set aside last, None when there is none."""
    found = [each for each in file.parent.glob(f"{file.name}.*-*") if each.suffix.rpartition("-")[2].isdigit()]
    return max(found, key=lambda each: each.stat().st_mtime_ns, default=None)


def begin(file: Path) -> Path:
    """An empty file for a new database beside the old one, 0600 from its first byte; a leftover is taken away."""
    fresh = file.with_name(f"{file.name}.new")
    for leftover in (fresh, *(fresh.with_name(fresh.name + suffix) for suffix in _BESIDE)):
        leftover.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    return fresh


def unfinished(file: Path) -> Path | None:
    """A new database that was begun beside `file` and not yet put in its place."""
    fresh = file.with_name(f"{file.name}.new")
    return fresh if fresh.is_file() and fresh.stat().st_size else None


def put(fresh: Path, file: Path) -> None:
    """Give a new database its name, once nobody has it open."""
    _fold_wal(fresh)
    fresh.replace(file)
    for suffix in SUFFIXES:
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
