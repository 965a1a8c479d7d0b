"""Signed requests between nodes: HTTP Message Signatures (RFC 9421) with Ed25519 and Content-Digest (RFC 9530).

One fixed set of covered components, so that there is nothing to negotiate and nothing to leave out:

    Ggzy-To: ggzy.example/cq/500000
    Content-Digest: sha-256=:…:
    Signature-Input: ggzy=("@method" "@path" "@query" "content-digest" "ggzy-to");created=1763913600;nonce="…";keyid="…"
    Signature: ggzy=:…:

`keyid` is `<key name>+<hex key id>` of a request key of the trust policy. `Ggzy-To` names the receiver, so that a
request cannot be carried to another node. Why not mutual TLS: docs/decisions/0003.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.errors import Unauthenticated
from node.tlog.note import Ed25519Signer, VerifierKey

COMPONENTS = '("@method" "@path" "@query" "content-digest" "ggzy-to")'
_INPUT = re.compile(
    r"ggzy="
    + re.escape(COMPONENTS)
    + r';created=([0-9]{1,12});nonce="([A-Za-z0-9_-]{16,64})";keyid="([^"\s\\]{1,300})\+([0-9a-f]{8})"'
)
_SIGNATURE = re.compile(r"ggzy=:([A-Za-z0-9+/]{86}==):")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request's headers claim before anything is verified: who signed it, when, with which nonce."""

    key_name: str
    key_id: str
    created_s: int
    nonce: str


def content_digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def sign(
    signer: Ed25519Signer, method: str, target: str, body: bytes, *, to: str, created_s: int, nonce: str
) -> dict[str, str]:
    """Headers to add to a request. `target` is its path and query, `to` the receiving node's name."""
    key = signer.verifier
    parameters = f'{COMPONENTS};created={created_s};nonce="{nonce}";keyid="{key.name}+{key.key_id.hex()}"'
    digest = content_digest(body)
    signature = signer.sign_raw(_base(method, target, digest, to, parameters))
    return {
        "Ggzy-To": to,
        "Content-Digest": digest,
        "Signature-Input": f"ggzy={parameters}",
        "Signature": f"ggzy=:{base64.b64encode(signature).decode()}:",
    }


def read_claim(headers: Mapping[str, str]) -> Claim | None:
    """The claim of a request, None when it carries no signature. Raises Unauthenticated when it is not of our form."""
    given = headers.get("Signature-Input")
    if given is None:
        return None
    match = _INPUT.fullmatch(given)
    if match is None:
        raise Unauthenticated("the request's Signature-Input is not of the form that this node reads")
    return Claim(match[3], match[4], int(match[1]), match[2])


def verify(headers: Mapping[str, str], method: str, target: str, body: bytes, *, key: VerifierKey, me: str) -> None:
    """Raise Unauthenticated unless `key` signed exactly this request for the node `me`."""
    to = headers.get("Ggzy-To", "")
    if to != me:
        raise Unauthenticated("the request is signed for another node", field="Ggzy-To")
    digest = headers.get("Content-Digest", "")
    if not hmac.compare_digest(digest.encode("utf-8", "surrogateescape"), content_digest(body).encode()):
        raise Unauthenticated("the body is not the one that was signed", field="Content-Digest")
    match = _SIGNATURE.fullmatch(headers.get("Signature", ""))
    if match is None:
        raise Unauthenticated("the request's Signature is not of the form that this node reads")
    parameters = headers["Signature-Input"].removeprefix("ggzy=")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(
            base64.b64decode(match[1]), _base(method, target, digest, to, parameters)
        )
    except InvalidSignature:
        raise Unauthenticated("the request's signature does not verify") from None


def _base(method: str, target: str, digest: str, to: str, parameters: str) -> bytes:
    """The signature base of RFC 9421 §2.5."""
    # Cut by hand: a URL parser drops hosts, fragments and tabs, and then two targets would have one signature.
    path, _, query = target.partition("?")
    lines = (
        f'"@method": {method}',
        f'"@path": {path}',
        f'"@query": ?{query}',
        f'"content-digest": {digest}',
        f'"ggzy-to": {to}',
        f'"@signature-params": {parameters}',
    )
    return "\n".join(lines).encode("utf-8", "surrogateescape")
