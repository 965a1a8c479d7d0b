"""What costs every test of a node time, and differs in none, is made once in a process.

Migrations themselves are tested in tests/store/test_migrate.py, and by commands in processes of their own.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from node import provision
from node.store import db, migrate


@contextmanager
def migrated_once(directory: Path) -> Iterator[None]:
    """New nodes get a copy of one migrated database. Any other address, or a file that holds something, is migrated."""
    template = directory / "migrated.db"

    def upgrade(url: str, *revision: str) -> None:
        file = Path(url.removeprefix("sqlite:///"))
        if revision or not url.startswith("sqlite:///") or (file.exists() and file.stat().st_size):
            migrate.upgrade(url, *revision)
            return
        if not template.exists():
            half = directory / "half.db"
            migrate.upgrade(f"sqlite:///{half}")
            with sqlite3.connect(half) as conn:
                conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            conn.close()
            half.rename(template)
        shutil.copyfile(template, file)

    with mock.patch.object(provision, "migrate", SimpleNamespace(upgrade=upgrade)):
        yield


@contextmanager
def compiled_once() -> Iterator[None]:
    """All SQLite stores share what SQLAlchemy compiled: a node in production compiles a statement once in its life."""
    real, first = db.create_engine, db.create_engine("sqlite://", query_cache_size=5000)

    def create_engine(url: Any, **options: Any) -> Any:
        engine = real(url, **options)
        if engine.dialect.name == "sqlite":
            engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
        return engine

    with mock.patch.object(db, "create_engine", create_engine):
        yield
