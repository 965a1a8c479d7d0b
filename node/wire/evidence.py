"""Evidence against a log or a node, as a file that a third party can check: `ggzy-node/evidence/v1` (DESIGN L10, L21).

JSON; bytes are base64. One object, whose `sort` says which of the shapes below it has. Nothing in it is believed but
what signatures and hashes carry: `verify` says in words what is proven, and what is not.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from node.errors import Malformed

MAGIC: Literal["ggzy-node/evidence/v1"] = "ggzy-node/evidence/v1"
MAX_BYTES = 8 << 20
_Magic = Literal["ggzy-node/evidence/v1"]


class _Sort(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="sort"):
    """What every evidence has: `origin` is the log that it is about."""

    format: _Magic = MAGIC
    origin: str

    @property
    def sort(self) -> str:
        return str(self.__struct_config__.tag)


class Branch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The root that a tree has at some smaller size, and the consistency proof from there to the tree's head."""

    root: bytes
    proof: tuple[bytes, ...] = ()


class Fork(_Sort, frozen=True, tag="fork"):
    """Two signed heads of one log that cannot both be true.

    `branches`, one for each of `notes`, lead from the tree of `at` entries to these heads, from different roots: at
    that size already the log had two histories. Mostly `at` is the size of the smaller head.
    """

    notes: tuple[str, str]
    at: int
    branches: tuple[Branch, Branch]


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A signed and dated word of a node on how large a log is.

    `cosigned` and `custody` have a `note`; `observed` has a `receipt` (.tlog-proof) of a `log.observe` record and its
    `payload`.
    """

    form: Literal["cosigned", "custody", "observed"]
    note: str = ""
    receipt: bytes = b""
    payload: bytes = b""


class Withheld(_Sort, frozen=True, tag="withheld"):
    """What a node said it held of a log, and where there is one, a later word of the same node that it holds less.

    `section` and `index` name one payload that a custody note claims; else it is about the log's size.
    """

    statements: tuple[Statement, ...]
    index: int = 0
    section: str = ""


class FalseObservation(_Sort, frozen=True, tag="false-observation"):
    """A node's `log.observe` record with a head of the log that the log's key never signed."""

    statement: Statement


class SwappedPayload(_Sort, frozen=True, tag="swapped-payload"):
    """Bytes that were served as a section's payload and are not what its header commits to.

    `receipt` leads the entry to a head that its log signed; `custody` is the server's note, empty for none.
    """

    receipt: bytes
    section: str
    salt: bytes
    payload: bytes
    custody: str = ""


class ChangedHeader(_Sort, frozen=True, tag="changed-header"):
    """Bytes that were served as entry `index` and are not it: `leaf` is the true leaf hash, `proof` includes it."""

    note: str
    index: int
    leaf: bytes
    proof: tuple[bytes, ...]
    entry: bytes


class _Named(msgspec.Struct, frozen=True):
    """What every file says of itself; it has no default here, so that a file without it is none."""

    format: _Magic


Evidence = Fork | Withheld | FalseObservation | SwappedPayload | ChangedHeader
_decoder: msgspec.json.Decoder[Evidence] = msgspec.json.Decoder(Evidence)
_magic = msgspec.json.Decoder(_Named)
_encoder = msgspec.json.Encoder()


def encode(evidence: Evidence) -> bytes:
    """The bytes of an evidence file, made to be looked at."""
    return msgspec.json.format(_encoder.encode(evidence), indent=1) + b"\n"


def parse(data: bytes) -> Evidence:
    """Read an evidence file. Raises Malformed for anything that has not exactly the fields of its sort."""
    if len(data) > MAX_BYTES:
        raise Malformed(f"evidence of more than {MAX_BYTES} bytes")
    try:
        _magic.decode(data)
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not evidence of a version that this program knows: {error}") from None


def is_evidence(data: bytes) -> bool:
    """Whether a file means to be evidence."""
    return data.lstrip()[:1] == b"{" and MAGIC.encode() in data[:4096]
