"""Compression of what is uploaded: gzip, the one encoding that c2sp.org/tlog-mirror names.

Headers are half hashes, which nothing makes smaller, so little is gained by trying hard: level 1. ISA-L does that at a
seventh of zlib's cost and is taken where it is installed; both write and read the same format (RFC 1952).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

LEVEL = 1
FROM_BYTES = 1024
"""Smaller bodies go as they are."""
_GZIP = 31  # zlib's number for its largest window and gzip's frame

_zlib: ModuleType = import_module("isal.isal_zlib") if find_spec("isal") else zlib


@dataclass(frozen=True, slots=True)
class Squeezed:
    """A request's body, compressed where that is worth it, and the headers that say so."""

    data: bytes
    headers: Mapping[str, str]


def squeeze(body: bytes) -> Squeezed:
    """Compress a body of a request, unless it is small."""
    if len(body) < FROM_BYTES:
        return Squeezed(body, {})
    return Squeezed(_zlib.compress(body, LEVEL, _GZIP), {"Content-Encoding": "gzip"})
