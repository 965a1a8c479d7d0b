"""Keys of logs and cosigners: verifier keys (c2sp.org/signed-note, "vkeys") and Ed25519 signers.

example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.errors import BadSignature, Malformed, Refused
from node.tlog import sm2
from node.tlog._text import decode_base64, encode_base64
from node.tlog.cosignature import cosignature_message, decode_timestamped, encode_timestamped
from node.tlog.curve import check_agreement_key, check_public_key
from node.tlog.signature import SEAL_TYPE, SM2_TYPE, KeyType, Signature, key_id, type_bytes, validate_key_name

_CHECKS = {
    KeyType.ED25519: check_public_key,
    KeyType.COSIGNATURE: check_public_key,
    KeyType.SM2: sm2.check_public_key,
    KeyType.SEAL: check_agreement_key,
}


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A name, a signature type and a public key: what a signature is checked with.

    The key has 32 bytes for the types 0x01 and 0x04, 65 for SM2. `also` are keys that must have signed a note too for
    this key's signature to count (`suites.joint` makes such a key); they are no part of the vkey.
    Raises Malformed on a name that cannot stand in a note, another type, or a weak public key.
    """

    name: str
    type: int
    public: bytes
    also: tuple[VerifierKey, ...] = ()
    key_id: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        validate_key_name(self.name)
        if self.type not in _CHECKS:
            raise Malformed("the key is of a signature type that is not supported")
        _CHECKS[self.type](self.public)
        object.__setattr__(self, "key_id", key_id(self.name, self.type, self.public))

    @classmethod
    def parse(cls, vkey: str) -> VerifierKey:
        """Reads a vkey text. Raises Malformed, also when its key id is not the one of its name and public key."""
        try:
            # No name holds a plus, but base64 may.
            name, hex_id, encoded = vkey.split("+", 2)
        except ValueError:
            raise Malformed("a verifier key is name+id+key") from None
        data = decode_base64(encoded, "the verifier key")
        if data.startswith(SM2_TYPE):
            key = cls(name, KeyType.SM2, data.removeprefix(SM2_TYPE))
        elif data.startswith(SEAL_TYPE):
            key = cls(name, KeyType.SEAL, data.removeprefix(SEAL_TYPE))
        elif len(data) == 33 and data[0] != KeyType.SM2:
            key = cls(name, data[0], data[1:])
        else:
            raise Malformed("the verifier key is not a type byte and 32 bytes of an Ed25519 public key, nor one of SM2")
        if hex_id != key.key_id.hex():
            raise Malformed("the id of the verifier key does not match its name and public key")
        return key

    def vkey(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(type_bytes(self.type) + self.public)}"

    @property
    def checkable(self) -> bool:
        """Whether this machine can verify signatures of the key's type."""
        return self.type != KeyType.SM2 or sm2.available()

    def made(self, signature: Signature) -> bool:
        """Whether the line claims to be of this key: name and key id match."""
        return signature.key_id == self.key_id and signature.name == self.name

    def verify(self, text: str, signature: Signature) -> None:
        """Raises BadSignature unless this key made `signature` on the note text `text`; Unavailable, see `checkable`.

        This is about one line: `also` is for who judges the whole note.
        """
        if not self.made(signature) or self.type == KeyType.SEAL:
            raise BadSignature(f"the signature is not by {self.name}")
        message, value = text.encode(), signature.signature
        try:
            if self.type == KeyType.SM2:
                sm2.verify(self.public, message, value)
                return
            if self.type == KeyType.COSIGNATURE:
                timestamp_s, value = decode_timestamped(value)
                message = cosignature_message(text, timestamp_s)
            Ed25519PublicKey.from_public_bytes(self.public).verify(value, message)
        except (InvalidSignature, BadSignature, Malformed):
            raise BadSignature(f"the signature of {self.name} does not verify") from None


class Ed25519Signer:
    """A private key under a name, for one signature type.

    Args:
        name: key name; a log's is its origin.
        key_type: KeyType.ED25519 to sign notes, KeyType.COSIGNATURE to cosign checkpoints.
        private: the key, or its 32-byte seed (RFC 8032). Raises Malformed on another length.
    """

    def __init__(self, name: str, key_type: int, private: Ed25519PrivateKey | bytes) -> None:
        if isinstance(private, bytes):
            if len(private) != 32:
                raise Malformed("the seed of an Ed25519 key has 32 bytes")
            private = Ed25519PrivateKey.from_private_bytes(private)
        self._private = private
        self.verifier = VerifierKey(name, key_type, private.public_key().public_bytes_raw())

    @property
    def name(self) -> str:
        return self.verifier.name

    def sign_note(self, text: str) -> Signature:
        """Signs the text of a note. Raises Malformed on a text that no note can have, Refused for a cosigner's key."""
        self._require(KeyType.ED25519)
        return self._signature(self._private.sign(check_text(text).encode()))

    def cosign(self, text: str, timestamp_s: int) -> Signature:
        """Cosigns a checkpoint's text at POSIX time `timestamp_s`. Raises Malformed, or Refused for a log's key."""
        self._require(KeyType.COSIGNATURE)
        value = self._private.sign(cosignature_message(check_text(text), timestamp_s))
        return self._signature(encode_timestamped(timestamp_s, value))

    def sign_raw(self, message: bytes) -> bytes:
        """The bare 64-byte signature of a message of another format, such as a signed HTTP request (RFC 9421).

        Use a key of its own for each such format. Raises Refused for a cosigner's key.
        """
        self._require(KeyType.ED25519)
        return self._private.sign(message)

    def _signature(self, value: bytes) -> Signature:
        return Signature(self.name, self.verifier.key_id, value)

    def _require(self, key_type: int) -> None:
        # One key for two kinds of statement would let the one be shown as the other.
        if self.verifier.type != key_type:
            raise Refused(f"the key of {self.name} is of type {self.verifier.type:#04x}, not {key_type:#04x}")


def check_text(text: str) -> str:
    """`text` itself. Raises Malformed unless it can be the text of a note: UTF-8, no controls, final newline."""
    if not text.endswith("\n"):
        raise Malformed("the text of a note must end in a newline")
    if any(char < " " and char != "\n" for char in set(text)):
        raise Malformed("a note must not hold control characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Malformed("a note must be valid UTF-8") from None
    return text
