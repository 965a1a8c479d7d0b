"""Passwords: one run of Argon2id gives the check of the password and, apart from it, the key to the person's own key.

    master   = Argon2id(password in NFKC, salt of 16 bytes)                        32 bytes, RFC 9106
    check    = HKDF-SHA256(master, info "ggzy/account/check/v1")                   stands in the verifier
    key      = HKDF-SHA256(master, info "ggzy/account/key/v1")                     stands nowhere
    verifier = $argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<check>          base64 without padding
    locked   = nonce of 12 bytes || AES-256-GCM(key, nonce, msgpack [seed, secret of TOTP or empty], account)

So the database, or a copy of a sealed record, tests a guess at the price of one run and opens nothing without the
password. Parameters stand with each verifier; `Cost` is what new ones get (OWASP, Password Storage Cheat Sheet 2025).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.errors import BadProof, Malformed

KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
MAX_PASSWORD = 256
"""In characters: nobody remembers more, and hashing has no use for a megabyte."""
MAX_MEMORY_KIB, MAX_PASSES, MAX_LANES = 1 << 18, 16, 4
"""A verifier may come in another node's record: it must not be able to ask for all of this machine's memory."""
_FORM = re.compile(r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})")
Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of Argon2id takes: memory in KiB, passes over it, lanes."""

    memory_kib: int = 19_456
    passes: int = 2
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a password opens: the seed of the person's Ed25519 key, and the secret of TOTP where it is in use."""

    seed: bytes = field(repr=False)
    totp: bytes = field(repr=False, default=b"")

    @property
    def private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()


def new_secrets(random: Random = os.urandom) -> Secrets:
    """A key for a person who has none yet."""
    return Secrets(random(KEY_BYTES))


def protect(
    account: str, password: str, secrets: Secrets, *, cost: Cost | None = None, random: Random = os.urandom
) -> tuple[str, bytes]:
    """(verifier, locked) under a new password and a new salt."""
    cost, salt = cost or Cost(), random(SALT_BYTES)
    master = _master(password, salt, cost)
    head = f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}"
    check = _derive(master, b"ggzy/account/check/v1")
    return f"{head}${_text(salt)}${_text(check)}", lock(secrets, _derive(master, _KEY), account, random)


def unprotect(account: str, password: str, verifier: str, locked: bytes) -> Secrets | None:
    """What the password opens; None when it is wrong. Raises Malformed, BadProof when what is stored is damaged."""
    cost, salt, check = _parse(verifier)
    master = _master(password, salt, cost)
    if not hmac.compare_digest(check, _derive(master, b"ggzy/account/check/v1")):
        return None
    return unlock(locked, _derive(master, _KEY), account)


def waste(password: str, cost: Cost | None = None) -> None:
    """Take as long as a check would: for an account that does not exist, so that nobody can tell."""
    _master(password, bytes(SALT_BYTES), cost or Cost())


def lock(secrets: Secrets, key: bytes, name: str, random: Random = os.urandom) -> bytes:
    """Secrets under a key of 32 bytes, bound to a name: they open under no other."""
    nonce = random(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, msgspec.msgpack.encode((secrets.seed, secrets.totp)), name.encode())


def unlock(locked: bytes, key: bytes, name: str) -> Secrets:
    """Raises BadProof when it does not open."""
    try:
        data = AESGCM(key).decrypt(locked[:NONCE_BYTES], locked[NONCE_BYTES:], name.encode())
        seed, totp = msgspec.msgpack.decode(data, type=tuple[bytes, bytes])
    except (InvalidTag, ValueError):
        raise BadProof("a person's key does not open with this key", zh="个人密钥无法打开") from None
    return Secrets(seed, totp)


def _master(password: str, salt: bytes, cost: Cost) -> bytes:
    # One person types a letter in one piece, another keyboard in two: NFKC makes both one.
    plain = unicodedata.normalize("NFKC", password[:MAX_PASSWORD]).encode("utf-8", "surrogatepass")
    made = Argon2id(salt=salt, length=KEY_BYTES, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib)
    return made.derive(plain)


_KEY = b"ggzy/account/key/v1"


def _derive(master: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(master)


def _parse(verifier: str) -> tuple[Cost, bytes, bytes]:
    found = _FORM.fullmatch(verifier)
    if found is None:
        raise Malformed("not a password verifier that this version knows")
    cost = Cost(int(found[1]), int(found[2]), int(found[3]))
    fits = 8 * cost.lanes <= cost.memory_kib <= MAX_MEMORY_KIB and 1 <= cost.passes <= MAX_PASSES
    if not fits or not 1 <= cost.lanes <= MAX_LANES:
        raise Malformed("a password verifier asks for more than this node gives")
    try:
        return cost, base64.b64decode(found[4] + "=="), base64.b64decode(found[5] + "=")
    except binascii.Error:
        raise Malformed("a password verifier is not base64") from None


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii").rstrip("=")
