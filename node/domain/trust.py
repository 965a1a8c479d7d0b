"""Shape of the record by which a version of the trust policy is logged before it counts (DESIGN L20)."""

from __future__ import annotations

import msgspec


class PolicyVersion(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One version: its number, the lowercase hex SHA-256 of its text, and the whole signed note."""

    version: int
    hash: str
    note: str
