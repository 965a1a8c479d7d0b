"""Served bytes that are not what they should be: refused like any other, and kept, because they are evidence (L21)."""

from __future__ import annotations

from collections.abc import Sequence

from node.errors import BadProof
from node.tlog.tiles import TileCache


class ForgedEntries(BadProof):
    """Entries that do not hash to the leaves of the tree, which `tiles` are proven to belong to."""

    def __init__(self, detail: str, *, first: int, entries: Sequence[bytes], tiles: TileCache) -> None:
        super().__init__(detail)
        self.first = first
        self.entries = tuple(entries)
        self.tiles = tiles


class ForgedPayload(BadProof):
    """A payload that its header does not commit to; `holding` says who may have it."""

    def __init__(self, detail: str, *, index: int, section: str, holding: str, salt: bytes, payload: bytes) -> None:
        super().__init__(detail)
        self.index = index
        self.section = section
        self.holding = holding
        self.salt = salt
        self.payload = payload
