"""Sealed sections: ciphertext under a fresh key, and the wraps that open it for single nodes (DESIGN §2, L23).

    plaintext  = SHA-256(content key) || uint32 length || payload || zeros
    ciphertext = AES-256-GCM(content key, nonce of 12 zero bytes, plaintext, place)    2**size_class bytes, with tag
    wrap       = HPKE (RFC 9180, base mode, X25519, HKDF-SHA256, AES-256-GCM) of the content key,
                 info = "ggzy-node/wrap/v1" || 0x00 || place || commitment

A content key is random and serves one section of one version, so the nonce never repeats. `place` names origin, record,
version and section: ciphertext and wraps of one place open nowhere else. AES-GCM alone lets two keys open one
ciphertext to two texts; the hash of the key in front makes that fail.

Wraps travel in a list that the origin's custody key signs, beside the payload and outside its commitment:

    ggzy-node/wraps/v1
    <origin>
    <index> <section>
    record <record id, 32 hex digits> <version>
    commitment <64 hex digits>
    time <POSIX seconds>
    wrap <node> <key id, 8 hex digits> <base64>         one line a recipient, sorted

A list of a later time replaces the one before; so a reader can be added as long as the origin can open the section.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from node.errors import BadProof, Malformed, TooLarge
from node.tlog.note import KeyType, Note, VerifierKey, parse_note, verify_note
from node.wire.payload import MAX_PAYLOAD_BYTES

MAGIC = "ggzy-node/wraps/v1"
KEY_BYTES = 32
MIN_CLASS = 9
"""The smallest sealed section has 512 bytes: a name, a number and a phone always fit, so their size tells nothing."""
MAX_WRAPS = 4096
_TAG_BYTES = 16
_NONCE = bytes(12)
_HEAD = struct.Struct(">32sI")
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_WRAP = b"ggzy-node/wrap/v1\x00"


@dataclass(frozen=True)
class SealKey:
    """A node's own seal key: an X25519 key under the name `<node>/seal`."""

    name: str
    private: X25519PrivateKey

    @cached_property
    def verifier(self) -> VerifierKey:
        """Its public half, as the trust policy names it."""
        return VerifierKey(self.name, KeyType.SEAL, self.private.public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class SealedPlace:
    """What a sealed section is bound to: it opens as this section of this version of this record and as no other."""

    origin: str
    record_id: bytes
    version: int
    section: str

    def encode(self) -> bytes:
        return f"{self.origin}\n{self.record_id.hex()}\n{self.version}\n{self.section}\n".encode()


@dataclass(frozen=True, slots=True)
class Wrap:
    """The content key, encrypted to one node's seal key."""

    node: str
    key_id: str
    data: bytes

    def line(self) -> str:
        return f"wrap {self.node} {self.key_id} {base64.b64encode(self.data).decode()}"


@dataclass(frozen=True, slots=True)
class WrapList:
    """All wraps of one sealed section; `commitment` is the header's, `time_s` the origin's clock in POSIX seconds."""

    place: SealedPlace
    index: int
    commitment: bytes
    time_s: int
    wraps: tuple[Wrap, ...]

    def text(self) -> str:
        place = self.place
        lines = [
            MAGIC,
            place.origin,
            f"{self.index} {place.section}",
            f"record {place.record_id.hex()} {place.version}",
            f"commitment {self.commitment.hex()}",
            f"time {self.time_s}",
            *(wrap.line() for wrap in self.wraps),
        ]
        return "\n".join(lines) + "\n"

    def for_key(self, key: VerifierKey) -> Wrap | None:
        """The wrap for a seal key."""
        return next((each for each in self.wraps if each.key_id == key.key_id.hex()), None)


def size_class(payload_bytes: int) -> int:
    """log2 of the ciphertext's size for a payload of so many bytes. Raises TooLarge beyond 1 MiB of ciphertext.

    >>> size_class(10), size_class(460), size_class(461)
    (9, 9, 10)
    """
    needed = _HEAD.size + payload_bytes + _TAG_BYTES
    if needed > MAX_PAYLOAD_BYTES:
        raise TooLarge(f"a sealed section of {payload_bytes} bytes, at most {MAX_PAYLOAD_BYTES - 52}")
    return max(MIN_CLASS, (needed - 1).bit_length())


def seal(payload: bytes, key: bytes, place: SealedPlace) -> tuple[bytes, int]:
    """(ciphertext, size class) of a section's canonical payload under a fresh random key of 32 bytes."""
    chosen = size_class(len(payload))
    text = _HEAD.pack(hashlib.sha256(key).digest(), len(payload)) + payload
    padded = text.ljust((1 << chosen) - _TAG_BYTES, b"\x00")
    return AESGCM(key).encrypt(_NONCE, padded, place.encode()), chosen


def unseal(ciphertext: bytes, key: bytes, place: SealedPlace) -> bytes:
    """The payload. Raises BadProof: another key or place, a changed byte, a key hash or padding that is not right."""
    try:
        text = AESGCM(key).decrypt(_NONCE, ciphertext, place.encode())
        said, length = _HEAD.unpack_from(text)
    except (InvalidTag, ValueError, struct.error):
        raise BadProof("the sealed section does not open with this key", zh="密封内容无法用该密钥打开") from None
    end = _HEAD.size + length
    if not hmac.compare_digest(said, hashlib.sha256(key).digest()) or len(text) < end or any(text[end:]):
        raise BadProof(
            "the sealed section is not bound to its key, or its padding is wrong", zh="密封内容的密钥承诺不符"
        )
    return text[_HEAD.size : end]


def wrap(key: bytes, recipient: VerifierKey, node: str, place: SealedPlace, commitment: bytes) -> Wrap:
    """The content key for the holder of a seal key. HPKE draws its own ephemeral key, so two wraps always differ.

    Raises Malformed for a public key that no secret can be agreed with.
    """
    try:
        public = X25519PublicKey.from_public_bytes(recipient.public)
        data = _SUITE.encrypt(key, public, info=_info(place, commitment))
    except ValueError:
        raise Malformed(f"the seal key of {node} is no usable X25519 key", zh=f"{node} 的密封公钥无效") from None
    return Wrap(node, recipient.key_id.hex(), data)


def unwrap(found: Wrap, mine: SealKey, place: SealedPlace, commitment: bytes) -> bytes:
    """The content key. Raises BadProof when the wrap is for another key, place or ciphertext."""
    try:
        key = _SUITE.decrypt(found.data, mine.private, info=_info(place, commitment))
    except (InvalidTag, ValueError):
        raise BadProof(
            "the key wrap does not open with this node's seal key", zh="本节点的密封密钥打不开该封装"
        ) from None
    if len(key) != KEY_BYTES:
        raise BadProof("the key wrap holds no content key")
    return key


def open_list(data: bytes, keys: Iterable[VerifierKey]) -> tuple[WrapList, Note]:
    """Parse and verify a list against its origin's custody keys. Raises Malformed, BadSignature."""
    note = parse_note(data)
    verify_note(note, keys)
    return parse_list(note.text), note


def parse_list(text: str) -> WrapList:
    """Read a list's text. Raises Malformed unless it is exactly what `WrapList.text` writes."""
    lines = text.split("\n")
    try:
        if lines[0] != MAGIC or lines.pop() != "":
            raise ValueError
        origin, at, record, committed, time_line, *rest = lines[1:]
        index, section = at.split(" ")
        word, record_id, version = record.split(" ")
        if word != "record" or len(rest) > MAX_WRAPS:
            raise ValueError
        found = WrapList(
            SealedPlace(origin, bytes.fromhex(record_id), int(version), section),
            int(index),
            bytes.fromhex(committed.removeprefix("commitment ")),
            int(time_line.removeprefix("time ")),
            tuple(_wrap_line(line) for line in rest),
        )
    except (ValueError, IndexError):
        raise Malformed("not a list of key wraps of a version that this program knows") from None
    names = [(each.node, each.key_id) for each in found.wraps]
    sizes = (len(found.place.record_id), len(found.commitment)) == (16, 32)
    if found.text() != text or not sizes or names != sorted(set(names)) or not 0 <= found.index < 2**53:
        raise Malformed("the list of key wraps is not in its canonical form")
    return found


def _wrap_line(line: str) -> Wrap:
    word, node, key_id, data = line.split(" ")
    if word != "wrap" or len(bytes.fromhex(key_id)) != 4:
        raise ValueError
    return Wrap(node, key_id, base64.b64decode(data, validate=True))


def _info(place: SealedPlace, commitment: bytes) -> bytes:
    return _WRAP + place.encode() + commitment
