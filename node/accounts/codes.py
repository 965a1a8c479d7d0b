"""One-time codes (TOTP, RFC 6238): six digits of SHA-1 every 30 seconds, as every authenticator knows them."""

from __future__ import annotations

import base64
import hmac
import os
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

SECRET_BYTES = 20
STEP_S = 30
AROUND = 1
"""Codes of so many steps before and after are good too: clocks differ, and people type."""
DIGITS = 6


def new_secret() -> bytes:
    return os.urandom(SECRET_BYTES)


def matching_step(secret: bytes, code: str, now_ms: int, after: int) -> int | None:
    """The time step whose code this is, None when it is of no step that is near, or of one not beyond `after`.

    All steps are compared, so the time that it takes tells nothing.
    """
    typed = "".join(code.split()).encode("utf-8", "replace")
    here = now_ms // 1000 // STEP_S
    made = TOTP(secret, DIGITS, SHA1(), STEP_S)
    found = None
    for step in range(max(0, here - AROUND), here + AROUND + 1):
        if hmac.compare_digest(made.generate(step * STEP_S), typed) and step > after:
            found = step
    return found


def as_text(secret: bytes) -> str:
    """The secret as people type it: base32 in groups of four."""
    plain = base64.b32encode(secret).decode("ascii").rstrip("=")
    return " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))


def address(secret: bytes, account: str, issuer: str) -> str:
    """The `otpauth:` address that authenticators take (Key Uri Format)."""
    plain = base64.b32encode(secret).decode("ascii").rstrip("=")
    rest = urlencode({"secret": plain, "issuer": issuer, "digits": DIGITS, "period": STEP_S}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{rest}"
