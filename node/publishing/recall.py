"""What a record said, when the index of issued records does not know it any more: its content tells.

After a recovery from the mirror the index is rebuilt from headers and payloads, which do not tell what the source
said. So a draft is compared with what each of those versions holds: a repeat is recognised by its content.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec
from sqlalchemy import Connection

from node.domain import KINDS
from node.domain.record import Amendment, Document, Draft
from node.errors import Malformed, Rejected
from node.store import logs, payloads
from node.tlog.tiles import WIDTH
from node.wire import header as headers
from node.wire import payload as payload_bytes
from node.wire.pack import PayloadRow

_BUNDLES = 64
Place = tuple[int, int]
"""(log id, index) of a version."""


class Recall:
    """Reads versions of records inside one transaction; payloads are unpacked a bundle at a time and kept a while."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._bundles: OrderedDict[Place, dict[tuple[int, str], PayloadRow]] = OrderedDict()

    def same(self, item: Draft | Amendment, version: Place, before: Place | None) -> bool:
        """Whether `item` would have made just this version, after the one at `before`.

        False also when that cannot be told, because a section is not held here or is sealed.
        """
        try:
            sections = dict(item.sections)
            if isinstance(item, Amendment):
                sections["main"] = item.apply(None if before is None else self._document(item.kind, before))
            refs = headers.parse(logs.entry(self._conn, *version)).sections
            if set(sections) != {ref.name for ref in refs} or any(ref.size_class for ref in refs):
                return False
            return all(payload_bytes.encode(shape) == self._payload(version, name) for name, shape in sections.items())
        except (Malformed, Rejected, msgspec.ValidationError):
            return False

    def _document(self, kind: str, place: Place) -> Document[Any] | None:
        held = self._payload(place, "main")
        if held is None:
            return None
        document: Document[Any] = msgspec.msgpack.decode(held, type=KINDS[kind].sections["main"][0])
        return document

    def _payload(self, place: Place, section: str) -> bytes | None:
        log_id, index = place
        bundle = log_id, index // WIDTH
        if bundle not in self._bundles:
            low = index - index % WIDTH
            self._bundles[bundle] = payloads.read_range(self._conn, log_id, low, low + WIDTH)
            if len(self._bundles) > _BUNDLES:
                self._bundles.popitem(last=False)
        row = self._bundles[bundle].get((index, section))
        return None if row is None else row.payload
