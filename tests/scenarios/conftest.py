"""The net of nodes that scenarios play on."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from net import Net


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[Net]:
    made = Net(tmp_path)
    yield made
    await made.stop()
