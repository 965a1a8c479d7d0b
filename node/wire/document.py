"""The `main` document of a record's kind, out of its payload: what every stage that reads records decodes with."""

from __future__ import annotations

import unicodedata
from typing import Any

import msgspec

from node.domain import KINDS
from node.domain.record import Document
from node.errors import Malformed
from node.wire import payload as payloads

_encoder = msgspec.msgpack.Encoder(order="sorted")
_decoders: dict[str, msgspec.msgpack.Decoder[Document[Any]]] = {
    name: msgspec.msgpack.Decoder(kind.sections["main"][0]) for name, kind in KINDS.items()
}


def decode(kind: str, data: bytes) -> Document[Any]:
    """The `main` document of a known kind. Raises Malformed when it is not canonical or not of the kind's shape."""
    try:
        document = _decoders[kind].decode(data)
        plain = _encoder.encode(document) == data and len(data) <= payloads.MAX_PAYLOAD_BYTES
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        _require_canonical(kind, data)
        raise Malformed(f"payload does not fit {kind}: {error}") from None
    # What the shape itself would write has sorted keys, short integers and nothing unknown; its texts stand in it
    # whole, and a part of a text in NFC is in NFC. Everything else is judged piece by piece.
    if not (plain and unicodedata.is_normalized("NFC", data.decode("utf-8", "replace"))):
        _require_canonical(kind, data)
    return document


def _require_canonical(kind: str, data: bytes) -> None:
    try:
        # Decoders are lax about repeated keys: two readers of the same bytes must not see two documents (L1).
        canonical = payloads.encode(payloads.decode(data)) == data
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise Malformed(f"payload does not fit {kind}: {error}") from None
    if not canonical:
        raise Malformed("payload is not canonical msgpack")
