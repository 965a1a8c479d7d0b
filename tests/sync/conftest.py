"""One hub for a whole module, as in tests/interop: each test speaks for a district of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.interop.world import World, hub_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with hub_world(tmp_path_factory.mktemp("world")) as made:
        yield made
