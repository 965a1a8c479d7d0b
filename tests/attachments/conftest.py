"""Files of one node on a directory of their own, with a database in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node import settings as configuration
from node.attachments.files import Files
from node.attachments.uploads import Uploads
from node.settings import Settings
from node.store.db import Store
from tests.publishing.made import memory_store

EAST = "ggzy.example/cq/500103"


@dataclass
class Bench:
    settings: Settings
    store: Store
    files: Files
    uploads: Uploads
    now_ms: int = 1_764_000_000_000

    def clock(self) -> int:
        return self.now_ms


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Makes a bench with these settings beside the defaults."""
    stores: list[Store] = []

    def make(**more: Any) -> Bench:
        values = {"name": EAST, "title": "测试中心", "role": "district", "division": "500103"}
        settings = configuration.build(tmp_path, {"attachment_keep_free_bytes": 0, **values, **more})
        store = memory_store()
        stores.append(store)
        made = Bench(settings, store, None, None)  # type: ignore[arg-type]
        made.files = Files(settings, store, made.clock)
        made.uploads = Uploads(settings, made.files)
        return made

    yield make
    for store in stores:
        store.close()


async def stream(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
