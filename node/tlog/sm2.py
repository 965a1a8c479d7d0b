"""SM2 signatures with SM3 (GB/T 32918.2, GB/T 32905) in the fixed forms that stand in a note.

Public key: 65 bytes 04 || x || y on the recommended curve (GB/T 32918.5). Signature: 64 bytes r || s, big-endian.
Distinguishing id: the default one of GB/T 35276, for every signer; the note names its signer itself.

The arithmetic is the system's libcrypto's. Before the first use its SM3 and SM2 must reproduce the published examples;
where it does not, or is not there, everything here but the checks of form raises Unavailable.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import cache

from node.errors import BadSignature, Malformed, Unavailable
from node.tlog import _libcrypto
from node.tlog._libcrypto import PRIVATE_BYTES, PUBLIC_BYTES, LibCrypto, LibraryError

SIGNATURE_BYTES = 64
DEFAULT_ID = b"1234567812345678"

# The recommended curve, y^2 = x^3 + a x + b modulo p, of prime order n (GB/T 32918.5).
_P = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_00000000_FFFFFFFF_FFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E_9D9F5E34_4D5A9E4B_CF6509A7_F39789F5_15AB8F92_DDBCBD41_4D940E93
_N = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_7203DF6B_21C6052B_53BBF409_39D54123

_PEM_BEGIN, _PEM_END = "-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n"
# PrivateKeyInfo (RFC 5958) of an ECPrivateKey (RFC 5915) on the named curve 1.2.156.10197.1.301: around the private key
# and the public one.
_PKCS8_HEAD = bytes.fromhex("308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420")
_PKCS8_MIDDLE = bytes.fromhex("a144034200")


@dataclass(frozen=True, slots=True)
class Vector:
    """A published example: a message, its SM3 hash, or a signature on it."""

    message: bytes
    sm3: bytes = b""
    public: bytes = b""
    signature: bytes = b""


SM3_EXAMPLE = Vector(b"abc", sm3=bytes.fromhex("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"))
"""GB/T 32905 annex A, the first example."""
SM2_EXAMPLE = Vector(
    b"message digest",
    public=bytes.fromhex(
        "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
        "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
    ),
    signature=bytes.fromhex(
        "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
        "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
    ),
)
"""GB/T 32918.5 annex A, with the default id."""


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key, 32 bytes big-endian from 1 to n - 2, and its public key. Raises Malformed on other forms."""

    private: bytes = field(repr=False)
    public: bytes

    def __post_init__(self) -> None:
        if len(self.private) != PRIVATE_BYTES or not 1 <= int.from_bytes(self.private, "big") <= _N - 2:
            raise Malformed("an SM2 private key is a number from 1 to n - 2 in 32 bytes")
        check_public_key(self.public)

    def pem(self) -> str:
        """PKCS #8 PEM, as `openssl pkey` reads and writes it."""
        data = base64.b64encode(_PKCS8_HEAD + self.private + _PKCS8_MIDDLE + self.public).decode("ascii")
        lines = (data[at : at + 64] + "\n" for at in range(0, len(data), 64))
        return _PEM_BEGIN + "".join(lines) + _PEM_END

    @classmethod
    def parse(cls, pem: str) -> PrivateKey:
        """Reads what `pem` writes. Raises Malformed; whether the two keys belong together is `check_pair`'s to say."""
        try:
            data = base64.b64decode(pem.removeprefix(_PEM_BEGIN).removesuffix(_PEM_END).replace("\n", ""))
        except ValueError:
            data = b""
        start, middle = len(_PKCS8_HEAD), len(_PKCS8_HEAD) + PRIVATE_BYTES
        if len(data) != middle + len(_PKCS8_MIDDLE) + PUBLIC_BYTES:
            raise Malformed("not an SM2 private key in PEM form")
        key = cls(data[start:middle], data[-PUBLIC_BYTES:])
        if key.pem() != pem:
            raise Malformed("not an SM2 private key in PEM form")
        return key


def available() -> bool:
    """Whether this machine's libcrypto does SM2 as the standard's examples ask; found out once."""
    return not isinstance(_library(), str)


def why_not() -> str:
    """Why SM2 is not available here, in English; empty when it is."""
    library = _library()
    return library if isinstance(library, str) else ""


def require() -> LibCrypto:
    """The tested library. Raises Unavailable, which says what to install."""
    library = _library()
    if isinstance(library, str):
        raise Unavailable(
            f"SM2 is not available on this machine: {library}",
            zh="本机的 libcrypto 不能使用 SM2",
            advice_zh="请在本机安装带 SM2 的 OpenSSL 3.0 或更高版本，然后重启。",
            advice_en="Install OpenSSL 3.0 or later with SM2 on this machine, then restart.",
        )
    return library


