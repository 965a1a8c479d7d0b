"""Enrolment (DESIGN L20): the invitation that is handed over out of band, and the request that answers it.

An invitation is one word: `ggzy1.` and base64url, without padding, of

    msgpack [1, hub address, SHA-256 of policy version 1 (32 bytes), code (20), node name, POSIX s, check (4)]

`check` are the first bytes of the SHA-256 of the rest: a letter lost in copying is told from a wrong invitation.
The code never travels: it is the seed of an Ed25519 key that signs the node's card under the name INVITED, and the hub
keeps the public key alone. So neither who listens on the line nor who reads the hub's database can enrol a node.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

import msgspec

from node.errors import BadSignature, Malformed
from node.tlog.note import Ed25519Signer, KeyType, Note, Signature, VerifierKey

PREFIX = "ggzy1."
CODE_BYTES = 20
"""160 bits, beyond the 128 that rule L20 asks for."""
INVITED = "invitation"
MAX_CARD_BYTES = 64_000
_FORMAT = 1
_HASH_BYTES, _CHECK_BYTES = 32, 4
_DOMAIN = b"ggzy-node/invitation/v1\n"
_decoder = msgspec.msgpack.Decoder(tuple[int, str, bytes, bytes, str, int, bytes])


@dataclass(frozen=True, slots=True)
class Invitation:
    """`url` has no trailing slash; `node` is the name of the node that is invited; `expires_s` is POSIX time."""

    url: str
    policy_hash: str
    code: bytes = field(repr=False)
    node: str
    expires_s: int

    def encode(self) -> str:
        fields = (_FORMAT, self.url, bytes.fromhex(self.policy_hash), self.code, self.node, self.expires_s)
        data = msgspec.msgpack.encode((*fields, _check(fields)))
        return PREFIX + base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Invitation:
        """Reads what `encode` wrote, spaces and line breaks of a mail aside. Raises Malformed."""
        word = "".join(text.split())
        try:
            encoded = word.removeprefix(PREFIX) if word.startswith(PREFIX) else ""
            data = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
            fmt, url, policy_hash, code, node, expires_s, check = _decoder.decode(data)
        except (binascii.Error, ValueError, msgspec.DecodeError, UnicodeError):
            raise _unreadable() from None
        if check != _check((fmt, url, policy_hash, code, node, expires_s)) or fmt != _FORMAT:
            raise _unreadable()
        if len(policy_hash) != _HASH_BYTES or len(code) != CODE_BYTES or not url.startswith(("http://", "https://")):
            raise _unreadable()
        return cls(url.rstrip("/"), policy_hash.hex(), code, node, expires_s)


def signer(code: bytes) -> Ed25519Signer:
    """The key that a one-time code stands for."""
    return Ed25519Signer(INVITED, KeyType.ED25519, hashlib.sha256(_DOMAIN + code).digest())


def verifier(public: bytes) -> VerifierKey:
    """The key by which a hub knows a code again."""
    return VerifierKey(INVITED, KeyType.ED25519, public)


def answer(card: Note, invitation: Invitation) -> Note:
    """The card as it is sent to the hub: signed with the code's key too."""
    return card.with_signatures(signer(invitation.code).sign_note(card.text))


def take_line(note: Note) -> tuple[Note, Signature]:
    """The card and the line of the invitation's key. Raises BadSignature when there is not exactly one."""
    mine = [line for line in note.signatures if line.name == INVITED]
    if len(mine) != 1:
        raise BadSignature("the card does not bear one signature by the key of an invitation")
    return Note(note.text, tuple(line for line in note.signatures if line.name != INVITED)), mine[0]


def _check(fields: tuple[object, ...]) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(fields)).digest()[:_CHECK_BYTES]


def _unreadable() -> Malformed:
    return Malformed(
        "this is no invitation, or a part of it was lost in copying",
        zh="邀请码不完整或不是邀请码",
        field="invitation",
        advice_zh=f"请整行复制（以 {PREFIX} 开头）；仍不行请上级重新运行 ggzy invite。",
        advice_en=f"Copy the whole line, beginning with {PREFIX}; or have the hub run ggzy invite again.",
    )
