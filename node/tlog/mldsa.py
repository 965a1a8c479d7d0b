"""ML-DSA-44 cosigners of other people (c2sp.org/tlog-cosignature, type 0x06): their keys and how a line is checked.

This program signs nothing with ML-DSA (docs/decisions/0012); it reads policies and cosignatures of those who do. Where
`cryptography` or its libcrypto is too old for it, such a line counts as absent.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from node.errors import BadSignature, Malformed
from node.tlog._text import decode_base64
from node.tlog.checkpoint import Checkpoint, parse_checkpoint_text
from node.tlog.cosignature import TIME_BYTES, decode_time
from node.tlog.keys import VerifierKey
from node.tlog.signature import Signature, key_id, validate_key_name

ML_DSA_44 = 0x06
PUBLIC_BYTES = 1312
SIGNATURE_BYTES = 2420
_LABEL = b"subtree/v1\n\x00"


@cache
def _public_key_class() -> Any:
    """The class of `cryptography` for public keys, None where it or its backend has none."""
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError:
        return None
    try:
        mldsa.MLDSA44PublicKey.from_public_bytes(bytes(PUBLIC_BYTES))
    except UnsupportedAlgorithm:
        return None
    return mldsa.MLDSA44PublicKey


class MlDsaKey(VerifierKey):
    """A cosigner's verifier key of type 0x06, with the 1312 bytes of its public key."""

    __slots__ = ()

    def __post_init__(self) -> None:
        validate_key_name(self.name)
        if self.type != ML_DSA_44 or len(self.public) != PUBLIC_BYTES or len(self.name.encode()) > 255:
            raise Malformed("not the verifier key of an ML-DSA-44 cosigner")
        object.__setattr__(self, "key_id", key_id(self.name, self.type, self.public))

    @property
    def checkable(self) -> bool:
        return _public_key_class() is not None

    def verify(self, text: str, signature: Signature) -> None:
        """Raises BadSignature unless this key cosigned the whole tree of the checkpoint `text`."""
        if not self.made(signature):
            raise BadSignature(f"the signature is not by {self.name}")
        try:
            value = signature.signature
            if len(value) != TIME_BYTES + SIGNATURE_BYTES:
                raise Malformed(f"an ML-DSA-44 cosignature has {TIME_BYTES + SIGNATURE_BYTES} bytes")
            message = cosigned_message(self.name, decode_time(value), parse_checkpoint_text(text))
            _public_key_class().from_public_bytes(self.public).verify(value[TIME_BYTES:], message)
        except (InvalidSignature, Malformed):
            raise BadSignature(f"the signature of {self.name} does not verify") from None


def cosigned_message(cosigner: str, timestamp_s: int, head: Checkpoint) -> bytes:
    """`cosigned_message` for a whole tree: names and numbers of the checkpoint, without its extension lines.

    Raises Malformed when a name is longer than 255 bytes.
    """
    start, end = bytes(8), head.size.to_bytes(8, "big")
    names = _counted(cosigner), _counted(head.origin)
    return b"".join((_LABEL, names[0], timestamp_s.to_bytes(8, "big"), names[1], start, end, head.root))


def _counted(name: str) -> bytes:
    data = name.encode()
    if len(data) > 255:
        raise Malformed("a name is too long for an ML-DSA-44 cosignature")
    return bytes((len(data),)) + data


def parse_vkey(vkey: str) -> VerifierKey:
    """Reads a vkey of any type that this program can check. Raises Malformed."""
    name, _, rest = vkey.partition("+")
    hex_id, _, encoded = rest.partition("+")
    data = decode_base64(encoded, "the verifier key")
    if data[:1] != bytes((ML_DSA_44,)):
        return VerifierKey.parse(vkey)
    key = MlDsaKey(name, data[0], data[1:])
    if hex_id != key.key_id.hex():
        raise Malformed("the id of the verifier key does not match its name and public key")
    return key
