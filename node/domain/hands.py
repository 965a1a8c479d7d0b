"""Hands: who did what a record says, in which role, with a signature of his own beside the node's (R69).

What a person signs is one statement of everything that the hand vouches for (`Stated`); another pair of eyes signs what
it approved (`Approval`). A hand of version 1, as older records have it, signs the record's `main` section alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.domain.acts import Act

V1: Final = b"ggzy/hand/v1\x00"
V2: Final = b"ggzy/hand/v2\x00"
APPROVAL: Final = b"ggzy/approval/v1\x00"
"""What stands before the statements that persons sign: none can be taken for one of another sort."""

AT, CODE, LOTS = "at", "project_code", "lots"
GIVEN: Final = ("section_code", "unified_code")
"""Numbers of a lot that the node gives when it publishes, where nobody typed any."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a hand stands under: the record's kind and natural key, the canonical bytes of its `main` section and of
    `inner`, None where the record has no such section."""

    kind: str
    key: str
    main: bytes
    inner: bytes | None = None

    def statement(self, account: str, role: str, second: str) -> bytes:
        """The bytes that a person signs: `V2`, then msgpack of a list of seven.

        The kind, the key, the account, the role, the second account (empty without one), SHA-256 of `main`, SHA-256 of
        `inner` (no bytes without that section).
        """
        inner = b"" if self.inner is None else hashlib.sha256(self.inner).digest()
        said = [self.kind, self.key, account, role, second, hashlib.sha256(self.main).digest(), inner]
        return V2 + msgspec.msgpack.encode(said)


class Approval(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a second pair of eyes approved before it was published (四眼), with its own signature.

    `account` approved, in `role`, at `at` (UTC ms), what `author` was to publish. `act` is the SHA-256 in hex of the
    act without what was `open` then: see `bare`; of rules that of their canonical bytes. `public` and `signature` are
    hex, over `statement`.
    """

    account: str
    role: str
    author: str
    at: int
    act: str
    open: list[str] = []
    public: str = ""
    signature: str = ""

    def statement(self) -> bytes:
        """The bytes that the approver signs: `APPROVAL`, then msgpack of a list of account, role, author, moment,
        digest of the act (32 bytes) and what was left open."""
        said = [self.account, self.role, self.author, self.at, bytes.fromhex(self.act), self.open]
        return APPROVAL + msgspec.msgpack.encode(said)

    def signs(self) -> bool:
        """Whether the signature is one of `public` over this approval. Whose key that is, this does not say."""
        try:
            return _signed(self.public, self.signature, self.statement())
        except ValueError:
            return False

    def covers_rules(self, body: bytes) -> bool:
        """Whether these very rules were approved, by their canonical bytes."""
        return not self.open and self.act == hashlib.sha256(body).hexdigest()

    def covers(self, act: Act) -> bool:
        """Whether this very act was approved, all of it but what was left open; it has the fields of all sections."""
        try:
            return digest_of(act, self.open) == self.act
        except (TypeError, ValueError, OverflowError, RecursionError):
            return False


class Hand(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who did it (R69): the account, the role it acted in, and its signature, beside the node's own.

    `public` is the account's Ed25519 key, `signature` its signature, both hex. Of version 2 that is over
    `Stated.statement`; of version 1 over `V1` and the SHA-256 of the canonical bytes of `main`, so that role and second
    account are then the node's word. `second` is the other pair of eyes, `approval` what that one signed; `inner` says
    that the record has a section `inner` which the signature covers.
    """

    account: str
    role: str
    public: str = ""
    signature: str = ""
    second: str = ""
    version: int = 1
    inner: bool = False
    approval: Approval | None = None

    def signs(self, stated: Stated) -> bool:
        """Whether the signature is one of `public` over this; never for a version that is not known here.

        Whose key that is, this does not say, nor what the approval is worth.
        """
        if self.version == 1:
            return _signed(self.public, self.signature, V1 + hashlib.sha256(stated.main).digest())
        if self.version != 2 or self.inner != (stated.inner is not None):
            return False
        try:
            said = stated.statement(self.account, self.role, self.second)
        except UnicodeEncodeError:
            return False
        return _signed(self.public, self.signature, said)


def sign(key: Ed25519PrivateKey, account: str, role: str, stated: Stated, approval: Approval | None = None) -> Hand:
    """A hand of version 2 under what is stated."""
    second = "" if approval is None else approval.account
    signature = key.sign(stated.statement(account, role, second)).hex()
    public = key.public_key().public_bytes_raw().hex()
    return Hand(account, role, public, signature, second, 2, stated.inner is not None, approval)


def approve(key: Ed25519PrivateKey, account: str, role: str, act: Act, author: str, at: int) -> Approval:
    """An approval of an act that `author` is to publish. What it lacks yet (`at` 0, no project code, lots without their
    codes) is left open."""
    left = left_open(act)
    made = Approval(account=account, role=role, author=author, at=at, act=digest_of(act, left), open=left)
    public = key.public_key().public_bytes_raw().hex()
    return msgspec.structs.replace(made, public=public, signature=key.sign(made.statement()).hex())


def approve_rules(key: Ed25519PrivateKey, account: str, role: str, body: bytes, author: str, at: int) -> Approval:
    """An approval of rules (a package or table, by its canonical bytes) that `author` is to publish."""
    made = Approval(account=account, role=role, author=author, at=at, act=hashlib.sha256(body).hexdigest())
    public = key.public_key().public_bytes_raw().hex()
    return msgspec.structs.replace(made, public=public, signature=key.sign(made.statement()).hex())


def left_open(act: Act) -> list[str]:
    """What of an act is given only when it is published: its moment, its codes, the codes of its lots."""
    found = [name for name, value in ((AT, act.at), (CODE, act.project_code)) if not value]
    for place, row in enumerate(_lots(act)):
        found += [f"{LOTS}/{place}/{name}" for name in GIVEN if isinstance(row, Mapping) and not row.get(name)]
    return found


def bare(act: Act, left: Sequence[str]) -> Act:
    """The act without what was left open, and without the `context` that its record repeats of the trade.

    >>> bare(Act(trade="t", seq=1, category="c", act="a", rules="r@1", at=5, title=""), ["at"]).at
    0
    """
    rows: list[Any] = [dict(row) if isinstance(row, Mapping) else row for row in _lots(act)]
    for path in left:
        head, _, rest = path.partition("/")
        place, _, name = rest.partition("/")
        if head == LOTS and name in GIVEN and place.isascii() and place.isdigit() and int(place) < len(rows):
            if isinstance(rows[int(place)], dict):
                rows[int(place)].pop(name, None)
    fields = {**act.fields, LOTS: rows} if rows else act.fields
    at, code = 0 if AT in left else act.at, "" if CODE in left else act.project_code
    return msgspec.structs.replace(act, context={}, fields=fields, at=at, project_code=code)


def digest_of(act: Act, left: Sequence[str]) -> str:
    """SHA-256 in hex of the canonical bytes of `bare`."""
    return hashlib.sha256(msgspec.msgpack.encode(bare(act, left), order="sorted")).hexdigest()


def _lots(act: Act) -> list[Any]:
    rows = act.fields.get(LOTS)
    return rows if isinstance(rows, list) else []


def _signed(public: str, signature: str, said: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), said)
    except (ValueError, InvalidSignature):
        return False
    return True
