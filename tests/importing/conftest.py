"""A publisher in memory that keeps the rules of the real one, and the real data files where they are at hand."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.domain import KINDS
from node.domain.record import FLAGS, Amendment, Document, Draft, Outcome
from node.errors import Rejected

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

_canonical = msgspec.msgpack.Encoder(order="sorted")


class Publisher:
    """Keeps every version; a repeat of anything the source ever said of a record is `unchanged`."""

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.said: dict[tuple[str, str], set[bytes]] = {}
        self.flags: Counter[str] = Counter()
        self.batches: list[int] = []
        self.index = 0

    def main(self, kind: str, key: str) -> Document[Any] | None:
        held = self.versions.get((kind, key))
        return held[-1]["main"] if held else None

    def documents(self, kind: str) -> list[Document[Any]]:
        return [held[-1]["main"] for (of, _), held in self.versions.items() if of == kind]

    async def __call__(self, items: Sequence[Draft | Amendment]) -> list[Outcome]:
        self.batches.append(len(items))
        return [self._one(item) for item in items]

    def _one(self, item: Draft | Amendment) -> Outcome:
        record = (item.kind, item.key)
        digest = hashlib.sha256(_canonical.encode(item.said)).digest()
        if digest in self.said.get(record, ()):
            return Outcome("unchanged", version=len(self.versions[record]))
        sections = dict(item.sections)
        if isinstance(item, Amendment):
            try:
                sections["main"] = item.apply(self.main(*record))
            except Rejected as error:
                return Outcome("rejected", error=error)
        self._check(item.kind, item.key, sections)
        self.said.setdefault(record, set()).add(digest)
        self.versions.setdefault(record, []).append(sections)
        self.flags.update(flag.code for flag in sections["main"].flags)
        self.index += 1
        return Outcome("published", version=len(self.versions[record]), index=self.index - 1)

    @staticmethod
    def _check(kind: str, key: str, sections: dict[str, Any]) -> None:
        """What the real publisher and every reader rely on."""
        # What is sealed is there only where the source gave it.
        assert set(sections) | KINDS[kind].sealed == set(KINDS[kind].sections)
        main = sections["main"]
        assert main.key == key and "/" in key
        for name in sections:
            shape, _ = KINDS[kind].sections[name]
            packed = msgspec.msgpack.encode(sections[name])
            assert msgspec.msgpack.decode(packed, type=shape) == sections[name]
            _no_float(msgspec.msgpack.decode(packed))
        assert all(flag.code in FLAGS for flag in main.flags)


def _no_float(value: Any) -> None:
    assert not isinstance(value, float)
    if isinstance(value, dict):
        for item in value.values():
            _no_float(item)
    elif isinstance(value, list):
        for item in value:
            _no_float(item)


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def new_publisher() -> type[Publisher]:
    return Publisher


@pytest.fixture
def shared() -> Path:
    """The folder of real data; its absence is seen, and is a failure where CI says that it must be there."""
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"real data missing: {SHARED}")
        pytest.skip(f"real data not at hand: {SHARED}")
    return SHARED
