"""Shapes of records about the logs themselves: heads that a node observed, evidence against a log (DESIGN L21)."""

from __future__ import annotations

import msgspec


class Observation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The heads that a node holds of other nodes' logs, in full and proven, at one moment.

    `observed_ms` is the moment by the node's clock, UTC milliseconds. `sizes` has every log that the node holds, origin
    to size, so that one record says what is there and, by its silence, what is not. `heads` are signed notes with the
    log's own lines, of the logs that changed since the record before: two of them can be evidence against a log.
    """

    observed_ms: int
    sizes: dict[str, int] = {}
    heads: list[str] = []


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Evidence against a log, for every node to check by itself.

    `file` is an evidence file as `ggzy verify` reads it (docs/protocol.md); `origin` and `sort` repeat what it says.
    """

    origin: str
    sort: str
    file: str
