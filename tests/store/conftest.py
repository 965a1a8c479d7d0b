"""Databases for tests of the store: migrated once, copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from node.store import migrate
from node.store.db import Store
from tests.publishing.made import file_store

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database file of this release's schema, triggers included."""
    path = tmp_path_factory.mktemp("migrated") / "node.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(migrated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated, tmp_path / "node.db"))


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    opened = file_store(database)
    yield opened
    opened.close()