def generate() -> PrivateKey:
    """A new key from libcrypto's own generator. Raises Unavailable."""
    try:
        return PrivateKey(*require().generate())
    except LibraryError as error:
        raise Unavailable(f"no SM2 key could be made: {error}") from None


def check_pair(key: PrivateKey) -> None:
    """Raises Malformed unless the public key is that of the private one; Unavailable."""
    try:
        paired = require().are_pair(key.private, key.public)
    except LibraryError:
        paired = False
    if not paired:
        raise Malformed("the public key is not that of the SM2 private key")


def sign(key: PrivateKey, message: bytes, *, signer_id: bytes = DEFAULT_ID) -> bytes:
    """The 64 bytes r || s. Raises Unavailable, also when what came out does not verify: then it has not left here."""
    library = require()
    try:
        der = library.sign(key.private, key.public, signer_id, message)
        if not library.verify(key.public, signer_id, message, der):
            raise LibraryError("a signature just made does not verify")
        return from_der(der)
    except (LibraryError, Malformed) as error:
        raise Unavailable(f"libcrypto did not sign with SM2: {error}") from None


def verify(public: bytes, message: bytes, signature: bytes, *, signer_id: bytes = DEFAULT_ID) -> None:
    """Raises BadSignature unless the key made these 64 bytes for the message; Malformed on a bad key; Unavailable."""
    library = require()
    check_public_key(public)
    if not _verifies(library, public, message, signature, signer_id):
        raise BadSignature("the SM2 signature does not verify")


def check_public_key(public: bytes) -> None:
    """Raises Malformed unless `public` is 04 || x || y of a point on the curve. Its order is prime: none is weak."""
    if len(public) != PUBLIC_BYTES or public[0] != 4:
        raise Malformed("an SM2 public key has 65 bytes, 04 and a point")
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    if x >= _P or y >= _P or (y * y - (x * x * x + _A * x + _B)) % _P:
        raise Malformed("not an SM2 public key: no point of the curve")


def to_der(signature: bytes) -> bytes:
    """SEQUENCE of the INTEGERs r and s (GB/T 35276 clause 7.3). Raises Malformed unless both are from 1 to n - 1."""
    if len(signature) != SIGNATURE_BYTES:
        raise Malformed(f"an SM2 signature has {SIGNATURE_BYTES} bytes")
    body = b"".join(_integer(_in_range(int.from_bytes(each, "big"))) for each in (signature[:32], signature[32:]))
    return bytes((0x30, len(body))) + body


def from_der(der: bytes) -> bytes:
    """The 64 bytes of a DER signature. Raises Malformed on all that `to_der` would not write, longer forms included."""
    # At most 2 + 2 * 35 bytes, so every length stands in one byte.
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2 or der[2] != 0x02 or der[3] > len(der) - 6:
        raise Malformed("not a DER signature of SM2")
    r, rest = der[4 : 4 + der[3]], der[4 + der[3] :]
    if rest[0] != 0x02 or rest[1] != len(rest) - 2:
        raise Malformed("not a DER signature of SM2")
    numbers = (_in_range(int.from_bytes(each, "big", signed=True)) for each in (r, rest[2:]))
    signature = b"".join(number.to_bytes(32, "big") for number in numbers)
    if to_der(signature) != der:
        raise Malformed("the DER of the SM2 signature is not minimal")
    return signature


def _integer(number: int) -> bytes:
    # One bit more than the number has: the sign.
    data = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes((0x02, len(data))) + data


def _in_range(number: int) -> int:
    if not 1 <= number < _N:
        raise Malformed("r and s of an SM2 signature are from 1 to n - 1")
    return number


def _verifies(library: LibCrypto, public: bytes, message: bytes, signature: bytes, signer_id: bytes) -> bool:
    try:
        return library.verify(public, signer_id, message, to_der(signature))
    except (Malformed, LibraryError):
        return False


@cache
def _library() -> LibCrypto | str:
    """The library once it has shown the examples, or why there is none."""
    try:
        library = _libcrypto.load()
        _self_test(library)
    except LibraryError as error:
        return str(error)
    return library


def _self_test(library: LibCrypto) -> None:
    """Raises LibraryError unless the published examples come out, and a changed one does not."""
    if library.sm3(SM3_EXAMPLE.message) != SM3_EXAMPLE.sm3:
        raise LibraryError(f"SM3 of {library.version} does not give the example of GB/T 32905")
    example = SM2_EXAMPLE
    if not _verifies(library, example.public, example.message, example.signature, DEFAULT_ID):
        raise LibraryError(f"SM2 of {library.version} does not verify the example of GB/T 32918.5")
    if _verifies(library, example.public, example.message + b".", example.signature, DEFAULT_ID):
        raise LibraryError(f"SM2 of {library.version} verifies what was not signed")
