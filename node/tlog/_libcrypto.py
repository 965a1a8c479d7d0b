"""SM2 and SM3 of the system's libcrypto (OpenSSL 3.0 or later) by ctypes, through its EVP functions alone.

`sm2.py` gives this the forms that are signed. Keys and nonces come from the library's own generator. Each call makes
its own contexts, so several threads may call at once; what is made is given back on every way out, and the error
queue, which the thread shares with Python's `ssl`, is left empty.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable, Iterable
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_ulong, c_void_p, create_string_buffer
from typing import Any

LEAST_VERSION = 0x30000000
PUBLIC_BYTES = 65
PRIVATE_BYTES = 32

_NAMES = ("libcrypto.so.3", "libcrypto.so.4", "libcrypto.3.dylib", "libcrypto.4.dylib")
_SELECT_PUBLIC, _SELECT_KEYPAIR = 0x86, 0x87
_MAX_DER_BYTES = 256

# Function -> what it gives, what it takes (man pages of OpenSSL 3.0). Pointers to the library's objects are c_void_p.
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "ERR_clear_error": (None, ()),
    "BN_bin2bn": (c_void_p, (c_char_p, c_int, c_void_p)),
    "BN_bn2binpad": (c_int, (c_void_p, c_char_p, c_int)),
    "BN_clear_free": (None, (c_void_p,)),
    "OSSL_PARAM_BLD_new": (c_void_p, ()),
    "OSSL_PARAM_BLD_free": (None, (c_void_p,)),
    "OSSL_PARAM_BLD_push_utf8_string": (c_int, (c_void_p, c_char_p, c_char_p, c_size_t)),
    "OSSL_PARAM_BLD_push_octet_string": (c_int, (c_void_p, c_char_p, c_char_p, c_size_t)),
    "OSSL_PARAM_BLD_push_BN": (c_int, (c_void_p, c_char_p, c_void_p)),
    "OSSL_PARAM_BLD_to_param": (c_void_p, (c_void_p,)),
    "OSSL_PARAM_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_new_from_name": (c_void_p, (c_void_p, c_char_p, c_char_p)),
    "EVP_PKEY_CTX_new_from_pkey": (c_void_p, (c_void_p, c_void_p, c_char_p)),
    "EVP_PKEY_CTX_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_set1_id": (c_int, (c_void_p, c_char_p, c_int)),
    "EVP_PKEY_fromdata_init": (c_int, (c_void_p,)),
    "EVP_PKEY_fromdata": (c_int, (c_void_p, POINTER(c_void_p), c_int, c_void_p)),
    "EVP_PKEY_keygen_init": (c_int, (c_void_p,)),
    "EVP_PKEY_generate": (c_int, (c_void_p, POINTER(c_void_p))),
    "EVP_PKEY_pairwise_check": (c_int, (c_void_p,)),
    "EVP_PKEY_get_bn_param": (c_int, (c_void_p, c_char_p, POINTER(c_void_p))),
    "EVP_PKEY_get_octet_string_param": (c_int, (c_void_p, c_char_p, c_char_p, c_size_t, POINTER(c_size_t))),
    "EVP_PKEY_free": (None, (c_void_p,)),
    "EVP_MD_CTX_new": (c_void_p, ()),
    "EVP_MD_CTX_free": (None, (c_void_p,)),
    "EVP_DigestSignInit_ex": (
        c_int,
        (c_void_p, POINTER(c_void_p), c_char_p, c_void_p, c_char_p, c_void_p, c_void_p),
    ),
    "EVP_DigestSign": (c_int, (c_void_p, c_char_p, POINTER(c_size_t), c_char_p, c_size_t)),
    "EVP_DigestVerifyInit_ex": (
        c_int,
        (c_void_p, POINTER(c_void_p), c_char_p, c_void_p, c_char_p, c_void_p, c_void_p),
    ),
    "EVP_DigestVerify": (c_int, (c_void_p, c_char_p, c_size_t, c_char_p, c_size_t)),
    "EVP_Q_digest": (c_int, (c_void_p, c_char_p, c_char_p, c_char_p, c_size_t, c_char_p, POINTER(c_size_t))),
}


class LibraryError(Exception):
    """The library is not there, too old, or refused a call; the text says which, without any secret."""


class _Owned:
    """An object of the library, given back when its `with` block ends. Raises LibraryError when there is none."""

    def __init__(self, pointer: int | None, free: Callable[[int], None], what: str) -> None:
        if not pointer:
            raise LibraryError(f"{what} failed")
        self._pointer = pointer
        self._free = free

    def __enter__(self) -> int:
        return self._pointer

    def __exit__(self, *_: object) -> None:
        self._free(self._pointer)


class LibCrypto:
    """One loaded libcrypto. Every method raises LibraryError when the library refuses or lacks what it needs.

    Points are 65 bytes 04 || x || y, private keys 32 bytes big-endian, signatures DER. The caller has checked that.
    """

    def __init__(self, library: Any) -> None:
        try:
            number, text = library.OpenSSL_version_num, library.OpenSSL_version
            number.restype, number.argtypes = c_ulong, ()
            text.restype, text.argtypes = c_char_p, (c_int,)
            self.version = (text(0) or b"").decode("ascii", "replace")
            if number() < LEAST_VERSION:
                raise LibraryError(f"{self.version} is older than OpenSSL 3.0")
            for name, (gives, takes) in _FUNCTIONS.items():
                function = getattr(library, name)
                function.restype, function.argtypes = gives, takes
        except AttributeError as error:
            raise LibraryError(f"the library lacks a function: {error}") from None
        self._c = library

    def sm3(self, data: bytes) -> bytes:
        """The SM3 hash (GB/T 32905), 32 bytes."""
        out, length = create_string_buffer(64), c_size_t(0)
        self._need(self._c.EVP_Q_digest(None, b"SM3", None, data, len(data), out, byref(length)), "SM3")
        return out.raw[: length.value]

    def generate(self) -> tuple[bytes, bytes]:
        """A new key: private, public."""
        with self._context() as context:
            self._need(self._c.EVP_PKEY_keygen_init(context), "preparing an SM2 key")
            made = c_void_p()
            self._need(self._c.EVP_PKEY_generate(context, byref(made)), "making an SM2 key")
        with self._key(made) as key:
            public, length = create_string_buffer(PUBLIC_BYTES + 1), c_size_t(0)
            got = self._c.EVP_PKEY_get_octet_string_param(key, b"pub", public, len(public), byref(length))
            self._need(got, "reading a public key")
            number = c_void_p()
            self._need(self._c.EVP_PKEY_get_bn_param(key, b"priv", byref(number)), "reading a private key")
            with self._number(number.value) as private:
                out = create_string_buffer(PRIVATE_BYTES)
                if self._c.BN_bn2binpad(private, out, PRIVATE_BYTES) != PRIVATE_BYTES:
                    self._fail("reading a private key")
                return out.raw, public.raw[: length.value]

    def are_pair(self, private: bytes, public: bytes) -> bool:
        """Whether the public key is that of the private one."""
        with self._load(public, private) as key, self._checking(key) as context:
            held: bool = self._c.EVP_PKEY_pairwise_check(context) == 1
            self._c.ERR_clear_error()
            return held

    def sign(self, private: bytes, public: bytes, signer_id: bytes, message: bytes) -> bytes:
        """A DER signature with SM3 over the message, bound to the distinguishing id and the public key."""
        with self._load(public, private) as key, self._digest() as digest:
            self._start(self._c.EVP_DigestSignInit_ex, digest, key, signer_id)
            out, length = create_string_buffer(_MAX_DER_BYTES), c_size_t(_MAX_DER_BYTES)
            self._need(self._c.EVP_DigestSign(digest, out, byref(length), message, len(message)), "signing")
            return out.raw[: length.value]

    def verify(self, public: bytes, signer_id: bytes, message: bytes, der: bytes) -> bool:
        with self._load(public) as key, self._digest() as digest:
            self._start(self._c.EVP_DigestVerifyInit_ex, digest, key, signer_id)
            held: bool = self._c.EVP_DigestVerify(digest, der, len(der), message, len(message)) == 1
            self._c.ERR_clear_error()
            return held

    def _start(self, init: Callable[..., int], digest: int, key: int, signer_id: bytes) -> None:
        # The inner context belongs to `digest` and goes with it. The id counts only when set before the first byte.
        inner = c_void_p()
        self._need(init(digest, byref(inner), b"SM3", None, None, key, None), "preparing SM2 with SM3")
        self._need(self._c.EVP_PKEY_CTX_set1_id(inner, signer_id, len(signer_id)), "setting the id of an SM2 signer")

    def _load(self, public: bytes, private: bytes | None = None) -> _Owned:
        # A builder, because libcrypto takes integers in the machine's own byte order and a BIGNUM knows it.
        with (
            self._own(self._c.OSSL_PARAM_BLD_new(), self._c.OSSL_PARAM_BLD_free, "a parameter builder") as builder,
            self._number(self._c.BN_bin2bn(private or b"", len(private or b""), None)) as number,
        ):
            self._need(self._c.OSSL_PARAM_BLD_push_utf8_string(builder, b"group", b"SM2", 0), "naming the curve")
            pushed = self._c.OSSL_PARAM_BLD_push_octet_string(builder, b"pub", public, len(public))
            self._need(pushed, "passing a public key")
            if private is not None:
                self._need(self._c.OSSL_PARAM_BLD_push_BN(builder, b"priv", number), "passing a private key")
            parameters = self._c.OSSL_PARAM_BLD_to_param(builder)
            with self._own(parameters, self._c.OSSL_PARAM_free, "parameters") as values, self._context() as context:
                self._need(self._c.EVP_PKEY_fromdata_init(context), "preparing an SM2 key")
                made = c_void_p()
                selection = _SELECT_PUBLIC if private is None else _SELECT_KEYPAIR
                self._need(self._c.EVP_PKEY_fromdata(context, byref(made), selection, values), "reading an SM2 key")
        return self._key(made)

    def _context(self) -> _Owned:
        pointer = self._c.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
        return self._own(pointer, self._c.EVP_PKEY_CTX_free, "SM2 (the library was built without it)")

    def _checking(self, key: int) -> _Owned:
        return self._own(self._c.EVP_PKEY_CTX_new_from_pkey(None, key, None), self._c.EVP_PKEY_CTX_free, "a context")

    def _digest(self) -> _Owned:
        return self._own(self._c.EVP_MD_CTX_new(), self._c.EVP_MD_CTX_free, "a digest context")

    def _key(self, made: c_void_p) -> _Owned:
        return self._own(made.value, self._c.EVP_PKEY_free, "an SM2 key")

    def _number(self, pointer: int | None) -> _Owned:
        return self._own(pointer, self._c.BN_clear_free, "a number")

    def _own(self, pointer: int | None, free: Callable[[int], None], what: str) -> _Owned:
        if not pointer:
            self._c.ERR_clear_error()
        return _Owned(pointer, free, what)

    def _need(self, answer: int, what: str) -> None:
        if answer != 1:
            self._fail(what)

    def _fail(self, what: str) -> None:
        self._c.ERR_clear_error()
        raise LibraryError(f"{what} failed")


def load(names: Iterable[str] = _NAMES) -> LibCrypto:
    """The first libcrypto of 3.0 or later among `names`, then the one that the system's linker names.

    Raises LibraryError, saying of each that was found why it does not do.
    """
    reasons = []
    for name in names:
        try:
            return LibCrypto(ctypes.CDLL(name))
        except OSError:
            continue
        except LibraryError as error:
            reasons.append(str(error))
    # Last, because it may run the linker's programs.
    found = ctypes.util.find_library("crypto")
    if found is not None:
        try:
            return LibCrypto(ctypes.CDLL(found))
        except OSError:
            reasons.append(f"{found} cannot be loaded")
        except LibraryError as error:
            reasons.append(str(error))
    raise LibraryError("; ".join(dict.fromkeys(reasons)) or "no libcrypto (OpenSSL) was found")
