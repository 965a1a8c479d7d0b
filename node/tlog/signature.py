"""Signature lines of a note and the names that stand in them (c2sp.org/signed-note).

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from node.errors import Malformed
from node.tlog._text import decode_base64, decode_utf8, encode_base64

MAX_SIGNATURES = 100
"""Most signatures of one note that are read; the specification asks for at least 16."""

_KEY_ID_BYTES = 4
_PREFIX = "— "


class KeyType:
    """Signature type identifier bytes that this program signs with and verifies."""

    ED25519 = 0x01
    """Signature over the text of a note; logs and notes of our own."""
    COSIGNATURE = 0x04
    """Dated cosignature on a checkpoint; witnesses and mirrors (c2sp.org/tlog-cosignature)."""
    SM2 = 0xFF
    """SM2 with SM3 over the text of a note, beside an Ed25519 line: a type without a byte of its own, see SM2_TYPE."""
    SEAL = 0x1FF
    """No signature: an X25519 key (RFC 7748) to which others wrap content keys, see SEAL_TYPE."""


SEAL_TYPE = b"\xffggzy-node/x25519/v1\x00"
"""What stands for the type of an X25519 key, formed as SM2_TYPE is."""

SM2_TYPE = b"\xffggzy-node/sm2-sm3/v1\x00"
"""What stands for the type of an SM2 key: signed-note has 0xFF followed by a longer identifier, ours ends in 0x00."""


def type_bytes(key_type: int) -> bytes:
    """The bytes of a signature type before the public key, in a vkey and under a key id."""
    return {KeyType.SM2: SM2_TYPE, KeyType.SEAL: SEAL_TYPE}.get(key_type) or bytes((key_type,))


def key_id(name: str, key_type: int, public: bytes) -> bytes:
    """The 4 bytes that tell a signature line's key: SHA-256(name || 0x0A || type || public key)[:4]."""
    return sha256(name.encode() + b"\n" + type_bytes(key_type) + public).digest()[:_KEY_ID_BYTES]


def validate_key_name(name: str) -> None:
    """Raises Malformed unless `name` can stand in a note: not empty, no Unicode space, plus or control character."""
    if not name:
        raise Malformed("the key name is empty")
    if "+" in name or any(char.isspace() or char < " " for char in name):
        raise Malformed("the key name holds a space, a plus or a control character")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Malformed("the key name is not valid UTF-8") from None


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line, of a known key or not.

    `key_id` has 4 bytes; `signature` is what the key's type makes of it, at least one byte. Raises Malformed otherwise.
    """

    name: str
    key_id: bytes
    signature: bytes

    def __post_init__(self) -> None:
        validate_key_name(self.name)
        if len(self.key_id) != _KEY_ID_BYTES or not self.signature:
            raise Malformed("a signature is a key id of 4 bytes and at least one byte more")

    def line(self) -> str:
        """The line with its final newline."""
        return f"{_PREFIX}{self.name} {encode_base64(self.key_id + self.signature)}\n"


def parse_signature_lines(data: bytes) -> list[Signature]:
    """One to 100 signature lines and nothing else, as `add-checkpoint` and `add-entries` answer. Raises Malformed."""
    lines = decode_utf8(data, "the signature block").split("\n")
    if lines.pop() != "" or not lines:
        raise Malformed("signature lines must each end in a newline")
    if len(lines) > MAX_SIGNATURES:
        raise Malformed(f"more than {MAX_SIGNATURES} signatures")
    return [_parse_line(line) for line in lines]


def _parse_line(line: str) -> Signature:
    if not line.startswith(_PREFIX):
        raise Malformed("a signature line must begin with an em dash and a space")
    name, _, encoded = line.removeprefix(_PREFIX).partition(" ")
    data = decode_base64(encoded, "a signature")
    return Signature(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])
