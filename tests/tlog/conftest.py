"""What the tests of the formats share: trees held in memory, and an oracle written straight from RFC 6962."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import settings

# How long an example takes says nothing about the formats, and a busy machine must not fail them.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


class MemoryTree:
    """Leaf hashes 0 to `size` - 1, the tiles over them, and MTH by the recursive definition of RFC 6962 2.1."""

    def __init__(self, size: int) -> None:
        self.leaves = [sha256(b"\x00" + b"entry %d" % i).digest() for i in range(size)]
        self.reads: list[tuple[int, int, int]] = []
        self.mth = cache(self._mth)

    def _mth(self, lo: int, hi: int) -> bytes:
        if hi == lo:
            return sha256(b"").digest()
        if hi - lo == 1:
            return self.leaves[lo]
        split = 1
        while split * 2 < hi - lo:
            split *= 2
        return sha256(b"\x01" + self.mth(lo, lo + split) + self.mth(lo + split, hi)).digest()

    def read_tile(self, level: int, n: int, width: int) -> bytes:
        self.reads.append((level, n, width))
        span = 256**level
        first = n * 256
        assert 1 <= width <= 256
        assert (first + width) * span <= len(self.leaves), "a hash that no tile of this tree has"
        return b"".join(self.mth(i * span, (i + 1) * span) for i in range(first, first + width))


@pytest.fixture(scope="session")
def tree() -> Callable[[int], MemoryTree]:
    """Trees by size; hashes already computed are kept for all tests."""
    return cache(MemoryTree)
