"""Whether a file is encrypted, told from how it begins: bids that are not are refused at the door (data standard §6).

Known forms: CMS (RFC 5652) enveloped or authenticated-enveloped data and its SM2 sibling (GM/T 0010), in DER or PEM,
and age v1. What looks like none of them is treated as open, whatever its name says.
"""

from __future__ import annotations

import base64
import binascii

HEAD_BYTES = 256
"""As much of a file's beginning as `encrypted_form` looks at."""

_OIDS = {
    bytes.fromhex("06092a864886f70d010703"): "cms",  # id-envelopedData
    bytes.fromhex("060b2a864886f70d0109100117"): "cms",  # id-ct-authEnvelopedData
    bytes.fromhex("060a2a811ccf550601040203"): "cms-sm2",  # GM/T 0010 envelopedData
}
_PEM = (b"-----BEGIN CMS-----", b"-----BEGIN PKCS7-----")
_AGE = (b"age-encryption.org/v1\n", b"-----BEGIN AGE ENCRYPTED FILE-----")


def encrypted_form(head: bytes) -> str:
    """cms, cms-sm2 or age; empty for a file that is not encrypted in a known way.

    >>> encrypted_form(b"%PDF-1.7"), encrypted_form(b"age-encryption.org/v1\\n-> X25519")
    ('', 'age')
    """
    if head.startswith(_AGE):
        return "age"
    for mark in _PEM:
        if head.startswith(mark):
            return _der(_unarmoured(head[len(mark) : HEAD_BYTES]))
    return _der(head)


def _der(head: bytes) -> str:
    """SEQUENCE, its length in any form, then the OID of what is inside."""
    if len(head) < 2 or head[0] != 0x30:
        return ""
    length = head[1]
    start = 2 + (length & 0x7F if length & 0x80 else 0)
    return next((form for oid, form in _OIDS.items() if head[start : start + len(oid)] == oid), "")


def _unarmoured(text: bytes) -> bytes:
    line = b"".join(text.split()).partition(b"-")[0]
    try:
        return base64.b64decode(line[: len(line) // 4 * 4], validate=True)
    except binascii.Error:
        return b""
