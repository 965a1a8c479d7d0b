"""The log entry: canonical msgpack of a small header (DESIGN §2, L1-L4).

    [fmt, kind, schema, record_id, version, prev_leaf, claimed_ms, audience,
     [[section, audience, commitment, size_class], ...]]

The bytes received are the bytes hashed. A mirror stores any bytes; `parse` is for those who *read* a header, and it
refuses whatever `encode` would not have written, because msgpack decoders are lax (duplicate keys, long integers).
"""

from __future__ import annotations

import unicodedata

import msgspec

from node.domain.audience import holding
from node.errors import Malformed

FORMAT = 1
MAX_HEADER_BYTES = 4096
MAX_INTEGER = 2**53 - 1  # exact in every language that may read us, JavaScript among them

MAX_KNOWN_TEXTS = 4096


class SectionRef(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
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


class Header(msgspec.Struct, frozen=True, gc=False):
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


class _Plain(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """A header in the order in which it is written: the decoder checks arity and types in one pass.

    `bytes` accepts msgpack bin only. What its default would let a decoder leave out, the comparison with what the
    encoder writes does not.
    """

    fmt: int
    kind: str
    schema: int
    record_id: bytes
    version: int
    prev_leaf: bytes | None
    claimed_ms: int
    audience: str
    sections: tuple[SectionRef, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Plain, strict=True)
# Names that were found good; the same few stand in every header. A sender of ever new ones must not fill the memory.
_good_texts: set[str] = set()


def encode(header: Header) -> bytes:
    """The entry's bytes. Raises Malformed when the header breaks a rule, so that none of ours ever does."""
    plain = _Plain(
        FORMAT,
        header.kind,
        header.schema,
        header.record_id,
        header.version,
        header.prev_leaf,
        header.claimed_ms,
        header.audience,
        header.sections,
    )
    _check(plain)
    data = _encoder.encode(plain)
    if len(data) > MAX_HEADER_BYTES:
        raise Malformed(f"header of {len(data)} bytes, at most {MAX_HEADER_BYTES}", field="sections")
    return data


def parse(data: bytes) -> Header:
    """Read a header. Raises Malformed for anything that is not exactly what `encode` would write (L1)."""
    plain = _read(data)
    return Header(
        plain.kind,
        plain.schema,
        plain.record_id,
        plain.version,
        plain.prev_leaf,
        plain.claimed_ms,
        plain.audience,
        plain.sections,
    )


def sections_of(data: bytes) -> tuple[SectionRef, ...]:
    """The sections of an entry; none when it is no header of ours (L15: a mirror stores any bytes).

    Like `parse`, without building what is not asked for: a custodian reads every header there is.
    """
    try:
        return _read(data).sections
    except Malformed:
        return ()


def _read(data: bytes) -> _Plain:
    if len(data) > MAX_HEADER_BYTES:
        raise Malformed(f"header of {len(data)} bytes, at most {MAX_HEADER_BYTES}")
    try:
        plain = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not a header: {error}") from None
    if plain.fmt != FORMAT:
        raise Malformed(f"header format {plain.fmt} is not known to this version", field="fmt")
    _check(plain)
    if _encoder.encode(plain) != data:
        raise Malformed("header is not canonical msgpack")
    return plain


def _check(header: _Plain) -> None:
    good, sections = _good_texts, header.sections
    if header.kind not in good:
        _check_text("kind", header.kind)
    if header.audience not in good:
        _check_text("audience", header.audience)
    if not 1 <= header.schema <= MAX_INTEGER:
        raise Malformed("schema is out of range", field="schema")
    if not 1 <= header.version <= MAX_INTEGER:
        raise Malformed("version is out of range", field="version")
    if not 0 <= header.claimed_ms <= MAX_INTEGER:
        raise Malformed("claimed_ms is out of range", field="claimed_ms")
    if len(header.record_id) != 16:
        raise Malformed("record_id is not 16 bytes", field="record_id")
    if header.prev_leaf is not None and len(header.prev_leaf) != 32:
        raise Malformed("prev_leaf is not a SHA-256", field="prev_leaf")
    if (header.prev_leaf is None) != (header.version == 1):
        raise Malformed("prev_leaf is nil in version 1 and only there", field="prev_leaf")
    for section in sections:
        if section.name not in good:
            _check_text("section", section.name)
        if section.audience not in good:
            _check_text("audience", section.audience)
        if len(section.commitment) != 32:
            raise Malformed("commitment is not a SHA-256", field="commitment")
        if not 0 <= section.size_class <= 63:
            raise Malformed("size_class is out of range", field="size_class")
    if len(sections) > 1 and len({section.name for section in sections}) != len(sections):
        raise Malformed("a section name occurs twice", field="sections")


def _check_text(field: str, text: str) -> None:
    if not text or len(text) > 64:
        raise Malformed(f"{field} must have 1 to 64 characters", field=field)
    # These names stand in lines of notes and in addresses: a newline in one would forge a line of another's note.
    if not text.isprintable() or " " in text:
        raise Malformed(f"{field} holds a space or a character that cannot be printed", field=field)
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        raise Malformed(f"{field} is not NFC text", field=field)
    if len(_good_texts) < MAX_KNOWN_TEXTS:
        _good_texts.add(text)
