"""The log entry: canonical msgpack of a small header (DESIGN §2, L1-L4).

    [fmt, kind, schema, record_id, version, prev_leaf, claimed_ms, audience,
     [[section, audience, commitment, size_class], ...]]

The bytes received are the bytes hashed. A mirror stores any bytes; `parse` is for those who *read* a header, and it
refuses whatever `encode` would not have written, because msgpack decoders are lax (duplicate keys, long integers).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

import msgspec

from node.domain.audience import holding
from node.errors import Malformed

FORMAT = 1
MAX_HEADER_BYTES = 4096
MAX_INTEGER = 2**53 - 1  # exact in every language that may read us, JavaScript among them

_encoder = msgspec.msgpack.Encoder()
# A fixed tuple makes the decoder check arity and types in one pass; `bytes` here accepts msgpack bin only.
_decoder = msgspec.msgpack.Decoder(
    tuple[int, str, int, bytes, int, bytes | None, int, str, list[tuple[str, str, bytes, int]]], strict=True
)


@dataclass(frozen=True, slots=True)
class SectionRef:
    """What a header says of one section: its name, who may hold it, and the salted hash that its payload must have.

    `commitment` is 32 bytes; `size_class` is 0 for an open section, else log2 of the padded size of a sealed one.
    """

    name: str
    audience: str
    commitment: bytes
    size_class: int = 0

    @property
    def holding(self) -> str:
        """The name under which its payload is stored and sent (`node.domain.audience`)."""
        return holding(self.audience, self.size_class)


@dataclass(frozen=True, slots=True)
class Header:
    """One version of one record.

    `record_id` is 16 opaque bytes (UUIDv7), `prev_leaf` the leaf hash of the version before.

    `claimed_ms` is the origin's own clock in UTC milliseconds: a claim. Order is the log index alone (L4).
    """

    kind: str
    schema: int
    record_id: bytes
    version: int
    prev_leaf: bytes | None
    claimed_ms: int
    audience: str
    sections: tuple[SectionRef, ...]

    def section(self, name: str) -> SectionRef | None:
        return next((section for section in self.sections if section.name == name), None)


def encode(header: Header) -> bytes:
    """The entry's bytes. Raises Malformed when the header breaks a rule, so that none of ours ever does."""
    _check(header)
    data = _encoder.encode(_plain(header))
    if len(data) > MAX_HEADER_BYTES:
        raise Malformed(f"header of {len(data)} bytes, at most {MAX_HEADER_BYTES}", field="sections")
    return data


def parse(data: bytes) -> Header:
    """Read a header. Raises Malformed for anything that is not exactly what `encode` would write (L1)."""
    if len(data) > MAX_HEADER_BYTES:
        raise Malformed(f"header of {len(data)} bytes, at most {MAX_HEADER_BYTES}")
    try:
        fmt, kind, schema, record_id, version, prev_leaf, claimed_ms, audience, sections = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not a header: {error}") from None
    if fmt != FORMAT:
        raise Malformed(f"header format {fmt} is not known to this version", field="fmt")
    header = Header(
        kind, schema, record_id, version, prev_leaf, claimed_ms, audience, tuple(SectionRef(*row) for row in sections)
    )
    _check(header)
    if _encoder.encode(_plain(header)) != data:
        raise Malformed("header is not canonical msgpack")
    return header


def _plain(header: Header) -> list[Any]:
    return [
        FORMAT,
        header.kind,
        header.schema,
        header.record_id,
        header.version,
        header.prev_leaf,
        header.claimed_ms,
        header.audience,
        [[s.name, s.audience, s.commitment, s.size_class] for s in header.sections],
    ]


def _check(header: Header) -> None:
    for field, text in (("kind", header.kind), ("audience", header.audience)):
        _check_text(field, text)
    for field, number, least in (
        ("schema", header.schema, 1),
        ("version", header.version, 1),
        ("claimed_ms", header.claimed_ms, 0),
    ):
        if not least <= number <= MAX_INTEGER:
            raise Malformed(f"{field} is out of range", field=field)
    if len(header.record_id) != 16:
        raise Malformed("record_id is not 16 bytes", field="record_id")
    if header.prev_leaf is not None and len(header.prev_leaf) != 32:
        raise Malformed("prev_leaf is not a SHA-256", field="prev_leaf")
    if (header.prev_leaf is None) != (header.version == 1):
        raise Malformed("prev_leaf is nil in version 1 and only there", field="prev_leaf")
    names = set()
    for section in header.sections:
        _check_text("section", section.name)
        _check_text("audience", section.audience)
        if len(section.commitment) != 32:
            raise Malformed("commitment is not a SHA-256", field="commitment")
        if not 0 <= section.size_class <= 63:
            raise Malformed("size_class is out of range", field="size_class")
        names.add(section.name)
    if len(names) != len(header.sections):
        raise Malformed("a section name occurs twice", field="sections")


def _check_text(field: str, text: str) -> None:
    if not text or len(text) > 64:
        raise Malformed(f"{field} must have 1 to 64 characters", field=field)
    # These names stand in lines of notes and in addresses: a newline in one would forge a line of another's note.
    if not text.isprintable() or " " in text:
        raise Malformed(f"{field} holds a space or a character that cannot be printed", field=field)
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        raise Malformed(f"{field} is not NFC text", field=field)
