"""Which 32 bytes may be an Ed25519 (RFC 8032 section 5.1.3) or X25519 public key: a point of the curve, not a weak one.

The library takes any 32 bytes. For a key of small order, signatures can be made that verify any text; of two
encodings of one point, one is refused by some verifiers and taken by others.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from node.errors import Malformed

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_MINUS_1 = pow(2, (_P - 1) // 4, _P)


def check_public_key(public: bytes) -> None:
    """Raises Malformed unless `public` is the canonical encoding of a point on the curve whose order is not small."""
    if len(public) != 32:
        raise Malformed("an Ed25519 public key has 32 bytes")
    number = int.from_bytes(public, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= _P:
        raise Malformed("weak Ed25519 public key: its encoding is not canonical")
    x = _recover_x(y)
    if x is None:
        raise Malformed("not an Ed25519 public key: no point of the curve")
    if x == 0 and sign:
        raise Malformed("weak Ed25519 public key: its encoding is not canonical")
    # The cofactor is 8: a point is of small order when three doublings lead to the neutral point (0, 1). The sign of
    # x plays no part in that.
    for _ in range(3):
        x, y = _double(x, y)
    if (x, y) == (0, 1):
        raise Malformed("weak Ed25519 public key: a point of small order")


def check_agreement_key(public: bytes) -> None:
    """Raises Malformed unless `public` is an X25519 key (RFC 7748) in its only encoding and not of small order.

    With a key of small order every secret that is agreed on is zero, and everybody knows it.
    """
    if len(public) != 32 or int.from_bytes(public, "little") >= _P:
        raise Malformed("an X25519 public key is a number below 2^255 - 19 in 32 bytes")
    try:
        # Any private key does: all are multiples of the cofactor.
        X25519PrivateKey.from_private_bytes(bytes(32)).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Malformed("weak X25519 public key: a point of small order") from None


def _recover_x(y: int) -> int | None:
    """One of the two x of the points with this y on -x^2 + y^2 = 1 + d x^2 y^2; None when there are none."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _SQRT_MINUS_1 % _P
    return x if (x * x - square) % _P == 0 else None


def _double(x: int, y: int) -> tuple[int, int]:
    # The addition law is complete, so no denominator is ever zero.
    product = _D * x * x * y * y % _P
    return (
        2 * x * y * pow(1 + product, -1, _P) % _P,
        (y * y + x * x) * pow(1 - product, -1, _P) % _P,
    )
