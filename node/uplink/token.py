"""The token of an upload: SYSTEM_NO and the moment, encrypted with the sender's secret by DES.

DES is what the receiver asks for, and protects nothing here that the line (TLS, 政务外网) does not. Mode and padding
are not stated by the sources: CBC with the key as first vector, PKCS 7, hex, as the platforms of that make do it.
"""

from __future__ import annotations

import binascii
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.padding import PKCS7

from node.errors import Unauthenticated
from node.uplink.shape import BEIJING, moment

MOST_SKEW = timedelta(hours=12)
_BLOCK_BITS = 64


def make(system_no: str, secret: str, now_ms: int) -> str:
    """A token of now, as hexadecimal digits in upper case."""
    padder = PKCS7(_BLOCK_BITS).padder()
    plain = padder.update(f"{system_no}{moment(now_ms)}".encode()) + padder.finalize()
    encryptor = _cipher(secret).encryptor()
    return (encryptor.update(plain) + encryptor.finalize()).hex().upper()


def check(token: str, system_no: str, secret: str, now_ms: int) -> None:
    """Raises Unauthenticated for a token of another sender or secret, and for a clock that differs by over 12 hours."""
    try:
        decryptor = _cipher(secret).decryptor()
        padded = decryptor.update(binascii.unhexlify(token)) + decryptor.finalize()
        unpadder = PKCS7(_BLOCK_BITS).unpadder()
        plain = (unpadder.update(padded) + unpadder.finalize()).decode("ascii")
        made = datetime.strptime(plain[4:18] + "+0000", "%Y%m%d%H%M%S%z") - BEIJING
    except (ValueError, binascii.Error):
        raise Unauthenticated("TOKEN cannot be read", zh="TOKEN 无效") from None
    if plain[:4] != system_no:
        raise Unauthenticated("TOKEN is of another system", zh="TOKEN 与 SYSTEM_NO 不符")
    if abs(datetime.fromtimestamp(now_ms / 1000, UTC) - made) > MOST_SKEW:
        raise Unauthenticated("TOKEN: the clocks differ by more than 12 hours", zh="TOKEN 时间与本机相差超过 12 小时")


def _cipher(secret: str) -> Cipher[modes.CBC]:
    # One DES is three with one key.
    key = secret.encode()[:8].ljust(8, b"\0")
    return Cipher(TripleDES(key * 3), modes.CBC(key))
