"""Shape of the record by which a node vouches for a day's dump of its open data."""

from __future__ import annotations

import msgspec


class DumpFile(msgspec.Struct, frozen=True):
    """One file of a dump: its name, SHA-256 in hex, bytes and rows."""

    name: str
    sha256: str
    size: int
    rows: int


class DailyDump(msgspec.Struct, frozen=True, kw_only=True):
    """The dump of everything public that this node held when it was made; `day` is that day in Beijing, ISO."""

    day: str
    files: list[DumpFile]
